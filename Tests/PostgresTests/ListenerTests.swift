import Postgres
import TestSupport
import Testing

@Suite("Listening", .timeLimit(.minutes(5)))
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

    @Test("Notifications arrive on channels of any name")
    func delivery() async throws {
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

    @Test("A killed listening session is replaced, said so, and hears again")
    func killedMidListen() async throws {
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

    @Test("A connection that is silently dead is found by the ping and replaced")
    func silentDeath() async throws {
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

    @Test("Only the newest of many notifications waits for a slow reader")
    func newestOnly() async throws {
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

    @Test("Cancelling run ends it and its session")
    func cancelled() async throws {
        let listener = PostgresListener(try ThrowawayCluster.get().configuration(), channels: ["cancelled"])
        let run = Task { try await listener.run() }
        var events = listener.events.makeAsyncIterator()
        #expect(await events.next() == .listening)
        run.cancel()
        try await run.value
        #expect(await events.next() == nil)
        try await wait(until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE query = 'LISTEN \"cancelled\"')")
    }

    @Test("A channel name that PostgreSQL would cut is refused")
    func longName() async throws {
        let name = String(repeating: "x", count: 64)
        let listener = PostgresListener(try ThrowawayCluster.get().configuration(), channels: [name])
        let error = await postgresError { try await listener.run() }
        #expect(error?.kind == .misuse)
    }
}
