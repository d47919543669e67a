import PlatformSimulator
import Testing

@Suite struct AccountTests {
    @Test func `one key carries several sessions, by starting two numbers under one token`() async throws {
        try await simulating { simulator, calls, _ in
            let token = try await calls.bearer(try await calls.key("org-1"))
            let first = try await calls.post("/api/accounts/start", #"{"number":"+4912"}"#, bearer: token)
            let second = try await calls.post("/api/accounts/start", #"{"number":"+4913"}"#, bearer: token)
            let again = try await calls.post("/api/accounts/start", #"{"number":"+4912"}"#, bearer: token)
            #expect(first.field("status") == "starting")
            #expect(first.field("id") != second.field("id"))
            #expect(first.field("id") == again.field("id"))
            let id = try #require(first.field("id"))
            #expect(try await calls.get("/api/accounts/\(id)/status", bearer: token).field("status") == "connected")
            #expect(try await calls.get("/api/accounts/\(id)/qr", bearer: token).field("qr") != nil)
            let list = try await calls.get("/api/accounts", bearer: token)
            #expect(list.body.contains("+4912") && list.body.contains("+4913"))
            #expect(try await calls.post("/internal/session/\(id)/stop", bearer: token).status == 200)
            #expect(try await calls.get("/api/accounts/\(id)/status", bearer: token).field("status") == "offline")
            #expect(simulator.ledger().contains { $0.decision?.kind == .accountReturned })
        }
    }

    @Test func `an account waits for a scan and then connects`() async throws {
        try await simulating(behaviour: .having({ $0.requiresScan = true })) { simulator, calls, _ in
            let created = try await calls.create("org-1")
            let session = try #require(created.field("session"))
            let token = try await calls.bearer(try #require(created.field("apiKey")))
            let path = "/api/accounts/\(session)/status"
            #expect(try await calls.get(path, bearer: token).field("status") == "qr")
            #expect(simulator.scan(account: session))
            #expect(try await calls.get(path, bearer: token).field("status") == "connected")
            #expect(!simulator.scan(account: "nobody"))
        }
    }

    @Test func `a stale token, a wrong one and another client's account are refused`() async throws {
        try await simulating { simulator, calls, _ in
            let other = try #require(try await calls.create("org-2").field("session"))
            let token = try await calls.bearer(try await calls.key("org-1"))
            #expect(try await calls.get("/api/accounts/\(other)/status", bearer: token).status == 404)
            let wrong = try await calls.get("/api/accounts", bearer: "wrong")
            #expect(wrong.status == 401)
            #expect(wrong.body == #"{"error":"Invalid token"}"#)
            #expect(try await calls.get("/api/accounts", bearer: token).status == 200)
            await simulator.advance(milliseconds: 900_000)
            #expect(try await calls.get("/api/accounts", bearer: token).status == 401)
        }
    }

    @Test func `an idempotency header is honoured when the platform has one, and ignored otherwise`() async throws {
        let headers = ["Idempotency-Key": "k-1"]
        try await simulating(behaviour: .having({ $0.idempotencyHeader = "Idempotency-Key" })) { simulator, calls, _ in
            let first = try await calls.create("org-1", headers: headers)
            #expect(try await calls.create("org-1", headers: headers).body == first.body)
            #expect(simulator.clients().count == 1)
            #expect(simulator.ledger().last?.decision?.kind == .replayed)
        }
        try await simulating { simulator, calls, _ in
            for _ in 1...2 { _ = try await calls.create("org-1", headers: headers) }
            #expect(simulator.clients().count == 2)
        }
    }
}
