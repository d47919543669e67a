import Foundation
import PlatformSimulator
import Testing

/// A platform that stands still, does things late, shows what nobody asked for and keeps what it was to delete; and whose
/// own books know better.
@Suite struct LieTests {
    private let create = RequestMatch(method: "POST", path: "/clients")

    private func lying(
        faults: [FaultRule] = [], seed: UInt64 = 1, _ change: (inout Registry) -> Void = { _ in },
        _ body: (PlatformSimulator, Calls) async throws -> Void
    ) async throws {
        var registry = Registry()
        change(&registry)
        let behaviour = Behaviour.having {
            $0.registry = registry
            $0.idempotencyHeader = "Idempotency-Key"
        }
        try await simulating(faults: faults, seed: seed, behaviour: behaviour) { (simulator, calls, _) async throws in
            try await body(simulator, calls)
        }
    }

    private func count(_ reply: WireReply) -> Int { reply.body.components(separatedBy: "externalId").count - 1 }

    // MARK: - Time

    @Test
    func `frozen, it takes requests and does nothing; thawed, it works off what it was asked, for clients long gone`()
        async throws
    {
        try await lying { (simulator, calls) async throws in
            await simulator.updateBehaviour { $0.frozen = true }
            let gone = try await RawClient(port: calls.port)
            let secret = ["Authorization": "Bearer \(calls.masterSecret)"]
            try await gone.send("POST", "/clients", body: #"{"externalId":"run-1"}"#, headers: secret)
            #expect(await simulator.wait(for: create, phase: .received))
            gone.leave()
            async let listed = calls.admin("GET", "/clients/client-0")
            #expect(await simulator.wait(for: RequestMatch(path: "/clients/*"), phase: .received))
            #expect(simulator.clients().isEmpty)
            #expect(simulator.ledger().allSatisfy { $0.decision == nil })
            await simulator.updateBehaviour { $0.frozen = false }
            #expect(await simulator.wait(for: create, phase: .decided))
            #expect(try await listed.status == 404)
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `a request may freeze the platform for everybody, for a time of its clock`() async throws {
        let rule = FaultRule(match: create, trigger: .nth(1), effect: .freeze(milliseconds: 3_600_000))
        try await lying(faults: [rule]) { (simulator, calls) async throws in
            async let created = calls.register("run-1")
            #expect(await simulator.wait(for: create, phase: .received))
            async let listed = calls.admin("GET", "/clients")
            #expect(await simulator.wait(for: RequestMatch(method: "GET", path: "/clients"), phase: .received))
            #expect(simulator.clients().isEmpty)
            await simulator.advance(milliseconds: 3_600_000)
            #expect(try await created.status == 201)
            #expect(try await listed.status == 200)
            #expect(simulator.faults().first?.fired == 1)
        }
    }

    @Test func `a late effect: the connection is cut at once, and the client is made all the same, later`() async throws
    {
        let rule = FaultRule(match: create, trigger: .nth(1), effect: .lateEffect(milliseconds: 500))
        try await lying(faults: [rule]) { (simulator, calls) async throws in
            #expect(try await calls.register("run-1", toTheEnd: true).bytes.isEmpty)
            #expect(simulator.clients().isEmpty)
            #expect(try await count(calls.admin("GET", "/clients")) == 0)
            #expect(await simulator.wait(for: create, phase: .ended))
            #expect(simulator.clients().count == 1)
            let entry = try #require(simulator.ledger().first)
            #expect(entry.decision?.kind == .clientCreated && entry.delivery == .cut)
        }
    }

    // MARK: - Lists

    @Test func `replicas that answer lists take turns, and one of them is behind`() async throws {
        try await lying {
            $0.listReplicaLagMilliseconds = [0, 60_000]
        } _: { (simulator, calls) async throws in
            #expect(try await calls.register("run-1").status == 201)
            var found: [Int] = []
            for _ in 1...3 { found.append(try await count(calls.admin("GET", "/clients?externalId=run-1"))) }
            #expect(found == [1, 0, 1])
            await simulator.advance(milliseconds: 60_000)
            for _ in 1...2 { #expect(try await count(calls.admin("GET", "/clients?externalId=run-1")) == 1) }
        }
    }

    @Test func `a stranger may have had the name before: listed, with no request behind it, and nobody's to delete`()
        async throws
    {
        try await lying {
            $0.lies.namesakes = 1
        } _: { (simulator, calls) async throws in
            #expect(try await count(calls.admin("GET", "/clients?externalId=ann")) == 1)
            #expect(try await calls.register("ann").status == 201)
            #expect(try await count(calls.admin("GET", "/clients?externalId=ann")) == 2)
            #expect(simulator.clients().map(\.organisation) == ["stranger ann", "org-1"])
            #expect(simulator.clients().allSatisfy { $0.madeBy == nil })
            #expect(simulator.liesTold() == ["namesake": 1])
        }
    }

    @Test func `lists that lie now and then do so by the seed: unfiltered, fuzzy, stale`() async throws {
        func answers(seed: UInt64, _ change: (inout RegisterLies) -> Void) async throws -> [Int] {
            var found: [Int] = []
            try await lying(seed: seed) {
                change(&$0.lies)
            } _: { (_, calls) async throws in
                for id in ["ann", "joann", "bob"] { #expect(try await calls.register(id).status == 201) }
                for _ in 1...20 { found.append(try await count(calls.admin("GET", "/clients?externalId=ann"))) }
            }
            return found
        }
        let unfiltered = try await answers(seed: 1) { $0.unfilteredLists = 0.5 }
        #expect(Set(unfiltered) == [1, 3])
        #expect(try await answers(seed: 1) { $0.unfilteredLists = 0.5 } == unfiltered)
        #expect(try await answers(seed: 2) { $0.unfilteredLists = 0.5 } != unfiltered)
        #expect(try await Set(answers(seed: 1) { $0.fuzzyLists = 0.5 }) == [1, 2])
        #expect(try await Set(answers(seed: 1) { $0.staleLists = 0.5 }) == [0, 1])
    }

    // MARK: - Creates and deletes

    @Test func `a create may answer with what is there, whoever made it; the books say who did`() async throws {
        try await lying {
            $0.existing = .returned
        } _: { (simulator, calls) async throws in
            let there = simulator.addClient(externalId: "ann", organisation: "other")
            let answer = try await calls.register("ann")
            #expect(answer.status == 201 && answer.field("id") == there.session)
            #expect(simulator.clients().count == 1 && simulator.clients().first?.madeBy == nil)
            let decision = try #require(simulator.ledger().first?.decision)
            #expect(decision.kind == .clientReturned && decision.client == there.number)
        }
    }

    @Test func `the same idempotency key is a conflict while its first request is in progress`() async throws {
        try await lying {
            $0.inProgressMilliseconds = 60_000
        } _: { (simulator, calls) async throws in
            let first = try await calls.register("run-1", key: "k")
            #expect(try await calls.register("run-1", key: "k").status == 409)
            #expect(simulator.ledger().last?.decision?.reason == "still in progress")
            await simulator.advance(milliseconds: 60_000)
            #expect(try await calls.register("run-1", key: "k").body == first.body)
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `a young client cannot be deleted, and a deleted one's name stays taken for a while`() async throws {
        try await lying {
            $0.provisioningMilliseconds = 60_000
            $0.nameKeptMilliseconds = 60_000
        } _: { (simulator, calls) async throws in
            let id = try #require(try await calls.register("run-1").field("id"))
            #expect(try await calls.admin("DELETE", "/clients/\(id)").status == 409)
            #expect(simulator.clients().first?.deletedAtMilliseconds == nil)
            await simulator.advance(milliseconds: 60_000)
            #expect(try await calls.admin("DELETE", "/clients/\(id)").status == 204)
            #expect(try await count(calls.admin("GET", "/clients")) == 0)
            #expect(try await calls.register("run-1").status == 409)
            await simulator.advance(milliseconds: 60_000)
            #expect(try await calls.register("run-1").status == 201)
        }
    }

    @Test func `some clients outlive their deletion, and some creates answer with another's client`() async throws {
        try await lying {
            $0.lies.keptDeletes = 0.5
            $0.lies.othersAnswers = 0.3
        } _: { (simulator, calls) async throws in
            var ids: Set<String> = []
            for number in 1...20 { ids.insert(try #require(try await calls.register("run-\(number)").field("id"))) }
            let answers = simulator.ledger().compactMap(\.decision?.kind)
            #expect(answers.contains(.clientReturned) && answers.contains(.clientCreated))
            #expect(simulator.clients().count < 20 && ids.count == simulator.clients().count)
            for id in ids { #expect(try await calls.admin("DELETE", "/clients/\(id)").status == 204) }
            #expect(Set(simulator.clients().map { $0.deletedAtMilliseconds == nil }) == [true, false])
        }
    }

    @Test func `a fault may befall a share of the organisations: these always, and the others never`() async throws {
        let rule = FaultRule(
            match: RequestMatch(path: createPath), trigger: .organisations(0.5), effect: .close(.after))
        try await simulating(faults: [rule], seed: 5) { _, calls, _ in
            var hit: Set<String> = []
            for organisation in (1...12).map({ "org-\($0)" }) {
                let isHit = try await (1...3).asyncMap { _ in
                    try await calls.create(organisation, toTheEnd: false).bytes.isEmpty
                }
                #expect(Set(isHit).count == 1, "\(organisation): \(isHit)")
                if isHit[0] { hit.insert(organisation) }
            }
            #expect(!hit.isEmpty && hit.count < 12)
        }
    }

    @Test func `a lying platform has its lies and its liars by name, in its behaviour and in its rules`() async throws {
        try await simulating(.chaos) { simulator, _, _ in
            let registry = try #require(simulator.behaviour.registry)
            #expect(registry.lies != RegisterLies() && registry.pageSize != nil)
            let rules = Set(simulator.faults().map(\.rule.name))
            #expect(rules.isSuperset(of: ["register-lost", "register-late", "register-frozen", "read-cut"]))
        }
    }

    @Test func `a share above one and an unknown lie are refused, with what is wrong`() {
        let base = Behaviour()
        for (patch, word) in [
            (#"{"registry":{"lies":{"staleLists":2}}}"#, "share"),
            (#"{"registry":{"lies":{"stale":0.5}}}"#, "unknown name 'stale'"),
        ] {
            let error = #expect(throws: SimulatorError.self) { try base.patched(with: patch) }
            #expect("\(error.map { "\($0)" } ?? "")".contains(word))
        }
        let mixed = try? base.patched(with: #"{"registry":{"lies":{"staleLists":0.5}},"frozen":true}"#)
        #expect(mixed?.registry?.lies.staleLists == 0.5 && mixed?.frozen == true)
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
