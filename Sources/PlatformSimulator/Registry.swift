/// Knobs of a platform that keeps a register of its clients: it can be asked what it has, it deletes, and it may honour
/// idempotency keys (`Behaviour.idempotencyHeader`).
public struct Registry: Sendable, Hashable {
    /// What a create does when a client with that external id is already there.
    public enum Existing: String, Codable, Sendable, CaseIterable {
        /// One more client: the platform does not care.
        case newClient = "new-client"
        /// 409 "already exists".
        case conflict
        /// 201 with the client that is there, whoever made it.
        case returned
        /// 201 with the organisation's first client, whatever was asked for.
        case first
    }

    /// What a list makes of the external id that it is asked for.
    public enum ListFilter: String, Codable, Sendable, CaseIterable {
        case exact
        /// All clients are listed, whatever was asked for.
        case ignored
        /// Also those whose id only contains it.
        case fuzzy
    }

    public var existing = Existing.newClient
    public var listFilter = ListFilter.exact
    /// How many clients a page of the list holds; further pages follow by `Link`. Nil: all.
    public var pageSize: Int?
    /// A delete answers 204, and the client stays.
    public var keepsDeleted = false
    /// A delete takes a living token of the client itself, not the master secret.
    public var deletesWithToken = false
    /// For so long after its creation a client is still being set up: a delete answers 409.
    public var provisioningMilliseconds = 0
    /// For so long after a delete the name stays taken: a create answers 409, and the list shows nothing.
    public var nameKeptMilliseconds = 0
    /// How long after its creation a client appears in the list.
    public var listLagMilliseconds = 0
    /// One entry for each replica that answers lists: how much later than that it knows a client. They take turns.
    public var listReplicaLagMilliseconds = [0]
    /// For so long after a create the same idempotency key answers 409 "in progress".
    public var inProgressMilliseconds = 0
    /// How long an idempotency key is honoured; the same key after that makes a new client.
    public var keyHonouredMilliseconds = 86_400_000
    /// One entry for each replica that answers status calls: how long after its creation that replica knows a client.
    /// The replicas take turns, so with `[0, 2000, 0]` a young client's status is 200, 403, 200, 200, 403 and so on.
    public var replicaLagMilliseconds = [0]
    /// Lies that are told now and then.
    public var lies = RegisterLies()

    public init() {}
}

extension Registry: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case existing
        case listFilter
        case pageSize
        case keepsDeleted
        case deletesWithToken
        case provisioningMilliseconds
        case nameKeptMilliseconds
        case listLagMilliseconds
        case listReplicaLagMilliseconds
        case inProgressMilliseconds
        case keyHonouredMilliseconds
        case replicaLagMilliseconds
        case lies
    }

    /// Names left out keep their default; unknown names are an error.
    public init(from decoder: any Decoder) throws {
        self.init()
        try decoder.refuseKeys(beyond: CodingKeys.self)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let value = try container.decodeIfPresent(Existing.self, forKey: .existing) { existing = value }
        if let value = try container.decodeIfPresent(ListFilter.self, forKey: .listFilter) { listFilter = value }
        if let value = try container.decodeIfPresent(Int.self, forKey: .pageSize) {
            guard value > 0 else { throw container.complaint(.pageSize, "'pageSize' needs one client or more") }
            pageSize = value
        }
        if let value = try container.decodeIfPresent(Bool.self, forKey: .keepsDeleted) { keepsDeleted = value }
        if let value = try container.decodeIfPresent(Bool.self, forKey: .deletesWithToken) { deletesWithToken = value }
        func take(_ key: CodingKeys, _ target: inout Int) throws {
            if container.contains(key) { target = try container.decodeNonNegative(key) }
        }
        try take(.provisioningMilliseconds, &provisioningMilliseconds)
        try take(.nameKeptMilliseconds, &nameKeptMilliseconds)
        try take(.listLagMilliseconds, &listLagMilliseconds)
        try take(.inProgressMilliseconds, &inProgressMilliseconds)
        try take(.keyHonouredMilliseconds, &keyHonouredMilliseconds)
        func take(_ key: CodingKeys, _ target: inout [Int]) throws {
            guard let lags = try container.decodeIfPresent([Int].self, forKey: key) else { return }
            guard !lags.isEmpty, lags.allSatisfy({ $0 >= 0 }) else {
                throw container.complaint(
                    key, "'\(key.stringValue)' needs one replica or more, and no negative lag")
            }
            target = lags
        }
        try take(.listReplicaLagMilliseconds, &listReplicaLagMilliseconds)
        try take(.replicaLagMilliseconds, &replicaLagMilliseconds)
        if let value = try container.decodeIfPresent(RegisterLies.self, forKey: .lies) { lies = value }
    }
}
