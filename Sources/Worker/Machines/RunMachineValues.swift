public import WorkflowCore

extension RunMachine {
    public typealias Decider = @Sendable (RunState, Definition, Trigger, DecisionContext) -> Decision

    /// What came of the last action.
    public enum Input: Sendable {
        /// The first of all.
        case claimed
        /// `request`: what a keyed call would send.
        case admitted(attemptId: Identifier, request: FrozenRequest? = nil)
        /// A keyed call cannot be put together as it was first sent, and what differs.
        case changed([String])
        /// The probe cannot be sent, and why.
        case unsendable(String)
        /// The call cannot be sent now, and why.
        case mustWait(milliseconds: Int64, WaitReason?)
        /// The commit landed, now or before.
        case accepted(at: Instant)
        /// The stream holds events that this worker does not know.
        case behind
        /// The intent's service is shut, or there is no permit for it; nothing was written.
        case noPermit
        /// Another run has what the outcome names, or would leave out; nothing was written.
        case contradicted(by: Identifier)
        /// The lease is somebody else's.
        case fenced
        /// The store cannot keep these values.
        case refused
        case answered(AttemptResult)
        case tail([RecordedEvent])
        case lateRead
        case kept
        case pauseOver
        case failed(Trouble)
    }

    public enum Action: Sendable {
        /// Look up address, credentials and secrets: `admitted`, `changed`, `mustWait` or `failed`.
        case admit(PlannedCall)
        /// `accepted`, `behind`, `noPermit`, `contradicted`, `fenced`, `refused` or `failed`.
        case commit(CommitPlan)
        /// Ask `clearance`, send once, do meanwhile what `renewal` says, judge: `answered`.
        case send(PlannedCall, Identifier, timeoutMilliseconds: Int64)
        /// Read the stream's newer events: `tail` or `failed`.
        case readTail(after: Int64)
        /// Fetch the sealed values of an answer that came late: `lateRead` or `failed`.
        case readLate(LateAnswer)
        /// Append it as `attempt.late`: `kept`, `refused` or `failed`.
        case keepEvidence(LateOutcome)
        case pause(milliseconds: Int64)
        case stop(Ending)
    }

    /// Why an action did not work.
    public enum Trouble: Sendable, Equatable {
        /// The database is away or holds back what is needed. `mayPass`: the worker still waits for it.
        case outage(mayPass: Bool)
        /// The database is of another version.
        case otherVersion(mayPass: Bool)
        case broken(String)

        public var mayPass: Bool {
            switch self {
            case .outage(let mayPass), .otherVersion(let mayPass): mayPass
            case .broken: false
            }
        }
    }

    public enum Ending: Sendable, Equatable {
        /// The lease has gone back with the last commit, or is somebody else's.
        case done
        /// The lease is to be given back. `lost`: the answer to this attempt could not be kept.
        case giveBack(Trouble, lost: OpenAttempt?)

        func losing(_ attempt: OpenAttempt) -> Ending {
            switch self {
            case .done: .giveBack(.broken("the answer could not be kept"), lost: attempt)
            case .giveBack(let trouble, _): .giveBack(trouble, lost: attempt)
            }
        }
    }

    public enum Clearance: Sendable {
        /// The request may leave within this time from now; nil: as long as its deadline allows.
        case go(latestDepartureMilliseconds: Int64?)
        case no(AttemptResult)
    }
}

/// One commit, without what only the store knows: the lease's token, the stream's hash, sealed values.
public struct CommitPlan: Sendable {
    public struct Intent: Sendable {
        public let planned: PlannedCall
        public let attemptId: Identifier
        /// The decision that is written when there is no permit.
        let decision: Decision
    }

    public internal(set) var baseSeq: Int64
    public internal(set) var events: [NewEvent]
    public internal(set) var state: RunState
    public internal(set) var deadlineMilliseconds: Int64?
    public internal(set) var dueMilliseconds: Int64 = 0
    /// The service in whose line the run stands next, or the service that the intent calls.
    public internal(set) var service: String?
    public internal(set) var waitReason: WaitReason?
    public internal(set) var renewsLease = false
    /// The outcome in hand, with its sealed values and what it says of its service, goes with it.
    public internal(set) var carriesOutcome = false
    /// With an intent the worker keeps the lease.
    public internal(set) var intent: Intent?

    init(baseSeq: Int64, events: [NewEvent], state: RunState, deadlineMilliseconds: Int64?) {
        self.baseSeq = baseSeq
        self.events = events
        self.state = state
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// What an attempt came to, while no commit has it.
public struct LateOutcome: Sendable, Equatable {
    public let attempt: OpenAttempt
    public let value: AttemptResult
    /// False: evidence and saved values are left out.
    public let isWhole: Bool

    init(attempt: OpenAttempt, value: AttemptResult, isWhole: Bool = true) {
        self.attempt = attempt
        self.value = value
        self.isWhole = isWhole
    }

    var withoutValues: LateOutcome { LateOutcome(attempt: attempt, value: value, isWhole: false) }
}

/// The lease in the worker's own monotonic time, in microseconds.
public struct LeaseTimes: Sendable {
    public let milliseconds: Int64
    /// What must be left of a lease beyond a request's own deadline, for the commit that follows.
    public let marginMilliseconds: Int64
    /// When the lease began: just before the statement was sent that gave or renewed it.
    public package(set) var startedAt: Int64
    private let claimedAt: Instant
    private let claimSeenAt: Int64

    /// `claimedAt`: the database's time in the claim; `claimSeenAt`: when its answer was read.
    public init(milliseconds: Int64, startedAt: Int64, claimedAt: Instant, claimSeenAt: Int64) {
        self.milliseconds = milliseconds
        marginMilliseconds = min(2000, milliseconds / 10)
        self.startedAt = startedAt
        self.claimedAt = claimedAt
        self.claimSeenAt = claimSeenAt
    }

    public func leftMilliseconds(at clock: Int64) -> Int64 { milliseconds - (clock - startedAt) / 1000 }

    /// The database's time, carried on by the monotonic clock.
    public func now(at clock: Int64) -> Instant { claimedAt.advanced(byMicroseconds: clock - claimSeenAt) }
}

extension AttemptResult {
    /// Nothing left this process, and the attempt is not counted.
    public static func unsent(_ error: String, _ detail: String) -> AttemptResult {
        AttemptResult(
            outcome: .notDone, error: error, isCounted: false,
            evidence: ["request_head_sent": false, "detail": .string(detail)])
    }

    /// The same attempt closed as unknown, without the answer's values, so that its commit cannot be refused too.
    var withoutValues: AttemptResult {
        AttemptResult(
            outcome: .unknown, error: "bad_answer", status: status, sealed: sealed,
            evidence: ["detail": "the answer holds values that the database refuses to store"])
    }
}
