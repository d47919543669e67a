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

    @Test("a deadline at any moment: what the server heard of was never said to be unsent")
    func deadlines() async throws {
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

    @Test("a cancellation at any moment: what the server heard of was never said to be unsent")
    func cancellations() async throws {
        let heard = Heard()
        let server = try listeningServer(heard, closesAtOnce: false)
        let (unsent, sent) = try await unsentIds(
            server, count: 240, deadlineMilliseconds: { _ in 1000 }, cancels: true)
        #expect(unsent.count + sent.count == 240)
        #expect(!unsent.isEmpty)
        try await expectQuiet(server, heard)
        #expect(unsent.isDisjoint(with: heard.ids))
    }

    @Test("a server that closes as soon as it is connected to: what it heard of was never said to be unsent")
    func closedAtOnce() async throws {
        let heard = Heard()
        let server = try listeningServer(heard, closesAtOnce: true)
        let (unsent, sent) = try await unsentIds(
            server, count: 120, deadlineMilliseconds: { _ in 5000 }, cancels: false)
        #expect(unsent.count + sent.count == 120)
        try await expectQuiet(server, heard)
        #expect(unsent.isDisjoint(with: heard.ids))
    }

    @Test("a process that stands still while it connects, until its time is over: nothing leaves any more")
    func stoppedWhileConnecting() async throws {
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
