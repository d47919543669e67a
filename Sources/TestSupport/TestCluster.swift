import Foundation
public import LocalPostgres
import Postgres

/// The throw-away PostgreSQL of this test process: started when first asked for, gone when the process is.
public actor TestCluster {
    public static let shared = TestCluster()

    private var starting: Task<TemporaryPostgres, any Error>?
    private var template: Task<Void, any Error>?
    private var databases = 0
    private var placesLeft = 8
    private var waiting: [CheckedContinuation<Void, Never>] = []

    public func server() async throws -> TemporaryPostgres {
        if let starting { return try await starting.value }
        let task = Task.detached {
            let server = try TemporaryPostgres(
                configuration: LocalPostgresConfiguration(
                    durable: false, extraSettings: ["max_connections": "300"]))
            _ = try server.server.ensureRunning()
            return server
        }
        starting = task
        return try await task.value
    }

    /// The server's socket, for a proxy in front of it.
    func socketPath() async throws -> String {
        let items = URLComponents(string: try await server().server.url)?.queryItems ?? []
        func value(_ name: String) -> String { items.first { $0.name == name }?.value ?? "" }
        return "\(value("host"))/.s.PGSQL.\(value("port"))"
    }

    /// Waits until few enough tests have a database open: all start at once, and connections are limited.
    func enter() async {
        if placesLeft > 0 {
            placesLeft -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty { placesLeft += 1 } else { waiting.removeFirst().resume() }
    }

    /// A name that no other test of this process has.
    func nextName() -> String {
        databases += 1
        return "test_\(databases)"
    }

    /// Makes the migrated template that the tests' databases are copied from.
    func template(migrate: @escaping @Sendable (PostgresConfiguration) async throws -> Void) async throws -> String {
        let name = "turnup_template"
        if let template {
            try await template.value
            return name
        }
        // Made before anything is waited for, so that the second test to ask finds it.
        let task = Task {
            let server = try await server()
            try await administer("create database \(name)")
            try await migrate(PostgresConfiguration(connectionString: server.server.url(database: name)))
        }
        template = task
        try await task.value
        return name
    }

    func administer(_ sql: String) async throws {
        try await execute(sql, as: try await server().server.url(database: "postgres"))
    }

    /// As the superuser: a database may have a process that is nobody else's to end, such as an autovacuum's.
    func drop(_ database: String) async throws {
        try await execute("drop database \(database) with (force)", as: try await server().server.administratorURL)
    }

    private func execute(_ sql: String, as url: String) async throws {
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(connectionString: url, overrides: ["dbname": "postgres"]))
        do {
            try await connection.execute(sql)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}
