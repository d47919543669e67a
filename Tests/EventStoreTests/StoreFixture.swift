import EventStore
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

/// A store, whichever it is, with a clock that tests can move.
struct StoreFixture: Sendable {
    enum Kind: CaseIterable, CustomTestStringConvertible {
        case memory, postgres

        var testDescription: String { self == .memory ? "in memory" : "PostgreSQL" }
    }

    let store: any EventStore
    let vault: Vault
    private let move: @Sendable (Int64) async throws -> Void

    /// Lets that much time pass at once.
    func pass(milliseconds: Int64) async throws { try await move(milliseconds) }

    static func with(_ kind: Kind, _ body: @Sendable (StoreFixture) async throws -> Void) async throws {
        switch kind {
        case .memory:
            let clock = ManualClock()
            try await body(
                StoreFixture(
                    store: InMemoryStore { clock.now }, vault: Vault(keyRing: .generate()),
                    move: { clock.advance(milliseconds: $0) }))
        case .postgres:
            try await TestDatabase.withDatabase { database in
                let ahead = Mutex<Int64>(0)
                try await body(
                    StoreFixture(store: database.store, vault: database.vault) { milliseconds in
                        let sum = ahead.withLock { value in
                            value += milliseconds
                            return value
                        }
                        try await database.shiftClock(seconds: Double(sum) / 1000)
                    })
            }
        }
    }

    private init(
        store: any EventStore, vault: Vault, move: @escaping @Sendable (Int64) async throws -> Void
    ) {
        self.store = store
        self.vault = vault
        self.move = move
    }
}

let workerA = "worker:a"
let workerB = "worker:b"
let person = "person:ana"
let minute: Int64 = 60_000

extension EventStore {
    /// Publishes a workflow whose key is the input `number`.
    func publishWorkflow(
        _ name: String = "w", version: Int = 1, input: String = #"{"number":{"type":"string"}}"#
    ) async throws {
        _ = try await publish(workflow(name, version: version, input: input), keyParts: numberKey, by: "person:test")
    }

    /// Enqueues the number 1 of organisation o, or another.
    @discardableResult
    func enqueueRun(
        _ number: String = "1", organisation: String = "o", due: Instant? = nil, id: Identifier? = nil
    ) async throws -> Identifier {
        try await enqueue(request(["number": .string(number)], organisation: organisation, due: due, id: id)).runId
    }

    func claimOne(_ worker: String = workerA) async throws -> ClaimedRun {
        let claimed = try await claim(worker: worker, limit: 1, leaseMilliseconds: minute)
        return try #require(claimed.first)
    }

    func commitOne(_ commit: RunCommit, _ worker: String = workerA) async throws -> CommitAnswer {
        let answers = try await self.commit([commit], worker: worker, leaseMilliseconds: minute)
        #expect(answers.count == 1)
        return try #require(answers.first)
    }
}

let numberKey: JSONValue = [["input": "number"]]

func workflow(_ name: String = "w", version: Int = 1, input: String) -> PublishedDefinition {
    let canonical =
        #"{"dsl":1,"input":\#(input),"key":"${input.number}","start":"requested","states":{},"workflow":"\#(name)"}"#
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

func newId() -> Identifier {
    Identifier(unixMilliseconds: 1_767_225_600_000, random: (.random(in: .min ... .max), .random(in: .min ... .max)))
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
    /// A commit of these events on top of what was claimed, or of a later state.
    func commit(
        _ events: [NewEvent], on base: RunState? = nil, due: Int64 = 0, keepsLease: Bool = false,
        service: String? = nil, waiting: String? = nil, deadline: Int64? = nil, sealed: [SealedSecret] = []
    ) throws -> RunCommit {
        let state = try base ?? self.state.get()
        return RunCommit(
            runId: id, epoch: epoch, baseSeq: state.seq, events: events, state: try state.after(events, epoch: epoch),
            dueMilliseconds: due, keepsLease: keepsLease, service: service, waiting: waiting,
            deadlineMilliseconds: deadline, sealed: sealed)
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
        case .accepted(let time), .already(let time): time
        case .behind, .fenced: nil
        }
    }

    var isAccepted: Bool { if case .accepted = self { true } else { false } }
    var isAlready: Bool { if case .already = self { true } else { false } }
}

/// The store's error of a piece of work that must fail with one.
func storeError(_ work: () async throws -> Void) async -> StoreError? {
    do {
        try await work()
        return nil
    } catch { return error as? StoreError }
}
