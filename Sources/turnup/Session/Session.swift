import EventStore
import Foundation
import LocalPostgres
import Logging
import Postgres
import Vault

/// How the sessions of a command behave.
enum SessionTuning {
    /// Somebody waits for the answer, and statements may take as long as they do.
    case people
    /// Every call ends in seconds, whatever became of the server and the way to it, because others wait for it.
    case worker
}

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
        _ options: DatabaseOptions, allowsPrivate: Bool = true, connections: Int = 8, tuning: SessionTuning = .people,
        queryTimeout: Duration? = nil, _ body: (Session) async throws -> Value
    ) async throws -> Value {
        var isPrivate = false
        let connectionString: String
        if let named = try options.named {
            connectionString = named
        } else {
            guard allowsPrivate else { throw SessionTexts.noDatabase }
            let local = try DatabaseOptions.startPrivate()
            Console.note(SessionTexts.using(local.stateDirectory))
            connectionString = local.url
            isPrivate = true
        }
        return try await with(
            connectionString: connectionString, options: options, migrates: isPrivate, connections: connections,
            tuning: tuning, queryTimeout: queryTimeout, body)
    }

    static func with<Value>(
        connectionString: String, options: DatabaseOptions, migrates: Bool, connections: Int = 8,
        tuning: SessionTuning = .people, queryTimeout: Duration? = nil, _ body: (Session) async throws -> Value
    ) async throws -> Value {
        var configuration = configuration(connectionString, tuning)
        if let queryTimeout { configuration.queryTimeout = queryTimeout }
        let pool = PostgresPool(
            configuration,
            limits: PostgresPoolLimits(maximum: connections, reservedForCommits: tuning == .worker ? 2 : 0),
            acquireTimeout: tuning == .worker ? .seconds(10) : .seconds(30))
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

    static func configuration(_ connectionString: String, _ tuning: SessionTuning = .people) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(
            connectionString: connectionString, applicationName: tuning == .worker ? "turnup worker" : "turnup",
            logger: Logger(label: "postgres") { _ in SwiftLogNoOpLogHandler() })
        configuration.statementSent = CrashHooks.statementSent
        configuration.lockTimeout = .seconds(30)
        if tuning == .worker {
            configuration.connectTimeout = .seconds(5)
            configuration.queryTimeout = .seconds(15)
            configuration.cancelGrace = .seconds(2)
            // Somebody who keeps a row locked holds up the runs committed together with it for so long, once.
            configuration.lockTimeout = .seconds(1)
        }
        configuration.idleInTransactionTimeout = .seconds(60)
        return configuration
    }

    /// The vault of this installation. A first use makes the key file and binds the database to it.
    func vault() async throws -> Vault {
        let path = try options.keyPath()
        var facts = stat()
        // A folder that may not be entered is not a missing file: loading says what is wrong.
        let isNew = stat(path, &facts) != 0 && errno == ENOENT
        if isNew, try await store.hasKeyRing() { throw SessionTexts.keysMissing(path) }
        if isNew, options.usesOwnKeyPath { try LocalPostgres().makeStateDirectory() }
        let ring =
            try isNew
            ? KeyRing.create(path: path)
            : KeyRing.load(path: path, isGuarded: CredentialFile.isCredential(path))
        if isNew { Console.note(SessionTexts.keysMade(path)) }
        try await store.adopt(keyRing: ring)
        return Vault(keyRing: ring)
    }

    /// Who acts, for the history.
    static var actor: String { "person:\(NSUserName())" }
}

extension Session: CustomStringConvertible, CustomReflectable {
    /// Says nothing of the connection string, which may hold a password; services that hold a session are logged.
    var description: String { "Session" }

    var customMirror: Mirror { Mirror(self, children: []) }
}
