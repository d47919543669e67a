import EventStore
import HTTPActions
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Worker

/// A store that can fail, a platform, and workers in this process.
struct Workshop: Sendable {
    let store: FaultyStore
    let lent: LentDatabase
    let vault = Vault(keyRing: .generate())
    let server: TinyServer
    let log = LogBook()
    var configuration = WorkerConfiguration(name: "a", leaseMilliseconds: 20_000, pollMilliseconds: 50)
    var http = HTTPActionsConfiguration()

    init(_ script: @escaping TinyServer.Script = { TinyServer.good($0) }) async throws {
        lent = try await LentDatabase()
        store = FaultyStore(lent.store)
        server = try TinyServer(script)
        try await publish(Sample.canonical)
        try await store.healthy.setService(
            ServiceRecord(name: "wpp", baseURL: server.origin, allowedAddresses: ["loopback"]))
    }

    func publish(_ canonical: String, workflow: String = "w") async throws {
        let digest = ContentDigest.hex(ContentDigest.sha256(Array(canonical.utf8)))
        _ = try await store.publish(
            PublishedDefinition(workflow: workflow, version: 1, digest: digest, source: "", canonical: canonical),
            keyParts: [["input": "number"]], by: "person:test")
    }

    func enqueue(_ number: String = "1", workflow: String = "w") async throws -> Identifier {
        try await store.enqueue(
            EnqueueRequest(
                workflow: workflow, organisation: "o", input: ["number": .string(number)], actor: "person:test")
        ).runId
    }

    /// Runs a worker beside `body`, then stops it as a signal would, and waits until it has ended.
    func withWorker(monitor: WorkerMonitor? = nil, _ body: () async throws -> Void) async throws {
        let actions = HTTPActions(vault: vault, logger: log.logger, configuration: http)
        let worker = Worker(
            store: store, vault: vault, prepare: actions.prepare, perform: actions.perform,
            configuration: configuration, monitor: monitor,
            logger: log.logger)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [.init(service: worker)], logger: log.logger))
        let running = Task { try await group.run() }
        do { try await body() } catch {
            store.set { $0 = FaultyStore.Faults() }
            running.cancel()
            _ = await running.result
            try await actions.shutdown()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await running.value
        try await actions.shutdown()
    }

    /// Runs `body` with a worker that is cancelled afterwards.
    func withCancelledWorker(_ body: () async throws -> Void) async throws {
        let actions = HTTPActions(vault: vault, logger: log.logger)
        let worker = Worker(
            store: store, vault: vault, prepare: actions.prepare, perform: actions.perform,
            configuration: configuration, logger: log.logger)
        let running = Task { try await worker.run() }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        running.cancel()
        try await running.value
        try await actions.shutdown()
        try outcome.get()
    }

    /// The stored events' types; the fold of the stream must be possible, and its numbers without a gap.
    func types(_ run: Identifier) async throws -> [String] {
        let events = try await store.healthy.events(of: run, after: 0)
        _ = try await store.healthy.fold(run)
        return events.map(\.type)
    }

    func events(_ run: Identifier, _ type: EventType) async throws -> [RecordedEvent] {
        try await store.healthy.events(of: run, after: 0).filter { $0.type == type.rawValue }
    }

    /// Waits until the run has this status.
    func reaches(_ status: RunStatus, _ run: Identifier) async throws {
        let isThere = try await store.bell.eventually { try await store.healthy.run(run)?.status == status }
        let types = try await types(run)
        let lines = log.lines
        try #require(isThere, "\(types) \(lines)")
    }

    /// The sent attempts of a path, by id.
    func sent(_ path: String) -> [String] { server.requests.filter { $0.path == path }.map(\.attempt) }
}

/// Looks again and again until it holds, where nothing rings a `Bell`; false when it never did.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return try await condition()
}

/// Something that happens once, and can be waited for by any number of tasks.
final class Gong: Sendable {
    private let state = Mutex<(isStruck: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    var isStruck: Bool { state.withLock { $0.isStruck } }

    func strike() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for item in waiting { item.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isStruck = state.withLock { state in
                if !state.isStruck { state.waiting.append(continuation) }
                return state.isStruck
            }
            if isStruck { continuation.resume() }
        }
    }
}

/// Numbers from many tasks, in the order in which they came.
final class Tally: Sendable {
    private let list = Mutex<[Int]>([])

    var numbers: [Int] { list.withLock { $0 } }
    func add(_ number: Int) { list.withLock { $0.append(number) } }
}

/// What a worker logged.
final class LogBook: Sendable {
    private let kept = Mutex<[String]>([])
    /// Rings at each line.
    let bell = Bell()

    var lines: [String] { kept.withLock { $0 } }
    func count(_ text: String) -> Int { lines.count { $0.contains(text) } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(book: self) }
        logger.logLevel = .info
        return logger
    }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            book.kept.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
            book.bell.ring()
        }
    }
}

enum Sample {
    /// Create, which must not be sent twice, then a token, which may.
    static let canonical = """
        {"dsl":1,"workflow":"w","version":1,"key":"${input.number}","start":"requested",
         "input":{"number":{"type":"string"}},
         "data":{"session":{"type":"string"},"api_key":{"type":"string","secret":true},
           "token":{"type":"string","secret":true}},
         "services":{"wpp":{"timeout":"5s"}},
         "states":{
           "requested":{"call":{"request":"POST wpp:/create","body":{"organizationId":"${run.organisation}"},
             "save":{"session":"${response.body.session}","api_key":"${response.body.apiKey}"}},"next":"token-pending"},
           "token-pending":{"call":{"request":"POST wpp:/token","body":{"apiKey":"${data.api_key}"},
             "repeatable":true,"save":{"token":"${response.body.token}"}},"next":"active"},
           "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
        """

    static let wholeStory = [
        "run.requested", "attempt.started", "attempt.done", "attempt.started", "attempt.done", "run.succeeded",
    ]
}
