import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing
import WorkflowCore

@testable import HTTPActions

/// "Not sent" must be true whenever it is said, whatever the moment at which an exchange breaks.
@Suite struct SentOrNotTests {
    /// Performs many attempts, and answers with the ids of those that were said to be unsent.
    private func unsentIds(
        _ server: ScriptedServer, count: UInt64, deadlineMilliseconds: (UInt64) -> Int64, cancels: Bool
    ) async throws -> (unsent: Set<String>, sent: Set<String>) {
        var actions: [Action] = []
        for number in 0..<count {
            var setup = Setup(server)
            setup.attemptId = Identifier(high: 1, low: number)
            setup.deadlineMilliseconds = deadlineMilliseconds(number)
            // With a body the head leaves alone; without one the whole request leaves at once.
            if number % 2 == 0 { setup.body = .json(.literal(["a": 1])) }
            setup.isRepeatable = number % 4 < 2
            actions.append(try setup.action())
        }
        let all = actions
        return try await withActions { client in
            await withTaskGroup(of: (String, Bool).self) { group in
                for action in all {
                    group.addTask {
                        let attempt = Task { await client.perform(action) }
                        if cancels {
                            for _ in 0..<(action.attemptId.low % 40) { await Task.yield() }
                            attempt.cancel()
                        }
                        let outcome = await attempt.value
                        #expect(outcome.result.outcome != .done)
                        #expect((outcome.result.outcome == .unknown) == (outcome.evidence["request_head_sent"] == true))
                        return (action.attemptId.description, outcome.result.outcome == .unknown)
                    }
                }
                var unsent: Set<String> = []
                var sent: Set<String> = []
                for await (id, isSent) in group {
                    if isSent { sent.insert(id) } else { unsent.insert(id) }
                }
                return (unsent, sent)
            }
        }
    }

    /// A server that notes every byte it gets, and the ids in them.
    private func listeningServer(
        _ seen: Heard, closesAtOnce: Bool
    ) throws -> ScriptedServer {
        try ScriptedServer { connection in
            if closesAtOnce { connection.finishSending() }
            var text = ""
            while let more = connection.readSome() { text += String(decoding: more, as: UTF8.self) }
            seen.add(text)
        }
    }

    /// Nothing that was sent is still on its way to what the server heard.
    private func expectQuiet(_ server: ScriptedServer, _ heard: Heard) async throws {
        try server.send("GET / HTTP/1.1\r\nX-Request-Id: the-last\r\n\r\n")
        #expect(await server.isQuiet { heard.ids.contains("the-last") })
    }

    @Test func `a deadline at any moment: what the server heard of was never said to be unsent`() async throws {
        let heard = Heard()
        let server = try listeningServer(heard, closesAtOnce: false)
        let (unsent, sent) = try await unsentIds(
            server, count: 240, deadlineMilliseconds: { 1 << Int64($0 % 12) }, cancels: false)
        #expect(unsent.count + sent.count == 240)
        #expect(!unsent.isEmpty && !sent.isEmpty)
        try await expectQuiet(server, heard)
        #expect(!heard.ids.isDisjoint(with: sent))
        #expect(unsent.isDisjoint(with: heard.ids))
    }

    @Test func `a cancellation at any moment: what the server heard of was never said to be unsent`() async throws {
        let heard = Heard()
        let server = try listeningServer(heard, closesAtOnce: false)
        let (unsent, sent) = try await unsentIds(
            server, count: 240, deadlineMilliseconds: { _ in 1000 }, cancels: true)
        #expect(unsent.count + sent.count == 240)
        #expect(!unsent.isEmpty)
        try await expectQuiet(server, heard)
        #expect(unsent.isDisjoint(with: heard.ids))
    }

    @Test func `a server that closes as soon as it is connected to: what it heard of was never said to be unsent`()
        async throws
    {
        let heard = Heard()
        let server = try listeningServer(heard, closesAtOnce: true)
        let (unsent, sent) = try await unsentIds(
            server, count: 120, deadlineMilliseconds: { _ in 5000 }, cancels: false)
        #expect(unsent.count + sent.count == 120)
        try await expectQuiet(server, heard)
        #expect(unsent.isDisjoint(with: heard.ids))
    }

    @Test
    func `a process that stands still while it connects, until its time is over: nothing leaves any more`() async throws
    {
        let server = try ScriptedServer(answering: http("200 OK", #"{"ok": true}"#))
        let stops = Mutex(0)
        var configuration = testConfiguration()
        // Threads of its own: those of the process carry the requests of other tests.
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        configuration.eventLoopGroup = threads
        configuration.phaseReached = { phase in
            guard phase == .connected else { return }
            stops.withLock { $0 += 1 }
            usleep(400_000)
        }
        var setup = Setup(server)
        setup.deadlineMilliseconds = 200
        let action = try setup.action()
        let outcome = try await withActions(configuration) { await $0.perform(action) }
        try await threads.shutdownGracefully()
        #expect(stops.withLock { $0 } == 1)
        #expect(outcome.result.outcome == .notDone)
        #expect(outcome.result.error == "unreachable")
        #expect(outcome.result.isCounted == false)
        try server.send("GET /last HTTP/1.1\r\n\r\n")
        #expect(await server.isQuiet { server.requests.contains { $0.line.hasPrefix("GET /last") } })
        #expect(server.requests.count == 1, "a request left after its time was over")
    }

    @Test
    func `a process that stands still with a kept connection in hand, until its time is over: nothing leaves any more`()
        async throws
    {
        let server = try ScriptedServer(answering: http("200 OK", #"{"ok": true}"#))
        var configuration = testConfiguration()
        let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        configuration.eventLoopGroup = threads
        var setup = Setup(server)
        setup.isRepeatable = true
        let first = try setup.action()
        setup.deadlineMilliseconds = 200
        let second = try setup.action()
        let third = try setup.action()
        let outcomes = try await withActions(configuration) { client in
            var outcomes = [await client.perform(first)]
            threads.next().execute { usleep(400_000) }
            outcomes.append(await client.perform(second))
            outcomes.append(await client.perform(third))
            return outcomes
        }
        try await threads.shutdownGracefully()
        #expect(outcomes.map(\.result.outcome) == [.done, .notDone, .done])
        #expect(outcomes[1].evidence["request_head_sent"] == false)
        #expect(outcomes[1].result.isCounted == false)
        #expect(server.requests.count == 2, "a request left after its time was over")
        #expect(!server.requests.contains { $0.head.lowercased().contains("turnup-ticket") })
    }

    @Test func `a definition's own header with the name of our ticket arrives, and our ticket does not`() async throws {
        let server = try ScriptedServer(answering: http("200 OK", #"{"ok": true}"#))
        var setup = Setup(server)
        setup.headers = ["Turnup-Ticket": "of their own"]
        let action = try setup.action()
        let outcome = try await withActions { await $0.perform(action) }
        #expect(outcome.result.outcome == .done)
        #expect(server.requests.first?.header("Turnup-Ticket") == "of their own")
    }
}

/// The attempt ids in what servers received.
private final class Heard: Sendable {
    private let found = Mutex<Set<String>>([])

    var ids: Set<String> { found.withLock { $0 } }

    func add(_ text: String) {
        let lines = text.split(separator: "\r\n").filter { $0.lowercased().hasPrefix("x-request-id: ") }
        found.withLock { found in for line in lines { found.insert(String(line.dropFirst(14))) } }
    }
}
