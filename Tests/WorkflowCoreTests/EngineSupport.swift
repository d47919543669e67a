import Testing
import WorkflowCore

/// A promise of the engine that a step broke.
struct BrokenPromise: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A run in memory, driven as a worker drives it. Every commit is checked against the promises that hold for all runs.
struct TestRun {
    static let start = Instant(microseconds: 1_000_000_000)
    static let pin = FrozenRequest.Version(owner: .organisation, name: "pin", version: 3)

    let id = Identifier(high: 7, low: 9)
    let definition: Definition
    private(set) var state: RunState
    private(set) var events: [RecordedEvent] = []
    /// What the last commit wrote.
    private(set) var written: [NewEvent] = []
    var now = TestRun.start
    var random: UInt64 = 0
    /// What the worker knows of the service's keys.
    var activation: ActivationQuantiles?
    /// What keyed calls send, as their intents say it.
    var digests: JSONObject?
    private var attempts: UInt64 = 0
    /// The events folded one by one, with nothing that `decide` says.
    private var folded: RunState
    private var closed: Set<Identifier> = []

    init(_ definition: Definition, input: JSONObject = ["number": "+34600111222"], random: UInt64 = 0) throws {
        self.definition = definition
        self.random = random
        let requested = RecordedEvent(
            seq: 1, type: "run.requested", body: Self.requested(definition, input), epoch: 0, attemptId: nil,
            actor: "sql:test", recordedAt: now)
        folded = try evolve(nil, run: id, requested)
        state = folded
        events = [requested]
    }

    static func requested(_ definition: Definition, _ input: JSONObject) -> JSONObject {
        [
            "workflow": .string(definition.workflow), "version": .integer(definition.version), "definition": "abcdef",
            "organisation": "org", "key": "+34600111222", "state": .string(definition.start), "input": .object(input),
        ]
    }

    /// The types that the last commit wrote.
    var types: [String] { written.map(\.type.rawValue) }

    /// Another worker takes the run, so much later.
    @discardableResult
    mutating func claim(after milliseconds: Int64 = 0, sends: Bool = true) throws -> NextStep {
        now = now.advanced(byMilliseconds: milliseconds)
        return try take(.claimed, sends: sends)
    }

    /// The open attempt comes to this.
    @discardableResult
    mutating func finish(_ result: AttemptResult, after milliseconds: Int64 = 0, sends: Bool = true) throws -> NextStep
    {
        now = now.advanced(byMilliseconds: milliseconds)
        return try take(.finished(result), sends: sends)
    }

    /// A person asks for the end.
    mutating func cancel() throws {
        let body: JSONObject = ["reason": "no longer wanted"]
        try append([NewEvent(.cancelRequested, body)], actor: "person:ana")
        state = folded
    }

    /// A worker that has lost the run writes what it has learned.
    mutating func learn(_ body: JSONObject, of attempt: Identifier) throws {
        try append([NewEvent(.attemptLate, body, attemptId: attempt)], actor: "worker:2")
        state = try reread(folded)
    }

    /// A person's verb, as the history then has it.
    mutating func take(_ verb: OperatorActionEvent, after milliseconds: Int64 = 0) throws {
        now = now.advanced(byMilliseconds: milliseconds)
        try append([verb.event], actor: "person:ana")
        state = folded
        guard state.status == verb.after.status, state.state == verb.after.state,
            state.ownsKey == verb.after.ownsKey, state.openAttempt == verb.after.openAttempt
        else { throw BrokenPromise("the verb leads elsewhere: \(state) and \(verb.after)") }
    }

    /// `sends` false: no place at the service, so the decision is written without an intent.
    mutating func take(_ trigger: Trigger, sends: Bool = true) throws -> NextStep {
        let before = state
        let context = DecisionContext(now: now, random: random, activation: activation)
        let decision = decide(state, definition, trigger, context)
        guard decision == decide(state, definition, trigger, context) else {
            throw BrokenPromise("the same values gave another decision")
        }
        if !before.hasTask, !decision.events.isEmpty {
            throw BrokenPromise("a run that is \(before.status) got events: \(decision.events.map(\.type))")
        }
        return try commit(decision, sends: sends)
    }

    /// Writes a decision, and its intent.
    @discardableResult
    mutating func commit(_ decision: Decision, sends: Bool = true) throws -> NextStep {
        try check(decision)
        var commit = decision.events
        var after = decision.state
        if sends, case .call(let planned) = decision.next {
            attempts += 1
            let attempt = Identifier(high: 1, low: attempts)
            let intent = planned.started(
                attemptId: attempt, timeoutMilliseconds: 5000,
                request: digests.map { FrozenRequest(attemptId: attempt, digests: $0, secrets: [Self.pin]) })
            commit.append(intent)
            after = try evolve(
                after, run: id,
                RecordedEvent(
                    seq: after.seq + 1, type: intent.type.rawValue, body: intent.body, epoch: 1,
                    attemptId: intent.attemptId, actor: "worker:1", recordedAt: .ofThisCommit))
        }
        written = commit
        if !commit.isEmpty {
            // The database's time of the commit, which the decision did not know.
            now = Instant(microseconds: now.microseconds + 1500)
            try append(commit, actor: "worker:1")
            guard folded == after.committed(at: now) else {
                throw BrokenPromise("the fold differs from the decision: \(folded) and \(after.committed(at: now))")
            }
        }
        state = try reread(after.committed(at: now))
        return decision.next
    }

    private func check(_ decision: Decision) throws {
        switch decision.next {
        case .call:
            guard decision.state.hasTask, decision.state.openAttempt == nil else {
                throw BrokenPromise("a call is planned by a run that must not send: \(decision.state)")
            }
            guard case .call(let planned) = decision.next, decision.state.cancel == nil || planned.purpose != .call
            else {
                throw BrokenPromise("a call is planned by a run that must not send: \(decision.state)")
            }
        case .wait(let milliseconds, _):
            guard decision.state.hasTask, milliseconds > 0 else { throw BrokenPromise("an empty wait") }
        case .held:
            guard decision.state.status == .held else { throw BrokenPromise("held, yet \(decision.state.status)") }
        case .ended:
            guard decision.state.status.isEnded else { throw BrokenPromise("ended, yet \(decision.state.status)") }
        }
        if case .call(let planned) = decision.next, planned.purpose != .probe,
            planned.purpose.isOfInspection != (decision.state.status == .succeeded)
        {
            throw BrokenPromise("\(planned.purpose) is planned by a run that is \(decision.state.status)")
        }
        if !decision.state.hasTask, decision.state.openAttempt != nil {
            throw BrokenPromise("the run is \(decision.state.status) with an open attempt")
        }
    }

    private mutating func append(_ new: [NewEvent], actor: String) throws {
        for event in new {
            let text = JSONValue.object(event.body).serialized()
            guard try JSONValue.parse(text) == .object(event.body), !JSONValue.object(event.body).containsNul else {
                throw BrokenPromise("the body is not the JSON it is written as: \(text)")
            }
            let recorded = RecordedEvent(
                seq: (events.last?.seq ?? 0) + 1, type: event.type.rawValue, body: event.body, epoch: 1,
                attemptId: event.attemptId, actor: actor, recordedAt: now)
            folded = try evolve(folded, run: id, recorded)
            events.append(recorded)
            guard [.attemptDone, .attemptNotDone, .attemptUnknown].contains(event.type) else { continue }
            guard let attempt = event.attemptId, closed.insert(attempt).inserted else {
                throw BrokenPromise("an attempt was closed twice")
            }
        }
    }

    /// All events from the first.
    func fold() throws -> RunState {
        var state: RunState?
        for event in events { state = try evolve(state, run: id, event) }
        return try #require(state)
    }

    /// The state by way of its stored text, as the next claim gets it.
    private func reread(_ state: RunState) throws -> RunState {
        let snapshot = state.snapshot
        let json = try JSONValue.parse(snapshot.json.serialized())
        let again = RunState(id: id, seq: state.seq, snapshot: Snapshot(json: json, times: snapshot.times))
        guard let again, again == state else {
            throw BrokenPromise("the snapshot reads back as another state: \(json.serialized())")
        }
        return again
    }
}

extension AttemptResult {
    static let created = AttemptResult(
        outcome: .done, status: 201, saved: ["session": "s-1"],
        sealed: [SealedReference(name: "api_key", version: 1, fingerprint: "0a1b2c3d", length: 32)],
        evidence: ["status": 201])

    static let issued = AttemptResult(
        outcome: .done, status: 200,
        sealed: [SealedReference(name: "token", version: 1, fingerprint: "99887766", length: 40)],
        evidence: ["status": 200])

    static let notActive = AttemptResult(
        outcome: .notDone, error: "key_not_active", status: 403, evidence: ["status": 403])

    static let refused = AttemptResult(outcome: .notDone, error: "unreachable", isCounted: false)

    static func unknown(_ error: String, status: Int? = nil) -> AttemptResult {
        AttemptResult(outcome: .unknown, error: error, status: status)
    }
}

extension NextStep {
    /// The state whose call is wanted.
    var calls: String? { if case .call(let planned) = self { planned.state } else { nil } }

    var waits: Int64? { if case .wait(let milliseconds, _) = self { milliseconds } else { nil } }
}
