public import WorkflowCore

/// A platform as this installation knows it.
public struct ServiceRecord: Sendable, Equatable {
    public var name: String
    public var baseURL: String?
    /// Words (loopback, private, public) or networks in CIDR form.
    public var allowedAddresses: [String]
    /// The installation's own limits. Definitions may set limits too; the tighter ones hold. May be empty.
    public var limits: ServiceLimits
    /// The longest wait that a Retry-After may ask for; nil: an hour.
    public var retryAfterCapMilliseconds: Int?
    public var sendsRequestId: Bool
    public var breaker: Breaker

    public init(
        name: String, baseURL: String? = nil, allowedAddresses: [String] = ["public"],
        limits: ServiceLimits = ServiceLimits(), retryAfterCapMilliseconds: Int? = nil, sendsRequestId: Bool = true,
        breaker: Breaker = Breaker()
    ) {
        self.name = name
        self.baseURL = baseURL
        self.allowedAddresses = allowedAddresses
        self.limits = limits
        self.retryAfterCapMilliseconds = retryAfterCapMilliseconds
        self.sendsRequestId = sendsRequestId
        self.breaker = breaker
    }
}

extension ServiceRecord {
    /// The cap where the operator sets none.
    public static let standardRetryAfterCapMilliseconds = 3_600_000
}

/// Whether a service is called at all. All workers share it.
public struct Breaker: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        case closed
        /// Nobody calls before then.
        case open(until: Instant)
        /// It failed, and its pause is over: one request, the trial's, finds out whether it is back.
        case halfOpen
    }

    /// A request without a complete answer, or with a 5xx that nobody named.
    public struct Failure: Sendable, Equatable {
        public let runId: Identifier
        public let organisation: String
        public let at: Instant
        public let reason: String

        public init(runId: Identifier, organisation: String, at: Instant, reason: String) {
            self.runId = runId
            self.organisation = organisation
            self.at = at
            self.reason = reason
        }
    }

    /// The end of the pause. It stays set when that time is over, until an answer or a person lifts the pause.
    public var pausedUntil: Instant?
    public var pauseReason: String?
    /// A worker, or the person who paused it.
    public var pausedBy: String?
    public var consecutiveFailures: Int
    /// The failures of the last minute while it is closed, those that opened it while it is not. The oldest comes first.
    public var failures: [Failure]
    public var trialOwner: String?
    public var trialExpires: Instant?

    public init(
        pausedUntil: Instant? = nil, pauseReason: String? = nil, pausedBy: String? = nil,
        consecutiveFailures: Int = 0, failures: [Failure] = [], trialOwner: String? = nil, trialExpires: Instant? = nil
    ) {
        self.pausedUntil = pausedUntil
        self.pauseReason = pauseReason
        self.pausedBy = pausedBy
        self.consecutiveFailures = consecutiveFailures
        self.failures = failures
        self.trialOwner = trialOwner
        self.trialExpires = trialExpires
    }

    /// The newest failure of each run, in the order of their first ones.
    public var failuresByRun: [Failure] {
        var newest: [Failure] = []
        for failure in failures {
            if let place = newest.firstIndex(where: { $0.runId == failure.runId }) {
                newest[place] = failure
            } else {
                newest.append(failure)
            }
        }
        return newest
    }

    public func state(at time: Instant) -> State {
        if let ends = pausedUntil, ends > time { return .open(until: ends) }
        return consecutiveFailures > 0 ? .halfOpen : .closed
    }

    /// Until when only the trial may send; nil: anyone may send now.
    public func shutUntil(_ time: Instant) -> Instant? {
        [pausedUntil, trialExpires].compactMap { $0 }.filter { $0 > time }.max()
    }

    /// The end of a pause that lasts until a person lifts it.
    public static let endless = Instant(microseconds: 253_402_214_400_000_000)
}
