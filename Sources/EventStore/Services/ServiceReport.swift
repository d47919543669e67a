/// What an answer, or its absence, says of the service: part of the commit of its outcome.
public struct ServiceReport: Sendable, Equatable {
    public enum Finding: String, Sendable {
        /// A success, or an answer that the definition names.
        case answered
        /// It asked to wait: the limit's place moves.
        case limited
        /// Any other answer that nobody named, such as a 400. A broken service may give that, too.
        case unclear
        /// No complete answer, or a 5xx that nobody named. Of one run it is that run's trouble, of several an outage.
        case failed
    }

    public var service: String
    public var finding: Finding
    public var reason: String?
    /// The service's own wish, from Retry-After.
    public var askedMilliseconds: Int64
    /// How long the breaker stays open the first time.
    public var pauseMilliseconds: Int64

    public init(
        service: String, finding: Finding, reason: String? = nil, askedMilliseconds: Int64 = 0,
        pauseMilliseconds: Int64 = 1000
    ) {
        self.service = service
        self.finding = finding
        self.reason = reason
        self.askedMilliseconds = askedMilliseconds
        self.pauseMilliseconds = pauseMilliseconds
    }
}
