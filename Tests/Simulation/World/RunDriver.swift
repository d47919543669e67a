import WorkerMachines
import WorkflowCore

/// Drives a claimed run's machine, the one that production drives, against the model of the store and the simulated
/// platform.
final class RunDriver {
    let process: Process
    let run: Int
    let token: Int64
    /// Also while the machine is at work, and decides.
    let epoch: Int64
    let fixture: Fixture
    let incarnation: Int
    var machine: RunMachine
    /// Of the stream's last event that this worker knows.
    private var hash: Int64
    /// What the outcome in hand says of the service.
    private var report: ServiceModel.Report?
    /// By the world's clock, while an answer is on its way.
    private var renewalAskedAt: Int64?
    private var hasRenewalFailed = false
    /// Planted: what an answer said that came before its intent.
    var sentBefore: AttemptResult?

    var world: World { process.world }
    var store: StoreModel { process.world.store }
    var bug: Bug? { process.world.bug }
    var state: RunState { machine.state }

    /// What a machine decides with, perhaps with a planted mistake. A world is one thread's alone.
    private final class Planted: @unchecked Sendable {
        unowned let driver: RunDriver
        init(_ driver: RunDriver) { self.driver = driver }
    }

    init?(_ process: Process, _ claim: StoreModel.Claim, claimSentAt: Int64) {
        self.process = process
        run = claim.run
        token = claim.token
        epoch = claim.epoch
        hash = claim.hash
        incarnation = process.incarnation
        let world = process.world
        fixture = Fixtures.all[world.store.runs[claim.run].fixture]
        var state = claim.snapshot
        for event in claim.tail {
            if world.bug == .lostClaimTail, let known = state {
                state = Bug.reread(known, seq: event.seq)
                continue
            }
            do {
                state = try evolve(state, run: StoreModel.identifier(of: claim.run), event)
            } catch {
                world.checker.fail("FOLD", run: claim.run, "\(error)")
                process.give()
                return nil
            }
        }
        guard let state else {
            world.checker.fail("FOLD", run: claim.run, "a claim without events")
            process.give()
            return nil
        }
        let lease = LeaseTimes(
            milliseconds: World.leaseMilliseconds, startedAt: claimSentAt, claimedAt: claim.now,
            claimSeenAt: process.clock)
        let actor = StoreModel.actor(process.index)
        machine = RunMachine(
            state: state, definition: fixture.definition, epoch: claim.epoch, lease: lease, actor: actor)
        let planted = Planted(self)
        machine = RunMachine(
            state: state, definition: fixture.definition, epoch: claim.epoch, lease: lease, actor: actor,
            decider: { planted.driver.decide($0, $1, $2, $3) })
    }

    func decide(
        _ state: RunState, _ definition: Definition, _ trigger: Trigger, _ context: DecisionContext
    ) -> Decision {
        let context = DecisionContext(
            now: bug == .dueFromWorkerClock ? process.wallClock : context.now, random: world.chance.next())
        guard let bug else { return WorkflowCore.decide(state, definition, trigger, context) }
        let trigger = bug.changed(trigger, state)
        let state = bug.changed(bug.changed(state), before: trigger)
        let decision = WorkflowCore.decide(state, fixture.loose[bug] ?? definition, trigger, context)
        return bug.changed(decision, from: state, trigger, self, now: context.now)
    }

    var now: Instant { machine.lease.now(at: process.clock) }

    func cell(_ state: String) -> Int? { world.marks.cell(fixture: store.runs[run].fixture, state: state) }

    // MARK: Inputs and actions

    func handle(_ input: RunMachine.Input) {
        bug?.changed(self, before: input)
        let action = machine.handle(input, at: process.clock, random: 0)
        bug?.changed(self, after: input)
        switch action {
        case .admit(let planned): admit(planned)
        case .commit(let plan): commit(plan)
        case .send(let planned, let id, let timeout): send(planned, id, timeoutMilliseconds: timeout)
        case .readTail(let seq): readTail(after: seq)
        case .readLate: handle(.lateRead)
        case .keepEvidence(let late): keepEvidence(late)
        case .pause(let milliseconds):
            process.later(milliseconds * 1000, at: .outage, run: run) { [self] in handle(.pauseOver) }
        case .stop(.done): finish()
        case .stop(.giveBack(.broken(let why), _)):
            // Somebody else's stream by now, or one that was put back.
            if store.runs[run].lease?.token == token, !world.checker.shadows[run].isPutBack {
                world.checker.fail("FOLD", run: run, why)
            }
            giveBack(due: 60_000, waitReason: .workerError)
        case .stop(.giveBack): giveBack(due: 1000)
        }
    }

    func finish() { process.give() }

    /// If this fails too, the end of the lease does it.
    private func giveBack(due: Int64, waitReason: WaitReason? = nil) {
        let (store, run, token, index) = (store, run, token, process.index)
        process.ask(
            at: .release, run: run,
            { store.release(run: run, token: token, worker: index, dueMilliseconds: due, waitReason: waitReason) },
            then: { [self] _ in finish() })
    }

    private func admit(_ planned: PlannedCall) {
        if world.chance.hits(world.faults.secretMissing) {
            world.marks.hit(.secretMissing, cell: cell(planned.state))
            return handle(.mustWait(milliseconds: 30_000, .noSecret))
        }
        if world.chance.hits(world.faults.lookUpFailed) {
            world.marks.hit(.lookUpFailed, cell: cell(planned.state))
            return handle(.failed(.outage(mayPass: true)))
        }
        let id = world.newAttempt()
        handle(.admitted(attemptId: id, request: planned.isKeyed ? request(of: planned, id) : nil))
    }

    /// What a keyed call would send: what was sent before, unless somebody has changed it.
    private func request(of planned: PlannedCall, _ id: Identifier) -> FrozenRequest {
        guard let first = planned.frozen else { return FrozenRequest(attemptId: id, digests: ["body": "first"]) }
        guard world.chance.hits(world.faults.requestChanged) else { return first }
        world.marks.hit(.requestChanged, cell: cell(planned.state))
        return FrozenRequest(attemptId: id, digests: ["body": "changed"])
    }

    // MARK: The store

    private func commit(_ plan: CommitPlan) {
        var commit = StoreModel.Commit(
            run: run, token: token, epoch: machine.epoch, baseSeq: plan.baseSeq, baseHash: hash, events: plan.events,
            state: plan.state, dueMilliseconds: plan.dueMilliseconds, keepsLease: plan.intent != nil,
            renewsLease: plan.renewsLease && bug != .renewalForgotten, service: plan.service,
            waitReason: plan.waitReason,
            deadlineMilliseconds: plan.deadlineMilliseconds, report: plan.carriesOutcome ? report : nil)
        if let intent = plan.intent, bug == .intentAfterSend || bug == .intentWithResult {
            return sendFirst(intent, commit)
        }
        if plan.intent == nil, bug == .dueFromWorkerClock {
            commit.dueBySender = process.wallClock.advanced(byMilliseconds: plan.dueMilliseconds)
        }
        write(commit, intent: plan.intent)
    }

    func write(_ commit: StoreModel.Commit, intent: CommitPlan.Intent?) {
        process.commit(commit) { [self] answer, sentAt in
            switch answer {
            case nil:
                guard bug == .sentOnUnknownCommit, intent != nil else { return false }
                handle(.accepted(at: now))
            case .accepted(let time, let newHash), .already(let time, let newHash):
                hash = newHash
                report = nil
                handle(.accepted(at: time))
                // Planted: counted from the last try, though an earlier one may have landed.
                if bug == .leaseFromLastTry, commit.renewsLease { machine.lease.startedAt = sentAt }
            case .behind:
                world.marks.hit(.behind, cell: cell(store.runs[run].state))
                handle(.behind)
            case .noPermit:
                if let intent { world.marks.hit(.noPermit, cell: cell(intent.planned.state)) }
                handle(bug == .sentWithoutPermit ? .accepted(at: now) : .noPermit)
            case .contradicted(let other):
                handle(.contradicted(by: StoreModel.identifier(of: other)))
            case .fenced:
                world.marks.hit(.fenced, cell: cell(store.runs[run].state))
                handle(bug == .fenceTakenForCommit ? .accepted(at: now) : .fenced)
            }
            return true
        }
    }

    private func readTail(after seq: Int64) {
        let (store, run, index) = (store, run, process.index)
        process.ask(
            at: .read, run: run, { store.tail(of: run, after: seq, worker: index) },
            then: { [self] tail in
                guard let tail else { return handle(.failed(.outage(mayPass: true))) }
                hash = tail.hash ?? hash
                guard bug == .cancelIgnoredWhenBehind else { return handle(.tail(tail.events)) }
                for event in tail.events { machine.state = Bug.reread(machine.state, seq: event.seq) }
                handle(.tail([]))
            })
    }

    private func keepEvidence(_ late: LateOutcome) {
        if bug == .fencedResultDropped { return handle(.kept) }
        var body: JSONObject = [
            "state": .string(late.attempt.state), "attempt": .integer(late.attempt.number),
            "outcome": .string(late.value.outcome.rawValue),
        ]
        if late.attempt.purpose != .call { body["purpose"] = .string(late.attempt.purpose.rawValue) }
        if late.attempt.isRepeatable { body["repeatable"] = true }
        if state.openAttempt?.id == late.attempt.id { body["stay"] = .integer(state.idempotencyGeneration) }
        if !late.value.isCounted { body["counted"] = false }
        if let error = late.value.error { body["error"] = .string(error) }
        if let status = late.value.status { body["evidence"] = ["status": .integer(status)] }
        if !late.value.sealed.isEmpty {
            body["sealed"] = .array(
                late.value.sealed.map {
                    SealedReference(
                        name: "late/\(late.attempt.id)/\($0.name)", version: 1, fingerprint: $0.fingerprint,
                        length: $0.length
                    ).json
                })
        }
        if !late.value.saved.isEmpty { body["saved"] = .object(late.value.saved) }
        if late.isWhole { body["thing"] = machine.definition.lateThing(late.value, of: late.attempt, in: state) }
        let (store, run, epoch, index) = (store, run, machine.epoch, process.index)
        process.ask(
            at: .evidence, run: run,
            { () -> Bool in
                store.appendLate(run: run, epoch: epoch, attempt: late.attempt.id, body: body, worker: index)
                return true
            },
            then: { [self] isDone in
                if isDone == nil, bug == .evidenceGivenUp { return handle(.failed(.broken("the database is away"))) }
                handle(isDone == nil ? .failed(.outage(mayPass: true)) : .kept)
            })
    }

    // MARK: Sending

    /// The intent is committed. Last of all the lease and the age of the idempotency value are checked.
    private func send(_ planned: PlannedCall, _ id: Identifier, timeoutMilliseconds: Int64) {
        guard let attempt = state.openAttempt, bug != .intentWithResult else { return finish() }
        if let value = sentBefore { return handle(.answered(value)) }
        process.later(0, at: .beforeSending, run: run) { [self] in
            if case .no(let result) = machine.clearance(at: process.clock), !isOverlooked(result, planned) {
                world.marks.hit(
                    result.error == "key_too_old" ? .keyTooOld : .leaseTooShort, cell: cell(planned.state))
                return take(result, of: attempt)
            }
            transmit(planned, id, timeoutMilliseconds: timeoutMilliseconds) { [self] in take($0, of: attempt) }
            renew(attempt)
        }
    }

    /// Whether nothing has kept this worker from renewing the lease of its request since then.
    func canRenew(since departure: Int64, generation: Int) -> Bool {
        !process.isPaused && process.wokeAt < departure && !hasRenewalFailed && store.generation == generation
            && renewalAskedAt.map { world.now - $0 < 1_000_000 } ?? true
    }

    /// What the machine does for the lease of a request under way.
    private func renew(_ attempt: OpenAttempt) {
        guard state.openAttempt?.id == attempt.id, bug != .neverRenewed else { return }
        switch machine.renewal(at: process.clock) {
        case .over: return
        case .wait(let milliseconds):
            process.later(milliseconds * 1000, at: .renewal, run: run) { [self] in renew(attempt) }
        case .ask(let milliseconds):
            let (store, run, token, index) = (store, run, token, process.index)
            let askedAt = process.clock
            renewalAskedAt = world.now
            process.ask(
                at: .renewal, run: run,
                { store.renew(run: run, token: token, worker: index, leaseMilliseconds: milliseconds) },
                then: { [self] isRenewed in
                    if let asked = renewalAskedAt, world.now - asked > 1_000_000 { hasRenewalFailed = true }
                    renewalAskedAt = nil
                    switch isRenewed {
                    case nil:
                        hasRenewalFailed = true
                        machine.renewed(.unknown, askedAt: askedAt, at: process.clock)
                    case true?:
                        world.marks.hit(.renewed, cell: cell(attempt.state))
                        machine.renewed(
                            .renewed(leaseMilliseconds: milliseconds), askedAt: askedAt, at: process.clock)
                    case false?:
                        world.marks.hit(.renewalRefused, cell: cell(attempt.state))
                        machine.renewed(.refused, askedAt: askedAt, at: process.clock)
                    }
                    renew(attempt)
                })
        }
    }

    /// Planted: what stands against sending is not seen; the value's age is that at the claim, and the request's own time
    /// is forgotten.
    private func isOverlooked(_ result: AttemptResult, _ planned: PlannedCall) -> Bool {
        switch (bug, result.error) {
        case (.noLeaseCheck, "lease_too_short"): true
        case (.keyAgeByClaim, "key_too_old"): state.mayStillSend(planned.call, timeoutMilliseconds: 0, now: now)
        default: false
        }
    }

    private func take(_ value: AttemptResult, of attempt: OpenAttempt) {
        let value = bug.map { $0.changed(value, attempt) } ?? value
        // What reached a living worker must be written, whatever becomes of its lease.
        world.learned.append(
            World.Learned(
                run: run, attempt: attempt.id, epoch: machine.epoch, worker: process.index,
                incarnation: process.incarnation))
        report = ServiceModel.Report(value)
        handle(.answered(value))
    }
}
