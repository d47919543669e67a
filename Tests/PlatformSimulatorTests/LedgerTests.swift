import Foundation
import PlatformSimulator
import Testing

@Suite struct LedgerTests {
    private let create = RequestMatch(path: createPath)

    @Test func `an entry names the request, the decision and the answer`() async throws {
        try await simulating { simulator, calls, _ in
            let reply = try await calls.create("org-1", requestId: "attempt-9")
            let entry = try await simulator.ended(createPath)
            #expect(entry.requestId == "attempt-9")
            #expect(entry.traceId == reply.header("X-Trace-Id"))
            #expect(entry.organisation == "org-1")
            #expect(entry.status == 200)
            #expect(entry.delivery == .delivered)
            #expect(entry.decision?.client == simulator.clients().first?.number)
            #expect(entry.decision?.session == reply.field("session"))
            #expect(reply.header("Date")?.hasSuffix(" GMT") == true)
            #expect(!reply.text.contains("attempt-9"))
            _ = try await calls.create("org-1")
            _ = try await calls.create("org-2")
            let hashes = simulator.ledger().map(\.bodyHash)
            #expect(hashes[0] == hashes[1])
            #expect(hashes[1] != hashes[2])
        }
    }

    @Test func `an answer that finds nobody is written down as cut, though the work was done`() async throws {
        let rule = FaultRule(match: create, effect: .hold(.after))
        try await simulating(faults: [rule]) { simulator, calls, _ in
            let client = try await RawClient(port: calls.port)
            try await client.send(
                "POST", createPath, body: #"{"organizationId":"o"}"#,
                headers: ["Authorization": "Bearer \(calls.masterSecret)"])
            #expect(await simulator.wait(for: create, phase: .held))
            client.leave()
            #expect(await simulator.wait(for: create, phase: .left))
            #expect(simulator.release() == 1)
            let entry = try await simulator.ended(createPath)
            #expect(entry.delivery == .cut)
            #expect(entry.cutReason == "the client had left")
            #expect(entry.decision?.kind == .clientCreated)
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `a held request waits for its release and then answers`() async throws {
        let rule = FaultRule(match: create, effect: .hold())
        try await simulating(faults: [rule]) { simulator, calls, _ in
            async let reply = calls.create("org-1")
            #expect(await simulator.wait(for: create, phase: .held))
            #expect(simulator.clients().isEmpty)
            #expect(simulator.heldCount() == 1)
            #expect(simulator.release(RequestMatch(path: tokenPath)) == 0)
            #expect(simulator.release(create) == 1)
            let replyStatus = try await reply.status
            #expect(replyStatus == 200)
            #expect(simulator.clients().count == 1)
        }
    }

    @Test func `releases go to the oldest first`() async throws {
        let rule = FaultRule(match: create, effect: .hold())
        try await simulating(faults: [rule]) { simulator, calls, _ in
            async let first = calls.create("org-1")
            #expect(await simulator.wait(for: create, phase: .held, count: 1))
            async let second = calls.create("org-2")
            #expect(await simulator.wait(for: create, phase: .held, count: 2))
            #expect(simulator.release(atMost: 1) == 1)
            let firstStatus = try await first.status
            #expect(firstStatus == 200)
            #expect(simulator.clients().map(\.organisation) == ["org-1"])
            #expect(simulator.release() == 1)
            let secondStatus = try await second.status
            #expect(secondStatus == 200)
        }
    }

    @Test func `waiting ends with false when the time is up or the task is cancelled`() async throws {
        try await simulating { simulator, _, _ in
            #expect(await !simulator.wait(for: create, phase: .received, timeoutMilliseconds: 10))
            let waiting = Task { await simulator.wait(for: create, phase: .received, timeoutMilliseconds: 60_000) }
            waiting.cancel()
            #expect(await !waiting.value)
        }
    }

    @Test func `the file has the decision before the client has the answer`() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString).jsonl").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        var configuration = SimulatorConfiguration(ledgerPath: path)
        configuration.faults = [FaultRule(match: create, effect: .hold(.after))]
        try await PlatformSimulator.withSimulator(configuration) { simulator, ports in
            async let reply = Calls(port: ports.port).create("org-1")
            #expect(await simulator.wait(for: create, phase: .held))
            let early = try lines(of: path)
            #expect(early.map(\.delivery) == [.pending])
            #expect(early.first?.decision?.kind == .clientCreated)
            simulator.release()
            let replyStatus = try await reply.status
            #expect(replyStatus == 200)
            _ = try await simulator.ended(createPath)
            #expect(try lines(of: path).map(\.delivery) == [.pending, .delivered])
            #expect(try lines(of: path).last == simulator.ledger().last)
        }
    }

    private func lines(of path: String) throws -> [LedgerEntry] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(LedgerEntry.self, from: Data($0.utf8)) }
    }

    @Test func `a ledger that cannot be written is a named error`() {
        #expect(throws: SimulatorError.self) {
            try PlatformSimulator(configuration: SimulatorConfiguration(ledgerPath: "/nowhere/at/all.jsonl"))
        }
    }
}
