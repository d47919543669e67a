extension PlatformState {
    /// The calls that need a token: sessions under one key.
    mutating func performForAccount(_ request: PlatformRequest, at now: Int) -> (reply: Reply, decision: Decision) {
        let segments = request.path.split(separator: "/").map(String.init)
        let known =
            switch (request.method, segments.count) {
            case ("GET", 2), ("POST", 3): segments.starts(with: ["api", "accounts"])
            case ("GET", 4): segments.starts(with: ["api", "accounts"])
            case ("POST", 4): segments.starts(with: ["internal", "session"]) && segments[3] == "stop"
            default: false
            }
        guard known else { return Self.refuse(404, "Not found", reason: "no such call") }
        guard let client = client(behind: request.bearer, at: now) else {
            return Self.refuse(401, "Invalid token", reason: "stale or wrong token")
        }
        switch (request.method, segments.count) {
        case ("GET", 2): return list(client, at: now)
        case ("POST", 3) where segments[2] == "start": return start(request, client: client, at: now)
        case ("GET", 4), ("POST", 4):
            guard let account = accounts[segments[2]], account.client == client else {
                return Self.refuse(404, "Account not found", reason: "unknown account")
            }
            return perform(segments[3], on: account, at: now)
        default: return Self.refuse(404, "Not found", reason: "no such call")
        }
    }

    private func list(_ client: Int, at now: Int) -> (Reply, Decision) {
        let mine = accountOrder.compactMap { accounts[$0] }.filter { $0.client == client }
        let fields = mine.map { JSONField.object(describe($0, at: now)) }
        return (Reply(["accounts": .list(fields)]), Decision(.accountRead, client: clients[client].number))
    }

    private mutating func start(_ request: PlatformRequest, client: Int, at now: Int) -> (Reply, Decision) {
        guard let number = request.fields?["number"]?.text, !number.isEmpty else {
            return Self.refuse(400, "number is required", reason: "malformed")
        }
        let clientNumber = clients[client].number
        var generator = SplitMix64(
            seed: seed, about: "account", clients[client].organisation, number, ordinal: clientNumber)
        let id = "account-" + generator.hexadecimal(bytes: 6)
        let exists = accounts[id] != nil
        if !exists { accountOrder.append(id) }
        if accounts[id]?.stopped ?? true {
            accounts[id] = Account(id: id, client: client, number: number, startedAtMilliseconds: now)
        }
        let fields: [String: JSONField] = ["id": .text(id), "number": .text(number), "status": "starting"]
        let kind: Decision.Kind = exists ? .accountReturned : .accountStarted
        return (Reply(fields), Decision(kind, session: id, client: clientNumber))
    }

    private mutating func perform(_ verb: String, on account: Account, at now: Int) -> (Reply, Decision) {
        let client = clients[account.client].number
        switch verb {
        case "status":
            return (Reply(describe(account, at: now)), Decision(.accountRead, session: account.id, client: client))
        case "qr":
            let code = "qr-" + FowlerNollVo.hexadecimal(of: Array("\(seed) \(account.id)".utf8))
            return (Reply(["qr": .text(code)]), Decision(.accountRead, session: account.id, client: client))
        case "stop":
            accounts[account.id]?.stopped = true
            return (
                Reply(["id": .text(account.id), "status": "offline"]),
                Decision(.accountStopped, session: account.id, client: client)
            )
        default:
            return Self.refuse(404, "Not found", reason: "no such call")
        }
    }

    private func describe(_ account: Account, at now: Int) -> [String: JSONField] {
        var fields: [String: JSONField] = ["id": .text(account.id), "status": .text(status(of: account, at: now))]
        if let number = account.number { fields["number"] = .text(number) }
        return fields
    }

    private func status(of account: Account, at now: Int) -> String {
        if account.stopped { return "offline" }
        if now < account.startedAtMilliseconds + behaviour.connectMilliseconds { return "starting" }
        return behaviour.requiresScan && !account.scanned ? "qr" : "connected"
    }

    /// A person scans the code of an account. False when there is no such account.
    mutating func scan(_ id: String) -> Bool {
        accounts[id]?.scanned = true
        return accounts[id] != nil
    }
}
