import EventStore
import HTTPActions
import Postgres
import ServiceLifecycle
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Worker

/// Several workers in this process on one real database, and a platform.
struct Fleet: Sendable {
    let database: TestDatabase
    let server: TinyServer
    let log = LogBook()
    var store: PostgresStore { database.store }

    /// A definition of one call that is not repeatable; its service is left alone for `cooldown` when it is down.
    static func with(
        cooldown: String, _ server: TinyServer, workers: Int = 4, path: String = "create",
        _ body: (Fleet) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(connections: 12) { database in
            let fleet = Fleet(database: database, server: server)
            let canonical = """
                {"dsl":1,"workflow":"w","version":1,"key":"${input.number}","start":"requested",
                 "input":{"number":{"type":"string"}},"data":{"session":{"type":"string"}},
                 "services":{"wpp":{"timeout":"5s","cooldown":"\(cooldown)"}},
                 "states":{"requested":{"call":{"request":"POST wpp:/\(path)",
                   "save":{"session":"${response.body.session}"}},"next":"active"},
                   "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
                """
            let digest = ContentDigest.hex(ContentDigest.sha256(Array(canonical.utf8)))
            _ = try await database.store.publish(
                PublishedDefinition(workflow: "w", version: 1, digest: digest, source: "", canonical: canonical),
                keyParts: [["input": "number"]], by: "person:test")
            try await database.store.setService(
                ServiceRecord(name: "wpp", baseURL: server.origin, allowedAddresses: ["loopback"]))
            try await fleet.run(workers, body)
        }
    }

    private func run(_ workers: Int, _ body: (Fleet) async throws -> Void) async throws {
        let actions = HTTPActions(vault: database.vault, logger: log.logger)
        let services = (0..<workers).map { number in
            Worker(
                store: database.store, vault: database.vault, prepare: actions.prepare, perform: actions.perform,
                configuration: WorkerConfiguration(
                    name: "\(number)", concurrentRuns: 16, leaseMilliseconds: 20_000, pollMilliseconds: 50),
                logger: log.logger)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0) }, logger: log.logger))
        let running = Task { try await group.run() }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(self)) } catch { outcome = .failure(error) }
        await group.triggerGracefulShutdown()
        try await running.value
        try await actions.shutdown()
        try outcome.get()
    }

    func enqueue(_ numbers: ClosedRange<Int>, organisation: String = "o") async throws -> [Identifier] {
        var runs: [Identifier] = []
        for number in numbers {
            runs.append(
                try await store.enqueue(
                    EnqueueRequest(
                        workflow: "w", organisation: organisation, input: ["number": .string("\(number)")],
                        actor: "person:test")
                ).runId)
        }
        return runs
    }

    func breaker() async throws -> Breaker { try await store.service("wpp")?.breaker ?? Breaker() }

    func events(_ type: EventType) async throws -> [RecordedEvent] {
        var found: [RecordedEvent] = []
        for run in try await store.runs(RunFilter(limit: 10_000)) {
            found += try await store.events(of: run.id, after: 0).filter { $0.type == type.rawValue }
        }
        return found.sorted { $0.recordedAt < $1.recordedAt }
    }

    /// Waits until no run is live.
    func allEnded() async throws {
        let isDone = try await eventually { try await store.runs(RunFilter(status: .live)).isEmpty }
        let rest = try await store.runs(RunFilter(status: .live, limit: 2))
        let breaker = try await breaker()
        let lines = log.lines.suffix(5)
        try #require(isDone, "\(breaker) \(rest) \(lines)")
    }
}
