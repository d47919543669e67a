/// An answer that an idempotency key gives again.
struct SavedReply {
    let bodyHash: String
    let savedAtMilliseconds: Int
    let client: Int?
    var reply: Reply
}

/// The register: clients with an id of ours, which can be listed, looked at and deleted. All calls carry the master
/// secret; a client's status can also be read with its own token.
extension PlatformState {
    /// Nil when the call is none of the register's.
    mutating func performForRegistry(
        _ request: PlatformRequest, at now: Int
    ) -> (reply: Reply, decision: Decision)? {
        guard let registry = behaviour.registry else { return nil }
        let segments = request.path.split(separator: "/").map(String.init)
        guard segments.first == "clients", segments.count <= 3 else { return nil }
        let isStatus = request.method == "GET" && segments.count == 3 && segments[2] == "status"
        let wantsToken = registry.deletesWithToken && request.method == "DELETE" && segments.count == 2
        let isOwn = (isStatus || wantsToken) && owns(request, segments[1], at: now)
        guard isOwn || (request.bearer == masterSecret && !wantsToken) else {
            return Self.refuse(401, "Invalid token", reason: wantsToken ? "no living token" : "wrong master secret")
        }
        switch (request.method, segments.count) {
        case ("POST", 1): return register(request, registry, at: now)
        case ("GET", 1): return list(request, registry, at: now)
        case ("GET", 2): return read(segments[1])
        case ("DELETE", 2): return delete(segments[1], registry, at: now)
        case ("GET", 3) where isStatus: return status(of: segments[1], registry, at: now)
        default: return nil
        }
    }

    private func owns(_ request: PlatformRequest, _ id: String, at now: Int) -> Bool {
        client(behind: request.bearer, at: now).map { clients[$0].session == id } ?? false
    }

    // MARK: - Creating

    private mutating func register(
        _ request: PlatformRequest, _ registry: Registry, at now: Int
    ) -> (Reply, Decision) {
        guard let externalId = request.fields?["externalId"]?.text, !externalId.isEmpty else {
            return Self.refuse(400, "externalId is required", reason: "malformed")
        }
        plantNamesake(externalId, registry.lies, at: now)
        if let saved = savedReply(for: request, registry, at: now) {
            guard now >= saved.savedAtMilliseconds + registry.inProgressMilliseconds else {
                return Self.refuse(
                    409, "Request is still in progress", reason: "still in progress", client: saved.client)
            }
            guard saved.bodyHash == FowlerNollVo.hexadecimal(of: request.body) else {
                return Self.refuse(
                    422, "Idempotency key was used with another body", reason: "idempotency key with another body",
                    client: saved.client)
            }
            return (saved.reply, Decision(.replayed, client: saved.client))
        }
        let holder = clients.firstIndex { $0.externalId == externalId && $0.deletedAtMilliseconds == nil }
        if registry.existing == .conflict, let holder {
            return Self.refuse(
                409, "Client already exists", reason: "external id exists", client: clients[holder].number)
        }
        if let kept = clients.last(where: { $0.externalId == externalId })?.deletedAtMilliseconds,
            now < kept + registry.nameKeptMilliseconds
        {
            return Self.refuse(409, "Client already exists", reason: "the name of a deleted client is kept")
        }
        let organisation = request.fields?["organizationId"]?.text ?? externalId
        if let there = others(externalId, of: organisation, holder, registry) {
            return (describeNew(there), Decision(.clientReturned, session: there.session, client: there.number))
        }
        let index = insert(
            into: organisation, externalId: externalId, isDead: false, madeBy: request.requestId, at: now)
        let client = clients[index]
        let reply = describeNew(client)
        if let key = request.idempotencyKey {
            savedReplies[key] = SavedReply(
                bodyHash: FowlerNollVo.hexadecimal(of: request.body), savedAtMilliseconds: now, client: client.number,
                reply: reply)
        }
        return (reply, Decision(.clientCreated, session: client.session, client: client.number))
    }

    /// The client that a create answers with in place of a new one.
    private mutating func others(
        _ externalId: String, of organisation: String, _ holder: Int?, _ registry: Registry
    ) -> ClientRecord? {
        if registry.existing == .first,
            let first = clientsByOrganisation[organisation]?.first(where: { clients[$0].deletedAtMilliseconds == nil })
        {
            return clients[first]
        }
        if registry.existing == .returned, let holder { return clients[holder] }
        guard lies(registry.lies.othersAnswers, "another's client", about: externalId) else { return nil }
        return clients.last { $0.externalId != nil && $0.deletedAtMilliseconds == nil }
    }

    /// What a create answers: the only place that shows the API key.
    private func describeNew(_ client: ClientRecord) -> Reply {
        Reply(
            status: 201,
            [
                "id": .text(client.session), "externalId": .text(client.externalId ?? ""),
                "apiKey": .text(client.apiKey),
            ])
    }

    private func savedReply(for request: PlatformRequest, _ registry: Registry, at now: Int) -> SavedReply? {
        guard let saved = request.idempotencyKey.flatMap({ savedReplies[$0] }),
            now < saved.savedAtMilliseconds + registry.keyHonouredMilliseconds
        else { return nil }
        return saved
    }

    /// A 500 after the work is the platform's own answer, so the idempotency key gives the 500 again. 502 to 504 come
    /// from a gateway in front of the platform, and the gateway saves nothing.
    mutating func save(_ substitute: Reply, for request: PlatformRequest, after decision: Decision) {
        guard substitute.status == 500, decision.kind == .clientCreated, let key = request.idempotencyKey else {
            return
        }
        savedReplies[key]?.reply = substitute
    }

    // MARK: - Looking

    private mutating func list(_ request: PlatformRequest, _ registry: Registry, at now: Int) -> (Reply, Decision) {
        let asked = request.query["externalId"]
        if let asked { plantNamesake(asked, registry.lies, at: now) }
        let (filter, lag) = answering(asked ?? "", registry)
        let found = clients.filter { client in
            guard let id = client.externalId, client.deletedAtMilliseconds == nil,
                now >= client.createdAtMilliseconds + lag
            else { return false }
            guard let asked else { return true }
            return switch filter {
            case .exact: id == asked
            case .fuzzy: id.contains(asked)
            case .ignored: true
            }
        }
        let decision = Decision(
            .clientsListed, reason: "\(found.count) found", client: found.count == 1 ? found[0].number : nil)
        guard let size = registry.pageSize else {
            return (Reply(list: found.map { .object(describe($0)) }), decision)
        }
        let page = max(1, request.query["page"].flatMap { Int($0) } ?? 1)
        let rest = found.dropFirst((page - 1) * size)
        var reply = Reply(list: rest.prefix(size).map { .object(describe($0)) })
        if rest.count > size {
            let filter = asked.map { "externalId=\($0)&" } ?? ""
            reply.headers["Link"] = "</clients?\(filter)page=\(page + 1)>; rel=\"next\""
        }
        return (reply, decision)
    }

    /// How the replica whose turn it is answers a list: what it makes of the filter, and how far it is behind.
    private mutating func answering(_ asked: String, _ registry: Registry) -> (Registry.ListFilter, Int) {
        let replica = listReads % registry.listReplicaLagMilliseconds.count
        listReads += 1
        var filter = registry.listFilter
        if lies(registry.lies.fuzzyLists, "fuzzy list", about: asked) { filter = .fuzzy }
        if lies(registry.lies.unfilteredLists, "unfiltered list", about: asked) { filter = .ignored }
        var lag = registry.listLagMilliseconds + registry.listReplicaLagMilliseconds[replica]
        if lies(registry.lies.staleLists, "stale list", about: asked) {
            lag = max(lag, registry.lies.staleMilliseconds)
        }
        return (filter, lag)
    }

    private func read(_ id: String) -> (Reply, Decision) {
        guard let index = index(of: id) else { return unknownClient() }
        return (Reply(describe(clients[index])), Decision(.clientRead, session: id, client: clients[index].number))
    }

    private mutating func status(of id: String, _ registry: Registry, at now: Int) -> (Reply, Decision) {
        guard let index = index(of: id) else { return unknownClient() }
        let client = clients[index]
        let replica = client.statusReads % registry.replicaLagMilliseconds.count
        clients[index].statusReads += 1
        guard now >= client.createdAtMilliseconds + registry.replicaLagMilliseconds[replica] else {
            return Self.refuse(
                behaviour.refusedKeyStatus, behaviour.refusedKeyError,
                reason: "replica \(replica + 1) does not know it yet", client: client.number)
        }
        return (
            Reply(["id": .text(id), "status": "active"]), Decision(.clientRead, session: id, client: client.number)
        )
    }

    private mutating func delete(_ id: String, _ registry: Registry, at now: Int) -> (Reply, Decision) {
        guard let index = index(of: id) else { return unknownClient() }
        if now < clients[index].createdAtMilliseconds + registry.provisioningMilliseconds {
            return Self.refuse(
                409, "Client is still provisioning", reason: "still provisioning", client: clients[index].number)
        }
        if registry.keepsDeleted || lies(registry.lies.keptDeletes, "kept delete", about: id) {
            return (
                Reply(status: 204, text: ""),
                Decision(.refused, reason: "kept all the same", session: id, client: clients[index].number)
            )
        }
        clients[index].deletedAtMilliseconds = now
        clients[index].revokedAtMilliseconds = clients[index].revokedAtMilliseconds ?? now
        return (
            Reply(status: 204, text: ""), Decision(.clientDeleted, session: id, client: clients[index].number)
        )
    }

    private func index(of id: String) -> Int? {
        clients.firstIndex { $0.session == id && $0.externalId != nil && $0.deletedAtMilliseconds == nil }
    }

    private func unknownClient() -> (Reply, Decision) {
        Self.refuse(404, "Client not found", reason: "unknown client")
    }

    /// Describes a client without its API key, which only the create shows, once.
    private func describe(_ client: ClientRecord) -> [String: JSONField] {
        ["id": .text(client.session), "externalId": .text(client.externalId ?? ""), "status": "active"]
    }
}
