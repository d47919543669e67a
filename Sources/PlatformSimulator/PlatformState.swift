import Foundation

/// The platform itself: its clients, tokens and accounts, and what it answers. It is a value without sockets, clocks or
/// chance of its own. Callers give the time, and every random choice is drawn from the seed and the thing that it is
/// about.
struct PlatformState {
    struct Token {
        var client: Int
        var expiresAtMilliseconds: Int
    }

    struct Account {
        var id: String
        var client: Int
        var number: String?
        var startedAtMilliseconds: Int
        var scanned = false
        var stopped = false
    }

    let seed: UInt64
    let masterSecret: String
    let startedAtMilliseconds: Int
    var behaviour: Behaviour
    var clients: [ClientRecord] = []
    private var clientByKey: [String: Int] = [:]
    private var formerKeys: Set<String> = []
    var clientsByOrganisation: [String: [Int]] = [:]
    private var tokens: [String: Token] = [:]
    private var replays: [String: Reply] = [:]
    /// What the register's idempotency keys give again.
    var savedReplies: [String: SavedReply] = [:]
    /// How often there was an occasion for each lie, and which names somebody has asked for.
    var lieOccasions: [String: Int] = [:]
    var liesTold: [String: Int] = [:]
    var namesAskedFor: Set<String> = []
    /// How many lists were answered; the replicas take turns.
    var listReads = 0
    private var bucket = (tokens: 0.0, atMilliseconds: -1)
    var accounts: [String: Account] = [:]
    var accountOrder: [String] = []

    init(seed: UInt64, masterSecret: String, behaviour: Behaviour, startedAtMilliseconds: Int) {
        self.seed = seed
        self.masterSecret = masterSecret
        self.behaviour = behaviour
        self.startedAtMilliseconds = startedAtMilliseconds
    }

    /// The organisation a request is about, as far as the platform can tell.
    func organisation(of request: PlatformRequest) -> String? {
        if let named = request.fields?["organizationId"]?.text { return named }
        if let key = request.fields?["apiKey"]?.text { return clientByKey[key].map { clients[$0].organisation } }
        if let token = request.bearer.flatMap({ tokens[$0] }) { return clients[token.client].organisation }
        let id = request.path.split(separator: "/").dropFirst().first.map(String.init)
        if let own = request.fields?["externalId"]?.text { return own }
        let externalId = request.query["externalId"]
        return clients.first { $0.session == id || (externalId != nil && $0.externalId == externalId) }?.organisation
    }

    /// Does what a request asks, or refuses.
    mutating func perform(_ request: PlatformRequest, at now: Int) -> (reply: Reply, decision: Decision) {
        if let limited = takeFromBucket(at: now) { return limited }
        switch (request.method, request.path) {
        case ("POST", "/api/integrations/wpp/create"): return create(request, at: now)
        case ("POST", "/auth/token"): return issueToken(request, at: now)
        default: return performForRegistry(request, at: now) ?? performForAccount(request, at: now)
        }
    }

    static func refuse(_ status: Int, _ error: String, reason: String, client: Int? = nil) -> (Reply, Decision) {
        (.refusal(status, error), Decision(.refused, reason: reason, client: client))
    }

    /// The client behind a valid bearer token, by index.
    func client(behind bearer: String?, at now: Int) -> Int? {
        guard let token = bearer.flatMap({ tokens[$0] }), now < token.expiresAtMilliseconds,
            clients[token.client].revokedAtMilliseconds == nil
        else { return nil }
        return token.client
    }

    // MARK: - Creating

    private mutating func create(_ request: PlatformRequest, at now: Int) -> (Reply, Decision) {
        guard request.bearer == masterSecret else {
            return Self.refuse(401, "Invalid token", reason: "wrong master secret")
        }
        guard let organisation = request.fields?["organizationId"]?.text, !organisation.isEmpty else {
            return Self.refuse(400, "organizationId is required", reason: "malformed")
        }
        let replay = behaviour.idempotencyHeader == nil ? nil : request.idempotencyKey.map { organisation + "\n" + $0 }
        if let replay, let reply = replays[replay] { return (reply, Decision(.replayed)) }
        let answer = create(organisation, for: request.requestId, at: now)
        if let replay, answer.0.status == 200 { replays[replay] = answer.0 }
        return answer
    }

    private mutating func create(
        _ organisation: String, for requestId: String?, at now: Int
    ) -> (Reply, Decision) {
        guard let first = clientsByOrganisation[organisation]?.first else {
            return add(to: organisation, kind: .clientCreated, for: requestId, at: now)
        }
        switch behaviour.create {
        case .newClient: return add(to: organisation, kind: .clientCreated, for: requestId, at: now)
        case .oldKey: return describe(first, kind: .clientReturned)
        case .oldKeyRevoked:
            if clients[first].revokedAtMilliseconds == nil { clients[first].revokedAtMilliseconds = now }
            return describe(first, kind: .clientReturned)
        case .rotatedKey:
            let former = clients[first].apiKey
            clientByKey[former] = nil
            formerKeys.insert(former)
            clients[first].formerKeys.append(former)
            clients[first].apiKey = newKey(organisation, ordinal: 1, rotation: clients[first].formerKeys.count)
            clientByKey[clients[first].apiKey] = first
            return describe(first, kind: .keyRotated)
        case .sameSession:
            return add(
                to: organisation, kind: .clientCreated, session: clients[first].session, for: requestId, at: now)
        case .silentDeadKey: return add(to: organisation, kind: .deadClientCreated, for: requestId, at: now)
        case .conflict:
            return Self.refuse(
                409, "Only one client per organization is allowed", reason: "one client per organisation",
                client: clients[first].number)
        }
    }

    private mutating func add(
        to organisation: String, kind: Decision.Kind, session: String? = nil, for requestId: String?, at now: Int
    ) -> (Reply, Decision) {
        let index = insert(
            into: organisation, session: session, isDead: kind == .deadClientCreated, madeBy: requestId, at: now)
        let client = clients[index]
        if accounts[client.session] == nil {
            accounts[client.session] = Account(id: client.session, client: index, startedAtMilliseconds: now)
            accountOrder.append(client.session)
        }
        return describe(index, kind: kind)
    }

    /// One more client with a key of its own; answers its index.
    mutating func insert(
        into organisation: String, session: String? = nil, externalId: String? = nil, isDead: Bool,
        madeBy: String? = nil, at now: Int
    ) -> Int {
        let index = clients.count
        let ordinal = clientsByOrganisation[organisation, default: []].count + 1
        var names = SplitMix64(seed: seed, about: "session", organisation, ordinal: ordinal)
        var chance = SplitMix64(seed: seed, about: "activation", organisation, ordinal: ordinal)
        let spared = ordinal == 1 && !behaviour.firstClientToo
        let delay = spared ? 0 : behaviour.activation.delayMilliseconds(using: &chance)
        let client = ClientRecord(
            number: index + 1, organisation: organisation, ordinal: ordinal, externalId: externalId,
            session: session ?? (externalId == nil ? "session-" : "client-") + names.hexadecimal(bytes: 6),
            apiKey: newKey(organisation, ordinal: ordinal, rotation: 0), madeBy: madeBy, createdAtMilliseconds: now,
            activeAtMilliseconds: isDead ? nil : delay.map { now + $0 })
        clients.append(client)
        clientsByOrganisation[organisation, default: []].append(index)
        clientByKey[client.apiKey] = index
        return index
    }

    private func describe(_ index: Int, kind: Decision.Kind) -> (Reply, Decision) {
        let client = clients[index]
        let fields: [String: JSONField] = [
            "session": .text(client.session), "apiKey": .text(client.apiKey), "status": "starting",
        ]
        return (Reply(fields), Decision(kind, session: client.session, client: client.number))
    }

    private func newKey(_ organisation: String, ordinal: Int, rotation: Int) -> String {
        var generator = SplitMix64(seed: seed, about: "key", organisation, String(rotation), ordinal: ordinal)
        return "wpp_" + generator.hexadecimal(bytes: 20)
    }

    // MARK: - Tokens

    private mutating func issueToken(_ request: PlatformRequest, at now: Int) -> (Reply, Decision) {
        if behaviour.failsTokens(atElapsed: now - startedAtMilliseconds) {
            return Self.refuse(503, "Service unavailable", reason: "token service is down")
        }
        guard let key = request.fields?["apiKey"]?.text else {
            return Self.refuse(400, "apiKey is required", reason: "malformed")
        }
        func refuse(_ reason: String, _ client: Int?) -> (Reply, Decision) {
            Self.refuse(behaviour.refusedKeyStatus, behaviour.refusedKeyError, reason: reason, client: client)
        }
        guard let index = clientByKey[key] else {
            return refuse(formerKeys.contains(key) ? "rotated key" : "unknown key", nil)
        }
        let client = clients[index]
        if client.deletedAtMilliseconds != nil { return refuse("deleted client", client.number) }
        if client.revokedAtMilliseconds != nil { return refuse("revoked key", client.number) }
        guard let activeAt = client.activeAtMilliseconds else { return refuse("key never works", client.number) }
        guard now >= activeAt else { return refuse("key not active yet", client.number) }
        clients[index].tokensIssued += 1
        let token = makeToken(for: client, count: client.tokensIssued, at: now)
        tokens[token] = Token(client: index, expiresAtMilliseconds: now + behaviour.tokenLifetimeSeconds * 1000)
        let fields: [String: JSONField] = [
            "token": .text(token), "expiresIn": .integer(behaviour.tokenLifetimeSeconds),
        ]
        return (Reply(fields), Decision(.tokenIssued, session: client.session, client: client.number))
    }

    /// Has the three parts of a JWT; the signature is made up, since nobody here verifies it.
    private func makeToken(for client: ClientRecord, count: Int, at now: Int) -> String {
        var generator = SplitMix64(seed: seed, about: "token", client.session, String(client.number), ordinal: count)
        let issued = now / 1000 + behaviour.dateSkewSeconds
        let claims = Reply([
            "sub": .text(client.session), "organizationId": .text(client.organisation), "iat": .integer(issued),
            "exp": .integer(issued + behaviour.tokenLifetimeSeconds), "jti": .text(generator.hexadecimal(bytes: 8)),
        ])
        func part(_ bytes: [UInt8]) -> String {
            Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
        }
        let signature = Array(generator.hexadecimal(bytes: 16).utf8)
        return [part(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8)), part(claims.body), part(signature)]
            .joined(separator: ".")
    }

    // MARK: - Rate limit

    private mutating func takeFromBucket(at now: Int) -> (Reply, Decision)? {
        guard let limit = behaviour.rateLimit else { return nil }
        let full = Double(limit.burst)
        if bucket.atMilliseconds < 0 {
            bucket = (full, now)
        } else {
            let gained = Double(max(0, now - bucket.atMilliseconds)) / 1000 * limit.requestsPerSecond
            bucket = (min(full, bucket.tokens + gained), now)
        }
        if bucket.tokens >= 1 {
            bucket.tokens -= 1
            return nil
        }
        let seconds = max(1, Int(((1 - bucket.tokens) / limit.requestsPerSecond).rounded(.up)))
        var headers: [String: String] = [:]
        switch limit.retryAfter {
        case .seconds: headers["Retry-After"] = String(seconds)
        case .date:
            // A date has whole seconds: one more, or rounding down could send the client back too early.
            headers["Retry-After"] = HTTPDate.text(
                atMilliseconds: now + (seconds + 1 + behaviour.dateSkewSeconds) * 1000)
        case .absent: break
        }
        let reply = Reply(status: 429, ["error": "Too many requests"], headers: headers)
        return (reply, Decision(.refused, reason: "rate limit"))
    }
}
