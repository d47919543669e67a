import EventStore
import HTTPActions
import Logging
import Postgres
import ServiceLifecycle
import Vault
import Worker

/// Waits for the database however long it takes, then advances runs.
struct WorkerService: Service {
    let session: Session
    let configuration: WorkerConfiguration
    let wakeSignal: WakeSignal
    let monitor: WorkerMonitor
    let logger: Logger

    func run() async throws {
        let vault: Vault
        do {
            vault = try await cancelWhenGracefulShutdown {
                try await DatabaseWait(monitor: monitor).first(isAway: Self.isAway) { try await open() }
            }
        } catch  where Task.isShuttingDownGracefully || Task.isCancelled { return }
        var actionsConfiguration = HTTPActionsConfiguration(userAgent: "turnup/\(Version.text)")
        actionsConfiguration.phaseReached = CrashHooks.phaseReached
        let actions = HTTPActions(vault: vault, logger: logger, configuration: actionsConfiguration)
        let worker = Worker(
            store: session.store, vault: vault, prepare: actions.prepare, perform: actions.perform,
            configuration: configuration,
            wakeSignal: wakeSignal,
            monitor: monitor, logger: logger)
        logger.notice(
            "\(WorkerTexts.runs(configuration.name))", metadata: ["lease_ms": "\(configuration.leaseMilliseconds)"])
        do {
            try await worker.run()
        } catch {
            try? await actions.shutdown()
            throw error
        }
        try await actions.shutdown()
    }

    /// Reaches the server, looks at the schema and opens the key ring.
    private func open() async throws -> Vault {
        try await session.pool.withConnection { _ in }
        do {
            let missing = try await Migrator(pool: session.pool).pendingMigrations()
            guard missing.isEmpty else {
                throw StoreError(
                    .notMigrated, WorkerTexts.lacks(missing.map(\.name)), hint: WorkerTexts.migrateHint)
            }
        } catch let error as StoreError where error.code == .newerSchema {
            // Old and new workers run beside each other while a new version is rolled out.
            logger.warning("\(WorkerTexts.newerSchema)", metadata: ["error": "\(error.message)"])
        }
        return try await session.vault()
    }

    /// Whether waiting can help. A wrong password or a database that does not exist is said at once instead.
    private static func isAway(_ error: any Error) -> Bool {
        switch error {
        case let error as PostgresError:
            guard error.sqlState != "3D000", error.kind != .authenticationFailed else { return false }
            return error.isConnectionProblem || error.isRetryable || error.kind == .timeout
                || error.sqlState?.hasPrefix("53") == true
        case let error as StoreError: return [.unavailable, .busy, .readOnly, .outcomeUnknown].contains(error.code)
        default: return false
        }
    }
}

extension WorkerService: CustomStringConvertible {
    var description: String { "WorkerService(\(configuration.name))" }
}
