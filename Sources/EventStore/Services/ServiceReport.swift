/// What an answer, or its absence, says of the service: part of the commit of its outcome.
public struct ServiceReport: Sendable, Equatable {
    public enum Finding: String, Sendable {
        case answered
        /// It works, and asked to wait: only the limit's place moves.
        case limited
        /// The request went out, and nothing sensible came back. One may be bad luck, a series is an outage.
        case silent
        /// It could not be reached.
        case down
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
