import EventStore
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import EventStore

/// A store in a database of the test's own, with a clock that the test can move.
struct StoreFixture: Sendable {
    let database: TestDatabase
    private let ahead = Ahead()

    var store: PostgresStore { database.store }
    var vault: Vault { database.vault }

    private final class Ahead: Sendable { let milliseconds = Mutex<Int64>(0) }

    /// Lets that much time pass at once.
    func pass(milliseconds: Int64) async throws {
        let sum = ahead.milliseconds.withLock { value in
            value += milliseconds
            return value
        }
        try await database.shiftClock(seconds: Double(sum) / 1000)
    }

    static func with(connections: Int = 8, _ body: (StoreFixture) async throws -> Void) async throws {
        try await TestDatabase.withDatabase(connections: connections) { database in
            try await body(StoreFixture(database: database))
        }
    }

    /// A session of its own, for transactions that stay open.
    func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
    }

    private init(database: TestDatabase) { self.database = database }
}

let workerA = "worker:a"
let workerB = "worker:b"
let person = "person:ana"
let minute: Int64 = 60_000

extension PostgresStore {
    /// Publishes a workflow whose key is the input `number`; with `calls`, its runs begin with a call of that service.
    /// `limits` are those of the service as the queue knows them: `{"concurrent": 2, "per": "organisation"}`.
    func publishWorkflow(
        _ name: String = "w", version: Int = 1, input: String = #"{"number":{"type":"string"}}"#,
        calls service: String? = nil, limits: JSONValue? = nil, liveRuns: JSONValue = .null, deadline: JSONValue = .null
    ) async throws {
        let definition = workflow(name, version: version, input: input, services: [service ?? "s"])
        guard let service else {
            _ = try await publish(definition, keyParts: numberKey, by: "person:test")
            return
        }
        let facts: JSONValue = [
            "first_service": .string(service), "deadline_milliseconds": deadline, "limits": liveRuns,
            "services": .object(limits.map { [service: $0] } ?? [:]),
        ]
        _ = try await pool.query(
            """
            select turnup.publish($1, $2::integer, decode($3, 'hex'), '# source', $4::json, $5::json, $6::json, 'person:t')
            """,
            [
                .text(name), .int(Int64(version)), .text(definition.digest), .text(definition.canonical),
                .text(numberKey.serialized()), .text(facts.serialized()),
            ])
    }

    /// Enqueues the number 1 of organisation o, or another.
    @discardableResult
    func enqueueRun(
        _ number: String = "1", organisation: String = "o", workflow: String = "w", due: Instant? = nil,
        id: Identifier? = nil
    ) async throws -> Identifier {
        try await enqueue(
            request(["number": .string(number)], workflow: workflow, organisation: organisation, due: due, id: id)
        ).runId
    }

    func claimed(
        _ worker: String = workerA, _ room: Int = 100, leaseMilliseconds: Int64 = minute
    ) async throws -> [ClaimedRun] {
        try await claim(worker: worker, ClaimDemand(room: room), leaseMilliseconds: leaseMilliseconds).runs
    }

    /// The keys of the runs that a claim gives out, sorted.
    func claimedKeys(_ worker: String = workerA, _ room: Int = 100) async throws -> [String] {
        try await claimed(worker, room).map { try $0.state.get().key }.sorted()
    }

    func claimOne(_ worker: String = workerA) async throws -> ClaimedRun {
        // Another claim may just be at the only place; then a worker asks again, too.
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let run = try await claimed(worker, 1).first { return run }
        }
        return try #require(try await claimed(worker, 1).first)
    }

    /// What a claim without any room for it says of a line.
    func line(_ service: String, _ worker: String = workerA) async throws -> LineAnswer {
        let answer = try await claim(worker: worker, ClaimDemand(room: 100), leaseMilliseconds: minute)
        return try #require(answer.lines.first { $0.service == service })
    }

    /// A commit without a base hash is given that of the event it goes by.
    func commitOne(_ commit: RunCommit, _ worker: String = workerA) async throws -> CommitAnswer {
        var commit = commit
        if commit.baseHash.isEmpty { commit.baseHash = try await hash(of: commit.runId, seq: commit.baseSeq) }
        let answers = try await self.commit([commit], worker: worker, leaseMilliseconds: minute)
        #expect(answers.count == 1)
        return try #require(answers.first)
    }

    func hash(of id: Identifier, seq: Int64) async throws -> [UInt8] {
        try await pool.query(
            "select hash from turnup.event where run_id = $1 and seq = $2", [.uuid(PostgresUUID(id)), .int(seq)]
        ).first?.bytes("hash") ?? []
    }
}

let numberKey: JSONValue = [["input": "number"]]

func workflow(
    _ name: String = "w", version: Int = 1, input: String, services: [String] = ["s"]
) -> PublishedDefinition {
    let named = services.map { #""\#($0)":{}"# }.joined(separator: ",")
    let canonical =
        #"{"dsl":1,"input":\#(input),"key":"${input.number}","services":{\#(named)},"start":"requested","states":{},"#
        + #""workflow":"\#(name)"}"#
    return PublishedDefinition(
        workflow: name, version: version,
        digest: ContentDigest.hex(ContentDigest.sha256(Array(canonical.utf8))), source: "# source", canonical: canonical
    )
}

func request(
    _ input: JSONObject, workflow: String = "w", organisation: String = "o", version: Int? = nil, due: Instant? = nil,
    id: Identifier? = nil, refusesExisting: Bool = false
) -> EnqueueRequest {
    EnqueueRequest(
        workflow: workflow, organisation: organisation, input: input, version: version, due: due, id: id,
        refusesExisting: refusesExisting, actor: "person:test")
}

/// Of the present time: events are kept by the month in the id.
func newId(ago: Duration = .zero) -> Identifier {
    let time = Int64(Date.now.timeIntervalSince1970 * 1000) - ago.components.seconds * 1000
    return Identifier(unixMilliseconds: time, random: (.random(in: .min ... .max), .random(in: .min ... .max)))
}

extension RunState {
    /// The state after events that are about to be committed.
    func after(_ events: [NewEvent], epoch: Int64 = 1, by actor: String = workerA) throws -> RunState {
        var state = self
        for event in events {
            state = try evolve(
                state, run: id,
                RecordedEvent(
                    seq: state.seq + 1, type: event.type.rawValue, body: event.body, epoch: epoch,
                    attemptId: event.attemptId, actor: actor, recordedAt: .ofThisCommit))
        }
        return state
    }
}

extension ClaimedRun {
    /// A commit of these events on top of what was claimed, or of a later state. An intent is one to the service s.
    func commit(
        _ events: [NewEvent], on base: RunState? = nil, due: Int64 = 0, keepsLease: Bool = false,
        service: String? = nil, waitReason: WaitReason? = nil, deadline: Int64? = nil, report: ServiceReport? = nil,
        sealed: [SealedSecret] = []
    ) throws -> RunCommit {
        let state = try base ?? self.state.get()
        let isIntent = keepsLease && events.last?.type == .attemptStarted
        return RunCommit(
            runId: id, token: token, epoch: epoch, baseSeq: state.seq, baseHash: base == nil ? hash : [],
            events: events,
            state: try state.after(events, epoch: epoch), dueMilliseconds: due, keepsLease: keepsLease,
            service: service ?? (isIntent ? "s" : nil), waitReason: waitReason, deadlineMilliseconds: deadline,
            report: report, sealed: sealed)
    }

    func intent(of attempt: Identifier = newId(), on base: RunState? = nil, to service: String = "s") throws
        -> RunCommit
    {
        try commit([.started(attempt)], on: base, keepsLease: true, service: service)
    }

    /// The end of an attempt without success, and what it says of the service; the run then waits in the service's line.
    func outcome(
        _ finding: ServiceReport.Finding?, of attempt: Identifier, on base: RunState, due: Int64 = 0,
        asked: Int64 = 0, pause: Int64 = 1000, service: String = "s"
    ) throws -> RunCommit {
        let report = finding.map {
            ServiceReport(
                service: service, finding: $0, reason: "unreachable", askedMilliseconds: asked,
                pauseMilliseconds: pause)
        }
        let closed = NewEvent(.attemptNotDone, ["error": "timeout"], attemptId: attempt)
        return try commit([closed], on: base, due: due, service: service, report: report)
    }

    func release(due: Int64 = 0, waitReason: WaitReason? = nil) -> LeaseRelease {
        LeaseRelease(runId: id, token: token, dueMilliseconds: due, waitReason: waitReason)
    }
}

extension StoreFixture {
    /// A request to s by the next run of its line, whose fate says this; the run stands in the line again.
    @discardableResult
    func sendOne(
        _ finding: ServiceReport.Finding, asked: Int64 = 0, pause: Int64 = 1000, by worker: String = workerA
    ) async throws -> ClaimedRun {
        let run = try await store.claimOne(worker)
        try await send(run, finding, asked: asked, pause: pause, by: worker)
        return run
    }

    func send(
        _ run: ClaimedRun, _ finding: ServiceReport.Finding, due: Int64 = 0, asked: Int64 = 0, pause: Int64 = 1000,
        by worker: String = workerA
    ) async throws {
        let attempt = newId()
        let intent = try run.intent(of: attempt)
        #expect(try await store.commitOne(intent, worker).isAccepted)
        let outcome = try run.outcome(finding, of: attempt, on: intent.state, due: due, asked: asked, pause: pause)
        #expect(try await store.commitOne(outcome, worker).isAccepted)
    }

    /// Three runs of the line fail one after the other. No other organisation may be calling.
    func openBreaker(pause: Int64 = 1000) async throws {
        for _ in 0..<3 { try await sendOne(.failed, pause: pause) }
    }

    func breaker(_ service: String = "s") async throws -> Breaker? { try await store.service(service)?.breaker }

    /// Changes with every new version of a task row of the line.
    func taskVersions(_ service: String) async throws -> String {
        try await database.pool.query(
            "select string_agg(concat(run_id, ' ', xmin, ' ', ctid), ', ' order by run_id) from turnup.task where service = $1",
            [.text(service)]
        ).onlyRow().string(0)
    }
}

extension NewEvent {
    static func entered(_ state: String) -> NewEvent { NewEvent(.stateEntered, ["state": .string(state)]) }
    static func started(_ id: Identifier) -> NewEvent {
        NewEvent(.attemptStarted, ["state": "requested"], attemptId: id)
    }
    static func done(_ id: Identifier) -> NewEvent { NewEvent(.attemptDone, ["counted": true], attemptId: id) }
    static let cancel = NewEvent(.cancelRequested, ["reason": "a test"])
    static let held = NewEvent(.runHeld, ["text": "a person decides"])
}

extension CommitAnswer {
    /// The time, when the events are in the stream because of this commit.
    var landedAt: Instant? {
        switch self {
        case .accepted(let time, _), .already(let time, _): time
        case .behind, .fenced, .noPermit, .contradicted: nil
        }
    }

    var isAccepted: Bool { if case .accepted = self { true } else { false } }
    var isAlready: Bool { if case .already = self { true } else { false } }
}

/// The database's error of a piece of work that must fail with one.
func postgresError<Value>(_ work: () async throws -> Value) async -> PostgresError? {
    do {
        _ = try await work()
        return nil
    } catch { return error as? PostgresError }
}

/// The store's error of a piece of work that must fail with one.
func storeError(_ work: () async throws -> Void) async -> StoreError? {
    do {
        try await work()
        return nil
    } catch { return error as? StoreError }
}
