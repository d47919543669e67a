import LocalPostgres
import TestSupport
import Testing

@testable import Postgres

/// A server whose commits wait for a synchronous standby that never comes.
@Suite("Commits that wait for a standby", .timeLimit(.minutes(15)))
struct StandbyTests {
    private func withLonelyPrimary(
        _ body: (PostgresConfiguration, PostgresConnection) async throws -> Void
    ) async throws {
        // The shared one first, which makes the environment hostile for all.
        _ = try ThrowawayCluster.get()
        let (temporary, status) = try await onThreadOfItsOwn {
            let temporary = try TemporaryPostgres(configuration: LocalPostgresConfiguration(durable: false))
            let status = try temporary.server.ensureRunning()
            // In one connection that does not wait itself.
            _ = try temporary.server.run(
                sql: """
                    set synchronous_commit = local; create role postgres superuser login; create table public.t (a int);
                    alter system set synchronous_standby_names = '*'; select pg_reload_conf();
                    """, database: "postgres")
            return (temporary, status)
        }
        var configuration = PostgresConfiguration(overrides: [
            "host": status.socketDirectory, "port": "5432", "user": "postgres", "dbname": "postgres",
        ])
        configuration.searchPath = "public"
        try await withConnection(configuration) { observer in
            try await withConnection(configuration) { writer in
                try await takesEffect(writer)
            }
            try await body(configuration, observer)
        }
        try await onThreadOfItsOwn { try temporary.destroy() }
    }

    /// Nothing shows when the setting has reached the sessions but a commit that waits.
    private func takesEffect(_ connection: PostgresConnection) async throws {
        for _ in 0..<1000 {
            let error = await postgresError {
                try await connection.query("INSERT INTO t VALUES (0)", timeout: .milliseconds(20))
            }
            if error?.awaitsStandby == true { return }
        }
        Issue.record("no commit ever waited")
    }

    private func count(_ value: Int, _ observer: PostgresConnection) async throws -> Int64 {
        try await observer.query("SELECT count(*) FROM t WHERE a = $1::int8", [.int(Int64(value))], readOnly: true)
            .onlyRow().int(0)
    }

    @Test
    func `a success that comes only because we cancelled the wait is no acknowledgement, though the row is there`()
        async throws
    {
        try await withLonelyPrimary { configuration, observer in
            try await withConnection(configuration) { connection in
                let single = await postgresError {
                    try await connection.query("INSERT INTO t VALUES (1)", timeout: .milliseconds(50))
                }
                #expect(single?.kind == .outcomeUnknown && single?.awaitsStandby == true)
                #expect(single?.isConnectionProblem == true)
                #expect(try await count(1, observer) == 1)
                let transaction = await postgresError {
                    try await connection.withTransaction(timeout: .milliseconds(200)) {
                        try $0.querySync("INSERT INTO t VALUES (2)")
                    }
                }
                #expect(transaction?.kind == .outcomeUnknown && transaction?.awaitsStandby == true)
                #expect(try await count(2, observer) == 1)
                let script = await postgresError {
                    try await connection.execute("INSERT INTO t VALUES (4)", timeout: .milliseconds(50))
                }
                #expect(script?.kind == .outcomeUnknown && script?.awaitsStandby == true)
                // What changes nothing waits for nobody.
                try await expectUsable(connection)
            }
        }
    }

    @Test func `a success that comes because somebody else cancelled the wait is none either`() async throws {
        try await withLonelyPrimary { configuration, observer in
            try await withConnection(configuration) { connection in
                let pid = Int64(await connection.backendProcessID)
                async let failure = postgresError { try await connection.query("INSERT INTO t VALUES (5)") }
                var isCancelled = false
                while !isCancelled {
                    isCancelled = try await observer.query(
                        """
                        SELECT coalesce((SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                          WHERE pid = $1::int8 AND wait_event = 'SyncRep'), false)
                        """, [.int(pid)]
                    ).onlyRow().bool(0)
                }
                let error = await failure
                #expect(error?.kind == .outcomeUnknown && error?.awaitsStandby == true)
                #expect(try await count(5, observer) == 1)
            }
        }
    }

    @Test func `a statement that failed after all is a failure and not an unknown outcome`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.query("SELECT pg_sleep(60)", timeout: .milliseconds(50))
            }
            #expect(error?.kind == .timeout && error?.awaitsStandby == false)
            try await expectUsable(connection)
        }
    }
}
