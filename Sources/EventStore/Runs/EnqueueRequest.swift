public import WorkflowCore

public struct EnqueueRequest: Sendable, Equatable {
    public var workflow: String
    public var organisation: String
    public var input: JSONObject
    public var version: Int?
    public var due: Instant?
    /// The caller's own; enqueuing again with it after a lost answer gives the same run, whatever became of it.
    public var id: Identifier?
    /// The same key and input again is an error instead of an answer.
    public var refusesExisting: Bool
    /// The run whose key the new one takes over.
    public var takeover: Takeover?
    public var actor: String

    public init(
        workflow: String, organisation: String, input: JSONObject, version: Int? = nil, due: Instant? = nil,
        id: Identifier? = nil, refusesExisting: Bool = false, takeover: Takeover? = nil, actor: String
    ) {
        self.workflow = workflow
        self.organisation = organisation
        self.input = input
        self.version = version
        self.due = due
        self.id = id
        self.refusesExisting = refusesExisting
        self.takeover = takeover
        self.actor = actor
    }
}

/// A person's word that a new run takes the key of a held, failed or cancelled one of the same organisation.
public struct Takeover: Sendable, Equatable {
    public var runId: Identifier
    public var reason: String
    /// Refused as behind when the run's stream ends at another seq; nil: any seq will do.
    public var expectedSeq: Int64?

    public init(runId: Identifier, reason: String, expectedSeq: Int64? = nil) {
        self.runId = runId
        self.reason = reason
        self.expectedSeq = expectedSeq
    }
}

public struct EnqueueReceipt: Sendable, Equatable {
    public let runId: Identifier
    /// False: the run was there already.
    public let isNew: Bool

    public init(runId: Identifier, isNew: Bool) {
        self.runId = runId
        self.isNew = isNew
    }
}
