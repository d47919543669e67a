public import EventStore
import LocalPostgres
public import Postgres
public import Vault

/// A database of one test's own, copied from a migrated template, dropped when the test is over.
public struct TestDatabase: Sendable {
    public let name: String
    public let url: String
    public let pool: PostgresPool
    public let store: PostgresStore
    public let vault: Vault

    public static func withDatabase<Value: Sendable>(
        migrated: Bool = true, connections: Int = 8, _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        let cluster = TestCluster.shared
        await cluster.enter()
        do {
            let value = try await run(migrated: migrated, connections: connections, cluster, body)
            await cluster.leave()
            return value
        } catch {
            await cluster.leave()
            throw error
        }
    }

    private static func run<Value: Sendable>(
        migrated: Bool, connections: Int, _ cluster: TestCluster, _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        let template = try await cluster.template { configuration in
            let pool = PostgresPool(configuration)
            _ = try await Migrator(pool: pool).migrate()
            await pool.close()
        }
        let name = await cluster.nextName()
        try await cluster.administer("create database \(name) template \(migrated ? template : "template0")")
        let url = try await cluster.server().server.url(database: name)
        let pool = PostgresPool(
            PostgresConfiguration(connectionString: url, applicationName: "test"),
            limits: PostgresPoolLimits(maximum: connections))
        let vault = Vault(keyRing: .generate())
        let database = TestDatabase(
            name: name, url: url, pool: pool, store: PostgresStore(pool: pool), vault: vault)
        do {
            let value = try await body(database)
            await pool.close()
            try await cluster.drop(name)
            return value
        } catch {
            await pool.close()
            try? await cluster.drop(name)
            throw error
        }
    }

    /// A store that reaches the database through a proxy that can break its connection.
    public func withProxy<Value>(
        _ body: (CuttableProxy, PostgresStore) async throws -> Value
    ) async throws -> Value {
        let proxy = try CuttableProxy(to: try await TestCluster.shared.socketPath())
        defer { proxy.stop() }
        let proxied = PostgresPool(
            PostgresConfiguration(connectionString: url, overrides: ["host": proxy.directory, "port": "5432"]))
        do {
            let value = try await body(proxy, PostgresStore(pool: proxied))
            await proxied.close()
            return value
        } catch {
            await proxied.close()
            throw error
        }
    }

    /// A session of the server's superuser in this database, for what no other role may do.
    public func withSuperuser(_ body: (PostgresConnection) async throws -> Void) async throws {
        let url = try await TestCluster.shared.server().server.administratorURL
        var configuration = PostgresConfiguration(connectionString: url, overrides: ["dbname": name])
        // Like a session of somebody else's.
        configuration.searchPath = nil
        let connection = try await PostgresConnection.connect(configuration)
        do {
            try await body(connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Runs a script as the server's superuser in this database.
    public func tamper(_ script: String) async throws {
        try await withSuperuser { connection in try await connection.execute(script) }
    }

    /// Marks the database as a test's, and sets how far its clock is ahead.
    public func shiftClock(seconds: Double) async throws {
        let rows = try await pool.query(
            """
            insert into turnup.test_clock (shift) values (make_interval(secs => $1::double precision))
            on conflict (only_row) do update set shift = excluded.shift
            returning xmax = 0 as is_first
            """, [.double(seconds)])
        guard try rows.onlyRow().bool("is_first") else { return }
        _ = try await pool.withConnection { connection in
            try await connection.execute(
                """
                create or replace function turnup.now() returns timestamptz language sql volatile parallel safe
                return clock_timestamp() + coalesce((select shift from turnup.test_clock), interval '0')
                """)
        }
    }
}
