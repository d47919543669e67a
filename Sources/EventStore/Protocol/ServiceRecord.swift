public import WorkflowCore

/// A platform as this installation knows it.
public struct ServiceRecord: Sendable, Equatable {
    public var name: String
    public var baseURL: String?
    /// Words (loopback, private, public) or networks in CIDR form.
    public var allowedAddresses: [String]
    /// For each worker.
    public var concurrentRequests: Int?
    public var sendsRequestId: Bool
    public var breaker: Breaker

    public init(
        name: String, baseURL: String? = nil, allowedAddresses: [String] = ["public"], concurrentRequests: Int? = nil,
        sendsRequestId: Bool = true, breaker: Breaker = Breaker()
    ) {
        self.name = name
        self.baseURL = baseURL
        self.allowedAddresses = allowedAddresses
        self.concurrentRequests = concurrentRequests
        self.sendsRequestId = sendsRequestId
        self.breaker = breaker
    }
}

/// Whether a service is called at all. All workers share it.
public struct Breaker: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        case closed
        /// Nobody calls before then.
        case open(until: Instant)
        /// It failed, and its pause is over: one request, the canary's, finds out whether it is back.
        case halfOpen
    }

    /// Also when that is over: until an answer or a person lifts the pause.
    public var pausedUntil: Instant?
    public var pauseReason: String?
    /// A worker, or the person who paused it.
    public var pausedBy: String?
    public var consecutiveFailures: Int
    /// Requests that went out one after the other and got no answer, while it was closed.
    public var unanswered: Int
    public var canaryOwner: String?
    public var canaryExpires: Instant?

    public init(
        pausedUntil: Instant? = nil, pauseReason: String? = nil, pausedBy: String? = nil,
        consecutiveFailures: Int = 0, unanswered: Int = 0, canaryOwner: String? = nil, canaryExpires: Instant? = nil
    ) {
        self.pausedUntil = pausedUntil
        self.pauseReason = pauseReason
        self.pausedBy = pausedBy
        self.consecutiveFailures = consecutiveFailures
        self.unanswered = unanswered
        self.canaryOwner = canaryOwner
        self.canaryExpires = canaryExpires
    }

    public func state(at time: Instant) -> State {
        if let ends = pausedUntil, ends > time { return .open(until: ends) }
        return consecutiveFailures > 0 ? .halfOpen : .closed
    }

    /// Until when nobody but the canary may send; nil: now.
    public func shutUntil(_ time: Instant) -> Instant? {
        [pausedUntil, canaryExpires].compactMap { $0 }.filter { $0 > time }.max()
    }

    /// The end of a pause that lasts until a person lifts it.
    public static let endless = Instant(microseconds: 253_402_214_400_000_000)
}

/// What a request's fate says of its service.
public struct ServiceFailure: Sendable, Equatable {
    public var service: String
    public var reason: String
    /// The service's own wish, from Retry-After.
    public var askedMilliseconds: Int64
    /// The length of the first pause.
    public var firstMilliseconds: Int64
    /// How many such failures in a row, of all workers, open the breaker.
    public var needed: Int
    /// The canary's number, when its request was it.
    public var canary: Int64?

    public init(
        service: String, reason: String, askedMilliseconds: Int64 = 0, firstMilliseconds: Int64 = 1000,
        needed: Int = 1, canary: Int64? = nil
    ) {
        self.service = service
        self.reason = reason
        self.askedMilliseconds = askedMilliseconds
        self.firstMilliseconds = firstMilliseconds
        self.needed = needed
        self.canary = canary
    }
}

/// The breaker after a failure.
public struct ServiceFailureAnswer: Sendable, Equatable {
    public let pausedUntil: Instant?
    /// What is left of the pause; 0 when there is none.
    public let leftMilliseconds: Int64
    public let consecutiveFailures: Int
    public let unanswered: Int

    public init(pausedUntil: Instant?, leftMilliseconds: Int64, consecutiveFailures: Int, unanswered: Int) {
        self.pausedUntil = pausedUntil
        self.leftMilliseconds = leftMilliseconds
        self.consecutiveFailures = consecutiveFailures
        self.unanswered = unanswered
    }
}
