public import Vault
public import WorkflowCore

/// What a worker wants to write for one run.
public struct RunCommit: Sendable {
    public var runId: Identifier
    public var token: Identifier
    public var epoch: Int64
    /// The seq and the hash that the decision was made on.
    public var baseSeq: Int64
    public var baseHash: [UInt8]
    /// Without events, the commit only moves the run to another line or to a later time.
    public var events: [NewEvent]
    /// The state after the events.
    public var state: RunState
    /// How long after the commit the run is due again, while it stays live.
    public var dueMilliseconds: Int64
    /// The worker goes on with the run at once; the lease starts anew.
    public var keepsLease: Bool
    /// Whether a kept lease counts anew from this commit; if not, its end stays as it was.
    public var renewsLease: Bool
    /// The service of the run's next call.
    public var service: String?
    /// Why the run waits though nothing was tried.
    public var waitReason: WaitReason?
    /// How long after the commit the run must be looked at, whatever it waits for; nil: no deadline.
    public var deadlineMilliseconds: Int64?
    /// What the outcome says of its service.
    public var report: ServiceReport?
    public var sealed: [SealedSecret]

    public init(
        runId: Identifier, token: Identifier, epoch: Int64, baseSeq: Int64, baseHash: [UInt8], events: [NewEvent],
        state: RunState, dueMilliseconds: Int64 = 0, keepsLease: Bool = false, renewsLease: Bool = true,
        service: String? = nil, waitReason: WaitReason? = nil, deadlineMilliseconds: Int64? = nil,
        report: ServiceReport? = nil,
        sealed: [SealedSecret] = []
    ) {
        self.runId = runId
        self.token = token
        self.epoch = epoch
        self.baseSeq = baseSeq
        self.baseHash = baseHash
        self.events = events
        self.state = state
        self.dueMilliseconds = dueMilliseconds
        self.keepsLease = keepsLease
        self.renewsLease = renewsLease
        self.service = service
        self.waitReason = waitReason
        self.deadlineMilliseconds = deadlineMilliseconds
        self.report = report
        self.sealed = sealed
    }
}

public enum CommitAnswer: Sendable, Equatable {
    /// `hash` is that of the stream's last event now.
    case accepted(at: Instant, hash: [UInt8])
    /// This very commit had landed before; its answer was lost.
    case already(at: Instant, hash: [UInt8])
    /// Our lease, but newer events: fold them, decide again, never send again.
    case behind
    /// The intent's service is shut, or the lease has no permit for it. Nothing was written.
    case noPermit
    /// Another run has the thing that this one would take for its own, or something of which a list shows nothing: decide
    /// again. Nothing was written.
    case contradicted(by: Identifier)
    /// Somebody else's lease, or another stream: this worker has no authority over the run any more.
    case fenced
}

/// A lease that a worker gives back without a look at the run, because it cannot read or reach the run.
public struct LeaseRelease: Sendable, Equatable {
    public var runId: Identifier
    public var token: Identifier
    public var dueMilliseconds: Int64
    public var waitReason: WaitReason?

    public init(runId: Identifier, token: Identifier, dueMilliseconds: Int64 = 0, waitReason: WaitReason? = nil) {
        self.runId = runId
        self.token = token
        self.dueMilliseconds = dueMilliseconds
        self.waitReason = waitReason
    }
}

/// A lease that is to end so long from now, because its request is under way.
public struct LeaseRenewal: Sendable, Equatable {
    public var runId: Identifier
    public var token: Identifier
    public var leaseMilliseconds: Int64

    public init(runId: Identifier, token: Identifier, leaseMilliseconds: Int64) {
        self.runId = runId
        self.token = token
        self.leaseMilliseconds = leaseMilliseconds
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
