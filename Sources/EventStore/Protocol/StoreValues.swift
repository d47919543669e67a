public import Vault
public import WorkflowCore

/// A published definition as it is stored.
public struct PublishedDefinition: Sendable, Equatable {
    public let workflow: String
    public let version: Int
    /// SHA-256 of `canonical`, in hex.
    public let digest: String
    /// The file as it was written.
    public let source: String
    /// The parsed tree as sorted JSON: comments are no new content.
    public let canonical: String

    public init(workflow: String, version: Int, digest: String, source: String, canonical: String) {
        self.workflow = workflow
        self.version = version
        self.digest = digest
        self.source = source
        self.canonical = canonical
    }
}

public enum PublishAnswer: Sendable, Equatable {
    case published
    /// The same content stood there already.
    case unchanged
}

/// One line of `turnup workflow list`.
public struct DefinitionSummary: Sendable, Equatable {
    public let workflow: String
    public let version: Int
    public let digest: String
    public let publishedAt: Instant
    public let liveRuns: Int
    public let allRuns: Int
}

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
    /// Refused as behind when the run stands elsewhere; nil takes it as it is.
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

/// A run that this worker may act on until its lease ends.
public struct ClaimedRun: Sendable {
    public let id: Identifier
    public let epoch: Int64
    public let workflow: String
    public let version: Int
    /// Refused when an event is of a newer version of this program.
    public let state: Result<RunState, EvolveError>
    /// The database's time at the claim.
    public let claimedAt: Instant
    public let due: Instant
}

/// What a worker wants to write for one run.
public struct RunCommit: Sendable {
    public var runId: Identifier
    public var epoch: Int64
    /// The seq that the decision was made on.
    public var baseSeq: Int64
    public var events: [NewEvent]
    /// The state after the events.
    public var state: RunState
    /// From the commit to the next due time, while the run stays live.
    public var dueMilliseconds: Int64
    /// The worker goes on with the run at once; the lease starts anew.
    public var keepsLease: Bool
    /// The service of the run's next call.
    public var service: String?
    /// Why the run waits though nothing was tried.
    public var waiting: String?
    /// From the commit to the time when the run must be looked at, whatever it waits for; nil: none.
    public var deadlineMilliseconds: Int64?
    public var sealed: [SealedSecret]

    public init(
        runId: Identifier, epoch: Int64, baseSeq: Int64, events: [NewEvent], state: RunState,
        dueMilliseconds: Int64 = 0, keepsLease: Bool = false, service: String? = nil, waiting: String? = nil,
        deadlineMilliseconds: Int64? = nil, sealed: [SealedSecret] = []
    ) {
        self.runId = runId
        self.epoch = epoch
        self.baseSeq = baseSeq
        self.events = events
        self.state = state
        self.dueMilliseconds = dueMilliseconds
        self.keepsLease = keepsLease
        self.service = service
        self.waiting = waiting
        self.deadlineMilliseconds = deadlineMilliseconds
        self.sealed = sealed
    }
}

public enum CommitAnswer: Sendable, Equatable {
    case accepted(at: Instant)
    /// This very commit had landed before; its answer was lost.
    case already(at: Instant)
    /// Right epoch, but newer events: fold them, decide again, never send again.
    case behind
    /// A newer epoch: this worker has no authority over the run any more.
    case fenced
}

/// A lease given back without an event.
public struct LeaseRelease: Sendable, Equatable {
    public var runId: Identifier
    public var epoch: Int64
    public var dueMilliseconds: Int64
    public var service: String?
    public var waiting: String?
    /// When the run must be looked at, whatever it waits for; nil leaves what stands.
    public var deadlineMilliseconds: Int64?

    public init(
        runId: Identifier, epoch: Int64, dueMilliseconds: Int64 = 0, service: String? = nil, waiting: String? = nil,
        deadlineMilliseconds: Int64? = nil
    ) {
        self.runId = runId
        self.epoch = epoch
        self.dueMilliseconds = dueMilliseconds
        self.service = service
        self.waiting = waiting
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// What a worker without a lease still knows.
public struct LateEvidence: Sendable {
    public var runId: Identifier
    public var epoch: Int64
    public var attemptId: Identifier
    public var body: JSONObject
    public var sealed: [SealedSecret]

    public init(
        runId: Identifier, epoch: Int64, attemptId: Identifier, body: JSONObject, sealed: [SealedSecret] = []
    ) {
        self.runId = runId
        self.epoch = epoch
        self.attemptId = attemptId
        self.body = body
        self.sealed = sealed
    }
}

/// One event by a person or a signal.
public struct AppendRequest: Sendable {
    public var runId: Identifier
    /// Refused as behind when the run stands elsewhere; nil takes it as it is.
    public var expectedSeq: Int64?
    public var event: NewEvent
    public var actor: String
    /// The state after the event, when the verb changes status, state or key.
    public var stateAfter: RunState?
    /// The run's own, written with the event or not at all. A version that is there already is refused.
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
