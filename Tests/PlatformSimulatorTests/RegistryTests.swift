import Foundation
import PlatformSimulator
import Testing

/// The platform that can be asked what it has.
@Suite struct RegistryTests {
    private let clients = RequestMatch(method: "POST", path: "/clients")

    @Test func `a client is created, listed after the list's delay, read and deleted once`() async throws {
        try await registering {
            $0.listLagMilliseconds = 60_000
        } _: { (simulator, calls) async throws in
            let created = try await calls.register("run-1")
            #expect(created.status == 201)
            let id = try #require(created.field("id"))
            #expect(created.field("apiKey") != nil)
            #expect(try await calls.admin("GET", "/clients?externalId=run-1").body == "[]")
            await simulator.advance(milliseconds: 60_000)
            let listed = try await calls.admin("GET", "/clients?externalId=run-1").body
            #expect(listed == #"[{"externalId":"run-1","id":"\#(id)","status":"active"}]"#)
            #expect(try await calls.admin("GET", "/clients?externalId=run%2D1").body == listed)
            #expect(try await calls.admin("GET", "/clients?externalId=run-2").body == "[]")
            #expect(try await calls.admin("GET", "/clients").body == listed)
            #expect(try await calls.admin("GET", "/clients/\(id)").field("externalId") == "run-1")
            let key = try #require(created.field("apiKey"))
            #expect(try await calls.token(key).status == 200)
            let deleted = try await calls.admin("DELETE", "/clients/\(id)")
            #expect(deleted.status == 204 && deleted.body.isEmpty && deleted.header("Content-Length") == nil)
            #expect(try await calls.admin("DELETE", "/clients/\(id)").status == 404)
            #expect(try await calls.admin("GET", "/clients/\(id)").status == 404)
            #expect(try await calls.admin("GET", "/clients").body == "[]")
            #expect(try await calls.token(key).status == 403)
            #expect(simulator.ledger().last?.decision?.reason == "deleted client")
            let kinds = simulator.ledger().compactMap(\.decision?.kind)
            #expect(kinds.contains(.clientCreated) && kinds.contains(.clientsListed) && kinds.contains(.clientDeleted))
            let record = try #require(simulator.clients().first)
            #expect(record.externalId == "run-1" && record.deletedAtMilliseconds != nil && record.session == id)
        }
    }

    @Test func `a list may be paged by links, ignore what it is asked for, or find more than that`() async throws {
        func ids(_ change: @escaping (inout Registry) -> Void, _ path: String) async throws -> (ids: Int, link: String?)
        {
            var found: (Int, String?) = (0, nil)
            try await registering(change) { (_, calls) async throws in
                for id in ["ann", "joann", "bob"] { #expect(try await calls.register(id).status == 201) }
                let answer = try await calls.admin("GET", path)
                found = (answer.body.components(separatedBy: "externalId").count - 1, answer.header("Link"))
            }
            return found
        }
        #expect(try await ids({ $0.listFilter = .ignored }, "/clients?externalId=x").ids == 3)
        #expect(try await ids({ $0.listFilter = .fuzzy }, "/clients?externalId=ann").ids == 2)
        let first = try await ids({ $0.pageSize = 2 }, "/clients")
        #expect(first.ids == 2 && first.link == "</clients?page=2>; rel=\"next\"")
        let second = try await ids({ $0.pageSize = 2 }, "/clients?page=2")
        #expect(second.ids == 1 && second.link == nil)
    }

    @Test func `a delete may answer 204 and delete nothing`() async throws {
        try await registering {
            $0.keepsDeleted = true
        } _: { (simulator, calls) async throws in
            let id = try #require(try await calls.register("run-1").field("id"))
            #expect(try await calls.admin("DELETE", "/clients/\(id)").status == 204)
            #expect(try await calls.admin("GET", "/clients/\(id)").status == 200)
            #expect(simulator.clients().first?.deletedAtMilliseconds == nil)
        }
    }

    @Test func `a delete may want the client's own token, and refuse the master secret`() async throws {
        try await registering {
            $0.deletesWithToken = true
        } _: { (simulator, calls) async throws in
            let id = try #require(try await calls.register("run-1").field("id"))
            #expect(try await calls.admin("DELETE", "/clients/\(id)").status == 401)
            #expect(simulator.clients().first?.deletedAtMilliseconds == nil)
        }
    }

    @Test func `an idempotency key gives the first answer again, refuses another body, and ends with its time`()
        async throws
    {
        try await registering {
            $0.keyHonouredMilliseconds = 60_000
        } _: { (simulator, calls) async throws in
            let first = try await calls.register("run-1", key: "k")
            let again = try await calls.register("run-1", key: "k")
            #expect(again.body == first.body && again.status == 201)
            #expect(simulator.clients().count == 1)
            let entry = try #require(simulator.ledger().last)
            #expect(entry.decision?.kind == .replayed && entry.decision?.client == 1 && entry.idempotencyKey == "k")
            let other = try await calls.register("run-2", key: "k")
            #expect(other.status == 422)
            await simulator.advance(milliseconds: 60_000)
            let late = try await calls.register("run-1", key: "k")
            #expect(late.status == 201 && late.field("id") != first.field("id"))
            #expect(simulator.clients().count == 2)
        }
    }

    @Test func `a platform without the header ignores the key and makes a second client`() async throws {
        var behaviour = Behaviour()
        behaviour.registry = Registry()
        try await simulating(behaviour: behaviour) { (simulator, calls, _) async throws in
            for _ in 1...2 { #expect(try await calls.register("run-1", key: "k").status == 201) }
            #expect(simulator.clients().count == 2)
            #expect(simulator.ledger().allSatisfy { $0.idempotencyKey == nil })
        }
    }

    @Test(arguments: [500, 503])
    func `an error after the work is kept under its key when it is the platform's own, and not when a gateway made it`(
        _ status: Int
    ) async throws {
        let rule = FaultRule(match: clients, trigger: .nth(1), effect: .status(status, moment: .after))
        try await registering(faults: [rule]) { _ in
        } _: { (simulator, calls) async throws in
            #expect(try await calls.register("run-1", key: "k").status == status)
            #expect(try await calls.register("run-1", key: "k").status == (status == 500 ? 500 : 201))
            #expect(simulator.clients().count == 1)
            #expect(simulator.faults().first?.fired == 1)
        }
    }

    @Test func `a second create with the same external id is a conflict until the first is deleted`() async throws {
        try await registering {
            $0.existing = .conflict
        } _: { (simulator, calls) async throws in
            let id = try #require(try await calls.register("run-1").field("id"))
            let refused = try await calls.register("run-1")
            #expect(refused.status == 409)
            #expect(simulator.ledger().last?.decision?.reason == "external id exists")
            #expect(simulator.ledger().last?.decision?.client == 1)
            _ = try await calls.admin("DELETE", "/clients/\(id)")
            #expect(try await calls.register("run-1").status == 201)
        }
    }

    @Test func `replicas take turns and disagree about a young client`() async throws {
        try await registering {
            $0.replicaLagMilliseconds = [0, 60_000, 0]
        } _: { (simulator, calls) async throws in
            let created = try await calls.register("run-1")
            let path = "/clients/\(try #require(created.field("id")))/status"
            var statuses: [Int?] = []
            for _ in 1...4 { statuses.append(try await calls.admin("GET", path).status) }
            #expect(statuses == [200, 403, 200, 200])
            let token = try await calls.bearer(try #require(created.field("apiKey")))
            #expect(try await calls.get(path, bearer: token).status == 403)
            #expect(simulator.ledger().last?.decision?.reason == "replica 2 does not know it yet")
            await simulator.advance(milliseconds: 60_000)
            for _ in 1...3 { #expect(try await calls.get(path, bearer: token).status == 200) }
        }
    }

    @Test func `the register wants the master secret and whole bodies, and is not there unless switched on`()
        async throws
    {
        try await registering { _ in
        } _: { (simulator, calls) async throws in
            #expect(try await calls.send("POST", "/clients", body: #"{"externalId":"r"}"#).status == 401)
            #expect(try await calls.admin("POST", "/clients", body: "{}").status == 400)
            #expect(try await calls.admin("PUT", "/clients/x").status == 404)
            #expect(try await calls.get("/clients/x/status", bearer: "wrong").status == 401)
            #expect(simulator.clients().isEmpty)
        }
        try await simulating { (_, calls, _) async throws in
            #expect(try await calls.register("run-1").status == 404)
        }
    }

    @Test(arguments: [
        FaultRule(match: RequestMatch(path: "/clients"), effect: .close(.after)),
        FaultRule(match: RequestMatch(path: "/clients"), effect: .reset(.after)),
        FaultRule(match: RequestMatch(path: "/clients"), effect: .truncatedBody),
        FaultRule(match: RequestMatch(path: "/clients"), effect: .status(502, moment: .after)),
        FaultRule(match: RequestMatch(path: "/clients"), effect: .missingField("apiKey")),
    ])
    func `the answer of a create is lost or bent after the work, and the ledger knows the client`(_ rule: FaultRule)
        async throws
    {
        try await registering(faults: [rule]) { _ in
        } _: { (simulator, calls) async throws in
            let reply = try await calls.register("run-1", toTheEnd: rule.effect.action != .missingField(name: "apiKey"))
            #expect(reply.status != 201 || reply.field("apiKey") == nil)
            let entry = try await simulator.ended("/clients")
            #expect(entry.decision?.kind == .clientCreated && entry.faults == [rule.name])
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `a delete whose answer is lost has deleted, and a list can come late`() async throws {
        let rules = [
            FaultRule(match: RequestMatch(method: "DELETE", path: "/clients/*"), effect: .close(.after)),
            FaultRule(match: RequestMatch(method: "GET", path: "/clients"), effect: .hold()),
        ]
        try await registering(faults: rules) { _ in
        } _: { (simulator, calls) async throws in
            let id = try #require(try await calls.register("run-1").field("id"))
            #expect(try await calls.admin("DELETE", "/clients/\(id)", toTheEnd: true).bytes.isEmpty)
            #expect(simulator.clients().first?.deletedAtMilliseconds != nil)
            async let list = calls.admin("GET", "/clients")
            #expect(await simulator.wait(for: RequestMatch(method: "GET", path: "/clients"), phase: .held))
            simulator.release()
            #expect(try await list.body == "[]")
        }
    }

    @Test func `the preset has a register, and a mistyped knob is refused`() async throws {
        #expect(Preset.registry.behaviour.registry?.listLagMilliseconds == 500)
        let patched = try Behaviour().patched(with: #"{"registry":{"existing":"conflict"}}"#)
        #expect(patched.registry?.existing == .conflict && patched.registry?.keyHonouredMilliseconds == 86_400_000)
        for knob in [#"{"listLag":1}"#, #"{"replicaLagMilliseconds":[]}"#, #"{"listLagMilliseconds":-1}"#] {
            #expect(throws: SimulatorError.self) { try Behaviour().patched(with: #"{"registry":\#(knob)}"#) }
        }
    }
}

/// Runs a test against a platform with a register.
private func registering(
    faults: [FaultRule] = [], _ change: (inout Registry) -> Void,
    _ body: (PlatformSimulator, Calls) async throws -> Void
) async throws {
    var behaviour = Behaviour()
    behaviour.idempotencyHeader = "Idempotency-Key"
    var registry = Registry()
    change(&registry)
    behaviour.registry = registry
    try await simulating(faults: faults, behaviour: behaviour) { (simulator, calls, _) async throws in
        try await body(simulator, calls)
    }
}

extension Calls {
    func admin(_ method: String, _ path: String, body: String = "", toTheEnd: Bool = false) async throws -> WireReply {
        try await send(
            method, path, body: body, headers: ["Authorization": "Bearer \(masterSecret)"], toTheEnd: toTheEnd)
    }

    func register(_ externalId: String, key: String? = nil, toTheEnd: Bool = false) async throws -> WireReply {
        var headers = ["Authorization": "Bearer \(masterSecret)"]
        headers["Idempotency-Key"] = key
        return try await send(
            "POST", "/clients", body: #"{"externalId":"\#(externalId)","organizationId":"org-1"}"#, headers: headers,
            toTheEnd: toTheEnd)
    }
}
