import PlatformSimulator
import Testing

@Suite struct WireFaultTests {
    private let create = RequestMatch(path: createPath)

    /// Creates once under a fault and returns what came over the wire, and the ledger's word on it.
    private func creating(
        under effect: Effect, toTheEnd: Bool = true, clients: Int
    ) async throws -> (reply: WireReply, entry: LedgerEntry) {
        var result: (WireReply, LedgerEntry)?
        try await simulating(faults: [FaultRule(match: create, effect: effect)]) { simulator, calls, _ in
            let reply = try await calls.create("org-1", toTheEnd: toTheEnd)
            let entry = try await simulator.ended(createPath)
            #expect(entry.faults.count == 1)
            #expect(simulator.faults().map(\.fired) == [1])
            #expect(simulator.clients().count == clients)
            result = (reply, entry)
        }
        return try #require(result)
    }

    @Test(arguments: [Effect.close(.beforeRead), .close(.before), .close(.after), .reset(.before), .reset(.after)])
    func `a cut connection carries no byte, and the client exists only if it came after`(_ effect: Effect) async throws
    {
        let (reply, entry) = try await creating(under: effect, clients: effect.moment == .after ? 1 : 0)
        #expect(reply.bytes.isEmpty)
        if effect.action == .reset { #expect(reply.ending == .reset) }
        if effect.action == .close, effect.moment != .beforeRead { #expect(reply.ending == .closed) }
        #expect(reply.ending != .timedOut)
        #expect(entry.delivery == .cut)
        #expect((entry.decision == nil) == (effect.moment != .after))
    }

    @Test func `a 500 before the work leaves nothing behind`() async throws {
        let (reply, entry) = try await creating(under: .status(500), toTheEnd: false, clients: 0)
        #expect(reply.status == 500)
        #expect(entry.status == 500)
        #expect(entry.decision?.kind == .notAttempted)
        #expect(entry.delivery == .delivered)
    }

    @Test func `a 500 after the work leaves a client behind`() async throws {
        let effect = Effect.status(500, headers: ["X-Extra": "1"], body: "oops", moment: .after)
        let (reply, entry) = try await creating(under: effect, toTheEnd: false, clients: 1)
        #expect(reply.status == 500)
        #expect(reply.body == "oops")
        #expect(reply.header("X-Extra") == "1")
        #expect(entry.status == 500)
        #expect(entry.decision?.kind == .clientCreated)
    }

    @Test func `a truncated body ends before its announced length`() async throws {
        let (reply, entry) = try await creating(under: .truncatedBody, clients: 1)
        let announced = try #require(reply.header("Content-Length").flatMap { Int($0) })
        #expect(reply.body.utf8.count == announced / 2)
        #expect(reply.ending == .closed)
        #expect(entry.delivery == .cut)
    }

    @Test func `a reset in mid-body ends with RST`() async throws {
        let (reply, entry) = try await creating(under: .resetMidBody, clients: 1)
        #expect(reply.ending == .reset)
        #expect(entry.cutReason == "fault: reset-mid-body")
    }

    @Test func `a short Content-Length announces half of what is sent`() async throws {
        let (reply, _) = try await creating(under: .shortContentLength, clients: 1)
        let announced = try #require(reply.header("Content-Length").flatMap { Int($0) })
        #expect(announced > 0)
        #expect(reply.body.utf8.count / 2 == announced)
    }

    @Test func `malformed JSON has the right length and no end`() async throws {
        let (reply, entry) = try await creating(under: .malformedJSON, toTheEnd: false, clients: 1)
        #expect(reply.header("Content-Length") == String(reply.body.utf8.count))
        #expect(reply.body.hasPrefix("{") && !reply.body.hasSuffix("}"))
        #expect(entry.delivery == .delivered)
    }

    @Test func `an HTML page comes with status 200 after the work was done`() async throws {
        let (reply, _) = try await creating(under: .html(), toTheEnd: false, clients: 1)
        #expect(reply.status == 200)
        #expect(reply.header("Content-Type")?.hasPrefix("text/html") == true)
        #expect(reply.body.contains("<html>"))
    }

    @Test func `a missing field is the only one missing`() async throws {
        let (reply, _) = try await creating(under: .missingField("apiKey"), toTheEnd: false, clients: 1)
        #expect(reply.field("apiKey") == nil)
        #expect(reply.field("session") != nil)
    }

    @Test func `a redirect points to another host and does nothing`() async throws {
        let place = "http://127.0.0.2:9/elsewhere"
        let (reply, entry) = try await creating(under: .redirect(place), toTheEnd: false, clients: 0)
        #expect(reply.status == 307)
        #expect(reply.header("Location") == place)
        #expect(entry.status == 307)
    }

    @Test func `a huge body arrives whole`() async throws {
        let (reply, entry) = try await creating(under: .hugeBody(bytes: 3_000_000), toTheEnd: false, clients: 1)
        #expect(reply.bytes.count > 3_000_000)
        #expect(entry.delivery == .delivered)
    }

    @Test func `a trickled body takes its pauses and arrives whole`() async throws {
        let started = ContinuousClock.now
        let effect = Effect.trickle(chunkBytes: 50, intervalMilliseconds: 20)
        let (reply, _) = try await creating(under: effect, toTheEnd: false, clients: 1)
        #expect(reply.field("apiKey") != nil)
        #expect(ContinuousClock.now - started >= .milliseconds(20 * (reply.bytes.count / 50 - 1)))
    }

    @Test func `a delay keeps the answer back and changes nothing else`() async throws {
        let started = ContinuousClock.now
        let effect = Effect.delay(milliseconds: 60, moment: .after)
        let (reply, _) = try await creating(under: effect, toTheEnd: false, clients: 1)
        #expect(reply.status == 200)
        #expect(ContinuousClock.now - started >= .milliseconds(60))
    }

    @Test(arguments: [Effect.hang(), .hang(.after)])
    func `a hanging exchange ends when the client leaves`(_ effect: Effect) async throws {
        try await simulating(faults: [FaultRule(match: create, effect: effect)]) { simulator, calls, _ in
            let client = try await RawClient(port: calls.port)
            try await client.send(
                "POST", createPath, body: #"{"organizationId":"o"}"#,
                headers: ["Authorization": "Bearer \(calls.masterSecret)"])
            let phase: Phase = effect.moment == .after ? .decided : .received
            #expect(await simulator.wait(for: create, phase: phase))
            #expect(simulator.ledger().first?.delivery == .pending)
            client.leave()
            let entry = try await simulator.ended(createPath)
            #expect(entry.cutReason == "fault: hang")
            #expect(simulator.clients().count == (effect.moment == .after ? 1 : 0))
        }
    }

    @Test func `two requests share a connection, and a fault on the first leaves the second alone`() async throws {
        let rule = FaultRule(match: create, trigger: .nth(1), effect: .status(503))
        try await simulating(faults: [rule]) { simulator, calls, _ in
            let client = try await RawClient(port: calls.port)
            let headers = ["Authorization": "Bearer \(calls.masterSecret)"]
            for expected in [503, 200] {
                try await client.send("POST", createPath, body: #"{"organizationId":"o"}"#, headers: headers)
                #expect(try await client.read().status == expected)
            }
            #expect(simulator.faults().map(\.matched) == [2])
        }
    }

    @Test func `bytes that are no HTTP are met with a closed connection`() async throws {
        try await simulating { simulator, calls, _ in
            let client = try await RawClient(port: calls.port)
            try await client.send("\u{1}\u{2} nonsense\r\n\r\n")
            let reply = try await client.read(toTheEnd: true)
            #expect(reply.ending == .closed || reply.ending == .reset)
            #expect(try await calls.create("org-1").status == 200)
        }
    }
}
