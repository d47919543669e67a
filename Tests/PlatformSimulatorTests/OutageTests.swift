import PlatformSimulator
import Testing

@Suite struct OutageTests {
    @Test func `an outage refuses connections and the platform comes back on the same port with its memory`()
        async throws
    {
        try await simulating { simulator, calls, _ in
            let key = try await calls.key("org-1")
            for _ in 1...3 {
                await simulator.setOutage(refuse: true)
                await #expect(throws: RawClientError.refused) { try await calls.token(key) }
                await simulator.setOutage(refuse: false)
                #expect(try await calls.token(key).status == 200)
            }
            #expect(simulator.ledger().count == 4)
        }
    }

    @Test func `an outage cuts the request in flight and undoes nothing that was done`() async throws {
        let rule = FaultRule(match: RequestMatch(path: createPath), effect: .hold(.after))
        try await simulating(faults: [rule]) { simulator, calls, _ in
            let client = try await RawClient(port: calls.port)
            try await client.send(
                "POST", createPath, body: #"{"organizationId":"o"}"#,
                headers: ["Authorization": "Bearer \(calls.masterSecret)"])
            #expect(await simulator.wait(for: RequestMatch(path: createPath), phase: .held))
            await simulator.setOutage(refuse: true)
            let reply = try await client.read()
            #expect(reply.bytes.isEmpty)
            #expect(reply.ending != .open && reply.ending != .timedOut)
            let entry = try await simulator.ended(createPath)
            #expect(entry.delivery == .cut)
            #expect(entry.cutReason == "the platform went down")
            #expect(entry.decision?.kind == .clientCreated)
        }
    }

    @Test func `a token outage answers 503 on token calls only`() async throws {
        try await simulating(behaviour: .having({ $0.tokenUnavailable = true })) { simulator, calls, _ in
            let key = try await calls.key("org-1")
            #expect(try await calls.token(key).status == 503)
            #expect(simulator.ledger().last?.decision?.reason == "token service is down")
            await simulator.updateBehaviour { $0.tokenUnavailable = false }
            #expect(try await calls.token(key).status == 200)
        }
    }

    @Test func `scheduled windows come and go with the simulator's clock`() async throws {
        let windows = [
            OutageWindow(fromMilliseconds: 100_000, toMilliseconds: 200_000, refuse: true, tokenUnavailable: false),
            OutageWindow(fromMilliseconds: 300_000, toMilliseconds: 400_000, refuse: false, tokenUnavailable: true),
        ]
        try await simulating(behaviour: .having({ $0.outageWindows = windows })) { simulator, calls, _ in
            let key = try await calls.key("org-1")
            await simulator.advance(milliseconds: 100_000)
            await #expect(throws: RawClientError.refused) { try await calls.token(key) }
            await simulator.advance(milliseconds: 100_000)
            #expect(try await calls.token(key).status == 200)
            await simulator.advance(milliseconds: 100_000)
            #expect(try await calls.token(key).status == 503)
            await simulator.advance(milliseconds: 100_000)
            #expect(try await calls.token(key).status == 200)
        }
    }

    @Test func `a window closes by itself when its time has passed, without any order`() async throws {
        let window = OutageWindow(fromMilliseconds: 0, toMilliseconds: 1_000_000, refuse: true, tokenUnavailable: false)
        try await simulating(behaviour: .having { $0.outageWindows = [window] }) { simulator, calls, _ in
            await #expect(throws: RawClientError.refused) { try await calls.create("org-1") }
            let started = simulator.startedAtMilliseconds
            await simulator.advance(milliseconds: started + 999_900 - simulator.nowMilliseconds)
            let deadline = ContinuousClock.now + .seconds(60)
            var reply: WireReply?
            while reply == nil, ContinuousClock.now < deadline {
                reply = try? await calls.create("org-1")
            }
            #expect(reply?.status == 200)
        }
    }
}
