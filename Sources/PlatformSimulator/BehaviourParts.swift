/// What a create call does when the organisation already has a client.
public enum CreateSemantics: String, Codable, Sendable, CaseIterable {
    /// A second, independent client with its own key and session.
    case newClient = "new-client"
    /// The first client's key and session again; the key goes on working.
    case oldKey = "old-key"
    /// The first client's key and session again, and from that moment the key is refused.
    case oldKeyRevoked = "old-key-revoked"
    /// The first client's session with a new key; the key issued before stops working.
    case rotatedKey = "rotated-key"
    /// A new key for the first client's session; both keys work.
    case sameSession = "same-session"
    /// A new key and session that look right and never work: the limit is not announced.
    case silentDeadKey = "silent-dead-key"
    /// 409 with a sentence that names the limit.
    case conflict = "conflict"
}

/// A token bucket over all calls to the platform port.
public struct RateLimit: Codable, Sendable, Hashable {
    /// How a 429 says when to come back.
    public enum Hint: String, Codable, Sendable {
        case seconds
        case date
        case absent
    }

    public var requestsPerSecond: Double
    public var burst: Int
    public var retryAfter: Hint

    public init(requestsPerSecond: Double, burst: Int, retryAfter: Hint = .seconds) {
        self.requestsPerSecond = requestsPerSecond
        self.burst = burst
        self.retryAfter = retryAfter
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case requestsPerSecond
        case burst
        case retryAfter
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        requestsPerSecond = try container.decode(Double.self, forKey: .requestsPerSecond)
        burst = try container.decode(Int.self, forKey: .burst)
        retryAfter = try container.decodeIfPresent(Hint.self, forKey: .retryAfter) ?? .seconds
        guard requestsPerSecond > 0, burst >= 1 else {
            throw container.complaint(.burst, "a rate limit needs requestsPerSecond above 0 and a burst of 1 or more")
        }
    }
}

/// A stretch of time, counted from the start of the simulator, in which something is down.
public struct OutageWindow: Codable, Sendable, Hashable {
    public var fromMilliseconds: Int
    public var toMilliseconds: Int
    /// The platform port does not listen: connections are refused.
    public var refuse: Bool
    /// `POST /auth/token` answers 503.
    public var tokenUnavailable: Bool

    public init(fromMilliseconds: Int, toMilliseconds: Int, refuse: Bool, tokenUnavailable: Bool) {
        self.fromMilliseconds = fromMilliseconds
        self.toMilliseconds = toMilliseconds
        self.refuse = refuse
        self.tokenUnavailable = tokenUnavailable
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case fromMilliseconds
        case toMilliseconds
        case refuse
        case tokenUnavailable
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        fromMilliseconds = try container.decodeNonNegative(.fromMilliseconds)
        toMilliseconds = try container.decodeNonNegative(.toMilliseconds)
        refuse = try container.decodeIfPresent(Bool.self, forKey: .refuse) ?? false
        tokenUnavailable = try container.decodeIfPresent(Bool.self, forKey: .tokenUnavailable) ?? false
    }

    func contains(_ elapsedMilliseconds: Int) -> Bool {
        elapsedMilliseconds >= fromMilliseconds && elapsedMilliseconds < toMilliseconds
    }

    /// Windows drawn from a seed: lengths of working and of broken time are exponential around their means, and each
    /// window either refuses connections or fails token calls.
    public static func seeded(
        seed: UInt64, count: Int, meanUpMilliseconds: Int, meanDownMilliseconds: Int
    ) -> [OutageWindow] {
        var generator = SplitMix64(seed: seed, about: "outage")
        var time = 0
        return (0..<max(0, count)).map { _ in
            let from = time + 1 + Int(exponential(&generator) * Double(meanUpMilliseconds))
            let to = from + 1 + Int(exponential(&generator) * Double(meanDownMilliseconds))
            let refuse = generator.unit() < 0.5
            time = to
            return OutageWindow(fromMilliseconds: from, toMilliseconds: to, refuse: refuse, tokenUnavailable: !refuse)
        }
    }
}
