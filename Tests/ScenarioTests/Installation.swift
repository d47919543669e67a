import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import Vault
import WorkflowCore
import WorkflowFiles

/// A database, a simulated platform and a key file of one test's own, set up like a user would.
struct Installation: Sendable {
    let database: TestDatabase
    let simulator: PlatformSimulator
    let ports: SimulatorPorts
    let folder: String

    var store: PostgresStore { database.store }

    var environment: [String: String] {
        ["TURNUP_DATABASE_URL": database.url, "TURNUP_KEY_FILE": "\(folder)/keys.json", "TURNUP_STATE_DIR": folder]
    }

    static let create = RequestMatch(path: "/api/integrations/wpp/create")
    static let token = RequestMatch(path: "/auth/token")

    static func with(
        activation: Activation = .none, firstClientToo: Bool = false, _ body: (Installation) async throws -> Void
    ) async throws {
        var behaviour = Behaviour()
        behaviour.activation = activation
        behaviour.firstClientToo = firstClientToo
        try await with(behaviour, body)
    }

    static func with(_ behaviour: Behaviour, _ body: (Installation) async throws -> Void) async throws {
        try await TestDatabase.withDatabase { database in
            let folder = NSTemporaryDirectory() + "turnup-scenario-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            defer { try? FileManager.default.removeItem(atPath: folder) }
            var configuration = SimulatorConfiguration(seed: 7, ledgerPath: "\(folder)/ledger.jsonl")
            configuration.behaviour = behaviour
            try await PlatformSimulator.withSimulator(configuration) { simulator, ports in
                let installation = Installation(
                    database: database, simulator: simulator, ports: ports, folder: folder)
                try await installation.setUp()
                try await body(installation)
            }
        }
    }

    private func setUp() async throws {
        try await command("workflow", "publish", Self.shipped("whatsapp-number"))
        try await command(
            "service", "set", "wpp", "--base-url", "http://127.0.0.1:\(ports.port)", "--allow", "loopback")
        try await command("secret", "set", "wpp_master", "--from-env", "MASTER")
    }

    static var repository: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    static func shipped(_ workflow: String) -> String {
        repository.appendingPathComponent("workflows/\(workflow).yaml").path
    }

    var ledgerPath: String { "\(folder)/ledger.jsonl" }

    /// A command that must succeed.
    @discardableResult
    func command(_ arguments: String..., variables: [String: String] = [:]) async throws -> String {
        let answer = try await TurnupProcess.run(
            arguments,
            environment: environment.merging(["MASTER": SimulatorConfiguration.defaultMasterSecret]) { $1 }
                .merging(variables) { $1 })
        try #require(answer.exitCode == 0, "turnup \(arguments.joined(separator: " ")): \(answer.errors)")
        return answer.output
    }

    /// `statisticsSeconds` 0: it diagnoses no end, so that a run's events are those of the run alone.
    func startWorker(leaseSeconds: Double = 60, statisticsSeconds: Double = 0) throws -> TurnupProcess {
        try TurnupProcess(
            [
                "worker", "--lease-seconds", "\(leaseSeconds)", "--poll-milliseconds", "200", "--statistics-seconds",
                "\(statisticsSeconds)",
            ], environment: environment)
    }

    /// Runs `body` with a worker, which is stopped afterwards and must stop cleanly.
    func withWorker(
        leaseSeconds: Double = 60, statisticsSeconds: Double = 0, _ body: (TurnupProcess) async throws -> Void
    ) async throws {
        let worker = try startWorker(leaseSeconds: leaseSeconds, statisticsSeconds: statisticsSeconds)
        do { try await body(worker) } catch {
            await worker.killHard()
            throw error
        }
        worker.send(SIGTERM)
        let answer = await worker.end()
        #expect(answer.exitCode == 0, "the worker said: \(answer.errors)")
    }

    func enqueue(
        _ number: String, organisation: String = "academy", workflow: String = "whatsapp-number"
    ) async throws -> Identifier {
        try await store.enqueue(
            EnqueueRequest(
                workflow: workflow, organisation: organisation, input: ["number": .string(number)],
                actor: "person:test")
        ).runId
    }

    /// Waits until the run is no longer live; then it must be in this status.
    @discardableResult
    func reaches(_ status: RunStatus, _ run: Identifier, seconds: Double = 60) async throws -> RunOverview {
        _ = try await eventually(seconds: seconds) { try await store.run(run)?.status != .live }
        let found = try #require(try await store.run(run))
        let history = try await types(run)
        try #require(found.status == status, "\(found.state): \(found.reason ?? "no reason"), \(history)")
        return found
    }

    func events(_ run: Identifier, _ type: EventType? = nil) async throws -> [RecordedEvent] {
        try await store.events(of: run, after: 0).filter { type == nil || $0.type == type?.rawValue }
    }

    func types(_ run: Identifier) async throws -> [String] {
        try await store.events(of: run, after: 0).map(\.type)
    }

    /// What the platform was asked to do, by this path.
    func requests(_ match: RequestMatch) -> [LedgerEntry] {
        simulator.ledger().filter { $0.path == match.path && (match.method ?? $0.method) == $0.method }
    }
}
