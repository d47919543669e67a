import EventStore
import HTTPActions
import Logging
import Vault
import WorkerMachines
import WorkflowCore

/// Does what a run's machine says: looks up, commits, sends, and hands in what came of it.
struct RunDriver {
    let parts: WorkerParts
    private let token: Identifier
    private let pulse: UInt64
    private(set) var machine: RunMachine
    /// The hash of the last event of the stream that this worker knows.
    private var hash: [UInt8]
    /// The values sealed under this lease that the next commit stores.
    private var unsaved: [SealedSecret] = []
    /// The run's sealed values, as claimed and as stored since: later calls open them without a look-up.
    private var inHand: [SealedSecret]
    /// The values of a late answer, under the names that they are kept by.
    private var late: [SealedSecret] = []
    /// What the outcome in hand says of its service.
    private var report: ServiceReport?
    private var admitted: Admission?

    /// All that sending a call takes.
    struct Admission {
        let record: ServiceRecord
        let opened: CredentialReader.Opened
        /// Of a call with an idempotency key, whose intent says what is sent.
        var prepared: PreparedRequest?
    }

    var state: RunState { machine.state }

    /// `pulse` is the number by which the monitor knows this run.
    init(
        parts: WorkerParts, definition: Definition, run: ClaimedRun, state: RunState,
        claimSentAt: ContinuousClock.Instant, pulse: UInt64
    ) {
        self.parts = parts
        self.pulse = pulse
        token = run.token
        hash = run.hash
        inHand = run.sealed
        machine = RunMachine(
            state: state, definition: definition, epoch: run.epoch,
            lease: LeaseTimes(
                milliseconds: parts.configuration.leaseMilliseconds, startedAt: Self.clock(claimSentAt),
                claimedAt: run.claimedAt, claimSeenAt: Self.clock()),
            actor: parts.configuration.actor)
    }

    private static let clockStart = ContinuousClock.now

    /// Microseconds of this process's monotonic clock.
    static func clock(_ time: ContinuousClock.Instant = .now) -> Int64 {
        let (seconds, attoseconds) = clockStart.duration(to: time).components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }

    mutating func run() async -> RunMachine.Ending {
        var input = RunMachine.Input.claimed
        while true {
            switch machine.handle(input, at: Self.clock(), random: .random(in: .min ... .max)) {
            case .admit(let planned): input = await admit(planned)
            case .commit(let plan): input = await commit(plan)
            case .send(let planned, let id, let timeout):
                let result = await send(planned, id, timeout)
                if machine.definition.hasLearnedSchedule, result.outcome != .done {
                    machine.activation = await parts.activations.quantiles(planned.call.service)
                }
                input = .answered(result)
            case .readTail(let seq): input = await readTail(after: seq)
            case .readLate(let answer): input = await readLate(answer)
            case .keepEvidence(let late): input = await keepEvidence(late)
            case .pause(let milliseconds):
                // In a task of its own: what is in hand is written also when the worker is being cancelled.
                await Task { try? await Task.sleep(for: .milliseconds(milliseconds)) }.value
                input = .pauseOver
            case .stop(let ending): return ending
            }
        }
    }

    // MARK: Admission

    /// Whoever sets a missing value wakes the run; this time is for values that were set without our functions.
    private static let missingMilliseconds: Int64 = 600_000

    /// Only a run that has an address and all secrets commits an intent. A run does not wait for what only its probe lacks.
    private mutating func admit(_ planned: PlannedCall) async -> RunMachine.Input {
        let input = await admission(planned)
        guard planned.purpose == .probe, case .mustWait(_, let reason?) = input else { return input }
        let why =
            switch reason {
            case .noSecret: "a credential that it needs is not set"
            case .noBaseURL: "service \(planned.call.service) has no base URL"
            case .secretUnreadable: "a sealed secret cannot be opened; the worker's log says why"
            default: "its definition does not declare service \(planned.call.service)"
            }
        return .unsendable(why)
    }

    private mutating func admission(_ planned: PlannedCall) async -> RunMachine.Input {
        guard !parts.isDraining.isSet else { return .mustWait(milliseconds: 0, nil) }
        let call = planned.call
        guard let service = machine.definition.service(call.service) else {
            return .mustWait(milliseconds: 3_600_000, .noSuchService)
        }
        do {
            // What the last answer gave is still to be stored.
            let opened = try await parts.credentials.open(
                planned, service, organisation: state.organisation, of: state.id,
                inHand: inHand + unsaved + takenLate(planned))
            if let name = opened.missing {
                parts.logger.info("run waits for a credential", metadata: ["run": "\(state.id)", "secret": "\(name)"])
                return .mustWait(milliseconds: Self.missingMilliseconds, .noSecret)
            }
            var record = try await parts.services.record(call.service, needsBaseURL: service.baseURL == nil)
            record.baseURL = service.baseURL ?? record.baseURL
            guard record.baseURL != nil else {
                return .mustWait(milliseconds: Self.missingMilliseconds, .noBaseURL)
            }
            guard opened.gone.isEmpty else { return .changed(opened.gone) }
            if let refusal = opened.refusal { return .unsendable(refusal) }
            var admission = Admission(record: record, opened: opened)
            let id = Identifier(
                unixMilliseconds: machine.lease.now(at: Self.clock()).microseconds / 1000,
                random: (.random(in: .min ... .max), .random(in: .min ... .max)))
            if planned.isKeyed {
                admission.prepared = action(planned, id, admission, timeout: 0).flatMap { parts.prepare($0) }
            }
            admitted = admission
            return .admitted(attemptId: id, request: admission.prepared?.frozen)
        } catch let error as VaultError {
            parts.logger.error(
                "a sealed secret cannot be opened", metadata: ["run": "\(state.id)", "error": "\(error.message)"])
            return .mustWait(milliseconds: 300_000, .secretUnreadable)
        } catch {
            parts.logger.warning("the next call waits", metadata: ["run": "\(state.id)", "error": "\(error)"])
            return .failed(await trouble(error))
        }
    }

    // MARK: The store

    private mutating func readLate(_ answer: LateAnswer) async -> RunMachine.Input {
        parts.monitor.run(pulse)
        do {
            late = []
            for reference in answer.sealed {
                let place = SecretPlace(
                    scope: .run, scopeId: state.id.description, name: reference.name, version: reference.version)
                guard let sealed = try await parts.store.secretVersion(place) else {
                    return .failed(.broken("the sealed value \(reference.name) of a late answer is gone"))
                }
                late.append(sealed)
            }
            return .lateRead
        } catch { return .failed(await trouble(error)) }
    }

    /// A late answer's value, sealed as that of the variable; nil when it gave none.
    private func taken(late name: String, version: Int) throws -> SealedSecret? {
        guard let kept = late.first(where: { $0.place.name.hasSuffix("/\(name)") }) else { return nil }
        return try parts.credentials.resealed(kept, name: name, version: version)
    }

    /// What the call reads of a late answer that is being taken with its intent.
    private func takenLate(_ planned: PlannedCall) throws -> [SealedSecret] {
        let given = state.lateAnswer?.sealed.map { state.reference(toLate: $0) } ?? []
        return try planned.secrets.map(\.reference)
            .filter { read in given.contains { $0.name == read.name && $0.fingerprint == read.fingerprint } }
            .compactMap { try taken(late: $0.name, version: $0.version) }
    }

    private mutating func commit(_ plan: CommitPlan) async -> RunMachine.Input {
        var settled: [SealedSecret] = []
        do {
            for event in plan.events where event.type == .attemptSettled {
                for item in event.body["sealed"]?.arrayValue ?? [] {
                    guard let name = item["name"]?.stringValue, let version = item["version"]?.integerValue,
                        let sealed = try taken(late: name, version: Int(clamping: version))
                    else { continue }
                    settled.append(sealed)
                }
            }
        } catch { return .failed(await trouble(error)) }
        var commit = RunCommit(
            runId: state.id, token: token, epoch: machine.epoch, baseSeq: plan.baseSeq, baseHash: hash,
            events: plan.events, state: plan.state, deadlineMilliseconds: plan.deadlineMilliseconds,
            report: plan.carriesOutcome ? report : nil, sealed: (plan.carriesOutcome ? unsaved : []) + settled)
        commit.dueMilliseconds = plan.dueMilliseconds
        commit.service = plan.service
        commit.waitReason = plan.waitReason
        commit.keepsLease = plan.intent != nil
        commit.renewsLease = plan.renewsLease
        parts.monitor.run(pulse, .committing)
        defer { parts.monitor.run(pulse) }
        do {
            switch try await parts.commits.commit(commit) {
            case .accepted(let time, let newHash), .already(let time, let newHash):
                hash = newHash
                inHand += commit.sealed
                unsaved = []
                report = nil
                return .accepted(at: time)
            case .behind: return .behind
            case .noPermit: return .noPermit
            case .contradicted(let other): return .contradicted(by: other)
            case .fenced: return .fenced
            }
        } catch let error as StoreError where error.code == .refused {
            parts.logger.error(
                "what came of a run could not be stored",
                metadata: ["run": "\(state.id)", "error": "\(error.message)"])
            return .refused
        } catch { return .failed(await trouble(error)) }
    }

    private mutating func readTail(after seq: Int64) async -> RunMachine.Input {
        let (store, id) = (parts.store, state.id)
        parts.monitor.run(pulse)
        do {
            let tail = try await Task { try await store.tail(of: id, after: seq) }.value
            hash = tail.hash ?? hash
            return .tail(tail.events)
        } catch { return .failed(await trouble(error)) }
    }

    private func keepEvidence(_ late: LateOutcome) async -> RunMachine.Input {
        var body: JSONObject = [
            "state": .string(late.attempt.state), "attempt": .integer(late.attempt.number),
            "outcome": .string(late.value.outcome.rawValue),
        ]
        // What tells whether the answer settles anything.
        if late.attempt.purpose != .call { body["purpose"] = .string(late.attempt.purpose.rawValue) }
        if late.attempt.isRepeatable { body["repeatable"] = true }
        if state.openAttempt?.id == late.attempt.id { body["stay"] = .integer(state.idempotencyGeneration) }
        if !late.value.isMade { body["made"] = false }
        if !late.value.isCounted { body["counted"] = false }
        parts.monitor.run(pulse)
        do {
            let sealed = try unsaved.map { sealed in
                try parts.credentials.resealed(sealed, name: "late/\(late.attempt.id)/\(sealed.place.name)")
            }
            if !sealed.isEmpty { body["sealed"] = .array(sealed.map(\.reference.json)) }
            if !late.isWhole {
                body["incomplete"] = true
            } else {
                var evidence = late.value.evidence
                if let status = late.value.status { evidence["status"] = .integer(status) }
                body["evidence"] = .object(evidence)
                if let error = late.value.error { body["error"] = .string(error) }
                if !late.value.saved.isEmpty, late.attempt.purpose != .probe {
                    body["saved"] = .object(late.value.saved)
                }
                body["thing"] = machine.definition.lateThing(late.value, of: late.attempt, in: state)
            }
            let evidence = LateEvidence(
                runId: state.id, epoch: machine.epoch, attemptId: late.attempt.id, body: body, sealed: sealed)
            let (store, actor) = (parts.store, parts.configuration.actor)
            _ = try await Task { try await store.appendLate(evidence, worker: actor) }.value
            return .kept
        } catch let error as StoreError where error.code == .refused {
            return .refused
        } catch { return .failed(await trouble(error)) }
    }

    private func trouble(_ error: any Error) async -> RunMachine.Trouble {
        let trouble = RunMachine.Trouble(error, isGivingUp: parts.isGivingUp.isSet)
        if case .otherVersion = trouble, let error = error as? StoreError {
            await parts.commits.noteOtherVersion(error)
        }
        return trouble
    }

    // MARK: Sending

    private mutating func send(_ planned: PlannedCall, _ id: Identifier, _ timeout: Int64) async -> AttemptResult {
        parts.monitor.run(pulse, .sending(milliseconds: timeout))
        CrashPoint.afterIntent.passed()
        let began = ContinuousClock.now
        let outcome = await perform(planned, id, timeout)
        CrashPoint.beforeRecord.passed()
        parts.monitor.run(pulse)
        parts.metrics.attempted(outcome.result, service: planned.call.service, took: began.duration(to: .now))
        if planned.purpose == .probe {
            // Nothing of its answer is kept but evidence, and it says nothing of the service.
            unsaved = []
            report = nil
            return outcome.result
        }
        unsaved = outcome.sealed
        report = ServiceReport(
            outcome.result, service: planned.call.service,
            firstPauseMilliseconds: machine.definition.service(planned.call.service)?.cooldownMilliseconds)
        // A stopping worker breaks off requests itself, so their fate says nothing about the service.
        if parts.isDraining.isSet, report?.finding == .failed { report = nil }
        return outcome.result
    }

    private mutating func perform(_ planned: PlannedCall, _ id: Identifier, _ timeout: Int64) async -> ActionOutcome {
        guard let admitted, var action = action(planned, id, admitted, timeout: timeout) else {
            return ActionOutcome(result: .unsent("unreachable", "the service has no base URL"))
        }
        action.prepared = admitted.prepared
        // The deadlines below count from here, however long the process stands still or the connection takes.
        let time = ContinuousClock.now
        switch machine.clearance(at: Self.clock(time)) {
        case .no(let result): return ActionOutcome(result: result)
        case .go(let latest):
            action.startedAt = time
            action.latestDeparture = latest.map { time + .milliseconds($0) }
            if case .over = machine.renewal(at: Self.clock()) { return await parts.perform(action) }
            return await performRenewing(action)
        }
    }

    private enum Progress: Sendable {
        case ended(ActionOutcome)
        case renewed(RunMachine.RenewalAnswer, askedAt: Int64)
        case pauseOver
    }

    /// Sends, and renews the run's lease meanwhile: by this task, so that only a worker that really waits for an answer
    /// does it.
    private mutating func performRenewing(_ action: Action) async -> ActionOutcome {
        let parts = parts
        return await withTaskGroup(of: Progress.self) { group in
            group.addTask { .ended(await parts.perform(action)) }
            renew(&group)
            while let progress = await group.next() {
                switch progress {
                case .ended(let outcome):
                    group.cancelAll()
                    return outcome
                case .renewed(let answer, let askedAt): machine.renewed(answer, askedAt: askedAt, at: Self.clock())
                case .pauseOver: break
                }
                renew(&group)
            }
            return ActionOutcome(result: AttemptResult(outcome: .unknown, error: "unknown_outcome"))
        }
    }

    private func renew(_ group: inout TaskGroup<Progress>) {
        guard !Task.isCancelled else { return }
        let askedAt = Self.clock()
        switch machine.renewal(at: askedAt) {
        case .wait(let milliseconds):
            group.addTask {
                try? await Task.sleep(for: .milliseconds(milliseconds))
                return .pauseOver
            }
        case .ask(let milliseconds):
            let (renewer, lease) = (
                parts.renewer, LeaseRenewal(runId: state.id, token: token, leaseMilliseconds: milliseconds)
            )
            group.addTask { .renewed(await renewer.renew(lease), askedAt: askedAt) }
        case .over: break
        }
    }

    private func action(
        _ planned: PlannedCall, _ id: Identifier, _ admitted: Admission, timeout: Int64
    ) -> Action? {
        guard let service = machine.definition.service(planned.call.service), let baseURL = admitted.record.baseURL
        else { return nil }
        let state = state
        let now = machine.lease.now(at: Self.clock())
        let variables = zip(planned.secrets, admitted.opened.variables).map { held, secret in
            OpenedSecret(
                name: held.reference.name, secret: secret, reference: held.reference,
                // The worker's own time may be a little behind that of the commit.
                ageMilliseconds: max(0, now.milliseconds(since: held.sealedAt)))
        }
        let key = admitted.opened.probeKey
        let own = variables.filter { $0.name == key?.name }
        return Action(
            attemptId: id, call: planned.call, service: service, errors: machine.definition.errors(of: planned),
            variables: machine.definition.data,
            target: ServiceTarget(
                name: service.name, baseURL: baseURL,
                allowedAddresses: admitted.record.allowedAddresses.compactMap { AddressRule($0) },
                sendsRequestId: admitted.record.sendsRequestId),
            scope: ActionScope(
                runId: state.id, organisation: state.organisation, key: state.key, workflow: state.workflow,
                version: state.version, stateName: planned.state, idempotencyKey: planned.idempotencyKey,
                attemptNumber: planned.attemptNumber, input: state.input, data: planned.data,
                secretData: variables.filter { $0.name != key?.name } + (key.map { [$0] } ?? []),
                secrets: admitted.opened.credentials, frozen: admitted.opened.frozen, compared: own,
                nextSecretVersion: { state.nextVersion(ofSecret: $0) }),
            deadlineMilliseconds: timeout, reconcile: planned.reconcile, page: planned.page)
    }
}

extension RunMachine.Trouble {
    init(_ error: any Error, isGivingUp: Bool = false) {
        switch error {
        case let error as StoreError where error.isPassing: self = .outage(mayPass: !isGivingUp)
        case let error as StoreError where error.code == .notMigrated: self = .otherVersion(mayPass: !isGivingUp)
        default: self = .broken("\(error)")
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
