import WorkflowCore

/// One claimed run in a worker's hands: claim, decide, commit the intent, check the lease, send, classify, commit.
/// It follows the production worker step by step.
final class Processor {
    let worker: Worker
    let run: Int
    let epoch: Int64
    let fixture: Fixture
    let incarnation: Int
    var state: RunState
    private let claimedAt: Instant
    private let clockAtClaim: Int64
    var leaseStart: Int64
    /// The outcome that is not committed yet; with it in hand nothing is ever sent again.
    var result: (attempt: OpenAttempt, value: AttemptResult)?

    var world: World { worker.world }
    var store: StoreModel { worker.world.store }
    var bug: Bug? { worker.world.bug }

    init?(_ worker: Worker, _ claim: StoreModel.Claim, claimSentAt: Int64) {
        self.worker = worker
        run = claim.run
        epoch = claim.epoch
        incarnation = worker.incarnation
        claimedAt = claim.now
        clockAtClaim = worker.clock
        leaseStart = claimSentAt
        let world = worker.world
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
                worker.give()
                return nil
            }
        }
        guard let state else {
            world.checker.fail("FOLD", run: claim.run, "a claim without events")
            worker.give()
            return nil
        }
        self.state = state
    }

    /// The database's time, carried on by the monotonic clock.
    var now: Instant {
        if bug == .dueFromWorkerClock { return worker.wallClock }
        return Instant(microseconds: claimedAt.microseconds + worker.clock - clockAtClaim)
    }

    var leaseLeftMilliseconds: Int64 { World.leaseMilliseconds - (worker.clock - leaseStart) / 1000 }

    /// The latest the database's time can be while an intent is committed.
    var latestNow: Instant {
        guard let attempt = state.openAttempt, bug != .keyAgeByClaim else { return now }
        return Instant(microseconds: attempt.startedAt.microseconds + worker.clock - leaseStart)
    }

    static let marginMilliseconds: Int64 = min(2000, World.leaseMilliseconds / 10)

    func timeout(of call: CallDefinition) -> Int64 {
        let wanted = call.timeoutMilliseconds ?? fixture.definition.service(call.service)?.timeoutMilliseconds ?? 30_000
        return max(50, min(wanted, World.leaseMilliseconds - 2 * Self.marginMilliseconds))
    }

    func begin() { advance(.claimed) }

    func finish() { worker.give() }

    // MARK: Deciding

    func advance(_ stimulus: Stimulus) {
        let surroundings = Surroundings(now: now, random: world.chance.next())
        let stimulus = bug.map { $0.changed(stimulus, state) } ?? stimulus
        if let bug { state = bug.changed(state) }
        let definition = bug.flatMap { fixture.loose[$0] } ?? fixture.definition
        let step = Step(decide(state, definition, stimulus, surroundings))
        carryOut(bug.map { $0.changed(step, from: state, stimulus, self) } ?? step)
    }

    private func carryOut(_ step: Step) {
        switch step.next {
        case .ended, .held: write(step)
        case .wait(let milliseconds, let service): write(step, due: milliseconds, service: service)
        case .call(let planned): enter(planned, step)
        }
    }

    /// Only a run that has a place at the service and all secrets commits an intent.
    private func enter(_ planned: PlannedCall, _ step: Step) {
        let service = planned.call.service
        let hasResult = !step.events.isEmpty
        if world.chance.hits(world.faults.secretMissing) {
            world.marks.hit(.secretMissing, cell: cell(planned.state))
            return write(step, due: 30_000, service: service, waiting: "no_secret")
        }
        if let ends = store.pausedUntil, ends > world.databaseTime {
            return write(step, due: min(1000, ends.milliseconds(since: world.databaseTime) + 1), service: service)
        }
        if world.chance.hits(world.faults.busy) {
            world.marks.hit(.busy, cell: cell(planned.state))
            return hasResult
                ? write(step, service: service, keepsLease: true)
                : write(step, due: 1000, service: service, waiting: "service_busy")
        }
        writeIntent(step, planned)
    }

    func cell(_ state: String) -> Int? {
        world.marks.cell(fixture: store.runs[run].fixture, state: state)
    }

    // MARK: Writing

    private func writeIntent(_ step: Step, _ planned: PlannedCall) {
        let id = world.newAttempt()
        let timeout = timeout(of: planned.call)
        let intent = planned.started(attemptId: id, timeoutMilliseconds: timeout)
        let event = RecordedEvent(
            seq: step.state.seq + 1, type: intent.type.rawValue, body: intent.body, epoch: epoch, attemptId: id,
            actor: StoreModel.actor(worker.index), recordedAt: .ofThisCommit)
        do {
            let after = try evolve(step.state, run: state.id, event)
            let commit = StoreModel.Commit(
                run: run, epoch: epoch, baseSeq: state.seq, events: step.events + [intent], state: after,
                keepsLease: true, service: planned.call.service,
                deadlineMilliseconds: deadlineMilliseconds(step))
            if bug == .intentAfterSend || bug == .intentWithResult {
                return sendFirst(planned, id, commit)
            }
            self.commit(commit) { [self] in send(planned, id, timeoutMilliseconds: timeout) }
        } catch {
            world.checker.fail("FOLD", run: run, "\(error)")
        }
    }

    private func write(
        _ step: Step, due wanted: Int64 = 0, service: String? = nil, waiting: String? = nil, keepsLease: Bool = false
    ) {
        guard !step.events.isEmpty else {
            return keepAsEvidence { [self] in release(step, due: wanted, service: service, waiting: waiting) }
        }
        var commit = StoreModel.Commit(
            run: run, epoch: epoch, baseSeq: state.seq, events: step.events, state: step.state,
            dueMilliseconds: wanted, keepsLease: keepsLease, service: service, waiting: waiting,
            deadlineMilliseconds: deadlineMilliseconds(step))
        if bug == .dueFromWorkerClock { commit.dueBySender = worker.wallClock.advanced(byMilliseconds: wanted) }
        self.commit(commit) { [self] in keepsLease ? advance(.proceed) : finish() }
    }

    /// One that is over and yet decided nothing must not have the run claimed in a circle.
    private func deadlineMilliseconds(_ step: Step) -> Int64? { step.millisecondsToDeadline.map { max(100, $0) } }

    private func release(_ step: Step, due: Int64, service: String?, waiting: String?) {
        let (store, run, epoch, index) = (store, run, epoch, worker.index)
        let deadline = deadlineMilliseconds(step)
        worker.ask(
            at: .release, run: run,
            {
                store.release(
                    run: run, epoch: epoch, worker: index, dueMilliseconds: due, service: service, waiting: waiting,
                    deadlineMilliseconds: deadline)
            }, then: { [self] _ in finish() })
    }

    /// Writes until the commit's fate is known; the same commit again is safe.
    func commit(
        _ commit: StoreModel.Commit, firstSentAt: Int64? = nil, pause: Int64 = 50, then: @escaping () -> Void
    ) {
        // From before the first try: it may be the one that landed.
        let sentAt = bug == .leaseFromLastTry ? worker.clock : firstSentAt ?? worker.clock
        let (store, index) = (store, worker.index)
        let heads = bug == .epochReadBeforeLock ? store.heads(commit.run) : nil
        worker.ask(
            at: .commit, run: run,
            {
                store.commit(
                    commit, worker: index, leaseMilliseconds: World.leaseMilliseconds, headsReadBefore: heads)
            },
            then: { [self] answer in
                switch answer {
                case nil:
                    worker.later(pause * 1000, at: .outage, run: run) { [self] in
                        var next = commit
                        // Planted: what stands there now is taken as the base, without asking whose it is.
                        if bug == .blindSecondCommit { next.baseSeq = store.heads(commit.run).seq }
                        self.commit(next, firstSentAt: sentAt, pause: min(1000, pause * 2), then: then)
                    }
                case .accepted(let time), .already(let time):
                    leaseStart = sentAt
                    state = commit.state.committed(at: time)
                    if bug == .blindSecondCommit { state = Bug.reread(state, seq: store.heads(run).seq) }
                    result = nil
                    then()
                case .behind:
                    world.marks.hit(.behind, cell: cell(store.runs[run].state))
                    catchUp()
                case .fenced:
                    world.marks.hit(.fenced, cell: cell(store.runs[run].state))
                    keepAsEvidence { [self] in finish() }
                }
            })
    }

    /// Newer events stand in the stream: fold them, and decide again with the outcome in hand.
    private func catchUp() {
        let (store, run, seq, index) = (store, run, state.seq, worker.index)
        worker.ask(
            at: .read, run: run, { store.events(of: run, after: seq, worker: index) },
            then: { [self] events in
                guard let events else { return again { [self] in catchUp() } }
                for event in events {
                    if bug == .cancelIgnoredWhenBehind {
                        state = Bug.reread(state, seq: event.seq)
                        continue
                    }
                    do {
                        state = try evolve(state, run: state.id, event)
                    } catch {
                        // Somebody else's stream by now: the lease is gone, and the next commit would say so.
                        if store.runs[run].epoch == epoch { world.checker.fail("FOLD", run: run, "\(error)") }
                        return keepAsEvidence { [self] in finish() }
                    }
                }
                advance(result.map { .finished($0.value) } ?? .proceed)
            })
    }

    private func again(_ action: @escaping () -> Void) { worker.later(200_000, at: .outage, run: run, action) }

    /// Without authority over the run, what was learned is still kept.
    func keepAsEvidence(then: @escaping () -> Void) {
        guard let result, bug != .fencedResultDropped else { return then() }
        var body: JSONObject = [
            "state": .string(result.attempt.state), "outcome": .string(result.value.outcome.rawValue),
        ]
        if !result.value.saved.isEmpty { body["saved"] = .object(result.value.saved) }
        let (store, run, epoch, index, attempt) = (store, run, epoch, worker.index, result.attempt.id)
        worker.ask(
            at: .evidence, run: run,
            { () -> Bool in
                store.appendLate(run: run, epoch: epoch, attempt: attempt, body: body, worker: index)
                return true
            },
            then: { [self] isDone in
                guard isDone != nil else { return again { [self] in keepAsEvidence(then: then) } }
                self.result = nil
                then()
            })
    }
}
