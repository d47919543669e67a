import Foundation
import LocalPostgres
import Postgres

/// One run of the benchmarks: a throw-away server for all of them, a database for each.
final class Bench {
    let server: TemporaryPostgres
    let report: Report
    let turnup: String
    /// For what processes say, and for files that they read.
    let folder: String
    /// Reads what only a superuser may.
    let administrator: PostgresConnection
    /// Where the server's own programs are.
    let serverPrograms: String
    private var databases = 0

    /// - Parameter isDurable: only then do times count.
    init(turnup: String, isDurable: Bool, report: Report) async throws {
        guard FileManager.default.isExecutableFile(atPath: turnup) else {
            throw Failure("there is no program at \(turnup); build it, or name it with --turnup")
        }
        self.turnup = URL(fileURLWithPath: turnup).path
        self.report = report
        server = try TemporaryPostgres(
            configuration: LocalPostgresConfiguration(
                durable: isDurable,
                extraSettings: [
                    "shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
                    // So that a window of it can be read again.
                    "wal_keep_size": "2GB", "max_connections": "100", "track_wal_io_timing": "on",
                    "shared_preload_libraries": "pg_stat_statements",
                ]))
        try server.server.ensureRunning()
        folder = server.directory + "/bench"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        administrator = try await PostgresConnection.connect(
            PostgresConfiguration(connectionString: server.server.administratorURL))
        try await administrator.execute("create extension pg_stat_statements schema public")
        serverPrograms = try await administrator.query(
            "select setting from pg_config where name = 'BINDIR'"
        ).onlyRow().string("setting")
    }

    func end() async throws {
        await administrator.close()
        try server.destroy()
    }

    /// A migrated database with the definitions of the benchmarks, whose services are the answerer.
    func withScene(
        slowMilliseconds: Int64 = 200, turnup: String? = nil, _ body: (Scene) async throws -> Void
    ) async throws {
        databases += 1
        let name = "bench_\(databases)"
        let answerer = Answerer(slowMilliseconds: slowMilliseconds)
        let base = try await answerer.start()
        let postgres = try await PostgresConnection.connect(
            PostgresConfiguration(connectionString: server.server.url(database: "postgres")))
        try await postgres.execute("create database \(name)")
        await postgres.close()
        let scene = try await Scene(
            bench: self, turnup: turnup ?? self.turnup, database: name, answerer: answerer)
        do {
            try await scene.setUp(baseURL: base)
            try await body(scene)
        } catch {
            await scene.end()
            throw error
        }
        await scene.end()
        try await answerer.stop()
        try await administrator.execute("drop database \(name) with (force)")
    }

    /// A program of the server's, such as pgbench.
    func serverProgram(_ name: String, _ arguments: [String]) throws -> Program {
        try Program("\(serverPrograms)/\(name)", arguments, environment: Self.environment, folder: folder)
    }

    static let environment = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C",
    ]
}
