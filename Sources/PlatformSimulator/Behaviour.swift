/// Every knob of the platform. The default is a platform on which nothing goes wrong.
public struct Behaviour: Sendable, Hashable {
    /// Delay before a key works. The first client of an organisation is spared unless `firstClientToo`.
    public var activation = Activation.none
    public var firstClientToo = false
    /// What a second create for one organisation does.
    public var create = CreateSemantics.newClient
    /// The answer to a key that is unknown, inactive, dead or revoked: the platform does not tell them apart.
    public var refusedKeyStatus = 403
    public var refusedKeyError = "Invalid API key"
    public var tokenLifetimeSeconds = 900
    /// How long an account stays `starting`.
    public var connectMilliseconds = 0
    /// Accounts stay `qr` until a person scans, which the control port plays.
    public var requiresScan = false
    /// The platform port does not listen.
    public var refuse = false
    /// The whole platform stands still: it takes requests and answers none, and works them all off when it goes on.
    public var frozen = false
    /// `POST /auth/token` answers 503.
    public var tokenUnavailable = false
    /// Scheduled outages, in addition to the two switches above.
    public var outageWindows: [OutageWindow] = []
    public var rateLimit: RateLimit?
    /// The register of clients and its calls; nil means that the platform cannot be asked what it has.
    public var registry: Registry?
    /// Name of a request header under which create replays its first answer; nil means that no key is honoured.
    public var idempotencyHeader: String?
    /// Added to the clock in the `Date` header and in tokens.
    public var dateSkewSeconds = 0

    public init() {}

    func refuses(atElapsed milliseconds: Int) -> Bool {
        refuse || outageWindows.contains { $0.refuse && $0.contains(milliseconds) }
    }

    func failsTokens(atElapsed milliseconds: Int) -> Bool {
        tokenUnavailable || outageWindows.contains { $0.tokenUnavailable && $0.contains(milliseconds) }
    }

    /// The next moment at which an outage window opens or closes, or nil.
    func nextBoundary(afterElapsed milliseconds: Int) -> Int? {
        outageWindows.flatMap { [$0.fromMilliseconds, $0.toMilliseconds] }.filter { $0 > milliseconds }.min()
    }
}

extension Behaviour: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case activation
        case firstClientToo
        case create
        case refusedKeyStatus
        case refusedKeyError
        case tokenLifetimeSeconds
        case connectMilliseconds
        case requiresScan
        case refuse
        case frozen
        case tokenUnavailable
        case outageWindows
        case rateLimit
        case registry
        case idempotencyHeader
        case dateSkewSeconds
    }

    /// Names left out keep their default; unknown names are an error.
    public init(from decoder: any Decoder) throws {
        self.init()
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func take<Value: Decodable>(_ key: CodingKeys, _ target: inout Value) throws {
            if let value = try container.decodeIfPresent(Value.self, forKey: key) { target = value }
        }
        try take(.activation, &activation)
        try take(.firstClientToo, &firstClientToo)
        try take(.create, &create)
        try take(.refusedKeyStatus, &refusedKeyStatus)
        try take(.refusedKeyError, &refusedKeyError)
        try take(.tokenLifetimeSeconds, &tokenLifetimeSeconds)
        try take(.connectMilliseconds, &connectMilliseconds)
        try take(.requiresScan, &requiresScan)
        try take(.refuse, &refuse)
        try take(.frozen, &frozen)
        try take(.tokenUnavailable, &tokenUnavailable)
        try take(.outageWindows, &outageWindows)
        try take(.dateSkewSeconds, &dateSkewSeconds)
        rateLimit = try container.decodeIfPresent(RateLimit.self, forKey: .rateLimit)
        registry = try container.decodeIfPresent(Registry.self, forKey: .registry)
        idempotencyHeader = try container.decodeIfPresent(String.self, forKey: .idempotencyHeader)
        guard (100...599).contains(refusedKeyStatus) else {
            throw container.complaint(.refusedKeyStatus, "'refusedKeyStatus' is no HTTP status")
        }
    }
}
