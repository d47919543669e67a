import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import HTTPActions
import LocalPostgres
import Logging
import PlatformSimulator
import Postgres
import Vault
import Worker
import WorkflowCore

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "See it work: two numbers of one organisation, the second one's key activating late.",
        discussion: """
            Uses the private PostgreSQL (database turnup_demo, made anew), a simulated platform and a worker, all on \
            this machine. Takes about ten seconds.
            """)

    private static let database = "turnup_demo"
    private static let organisation = "academy"
    private static let numbers = ["+34600111222", "+34600333444"]

    func run() async throws {
        let local = try DatabaseOptions.startPrivate()
        let lock = try DemoLock(path: local.stateDirectory + "/demo.lock")
        defer { lock.release() }
        Console.note(DemoTexts.database(local.stateDirectory, Self.database))
        try local.makeAnew(database: Self.database)
        let options = try DatabaseOptions.parse(["--key-file", local.stateDirectory + "/keys.json"])
        let url = local.url(database: Self.database)
        try await Session.with(connectionString: url, options: options, migrates: true) { session in
            try await PlatformSimulator.withSimulator(
                SimulatorConfiguration(preset: .slowActivation),
                logger: Logger(label: "simulator") { _ in SwiftLogNoOpLogHandler() }
            ) { _, ports in
                Console.note(DemoTexts.platform(port: ports.port))
                try await setUp(session, port: ports.port)
                try await withWorker(session) { try await addNumbers(session) }
            }
        }
        Console.note(DemoTexts.lookAround(url))
        Console.note(DemoTexts.goesOnRunning)
    }

    private func setUp(_ session: Session, port: Int) async throws {
        _ = try await session.publish(WorkflowSource.shipped())
        try await session.store.setService(
            ServiceRecord(name: "wpp", baseURL: "http://127.0.0.1:\(port)", allowedAddresses: ["loopback"]))
        let place = SecretPlace(
            scope: .installation, scopeId: SecretPlace.installationId, name: "wpp_master", version: 1)
        let secret = Secret(SimulatorConfiguration.defaultMasterSecret)
        try await session.store.putSecret(session.vault().seal(secret, at: place), by: Session.actor)
    }

    /// Runs a worker beside `body`, and lets it end what it has in hand.
    private func withWorker(_ session: Session, _ body: () async throws -> Void) async throws {
        let logger = Logger(label: "worker") { _ in SwiftLogNoOpLogHandler() }
        let vault = try await session.vault()
        let actions = HTTPActions(vault: vault, logger: logger)
        let wakeSignal = WakeSignal()
        let worker = Worker(
            store: session.store, vault: vault, prepare: actions.prepare, perform: actions.perform,
            configuration: WorkerConfiguration(name: "demo"),
            wakeSignal: wakeSignal, logger: logger)
        let listener = PostgresListener(
            Session.configuration(session.connectionString), channels: [PostgresStore.wakeChannel])
        let working = Task { try await worker.run() }
        let listening = Task { try await WakeUps(listener: listener, wakeSignal: wakeSignal, logger: logger).run() }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        listener.close()
        working.cancel()
        _ = await (working.result, listening.result)
        try await actions.shutdown()
        try outcome.get()
    }

    private func diagnose(_ id: Identifier, _ session: Session) async throws {
        guard let run = try await session.store.run(id) else { return }
        Console.out("\nturnup diagnose \(id)")
        Console.out(VerdictPage.text(run, try await session.diagnose(run)) + "\n")
    }

    private func addNumbers(_ session: Session) async throws {
        var runs: [RunOverview] = []
        for number in Self.numbers {
            Console.out(DemoTexts.adding(number, to: Self.organisation))
            let receipt = try await session.store.enqueue(
                EnqueueRequest(
                    workflow: "whatsapp-number", organisation: Self.organisation, input: ["number": .string(number)],
                    actor: Session.actor))
            var watcher = RunWatcher(session: session)
            var isRefused = false
            watcher.printed = { event in
                // Once, while the key is still refused.
                guard event.type == EventType.attemptNotDone.rawValue, !isRefused else { return }
                isRefused = true
                try await diagnose(receipt.runId, session)
            }
            runs.append(try await watcher.follow(receipt.runId))
            Console.out("")
        }
        for run in runs {
            let events = try await session.store.events(of: run.id, after: 0)
            Console.out(HistoryPage.text(run, events, clock: ClockText()) + "\n")
        }
        if let second = runs.last { try await diagnose(second.id, session) }
        for run in runs { Console.out("\(run.key) is \(run.state) (\(run.status.rawValue))") }
        if let run = runs.first(where: { $0.status != .succeeded }) {
            throw DemoTexts.notActive(run.key, run.reason ?? "")
        }
    }
}

/// One demo at a time: it makes its database anew.
private struct DemoLock {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(exitCode: 3, message: TerminalTexts.unwritable(path))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw DemoTexts.anotherRuns
        }
    }

    func release() { close(descriptor) }
}
