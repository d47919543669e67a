import Foundation
import PlatformSimulator
import Testing

@Suite struct ControlPortTests {
    private func decoded<Value: Decodable>(_ reply: WireReply, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(reply.body.utf8))
    }

    @Test func `ledger, clients and health tell the same truth as the process itself`() async throws {
        try await simulating { simulator, calls, ports in
            let control = Calls(port: ports.controlPort)
            for _ in 1...3 { _ = try await calls.create("org-1") }
            _ = try await simulator.ended(createPath, count: 3)
            let ledger: [LedgerEntry] = try decoded(try await control.send("GET", "/ledger"))
            #expect(ledger == simulator.ledger())
            let tail: [LedgerEntry] = try decoded(try await control.send("GET", "/ledger?after=2"))
            #expect(tail.map(\.ordinal) == [3])
            let clients: [ClientRecord] = try decoded(try await control.send("GET", "/clients"))
            #expect(clients == simulator.clients())
            let health = try await control.send("GET", "/health")
            #expect(health.field("status") == "ok")
            #expect(health.body.contains(#""requests":3"#))
        }
    }

    @Test func `behaviour is patched knob by knob, from a preset, and back to the default`() async throws {
        try await simulating { simulator, calls, ports in
            let control = Calls(port: ports.controlPort)
            let patch =
                #"{"activation":{"kind":"fixed","milliseconds":500},"firstClientToo":true,"tokenLifetimeSeconds":60}"#
            #expect(try await control.post("/behaviour", patch).status == 200)
            let tried = try await calls.key("org-1")
            #expect(try await calls.token(tried).status == 403)
            #expect(try await control.post("/behaviour", #"{"tokenLifetimeSeconds":null}"#).status == 200)
            #expect(simulator.behaviour.tokenLifetimeSeconds == 900)
            #expect(simulator.behaviour.activation == .fixed(milliseconds: 500))
            let preset = #"{"preset":"old-key","rateLimit":{"requestsPerSecond":5,"burst":2,"retryAfter":"date"}}"#
            #expect(try await control.post("/behaviour", preset).status == 200)
            #expect(simulator.behaviour.create == .oldKey)
            #expect(simulator.behaviour.activation == .none)
            #expect(simulator.behaviour.rateLimit?.retryAfter == .date)
            let short =
                #"{"rateLimit":{"requestsPerSecond":5,"burst":2},"outageWindows":[{"fromMilliseconds":1,"toMilliseconds":2}]}"#
            #expect(try await control.post("/behaviour", short).status == 200)
            #expect(simulator.behaviour.rateLimit?.retryAfter == .seconds)
            #expect(simulator.behaviour.outageWindows.map(\.refuse) == [false])
        }
    }

    @Test(
        arguments: [
            ("/behaviour", #"{"activatoin":1}"#, "unknown name 'activatoin'"),
            ("/behaviour", #"{"preset":"none-such"}"#, "unknown preset"),
            ("/behaviour", #"{"activation":{"kind":"sometimes"}}"#, "'sometimes' is no activation"),
            ("/behaviour", #"{"rateLimit":{"requestsPerSecond":0,"burst":1,"retryAfter":"date"}}"#, "rate limit"),
            ("/faults", #"{"effect":{"kind":"explode"}}"#, "'explode' is no effect"),
            ("/faults", #"{"effect":{"kind":"close"},"nth":1,"every":2}"#, "one of nth"),
            ("/faults", #"{"effect":{"kind":"truncated-body","moment":"before"}}"#, "cannot happen at the moment"),
            ("/faults", #"{"match":{"pth":"/x"},"effect":{"kind":"close"}}"#, "unknown name 'pth'"),
            ("/outage", #"{"refused":true}"#, "unknown name 'refused'"),
            ("/wait", #"{"phase":"finished"}"#, ""),
            ("/behaviour", "{", ""),
        ])
    func `a mistyped order is refused with the reason`(_ path: String, _ body: String, _ reason: String) async throws {
        try await simulating { simulator, _, ports in
            let before = simulator.behaviour
            let reply = try await Calls(port: ports.controlPort).post(path, body)
            #expect(reply.status == 400)
            let error = try #require(reply.field("error"))
            #expect(reason.isEmpty || error.contains(reason), "\(error)")
            #expect(simulator.behaviour == before)
            #expect(simulator.faults().isEmpty)
        }
    }

    @Test func `faults are added, counted, listed and removed`() async throws {
        try await simulating { _, calls, ports in
            let control = Calls(port: ports.controlPort)
            let rules = #"""
                [{"name":"second","match":{"method":"post","path":"/auth/*"},"nth":2,"effect":{"kind":"status","code":502}},
                 {"match":{"organisation":"org-1"},"every":2,"effect":{"kind":"delay","milliseconds":1}}]
                """#
            #expect(try await control.post("/faults", rules).body == #"{"ids":[1,2]}"#)
            #expect(try await calls.token("x").status == 403)
            #expect(try await calls.token("x").status == 502)
            #expect(try await calls.token("x").status == 403)
            for _ in 1...2 { _ = try await calls.create("org-1") }
            let listed = try await control.send("GET", "/faults").body
            #expect(listed.contains(#""fired":1,"id":1,"matched":3"#))
            #expect(listed.contains(#""fired":1,"id":2,"matched":2"#))
            #expect(try await control.send("DELETE", "/faults").status == 200)
            #expect(try await control.send("GET", "/faults").body == "[]")
        }
    }

    @Test func `an outage ordered here hits the platform port and not this one`() async throws {
        try await simulating { _, calls, ports in
            let control = Calls(port: ports.controlPort)
            #expect(try await control.post("/outage", #"{"refuse":true}"#).status == 200)
            await #expect(throws: RawClientError.refused) { try await calls.create("org-1") }
            #expect(try await control.send("GET", "/health").status == 200)
            #expect(try await control.post("/outage", #"{"refuse":false,"tokenUnavailable":true}"#).status == 200)
            let tried = try await calls.key("org-1")
            #expect(try await calls.token(tried).status == 503)
        }
    }

    @Test func `wait, hold and release work together from another connection`() async throws {
        try await simulating { _, calls, ports in
            let control = Calls(port: ports.controlPort)
            let hold = #"{"match":{"path":"/auth/token"},"effect":{"kind":"hold","moment":"after"}}"#
            _ = try await control.post("/faults", hold)
            async let reply = calls.token("unknown")
            let held = try await control.post("/wait", #"{"path":"/auth/token","phase":"held","count":1}"#)
            #expect(held.body == #"{"reached":true}"#)
            #expect(try await control.post("/release", #"{"path":"/auth/token"}"#).body == #"{"released":1}"#)
            let replyStatus = try await reply.status
            #expect(replyStatus == 403)
            let none = try await control.post("/wait", #"{"path":"/never","timeoutMilliseconds":5}"#)
            #expect(none.status == 408)
            #expect(none.body == #"{"reached":false}"#)
        }
    }

    @Test func `the clock is advanced and a scan is played from here`() async throws {
        try await simulating(.slowActivation) { simulator, calls, ports in
            let control = Calls(port: ports.controlPort)
            _ = try await calls.key("org-1")
            let second = try await calls.key("org-1")
            #expect(try await control.post("/advance", #"{"milliseconds":7000}"#).status == 200)
            #expect(try await calls.token(second).status == 200)
            let session = try #require(simulator.clients().first?.session)
            #expect(try await control.post("/scan", #"{"account":"\#(session)"}"#).status == 200)
            #expect(try await control.post("/scan", #"{"account":"nobody"}"#).status == 404)
        }
    }
}
