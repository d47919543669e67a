import ArgumentParser
import EventStore
import Foundation
import HTTPActions
import Logging
import Postgres
import ServiceLifecycle
import UnixSignals
import Worker

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Advance runs until told to stop.",
        discussion: """
            SIGTERM and SIGINT let requests under way end and give the rest back. Many workers may share a database.

            Example:
              turnup worker --database-url postgresql://db.example/turnup
            """)

    @OptionGroup var settings: WorkerSettings
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await Session.with(database, allowsPrivate: false, connections: settings.connections) { session in
            try await WorkerRuntime(session: session, settings: settings).run()
        }
    }
}

struct WorkerSettings: ParsableArguments {
    @Option(help: ArgumentHelp("Runs in hand at the same time.", valueName: "number")) var concurrency = 64
    @Option(
        name: .customLong("lease-seconds"),
        help: ArgumentHelp(
            "After so long without a sign another worker takes a run over. A request is cut to fit into it.",
            valueName: "seconds"))
    var leaseSeconds = 60.0
    @Option(
        name: .customLong("poll-milliseconds"),
        help: ArgumentHelp("The longest time between two looks at the queue.", valueName: "milliseconds"))
    var pollMilliseconds: Int64 = 1000
    @Option(help: ArgumentHelp("The worker's name in leases and events.", valueName: "text")) var name: String?
    @Flag(help: "Log more.") var verbose = false

    var connections: Int { 8 }

    func validate() throws {
        guard (1...10_000).contains(concurrency) else { throw ValidationError("--concurrency must be from 1 to 10000") }
        guard (1...3600).contains(leaseSeconds) else { throw ValidationError("--lease-seconds must be from 1 to 3600") }
        guard (10...60_000).contains(pollMilliseconds) else {
            throw ValidationError("--poll-milliseconds must be from 10 to 60000")
        }
        if name?.isEmpty == true { throw ValidationError("--name is empty") }
    }

    var configuration: WorkerConfiguration {
        WorkerConfiguration(
            name: name ?? Self.uniqueName, concurrentRuns: concurrency,
            leaseMilliseconds: Int64(leaseSeconds * 1000), pollMilliseconds: pollMilliseconds)
    }

    /// Two workers must never share a name; the process id alone is used again.
    private static var uniqueName: String {
        let host = ProcessInfo.processInfo.hostName.prefix { $0 != "." }
        return "\(host):\(getpid()):\(String(UInt32.random(in: .min ... .max), radix: 36))"
    }
}

/// A worker with its wake-ups, as a group of services that stops on a signal.
struct WorkerRuntime {
    let session: Session
    let settings: WorkerSettings

    func run() async throws {
        let logger = Self.logger(settings)
        let configuration = settings.configuration
        let bell = Bell()
        let vault = try await session.vault()
        var actionsConfiguration = HTTPActionsConfiguration(userAgent: "turnup/\(Version.text)")
        actionsConfiguration.phaseReached = CrashHooks.phaseReached
        let actions = HTTPActions(vault: vault, logger: logger, configuration: actionsConfiguration)
        let worker = Worker(
            store: session.store, vault: vault, actions: actions, configuration: configuration, bell: bell,
            logger: logger)
        let wakeUps = WakeUps(
            listener: PostgresListener(
                Session.configuration(session.connectionString), channels: [PostgresStore.wakeChannel]), bell: bell)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: wakeUps), .init(service: worker)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        logger.notice("worker \(configuration.name) runs", metadata: ["lease_ms": "\(configuration.leaseMilliseconds)"])
        do {
            try await group.run()
        } catch {
            try? await actions.shutdown()
            throw error
        }
        try await actions.shutdown()
        logger.notice("worker \(configuration.name) stopped")
    }

    static func logger(_ settings: WorkerSettings) -> Logger {
        var logger = Logger(label: "turnup") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = settings.verbose ? .debug : .notice
        return logger
    }
}

/// Rings the worker's bell when something was enqueued. Hints only: the worker polls anyway.
struct WakeUps: Service {
    let listener: PostgresListener
    let bell: Bell

    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { try? await listener.run() }
                for await _ in listener.events { await bell.ring() }
            }
        } onGracefulShutdown: {
            listener.close()
        }
    }
}
