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
            try await cluster.administer("drop database \(name) with (force)")
            return value
        } catch {
            await pool.close()
            try? await cluster.administer("drop database \(name) with (force)")
            throw error
        }
    }

    /// Marks the database as a test's, and sets how far its clock is ahead.
    public func shiftClock(seconds: Double) async throws {
        _ = try await pool.query(
            """
            insert into turnup.test_clock (shift) values (make_interval(secs => $1::double precision))
            on conflict (only_row) do update set shift = excluded.shift
            """, [.double(seconds)])
    }
}
