import LocalPostgres
import Synchronization
import TestSupport
import Testing

@testable import Postgres

/// What a transaction-mode pooler gives us is a server session for one transaction, which others had before and have
/// afterwards.
@Suite("Through a connection pooler", .timeLimit(.minutes(15)))
struct PoolerTests {
    /// A pooler with so many sessions, which lets the hostile PGOPTIONS of these tests through.
    private func withPooler(
        _ mode: TestPooler.Mode = .transaction, sessions: Int = 1, ignoring: [String] = ["options"],
        _ body: (PostgresConfiguration) async throws -> Void
    ) async throws {
        let cluster = try ThrowawayCluster.get()
        let pooler = try await TestPooler.start(
            to: cluster.socketPath, mode: mode, sessions: sessions, ignoring: ignoring)
        defer { pooler.stop() }
        var configuration = cluster.configuration(["host": pooler.directory, "port": String(TestPooler.port)])
        configuration.searchPath = PostgresConfiguration().searchPath
        try await body(configuration)
    }

    @Test func `sessions that share server sessions each run their own statements, never another's`() async throws {
        try await withPooler(sessions: 2) { configuration in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<6 {
                    group.addTask {
                        try await withConnection(configuration) { connection in
                            #expect(await connection.isPooled)
                            for number in 0..<40 {
                                let row = try await connection.query(
                                    "SELECT $1::int8 + \(client)", [.int(Int64(number))])
                                #expect(try row.onlyRow().int(0) == Int64(number + client))
                                let answer = try await connection.query("SELECT $1::text || '\(client)'", ["a"])
                                #expect(try answer.onlyRow().string(0) == "a\(client)")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `what others left in the server's session is not met, and nothing of ours stays in it`() async throws {
        try await withPooler { configuration in
            var limited = configuration
            limited.lockTimeout = .seconds(7)
            limited.idleInTransactionTimeout = .seconds(8)
            try await withConnection(configuration) { other in
                await other.dropPrelude()
                try await other.execute(
                    """
                    SET bytea_output = escape; SET search_path = nowhere; SET lock_timeout = '1s';
                    SET work_mem = '77MB'; SET synchronous_commit = off
                    """)
                try await withConnection(limited) { ours in
                    let shown = """
                        SELECT '\\x615c62'::bytea, current_setting('search_path'), current_setting('lock_timeout'),
                          current_setting('synchronous_commit')
                        """
                    func check(_ row: PostgresRow?) throws {
                        #expect(try row?.bytes(0) == [0x61, 0x5c, 0x62])
                        #expect(try row?.string(1) == "pg_catalog, pg_temp")
                        #expect(try row?.string(2) == "7s")
                        #expect(try row?.string(3) == "on")
                    }
                    try check(try await ours.query(shown).first)
                    try check(try await ours.execute(shown)[0].first)
                    let inside = try await ours.withTransaction { try $0.querySync(shown).first }
                    try check(inside)
                }
                let left = try await other.execute(
                    """
                    SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings
                    WHERE source = 'session' AND name IN ('bytea_output', 'extra_float_digits', 'lock_timeout',
                      'idle_in_transaction_session_timeout', 'search_path', 'synchronous_commit', 'work_mem')
                    """)
                #expect(
                    try left[0].onlyRow().string(0)
                        == "bytea_output=escape lock_timeout=1000 search_path=nowhere synchronous_commit=off work_mem=78848"
                )
            }
        }
    }

    @Test func `COPY, scripts and their errors behave as on a session of our own`() async throws {
        try await withPooler { configuration in
            try await withConnection(configuration) { connection in
                try await connection.execute("CREATE TABLE public.pooled (a int)")
                let count = try await connection.copyIn("COPY public.pooled FROM STDIN", chunks(["1\n", "2\n"]))
                #expect(count == 2)
                let wrong = await postgresError { try await connection.copyIn("SELECT 1", chunks([])) }
                #expect(wrong?.kind == .misuse)
                let answers = try await connection.execute("SELECT 1; SELECT 2")
                #expect(try answers.map { try $0.onlyRow().int(0) } == [1, 2])
                let failure = await postgresError { try await connection.execute("SELECT 1; SELECT absent") }
                #expect(failure?.sqlState == "42703" && failure?.position == 18, "\(String(describing: failure))")
                let statement = await postgresError { try await connection.query("SELECT absent", label: "mine") }
                #expect(statement?.sqlState == "42703" && statement?.statement == "mine" && statement?.position == 8)
                try await expectUsable(connection)
                try await connection.execute("DROP TABLE public.pooled")
            }
        }
    }

    @Test func `a server that was started again behind the pooler is noticed, although no connection of ours broke`()
        async throws
    {
        _ = try ThrowawayCluster.get()
        let (temporary, directory) = try await onThreadOfItsOwn {
            let temporary = try TemporaryPostgres(configuration: LocalPostgresConfiguration(durable: false))
            return (temporary, try temporary.server.ensureRunning().socketDirectory)
        }
        let pooler = try await TestPooler.start(to: "\(directory)/.s.PGSQL.5432", sessions: 1, ignoring: ["options"])
        defer { pooler.stop() }
        let pool = PostgresPool(
            PostgresConfiguration(overrides: [
                "host": pooler.directory, "port": String(TestPooler.port), "user": "turnup", "dbname": "turnup",
            ]), limits: PostgresPoolLimits(maximum: 1))
        for _ in 0..<2 { try await pool.query("SELECT 1") }
        let processID = try await pool.withConnection { await $0.backendProcessID }
        #expect(pool.generation == 0)
        try await onThreadOfItsOwn {
            try temporary.server.stop()
            try temporary.server.ensureRunning()
        }
        _ = try await pool.withTransaction { try $0.querySync("SELECT 2") }
        #expect(try await pool.withConnection { await $0.backendProcessID } == processID)
        #expect(pool.generation == 1)
        await pool.close()
        try await onThreadOfItsOwn { try temporary.destroy() }
    }

    @Test func `a statement that takes too long is stopped, and the session is good for the next`() async throws {
        try await withPooler { configuration in
            try await withConnection(configuration) { connection in
                let error = await postgresError {
                    try await connection.query("SELECT pg_sleep(60)", timeout: .milliseconds(50))
                }
                #expect(error?.kind == .timeout)
                try await expectUsable(connection)
            }
        }
    }

    @Test func `who listens is told that nothing will come`() async throws {
        try await withPooler { configuration in
            let listener = PostgresListener(configuration, channels: ["a"])
            let running = Task { try await listener.run() }
            var events: [PostgresListener.Event] = []
            for await event in listener.events {
                events.append(event)
                listener.close()
            }
            #expect(events == [.pooled])
            try await running.value
        }
    }

    @Test func `a pooler that gives every statement another session is refused at the start, in words`() async throws {
        try await withPooler(.statement) { configuration in
            let error = await postgresError { try await PostgresConnection.connect(configuration) }
            #expect(error?.kind == .unsuitableServer)
            #expect(error?.message.contains("does not keep a transaction together") == true)
            #expect(error?.hint?.contains("pool_mode = transaction") == true)
        }
    }

    @Test func `a pooler that refuses a parameter of the start is told with the way out`() async throws {
        try await withPooler(ignoring: []) { configuration in
            let error = await postgresError { try await PostgresConnection.connect(configuration) }
            #expect(error?.kind == .connectionFailed)
            #expect(error?.hint?.contains("PGOPTIONS") == true, "\(String(describing: error))")
        }
    }
}

extension PostgresConnection {
    /// A client that does not care for settings.
    fileprivate func dropPrelude() { prelude = nil }
}

/// Gives one text after the other.
private func chunks(_ texts: [String]) -> @Sendable () -> [UInt8]? {
    let left = Mutex(texts[...])
    return { left.withLock { $0.popFirst().map { Array($0.utf8) } } }
}
