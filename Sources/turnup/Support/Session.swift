import EventStore
import Foundation
import LocalPostgres
import Logging
import Postgres
import Vault

/// An open database with what commands need of it.
struct Session {
    let pool: PostgresPool
    let store: PostgresStore
    let options: DatabaseOptions
    let connectionString: String

    /// Opens the named database, or the private one, for as long as `body` runs.
    ///
    /// A private database is brought to this version's schema; somebody's own is never changed unasked.
    static func with<Value>(
        _ options: DatabaseOptions, allowsPrivate: Bool = true, connections: Int = 8,
        _ body: (Session) async throws -> Value
    ) async throws -> Value {
        var isPrivate = false
        let connectionString: String
        if let named = options.named {
            connectionString = named
        } else {
            guard allowsPrivate else {
                throw CommandFailure.badInput(
                    "no database is named",
                    hint: "Give --database-url or TURNUP_DATABASE_URL, or use \"turnup up\" for a private one.")
            }
            let local = try DatabaseOptions.startPrivate()
            Console.note("Using the private PostgreSQL in \(local.stateDirectory).")
            connectionString = local.url
            isPrivate = true
        }
        return try await with(
            connectionString: connectionString, options: options, migrates: isPrivate, connections: connections, body)
    }

    static func with<Value>(
        connectionString: String, options: DatabaseOptions, migrates: Bool, connections: Int = 8,
        _ body: (Session) async throws -> Value
    ) async throws -> Value {
        let pool = PostgresPool(
            configuration(connectionString), limits: PostgresPoolLimits(maximum: connections))
        do {
            if migrates { _ = try await Migrator(pool: pool).migrate() }
            let value = try await body(
                Session(
                    pool: pool, store: PostgresStore(pool: pool), options: options,
                    connectionString: connectionString))
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }

    static func configuration(_ connectionString: String) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(
            connectionString: connectionString, applicationName: "turnup",
            logger: Logger(label: "postgres") { _ in SwiftLogNoOpLogHandler() })
        configuration.statementSent = CrashHooks.statementSent
        configuration.lockTimeout = .seconds(30)
        configuration.idleInTransactionTimeout = .seconds(60)
        return configuration
    }

    /// The vault of this installation. A first use makes the key file and binds the database to it.
    func vault() async throws -> Vault {
        let path = try options.keyPath()
        var facts = stat()
        // A folder that may not be entered is not a missing file: loading says what is wrong.
        let isNew = stat(path, &facts) != 0 && errno == ENOENT
        if isNew, try await store.hasKeyRing() {
            throw CommandFailure(
                exitCode: 3, message: "the key file \(path) is missing, and this database has sealed secrets",
                hint: "Bring the file from the machine where it was made, or name it with TURNUP_KEY_FILE.")
        }
        if isNew, options.usesOwnKeyPath { try LocalPostgres().makeStateDirectory() }
        let ring = try isNew ? KeyRing.create(path: path) : KeyRing.load(path: path)
        if isNew { Console.note("Made the key file \(path). Keep a copy: without it sealed secrets cannot be read.") }
        try await store.adopt(keyRing: ring)
        return Vault(keyRing: ring)
    }

    /// Who acts, for the history.
    static var actor: String { "person:\(NSUserName())" }
}
