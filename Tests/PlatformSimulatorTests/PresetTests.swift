import PlatformSimulator
import Testing

@Suite struct PresetTests {
    @Test func `a healthy platform gives two clients of one organisation keys that work at once`() async throws {
        try await simulating { simulator, calls, _ in
            let first = try await calls.create("org-1")
            let second = try await calls.create("org-1")
            #expect(first.status == 200)
            #expect(first.field("status") == "starting")
            #expect(first.field("apiKey") != second.field("apiKey"))
            #expect(first.field("session") != second.field("session"))
            let token = try await calls.token(try #require(second.field("apiKey")))
            #expect(token.status == 200)
            #expect(token.body.contains(#""expiresIn":900"#))
            #expect(token.field("token")?.split(separator: ".").count == 3)
            #expect(simulator.clients().map(\.ordinal) == [1, 2])
        }
    }

    @Test func `a wrong master secret, a body without organisation and an unknown call are refused`() async throws {
        try await simulating { simulator, calls, _ in
            let wrong = try await Calls(port: calls.port, masterSecret: "wrong").create("org-1")
            #expect(wrong.status == 401)
            #expect(wrong.body == #"{"error":"Invalid token"}"#)
            let secret = ["Authorization": "Bearer \(calls.masterSecret)"]
            #expect(try await calls.send("POST", createPath, body: "{", headers: secret).status == 400)
            #expect(try await calls.send("POST", "/nowhere").status == 404)
            #expect(simulator.clients().isEmpty)
            #expect(simulator.ledger().allSatisfy { $0.decision?.kind == .refused })
        }
    }

    @Test func `slow activation spares the first key and refuses the second for seven seconds of its clock`()
        async throws
    {
        try await simulating(.slowActivation) { simulator, calls, _ in
            let first = try await calls.key("org-1")
            let second = try await calls.key("org-1")
            #expect(try await calls.token(first).status == 200)
            let refused = try await calls.token(second)
            #expect(refused.status == 403)
            #expect(refused.body == #"{"error":"Invalid API key"}"#)
            #expect(simulator.ledger().last?.decision?.reason == "key not active yet")
            let client = try #require(simulator.clients().last)
            #expect(client.activeAtMilliseconds == client.createdAtMilliseconds + 7000)
            await simulator.advance(milliseconds: 7000)
            #expect(try await calls.token(second).status == 200)
        }
    }

    @Test func `an old-key platform answers a second create with the first key and session`() async throws {
        try await simulating(.oldKey) { simulator, calls, _ in
            let first = try await calls.create("org-1")
            let second = try await calls.create("org-1")
            #expect(first.body == second.body)
            #expect(simulator.clients().count == 1)
            #expect(simulator.ledger().last?.decision?.kind == .clientReturned)
            let tried = try #require(second.field("apiKey"))
            #expect(try await calls.token(tried).status == 200)
        }
    }

    @Test func `an old key can be revoked by the second create`() async throws {
        try await simulating(behaviour: .having({ $0.create = .oldKeyRevoked })) { simulator, calls, _ in
            let key = try await calls.key("org-1")
            let token = try await calls.bearer(key)
            #expect(try await calls.key("org-1") == key)
            #expect(try await calls.token(key).status == 403)
            #expect(try await calls.get("/api/accounts", bearer: token).status == 401)
            #expect(simulator.clients().first?.revokedAtMilliseconds != nil)
        }
    }

    @Test func `a rotating platform gives a new key for the same session and kills the old one`() async throws {
        try await simulating(behaviour: .having({ $0.create = .rotatedKey })) { simulator, calls, _ in
            let first = try await calls.create("org-1")
            let second = try await calls.create("org-1")
            #expect(first.field("session") == second.field("session"))
            let former = try #require(first.field("apiKey"))
            #expect(try await calls.token(former).status == 403)
            #expect(simulator.ledger().last?.decision?.reason == "rotated key")
            let tried = try #require(second.field("apiKey"))
            #expect(try await calls.token(tried).status == 200)
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `a one-client platform gives a second key that never works, however long one waits`() async throws {
        try await simulating(.oneClient) { simulator, calls, _ in
            let first = try await calls.key("org-1")
            let second = try await calls.key("org-1")
            await simulator.advance(milliseconds: 365 * 86_400_000)
            #expect(try await calls.token(second).status == 403)
            #expect(simulator.ledger().last?.decision?.reason == "key never works")
            #expect(try await calls.token(first).status == 200)
            let tried = try await calls.key("org-2")
            #expect(try await calls.token(tried).status == 200)
        }
    }

    @Test func `a one-client platform can say so with 409`() async throws {
        try await simulating(behaviour: .having({ $0.create = .conflict })) { simulator, calls, _ in
            _ = try await calls.key("org-1")
            let second = try await calls.create("org-1")
            #expect(second.status == 409)
            #expect(second.body.contains("one client per organization"))
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `a rate limit answers 429 with Retry-After in seconds and lets go when the time has passed`()
        async throws
    {
        try await simulating(.rateLimited) { simulator, calls, _ in
            for _ in 1...2 { #expect(try await calls.create("org-1").status == 200) }
            let limited = try await calls.create("org-1")
            #expect(limited.status == 429)
            #expect(limited.header("Retry-After") == "1")
            #expect(simulator.ledger().last?.decision?.reason == "rate limit")
            await simulator.advance(milliseconds: 1000)
            #expect(try await calls.create("org-1").status == 200)
        }
    }

    @Test func `a rate limit can give Retry-After as a date`() async throws {
        let limit = RateLimit(requestsPerSecond: 0.001, burst: 1, retryAfter: .date)
        try await simulating(behaviour: .having({ $0.rateLimit = limit })) { _, calls, _ in
            _ = try await calls.create("org-1")
            let limited = try await calls.create("org-1")
            let date = try #require(limited.header("Retry-After"))
            #expect(limited.status == 429)
            #expect(date.wholeMatch(of: /\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/) != nil)
        }
    }

    @Test func `a chaos platform really has faults, by sending it many token calls`() async throws {
        try await simulating(.chaos) { simulator, calls, _ in
            for _ in 1...60 { _ = try await calls.token("unknown", toTheEnd: false) }
            #expect(simulator.faults().contains { $0.fired > 0 })
        }
    }
}
