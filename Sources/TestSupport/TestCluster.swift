public import LocalPostgres
import Postgres

/// The throw-away PostgreSQL of this test process: started when first asked for, gone when the process is.
public actor TestCluster {
    public static let shared = TestCluster()

    private var starting: Task<TemporaryPostgres, any Error>?
    private var template: Task<Void, any Error>?
    private var databases = 0

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
        let server = try await server()
        let task = Task {
            try await administer("create database \(name)")
            try await migrate(PostgresConfiguration(connectionString: server.server.url(database: name)))
        }
        template = task
        try await task.value
        return name
    }

    func administer(_ sql: String) async throws {
        let server = try await server()
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(connectionString: server.server.url(database: "postgres")))
        do {
            try await connection.execute(sql)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}
