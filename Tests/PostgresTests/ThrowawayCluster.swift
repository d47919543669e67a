import Glibc
import LocalPostgres
import Postgres
import TestSupport
import Testing

/// The private PostgreSQL of this test process, in a hostile environment.
struct ThrowawayCluster: Sendable {
    /// The socket's folder.
    let directory: String
    let port = 5432
    /// Lives as long as the process, and ends with it.
    let temporary: TemporaryPostgres

    /// Started on first use; everyone shares it.
    static let shared = Result<ThrowawayCluster, any Error> { try start() }

    static func get() throws -> ThrowawayCluster { try shared.get() }

    static let hostileEnvironment = [
        "PGDATESTYLE": "German", "PGTZ": "Asia/Tokyo", "PGCLIENTENCODING": "LATIN1", "PGDATABASE": "absent",
        "PGOPTIONS": "-c standard_conforming_strings=off -c bytea_output=escape -c extra_float_digits=-10 "
            + "-c statement_timeout=100s -c lock_timeout=100s -c datestyle=SQL,DMY",
        "PGAPPNAME": "not-this", "PGPORT": "1",
    ]

    var socketPath: String { "\(directory)/.s.PGSQL.\(port)" }

    func configuration(_ overrides: [String: String] = [:]) -> PostgresConfiguration {
        let base = ["host": directory, "port": String(port), "user": "postgres", "dbname": "postgres"]
        var configuration = PostgresConfiguration(
            overrides: base.merging(overrides) { $1 }, applicationName: "postgres-tests")
        // So that a test's tables need no schema before their names.
        configuration.searchPath = "public"
        return configuration
    }

    private static func start() throws -> ThrowawayCluster {
        let temporary = try TemporaryPostgres(
            configuration: LocalPostgresConfiguration(
                durable: false, extraSettings: ["max_connections": "200", "log_min_messages": "fatal"]))
        let status = try temporary.server.ensureRunning()
        _ = try temporary.server.run(sql: "create role postgres superuser login", database: "postgres")
        // Every test runs in a hostile environment: none of it may show. Set before the first connection, because
        // libpq reads the environment on all threads.
        for (name, value) in hostileEnvironment { setenv(name, value, 1) }
        return ThrowawayCluster(directory: status.socketDirectory, temporary: temporary)
    }
}

/// A proxy in front of the shared cluster and the configuration to go through it.
@discardableResult
func withProxy<Value>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (CuttableProxy, PostgresConfiguration) async throws -> Value
) async throws -> Value {
    let cluster = try ThrowawayCluster.get()
    let proxy = try CuttableProxy(to: cluster.socketPath)
    defer { proxy.stop() }
    return try await body(proxy, cluster.configuration(["host": proxy.directory]))
}

/// A connection to the shared cluster, closed when `body` ends.
@discardableResult
func withConnection<Value>(
    _ configuration: PostgresConfiguration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (PostgresConnection) async throws -> Value
) async throws -> Value {
    let configuration = try configuration ?? ThrowawayCluster.get().configuration()
    let connection = try await PostgresConnection.connect(configuration)
    do {
        let value = try await body(connection)
        await connection.close()
        return value
    } catch {
        await connection.close()
        throw error
    }
}

/// The configuration for the shared cluster with a change.
func configured(_ change: (inout PostgresConfiguration) -> Void) throws -> PostgresConfiguration {
    var configuration = try ThrowawayCluster.get().configuration()
    change(&configuration)
    return configuration
}

/// The error that `body` throws; nil when it throws none or another kind of error.
func postgresError<Value>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// Fails the test unless the connection still answers.
func expectUsable(_ connection: PostgresConnection) async throws {
    let answer = try await connection.query("SELECT 41 + 1", readOnly: true).onlyRow().int(0)
    #expect(answer == 42)
}

/// Waits until the SQL condition holds; the server does the waiting between two looks.
func wait(until condition: String, _ parameters: [PostgresValue] = []) async throws {
    try await withConnection { observer in
        try await observer.execute("SET statement_timeout = '20s'")
        try await observer.execute(
            """
            CREATE FUNCTION pg_temp.nap() RETURNS void LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.005); END $$
            """)
        for _ in 0..<4000 {
            if try await observer.query("SELECT \(condition)", parameters).onlyRow().bool(0) { return }
            try await observer.query("SELECT pg_temp.nap()")
        }
        Issue.record("never came true: \(condition)")
    }
}

/// Waits until the session runs a statement that contains this text.
func waitUntilRunning(_ text: String, on processID: Int32) async throws {
    try await wait(
        until: "EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE $2)",
        [.int(Int64(processID)), .text("%\(text)%")])
}

/// Ends a session from the server's side and waits until it is gone.
func terminate(_ processID: Int32) async throws {
    try await withConnection { try await $0.query("SELECT pg_terminate_backend($1)", [.int(Int64(processID))]) }
    try await wait(
        until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", [.int(Int64(processID))])
}
