public import Vault
public import WorkflowCore

/// One event by a person or a signal.
public struct AppendRequest: Sendable {
    public var runId: Identifier
    /// Answered with `behind` when the run's stream ends at another seq; nil: any seq will do.
    public var expectedSeq: Int64?
    public var event: NewEvent
    public var actor: String
    /// The state after the event, when the verb changes status, state or key.
    public var stateAfter: RunState?
    /// The run's own secrets, written together with the event or not at all. A version that exists already is refused.
    public var sealed: [SealedSecret]

    public init(
        runId: Identifier, expectedSeq: Int64?, event: NewEvent, actor: String, stateAfter: RunState? = nil,
        sealed: [SealedSecret] = []
    ) {
        self.runId = runId
        self.expectedSeq = expectedSeq
        self.event = event
        self.actor = actor
        self.stateAfter = stateAfter
        self.sealed = sealed
    }
}

public enum AppendAnswer: Sendable, Equatable {
    case accepted(seq: Int64)
    case behind(seq: Int64)
}
