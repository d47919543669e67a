/// A named platform: a behaviour and, for some, fault rules.
public enum Preset: String, Codable, Sendable, CaseIterable {
    /// Everything is active at once.
    case healthy
    /// The first client of an organisation is active at once, every later one after seven seconds.
    case slowActivation = "slow-activation"
    /// A second create returns the first client's key and session.
    case oldKey = "old-key"
    /// One client per organisation: a second create returns a key that never works.
    case oneClient = "one-client"
    /// Connections are refused from second 2 to 6; token calls answer 503 from second 8 to 12.
    case outage
    /// Two calls a second, with a burst of two; the rest get 429 with Retry-After.
    case rateLimited = "rate-limited"
    /// Keeps a register of its clients: it lists them (half a second late), deletes them, and honours idempotency keys.
    case registry
    /// A seeded mix: long-tailed activation, 503, lost answers, late answers and cut connections; and a register that lies.
    case chaos

    public var behaviour: Behaviour {
        var behaviour = Behaviour()
        switch self {
        case .healthy: break
        case .slowActivation: behaviour.activation = .fixed(milliseconds: 7000)
        case .oldKey: behaviour.create = .oldKey
        case .oneClient: behaviour.create = .silentDeadKey
        case .outage:
            behaviour.outageWindows = [
                OutageWindow(fromMilliseconds: 2000, toMilliseconds: 6000, refuse: true, tokenUnavailable: false),
                OutageWindow(fromMilliseconds: 8000, toMilliseconds: 12_000, refuse: false, tokenUnavailable: true),
            ]
        case .registry:
            behaviour.registry = Registry()
            behaviour.registry?.listLagMilliseconds = 500
            behaviour.idempotencyHeader = "Idempotency-Key"
        case .rateLimited: behaviour.rateLimit = RateLimit(requestsPerSecond: 2, burst: 2)
        case .chaos:
            behaviour.activation = .lognormal(medianMilliseconds: 2000, sigma: 1)
            behaviour.firstClientToo = true
            behaviour.registry = Self.lyingRegistry
            behaviour.idempotencyHeader = "Idempotency-Key"
        }
        return behaviour
    }

    /// Everything that a register may make its clients believe, now and then.
    private static var lyingRegistry: Registry {
        var registry = Registry()
        registry.listReplicaLagMilliseconds = [0, 3000]
        registry.pageSize = 20
        registry.inProgressMilliseconds = 2000
        registry.provisioningMilliseconds = 1000
        registry.lies.staleLists = 0.1
        registry.lies.unfilteredLists = 0.05
        registry.lies.fuzzyLists = 0.05
        registry.lies.namesakes = 0.1
        registry.lies.othersAnswers = 0.02
        registry.lies.keptDeletes = 0.1
        return registry
    }

    public var faults: [FaultRule] {
        guard self == .chaos else { return [] }
        let token = RequestMatch(path: "/auth/token")
        let create = RequestMatch(path: "/api/integrations/wpp/create")
        let register = RequestMatch(method: "POST", path: "/clients")
        let list = RequestMatch(method: "GET", path: "/clients")
        let client = RequestMatch(method: "GET", path: "/clients/*")
        return [
            FaultRule(name: "token-503", match: token, trigger: .probability(0.1), effect: .status(503)),
            FaultRule(name: "token-lost", match: token, trigger: .probability(0.05), effect: .close(.after)),
            FaultRule(name: "token-late", match: token, trigger: .probability(0.1), effect: .delay(milliseconds: 300)),
            FaultRule(
                name: "create-late", match: create, trigger: .probability(0.1), effect: .delay(milliseconds: 300)),
            FaultRule(name: "create-lost", match: create, trigger: .probability(0.02), effect: .close(.after)),
            FaultRule(
                name: "create-500", match: create, trigger: .probability(0.02), effect: .status(500, moment: .after)),
            FaultRule(name: "register-lost", match: register, trigger: .probability(0.05), effect: .close(.after)),
            FaultRule(
                name: "register-late", match: register, trigger: .probability(0.03),
                effect: .lateEffect(milliseconds: 10_000)),
            FaultRule(
                name: "register-frozen", match: register, trigger: .probability(0.01),
                effect: .freeze(milliseconds: 10_000)),
            FaultRule(name: "list-503", match: list, trigger: .probability(0.05), effect: .status(503)),
            // For a few organisations alone, and for these always.
            FaultRule(name: "read-cut", match: client, trigger: .organisations(0.05), effect: .close(.after)),
        ]
    }

    /// One sentence for a list of presets.
    public var summary: String {
        switch self {
        case .healthy: "every key works at once"
        case .slowActivation: "the first key of an organisation works at once, later ones after seven seconds"
        case .oldKey: "a second create returns the first client's key and session"
        case .oneClient: "one client per organisation; a second key never works"
        case .outage: "refuses connections from second 2 to 6, fails token calls from second 8 to 12"
        case .rateLimited: "two calls a second; the rest get 429 with Retry-After"
        case .registry: "lists, looks up and deletes its clients, and honours Idempotency-Key for a day"
        case .chaos: "a seeded mix of delays, 503, lost answers and cut connections, with a register that lies"
        }
    }
}
