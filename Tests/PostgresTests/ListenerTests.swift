import Foundation
import Glibc
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Listening", .timeLimit(.minutes(15)))
struct ListenerTests {
    private func withListener(
        _ channels: [String], pingInterval: Duration = .seconds(5), configuration: PostgresConfiguration? = nil,
        _ body: (PostgresListener, inout AsyncStream<PostgresListener.Event>.Iterator) async throws -> Void
    ) async throws {
        let configuration = try configuration ?? ThrowawayCluster.get().configuration()
        let listener = PostgresListener(configuration, channels: channels, pingInterval: pingInterval)
        let run = Task { try await listener.run() }
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == .listening)
        try await body(listener, &events)
        listener.close()
        try await run.value
        #expect(await events.next() == nil)
    }

    @Test func `notifications arrive on channels of any name`() async throws {
        let channel = "odd \"name\"; -- 🐘"
        try await withListener([channel, "plain"]) { _, events in
            try await withConnection { connection in
                try await connection.query("SELECT pg_notify($1, $2)", [.text(channel), "hello"])
                #expect(await events.next() == .notification(channel: channel, payload: "hello"))
                try await connection.execute("NOTIFY plain")
                #expect(await events.next() == .notification(channel: "plain", payload: ""))
            }
        }
    }

    @Test func `a killed listening session is replaced, said so, and hears again`() async throws {
        try await withListener(["killed"]) { _, events in
            try await withConnection { connection in
                let killed = try await connection.query(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE query = 'LISTEN "killed"' AND pid <> pg_backend_pid()
                    """)
                #expect(try killed.onlyRow().int(0) == 1)
                #expect(await events.next() == .reconnected)
                try await connection.execute("NOTIFY killed, 'again'")
                #expect(await events.next() == .notification(channel: "killed", payload: "again"))
            }
        }
    }

    @Test func `a connection that is silently dead is found by the ping and replaced`() async throws {
        try await withProxy { proxy, configuration in
            var configuration = configuration
            configuration.cancelGrace = .milliseconds(50)
            try await withListener(["quiet"], pingInterval: .milliseconds(100), configuration: configuration) {
                _, events in
                proxy.set(.swallowReplies)
                try await waitFor { proxy.faultCount > 0 }
                proxy.set(.none)
                #expect(await events.next() == .reconnected)
            }
        }
    }

    @Test func `only the newest of many notifications waits for a slow reader`() async throws {
        try await withListener(["many"]) { _, events in
            try await withConnection { connection in
                for number in 1...50 { try await connection.execute("NOTIFY many, '\(number)'") }
            }
            var count = 0
            while let event = await events.next() {
                count += 1
                if event == .notification(channel: "many", payload: "50") { break }
            }
            #expect(count <= 50)
        }
    }

    @Test func `a server that hangs up at once is asked again after growing pauses, never in a spin`() async throws {
        let server = try HangingUp()
        defer { server.stop() }
        var configuration = try ThrowawayCluster.get().configuration(["host": server.directory])
        configuration.connectTimeout = .seconds(5)
        let listener = PostgresListener(configuration, channels: ["never"], longestRetryDelay: .milliseconds(400))
        let began = ContinuousClock.now
        let run = Task { try await listener.run() }
        try await waitFor { server.count >= 8 }
        // At least half of 100, 200 and five times 400 ms lie between eight connections. A slow machine only adds to that.
        #expect(began.duration(to: .now) >= .milliseconds(1150))
        listener.close()
        try await run.value
    }

    @Test func `cancelling run ends it and its session`() async throws {
        let listener = PostgresListener(try ThrowawayCluster.get().configuration(), channels: ["cancelled"])
        let run = Task { try await listener.run() }
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == .listening)
        run.cancel()
        try await run.value
        #expect(await events.next() == nil)
        try await wait(until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE query = 'LISTEN \"cancelled\"')")
    }

    @Test func `a channel name that PostgreSQL would cut is refused`() async throws {
        let name = String(repeating: "x", count: 64)
        let listener = PostgresListener(try ThrowawayCluster.get().configuration(), channels: [name])
        let error = await postgresError { try await listener.run() }
        #expect(error?.kind == .misuse)
    }
}

/// A socket in the server's place that takes every connection and closes it.
private final class HangingUp: Sendable {
    let directory: String
    private let listener: Int32
    private let taken = Atomic<Int>(0)

    init() throws {
        directory = NSTemporaryDirectory() + "turnup-hang-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "\(directory)/.s.PGSQL.5432".utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(listener, 64) == 0)
        Thread.detachNewThread { [listener] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                self.taken.add(1, ordering: .relaxed)
                close(client)
            }
            close(listener)
        }
    }

    var count: Int { taken.load(ordering: .relaxed) }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        try? FileManager.default.removeItem(atPath: directory)
    }
}
