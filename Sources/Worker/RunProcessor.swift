import EventStore
import HTTPActions
import Logging
import Vault
import WorkflowCore

/// What all runs of a worker share.
struct WorkerParts: Sendable {
    let store: any EventStore
    let actions: HTTPActions
    let configuration: WorkerConfiguration
    let commits: CommitGrouper
    let gate: ServiceGate
    let definitions: DefinitionCache
    let credentials: CredentialReader
    let logger: Logger
}

/// Advances one claimed run until it waits, is held or ends.
struct RunProcessor {
    let parts: WorkerParts
    let definition: Definition
    private let epoch: Int64
    private let claimedAt: Instant
    private let clock: ContinuousClock.Instant
    private(set) var state: RunState
    /// The lease, counted from before the statement that gave it was sent.
    private var leaseStart: ContinuousClock.Instant
    /// Sealed in this lease: what the next commit stores, and what later calls open without a look-up.
    private var unsaved: [SealedSecret] = []
    private var inHand: [SealedSecret] = []
    /// The outcome that is not committed yet; with it in hand nothing is ever sent again.
    private var result: (attempt: OpenAttempt, value: AttemptResult)?

    init(
        parts: WorkerParts, definition: Definition, run: ClaimedRun, state: RunState,
        claimSentAt: ContinuousClock.Instant
    ) {
        self.parts = parts
        self.definition = definition
        self.state = state
        epoch = run.epoch
        claimedAt = run.claimedAt
        clock = .now
        leaseStart = claimSentAt
    }

    /// The database's time, carried on by the monotonic clock.
    private var now: Instant {
        claimedAt.advanced(byMilliseconds: clock.duration(to: .now).milliseconds)
    }

    private var leaseLeftMilliseconds: Int64 {
        parts.configuration.leaseMilliseconds - leaseStart.duration(to: .now).milliseconds
    }

    mutating func run() async throws {
        var stimulus = Stimulus.claimed
        while true {
            let decision = decide(
                state, definition, stimulus, Surroundings(now: now, random: UInt64.random(in: .min ... .max)))
            let answer: CommitAnswer?
            var planned: (call: PlannedCall, record: ServiceRecord, attemptId: Identifier)?
            var isInLine = false
            switch decision.next {
            case .ended, .held:
                answer = try await write(decision)
            case .wait(let milliseconds, let service):
                answer = try await write(decision, due: milliseconds, service: service)
            case .call(let call):
                let entry = try await entrance(of: call, decision)
                switch entry {
                case .send(let record):
                    let id = Identifier(
                        unixMilliseconds: now.microseconds / 1000,
                        random: (.random(in: .min ... .max), .random(in: .min ... .max)))
                    planned = (call, record, id)
                    answer = try await writeIntent(decision, call, id)
                case .wait(let milliseconds, let waiting):
                    answer = try await write(decision, due: milliseconds, service: call.call.service, waiting: waiting)
                case .commitFirst:
                    // An answer in hand is worth more than a place: write it, then stand in line.
                    answer = try await write(decision, service: call.call.service, keepsLease: true)
                    isInLine = true
                }
            }
            switch answer {
            case .accepted(let time), .already(let time):
                state = state.committed(at: time)
                if isInLine {
                    stimulus = .proceed
                    continue
                }
                guard let planned else { return }
                stimulus = .finished(await perform(planned.call, planned.record, planned.attemptId))
            case .behind:
                if let planned { await parts.gate.leave(planned.call.call.service) }
                try await catchUp()
                stimulus = result.map { .finished($0.value) } ?? .proceed
            case .fenced:
                if let planned { await parts.gate.leave(planned.call.call.service) }
                return try await keepAsEvidence()
            case nil:
                return  // nothing to write: the lease was given back
            }
        }
    }

    // MARK: Going in

    private enum Entrance {
        case send(ServiceRecord)
        case wait(milliseconds: Int64, waiting: String?)
        case commitFirst
    }

    private mutating func entrance(of planned: PlannedCall, _ decision: Decision) async throws -> Entrance {
        do {
            return try await entrance(of: planned, hasResult: !decision.events.isEmpty)
        } catch  where !decision.events.isEmpty {
            parts.logger.warning("the next call waits", metadata: ["run": "\(state.id)", "error": "\(error)"])
            return .wait(milliseconds: 1000, waiting: nil)
        }
    }

    /// Only a run that has a place at the service, an address and all credentials commits an intent.
    private mutating func entrance(of planned: PlannedCall, hasResult: Bool) async throws -> Entrance {
        let call = planned.call
        guard let service = definition.service(call.service) else {
            return .wait(milliseconds: 3_600_000, waiting: "no_such_service")
        }
        if let name = try await parts.credentials.missing(
            for: call, service: service, organisation: state.organisation)
        {
            parts.logger.info("run waits for a credential", metadata: ["run": "\(state.id)", "secret": "\(name)"])
            return .wait(milliseconds: 30_000, waiting: "no_secret")
        }
        let patience = hasResult ? 0 : parts.configuration.leaseMilliseconds / 4
        switch try await parts.gate.enter(
            call.service, declaredBaseURL: service.baseURL, now: now,
            waitMilliseconds: min(patience, leaseLeftMilliseconds))
        {
        case .open(let record): return .send(record)
        case .paused: return .wait(milliseconds: 0, waiting: nil)
        case .noBaseURL: return .wait(milliseconds: 30_000, waiting: "no_base_url")
        case .busy: return hasResult ? .commitFirst : .wait(milliseconds: 1000, waiting: "service_busy")
        case .draining: return .wait(milliseconds: 0, waiting: nil)
        }
    }

    // MARK: Writing

    /// The intent, together with the result before it when there is one.
    private mutating func writeIntent(_ decision: Decision, _ planned: PlannedCall, _ id: Identifier) async throws
        -> CommitAnswer
    {
        let timeout = self.timeout(of: planned.call)
        let intent = planned.started(attemptId: id, timeoutMilliseconds: timeout)
        let event = RecordedEvent(
            seq: decision.state.seq + 1, type: intent.type.rawValue, body: intent.body, epoch: epoch,
            attemptId: id, actor: parts.configuration.actor, recordedAt: .ofThisCommit)
        do {
            let after = try evolve(decision.state, run: state.id, event)
            return try await commit(
                RunCommit(
                    runId: state.id, epoch: epoch, baseSeq: state.seq, events: decision.events + [intent], state: after,
                    keepsLease: true, service: planned.call.service, sealed: unsaved))
        } catch {
            await parts.gate.leave(planned.call.service)
            throw error
        }
    }

    /// A decision without an intent. Nil: there was nothing to write, and the lease is given back.
    private mutating func write(
        _ decision: Decision, due: Int64 = 0, service: String? = nil, waiting: String? = nil, keepsLease: Bool = false
    ) async throws -> CommitAnswer? {
        if decision.events.isEmpty {
            try await parts.store.release(
                [LeaseRelease(runId: state.id, epoch: epoch, dueMilliseconds: due, service: service, waiting: waiting)],
                worker: parts.configuration.actor)
            return nil
        }
        return try await commit(
            RunCommit(
                runId: state.id, epoch: epoch, baseSeq: state.seq, events: decision.events, state: decision.state,
                dueMilliseconds: due, keepsLease: keepsLease, service: service, waiting: waiting, sealed: unsaved))
    }

    private mutating func commit(_ commit: RunCommit) async throws -> CommitAnswer {
        let sentAt = ContinuousClock.now
        let answer: CommitAnswer
        do {
            answer = try await parts.commits.commit(commit)
        } catch let error as StoreError where error.code == .refused {
            return try await commitRefused(error)
        }
        switch answer {
        case .accepted, .already:
            leaseStart = sentAt
            state = commit.state
            inHand += unsaved
            unsaved = []
            result = nil
        case .behind, .fenced: break
        }
        return answer
    }

    /// The database cannot store these values. The attempt is closed as unknown without them, so that the
    /// failure path cannot fail in its turn.
    private mutating func commitRefused(_ error: StoreError) async throws -> CommitAnswer {
        parts.logger.error(
            "the result of a run could not be stored", metadata: ["run": "\(state.id)", "error": "\(error.message)"])
        guard let result else { throw error }
        let stripped = AttemptResult(
            outcome: .unknown, error: "bad_answer", status: result.value.status, sealed: result.value.sealed,
            evidence: ["detail": "the answer holds values that the database refuses to store"])
        let decision = decide(
            state, definition, .finished(stripped), Surroundings(now: now, random: 0))
        self.result = nil
        return try await commit(
            RunCommit(
                runId: state.id, epoch: epoch, baseSeq: state.seq, events: decision.events, state: decision.state,
                dueMilliseconds: decision.next.delayMilliseconds, sealed: unsaved))
    }

    /// Newer events stand in the stream: fold them, and decide again with the outcome in hand.
    private mutating func catchUp() async throws {
        for event in try await patiently({ try await parts.store.events(of: state.id, after: state.seq) }) {
            state = try evolve(state, run: state.id, event)
        }
    }

    /// Another worker has the run. What was learned is kept, above all a key that may be shown only once.
    private mutating func keepAsEvidence() async throws {
        guard let result else { return }
        var body: JSONObject = [
            "state": .string(result.attempt.state), "attempt": .integer(result.attempt.number),
            "outcome": .string(result.value.outcome.rawValue), "evidence": .object(result.value.evidence),
        ]
        if let error = result.value.error { body["error"] = .string(error) }
        if !result.value.saved.isEmpty { body["saved"] = .object(result.value.saved) }
        let late = try unsaved.map { sealed in
            try parts.credentials.resealed(sealed, name: "late/\(result.attempt.id)/\(sealed.place.name)")
        }
        if !late.isEmpty { body["sealed"] = .array(late.map(\.reference.json)) }
        let evidence = LateEvidence(
            runId: state.id, epoch: epoch, attemptId: result.attempt.id, body: body, sealed: late)
        _ = try await patiently { try await parts.store.appendLate(evidence, worker: parts.configuration.actor) }
    }

    /// With an outcome in hand, an unreachable database is waited for; these calls may safely be made again.
    private func patiently<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value {
        while true {
            do { return try await work() } catch let error as StoreError
                where (error.code == .unavailable || error.code == .outcomeUnknown) && result != nil
            {
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    // MARK: Sending

    private func timeout(of call: CallDefinition) -> Int64 {
        parts.configuration.timeoutMilliseconds(
            wanted: call.timeoutMilliseconds ?? definition.service(call.service)?.timeoutMilliseconds ?? 30_000)
    }

    private mutating func perform(_ planned: PlannedCall, _ record: ServiceRecord, _ id: Identifier) async
        -> AttemptResult
    {
        let name = planned.call.service
        let outcome = await send(planned, record, id)
        await parts.gate.leave(name)
        await tellGate(outcome.result, service: name)
        unsaved = outcome.sealed
        if let attempt = state.openAttempt { result = (attempt, outcome.result) }
        return outcome.result
    }

    private func send(_ planned: PlannedCall, _ record: ServiceRecord, _ id: Identifier) async -> ActionOutcome {
        let timeout = timeout(of: planned.call)
        guard leaseLeftMilliseconds > timeout + parts.configuration.leaseMarginMilliseconds / 2 else {
            return .unsent(
                "lease_too_short", "the commit of the intent took too long: the lease no longer outlasts the request")
        }
        guard let service = definition.service(planned.call.service), let baseURL = record.baseURL else {
            return .unsent("unreachable", "the service has no base URL")
        }
        do {
            let current = state
            let action = Action(
                attemptId: id, call: planned.call, service: service, errors: definition.errors,
                variables: definition.data,
                target: ServiceTarget(
                    name: service.name, baseURL: baseURL,
                    allowedAddresses: record.allowedAddresses.compactMap { AddressRule($0) },
                    sendsRequestId: record.sendsRequestId),
                scope: ActionScope(
                    runId: state.id, organisation: state.organisation, key: state.key, workflow: state.workflow,
                    version: state.version, stateName: planned.state, attemptNumber: planned.attemptNumber,
                    input: state.input, data: state.data,
                    secretData: try await parts.credentials.openedVariables(of: state, inHand: inHand, now: now),
                    secrets: try await parts.credentials.openedCredentials(
                        for: planned.call, service: service, organisation: state.organisation),
                    nextSecretVersion: { current.nextVersion(ofSecret: $0) }),
                deadlineMilliseconds: timeout)
            return await parts.actions.perform(action)
        } catch {
            parts.logger.error("a call could not be prepared", metadata: ["run": "\(state.id)", "error": "\(error)"])
            return .unsent("not_prepared", "nothing was sent: \(error)")
        }
    }

    /// A pause or a recovery concerns all runs of the service. The run itself does not depend on it.
    private func tellGate(_ result: AttemptResult, service: String) async {
        do {
            if !result.isCounted, result.error == "unreachable" || result.status == 429 {
                try await parts.gate.pause(
                    service, retryAfterMilliseconds: result.retryAfterMilliseconds, reason: result.error ?? "")
            } else if result.status != nil {
                try await parts.gate.succeeded(service)
            }
        } catch {
            parts.logger.warning(
                "a service's pause could not be stored", metadata: ["service": "\(service)", "error": "\(error)"])
        }
    }
}

extension ActionOutcome {
    /// Nothing left this process, and nobody is charged.
    static func unsent(_ error: String, _ detail: String) -> ActionOutcome {
        ActionOutcome(
            result: AttemptResult(
                outcome: .notDone, error: error, isCounted: false,
                evidence: ["request_head_sent": false, "detail": .string(detail)]))
    }
}

extension NextStep {
    /// From the commit to the next due time.
    var delayMilliseconds: Int64 {
        if case .wait(let milliseconds, _) = self { milliseconds } else { 0 }
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
