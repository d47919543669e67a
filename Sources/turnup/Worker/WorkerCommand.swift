import ArgumentParser
import EventStore
import Foundation
import Logging
import Postgres
import ServiceLifecycle
import Worker
import WorkflowCore

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Advance runs until told to stop.",
        discussion: """
            SIGTERM and SIGINT let requests under way end and give the rest back; it ends with 0. A second SIGINT \
            breaks requests off, whose outcome is then unknown, and it ends with 130; a second SIGTERM changes nothing. \
            Many workers may share a database. While the database is away a worker waits, also when it starts.

            Under systemd it says when it is ready, feeds the watchdog while its loops move, and finds its database and \
            keys among the credentials database-url and keys.json.

            Example:
              turnup worker --database-url postgresql://db.example/turnup
            """)

    @OptionGroup var settings: WorkerSettings
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await Session.with(database, allowsPrivate: false, connections: settings.connections, tuning: .worker) {
            session in
            try await WorkerRuntime(session: session, settings: settings).run()
        }
    }
}

struct WorkerSettings: ParsableArguments {
    @Option(help: ArgumentHelp("Runs in hand at the same time.", valueName: "number")) var concurrency = 512
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
    @Option(
        name: .customLong("verify-seconds"),
        help: ArgumentHelp(
            "How often a sample of the database is verified, see \"turnup verify\"; 0 for never.",
            valueName: "seconds"))
    var verifySeconds = 60.0
    @Option(
        name: .customLong("statistics-seconds"),
        help: ArgumentHelp(
            "How often what has ended is read into the fleet statistics; 0 for never by this worker.",
            valueName: "seconds"))
    var statisticsSeconds = 5.0
    @Option(help: ArgumentHelp("The worker's name in leases and events.", valueName: "text")) var name: String?
    @Option(
        help: ArgumentHelp(
            "Where health is given: a socket's path with a slash, 127.0.0.1:PORT, or none. By default worker.sock in "
                + "$RUNTIME_DIRECTORY or the state directory.", valueName: "place"))
    var health: String?
    @Flag(help: "Log more.") var verbose = false

    var connections: Int { 8 }

    func validate() throws {
        guard (1...10_000).contains(concurrency) else { throw TerminalTexts.outOfRange("--concurrency", "1 to 10000") }
        guard (1...3600).contains(leaseSeconds) else { throw TerminalTexts.outOfRange("--lease-seconds", "1 to 3600") }
        guard (10...60_000).contains(pollMilliseconds) else {
            throw TerminalTexts.outOfRange("--poll-milliseconds", "10 to 60000")
        }
        if let health, health != "none" {
            do { _ = try HealthAddress(health) } catch { throw WorkerTexts.badHealth("\(error)") }
        }
        guard verifySeconds == 0 || (1...86_400).contains(verifySeconds) else {
            throw TerminalTexts.outOfRange("--verify-seconds", "1 to 86400, or 0")
        }
        guard statisticsSeconds == 0 || (0.1...86_400).contains(statisticsSeconds) else {
            throw TerminalTexts.outOfRange("--statistics-seconds", "0.1 to 86400, or 0")
        }
        if name?.isEmpty == true { throw TerminalTexts.isEmpty("--name") }
    }

    var configuration: WorkerConfiguration {
        WorkerConfiguration(
            name: name ?? Self.uniqueName, concurrentRuns: concurrency,
            leaseMilliseconds: Int64(leaseSeconds * 1000), pollMilliseconds: pollMilliseconds)
    }

    /// Two workers must never share a name, and the system uses process ids again.
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
        let wakeSignal = WakeSignal()
        let monitor = WorkerMonitor(configuration: configuration, logger: logger)
        let checks = SelfCheckRecord()
        let pages = HealthPages(
            monitor: monitor, store: session.store,
            facts: ["worker": .string(configuration.name), "version": .string(Version.text)],
            more: { checks.metrics })
        let health = try await HealthPlace.open(settings.health, logger: logger) { await pages.page($0) }
        let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
        let listener = PostgresListener(
            Session.configuration(session.connectionString, .worker), channels: [PostgresStore.wakeChannel])
        // They end in the opposite order: the worker first, so that its end can be watched.
        var services: [any Service] = [Supervision(monitor: monitor, manager: manager, logger: logger)]
        if let health { services.append(health) }
        let milliseconds = Int64(settings.verifySeconds * 1000)
        services.append(
            SelfCheck(
                verifier: milliseconds > 0 ? Verifier(store: session.store) : nil,
                upkeep: Upkeep(store: session.store, logger: logger), record: checks,
                firstMilliseconds: milliseconds > 0 ? min(5000, milliseconds) : 5000,
                intervalMilliseconds: milliseconds > 0 ? milliseconds : 60_000, logger: logger))
        if settings.statisticsSeconds > 0 {
            services.append(
                StatisticsPass(
                    store: session.store, actor: configuration.actor,
                    intervalMilliseconds: Int64(settings.statisticsSeconds * 1000),
                    logger: logger))
        }
        services.append(WakeUps(listener: listener, wakeSignal: wakeSignal, logger: logger))
        services.append(
            WorkerService(
                session: session, configuration: configuration, wakeSignal: wakeSignal, monitor: monitor,
                logger: logger))
        let group = ServiceGroup(
            // By default the name of a service lists everything that the service holds, and this name is logged.
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, serviceName: "\(type(of: $0))") }, logger: logger))
        try await WorkerSignals.run(group, monitor: monitor)
        logger.notice("\(WorkerTexts.stopped(configuration.name))")
    }

    static func logger(_ settings: WorkerSettings) -> Logger {
        var logger = Logger(label: "turnup") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = settings.verbose ? .debug : .notice
        return logger
    }
}

/// Signals the worker when something was enqueued. Hints only: the worker polls anyway.
struct WakeUps: Service {
    let listener: PostgresListener
    let wakeSignal: WakeSignal
    let logger: Logger

    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { try? await listener.run() }
                for await event in listener.events {
                    if event == .pooled { logger.notice("\(WorkerTexts.pooled)") }
                    await wakeSignal.signal()
                }
            }
        } onGracefulShutdown: {
            listener.close()
        }
    }
}
