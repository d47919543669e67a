/// What happened to a run, so that something must be decided.
public enum Trigger: Sendable, Equatable {
    /// A worker has just claimed it. An attempt that is still open lost its worker.
    case claimed
    /// The same worker goes on with the run.
    case proceed
    /// The open attempt ended with this result.
    case finished(AttemptResult)
    /// Another run has what the decision before would have taken without an open attempt: from a late answer.
    case contradicted(by: Identifier)
}

/// What `decide` may know of the world: the database's time, one random number, and how long keys of the service that
/// was called usually take.
public struct DecisionContext: Sendable, Equatable {
    public let now: Instant
    public let random: UInt64
    public let activation: ActivationQuantiles?

    public init(now: Instant, random: UInt64, activation: ActivationQuantiles? = nil) {
        self.now = now
        self.random = random
        self.activation = activation
    }
}

/// The facts to write, the state after them, and what comes then.
public struct Decision: Sendable, Equatable {
    public let events: [NewEvent]
    /// Folded with `Instant.ofThisCommit` where the commit's time belongs.
    public let state: RunState
    public let next: NextStep
    /// The time from the commit to the nearest deadline; nil when no deadline ends the waiting. A paused service or a
    /// missing credential must not keep the run beyond its deadline.
    public let millisecondsToDeadline: Int64?

    package init(events: [NewEvent], state: RunState, next: NextStep, millisecondsToDeadline: Int64? = nil) {
        self.events = events
        self.state = state
        self.next = next
        self.millisecondsToDeadline = millisecondsToDeadline
    }
}

public enum NextStep: Sendable, Equatable {
    /// Send this call, once a slot is free and the intent is committed.
    case call(PlannedCall)
    /// There is nothing to do for this long, counted from the commit.
    case wait(milliseconds: Int64, service: String?)
    /// A person must decide.
    case held
    case ended
}

/// The call that a run wants to make next.
public struct PlannedCall: Sendable, Equatable {
    public let call: CallDefinition
    /// The state that the call belongs to; for an undo, the state whose call is taken back.
    public let state: String
    /// 1 for the first attempt of this stay.
    public let attemptNumber: Int
    public let purpose: Purpose
    /// What `${state.key}` comes to.
    public let idempotencyKey: String
    /// The variables that the call's templates read.
    public let data: JSONObject
    public private(set) var secrets: [RunSecret]
    /// Set for a look-up: how to judge its answer.
    public let reconcile: ReconcileDefinition?
    /// Set for a look-up that goes on with a list.
    public let page: LookUpPage?
    /// What was sent before under the same idempotency value.
    public let frozen: FrozenRequest?
    /// The call is taken back when the run fails.
    let armsUndo: Bool
    /// Set for a probe: what it sends in place of the run's key.
    public internal(set) var probe: PlannedProbe?

    /// Whether a resend must send the same bytes. What takes things back is put together anew each time.
    public var isKeyed: Bool { purpose == .call && call.idempotency != nil }

    /// The same call once the commit's time is known: that commit may have sealed what the call reads.
    public func committed(at time: Instant) -> PlannedCall {
        var call = self
        call.secrets = secrets.map { $0.committed(at: time) }
        return call
    }

    /// The intent, to be committed before the first byte leaves.
    /// `endsMilliseconds`: after this time the request is over, counted from the intent, though its worker may have lost
    /// its lease before; nil: it is over when the lease is. `request`: what a keyed call sends.
    public func started(
        attemptId: Identifier, timeoutMilliseconds: Int64, endsMilliseconds: Int64? = nil, request: FrozenRequest? = nil
    ) -> NewEvent {
        var body: JSONObject = [
            "state": .string(state), "attempt": .integer(attemptNumber), "service": .string(call.service),
            "request": .string("\(call.method) \(call.service):\(call.path.source)"),
            "repeatable": .bool(call.isRepeatable), "timeout_milliseconds": .integer(timeoutMilliseconds),
        ]
        if purpose != .call { body["purpose"] = .string(purpose.rawValue) }
        if armsUndo { body["undo"] = true }
        if let endsMilliseconds { body["ends_milliseconds"] = .integer(endsMilliseconds) }
        if let probe {
            body["probe"] = .string(probe.name)
            body["credential"] = .string(probe.credential.rawValue)
            if let older = probe.older { body["of_run"] = .string(older.run.description) }
        }
        if let name = call.name { body["call"] = .string(name) }
        if let page { body["page"] = .integer(page.number) }
        if isKeyed, frozen == nil, let request { body["frozen"] = request.json }
        return NewEvent(.attemptStarted, body, attemptId: attemptId)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
