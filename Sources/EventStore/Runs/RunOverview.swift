public import WorkflowCore

/// A run as lists and `show` see it.
public struct RunOverview: Sendable, Equatable {
    public let id: Identifier
    public let workflow: String
    public let version: Int
    public let organisation: String
    public let key: String
    public let state: String
    public let status: RunStatus
    public let reason: String?
    /// The name of the last error that the run met; nil once something has succeeded since.
    public let lastError: String?
    /// It is not on its way, and something that it made, or may have made, may be on the platform; of a run that succeeded
    /// only what is beside its own. That holds also when another run has taken its key.
    public let mayBeLeft: Bool
    /// What the last inspection of a run that succeeded came to.
    public let inspection: Inspection.Verdict?
    public let seq: Int64
    public let requestedAt: Instant
    /// When its state or status last changed.
    public let changedAt: Instant
    public let endedAt: Instant?
    public let task: TaskOverview?
}

/// The queue row of a run that is live or to be inspected.
public struct TaskOverview: Sendable, Equatable {
    public let due: Instant
    public let service: String?
    /// Why a worker put it aside without trying anything.
    public let waitReason: WaitReason?
    public let leaseOwner: String?
    public let leaseTakenAt: Instant?
    public let leaseExpires: Instant?
}

/// Which runs to list, the newest first; nil means any.
public struct RunFilter: Sendable, Equatable {
    public var workflow: String?
    public var organisation: String?
    public var key: String?
    public var state: String?
    public var status: RunStatus?
    /// The name of the last error, such as `timeout`.
    public var lastError: String?
    /// Only ended runs of which something may be left on the platform.
    public var isLeftBehind: Bool
    /// Only runs of which the last inspection found that the thing is gone or no longer works.
    public var isDrifted: Bool
    /// Only live runs have a service: that of their next call.
    public var service: String?
    /// Only the run that started this attempt; its id is the `X-Request-Id` of the request.
    public var attemptId: Identifier?
    /// Requested at this time or later.
    public var requestedSince: Instant?
    /// Requested before this time.
    public var requestedBefore: Instant?
    /// Only what comes after this run in the list. New runs come at its head, so no page shifts.
    public var after: Identifier?
    public var limit: Int

    public init(
        workflow: String? = nil, organisation: String? = nil, key: String? = nil, state: String? = nil,
        status: RunStatus? = nil, lastError: String? = nil, isLeftBehind: Bool = false,
        isDrifted: Bool = false, service: String? = nil,
        attemptId: Identifier? = nil, requestedSince: Instant? = nil, requestedBefore: Instant? = nil,
        after: Identifier? = nil, limit: Int = 50
    ) {
        self.workflow = workflow
        self.organisation = organisation
        self.key = key
        self.state = state
        self.status = status
        self.lastError = lastError
        self.isLeftBehind = isLeftBehind
        self.isDrifted = isDrifted
        self.service = service
        self.attemptId = attemptId
        self.requestedSince = requestedSince
        self.requestedBefore = requestedBefore
        self.after = after
        self.limit = limit
    }
}
