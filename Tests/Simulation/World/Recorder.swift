import Foundation
import WorkflowCore

/// Writes down what was asked of the store, when, by whom, what it answered and what the rows said then: one JSON
/// object a line. Whoever has the lines can ask a real database the same, without the engine.
final class Recorder {
    private var lines: [UInt8] = []
    private var calls = 0
    private var looks = 0
    private let mostCalls: Int

    init(mostCalls: Int) { self.mostCalls = mostCalls }

    /// The world may stop here; the rest of it would be more of the same.
    var isFull: Bool { calls >= mostCalls }

    /// Workers look far more often than there is something to find; a part of that says enough.
    private func isWorthALine() -> Bool {
        looks += 1
        return looks % 5 == 1
    }

    /// The first line of a file: what must be published.
    static var definitions: String {
        let items = Fixtures.all.map { fixture -> JSONValue in
            [
                "workflow": .string(fixture.definition.workflow), "version": .integer(fixture.definition.version),
                "start": .string(fixture.definition.start),
            ]
        }
        return JSONValue.object(["definitions": .array(items)]).serialized() + "\n"
    }

    /// The calls between the line that begins a schedule and the one with the streams as they ended.
    func schedule(of seed: UInt64, _ store: StoreModel) -> Data {
        let calls = lines
        lines = []
        add(["schedule": .string("\(seed)")])
        lines += calls
        let streams = store.runs.map { run in JSONValue.array(run.events.map(Self.event)) }
        add(["streams": .array(streams)])
        return Data(lines)
    }

    private func add(_ line: JSONObject) {
        JSONValue.object(line).serialized(into: &lines)
        lines.append(UInt8(ascii: "\n"))
    }

    /// One call, with the rows that it touched.
    private func add(
        _ call: String, by session: String, at time: Instant, _ arguments: JSONObject, answer: JSONValue,
        touching touched: [Int] = [], _ store: StoreModel? = nil
    ) {
        var line: JSONObject = [
            "call": .string(call), "session": .string(session), "at": .integer(time.microseconds),
        ]
        for (name, value) in arguments.members { line[name] = value }
        line["answer"] = answer
        var rows = JSONObject()
        if let store { for run in touched { rows["\(run)"] = .string(Self.row(store.runs[run])) } }
        line["rows"] = .object(rows)
        add(line)
        calls += 1
    }

    // MARK: Calls

    func enqueue(fixture: Int, key: String, answer: StoreModel.EnqueueAnswer, _ store: StoreModel, at time: Instant) {
        let word =
            switch answer {
            case .created: "created"
            case .existing: "existing"
            case .conflict: "conflict"
            }
        add(
            "enqueue", by: "client", at: time,
            ["workflow": .string(Fixtures.all[fixture].definition.workflow), "key": .string(key)],
            answer: ["what": .string(word), "run": .integer(answer.run)], touching: [answer.run], store)
    }

    func claim(
        worker: Int, limit: Int, _ leaseMilliseconds: Int64, answer: [StoreModel.Claim], _ store: StoreModel,
        at time: Instant
    ) {
        guard !answer.isEmpty || isWorthALine() else { return }
        let claims = answer.map { claim -> JSONValue in
            var state = claim.snapshot
            for event in claim.tail {
                // What cannot be folded is left out, and then the answers differ.
                guard let next = try? evolve(state, run: StoreModel.identifier(of: claim.run), event) else { break }
                state = next
            }
            return [
                "run": .integer(claim.run), "epoch": .integer(claim.epoch), "due": .integer(claim.due.microseconds),
                "rescue": .bool(claim.isRescue), "state": state.map(Self.state) ?? .null,
            ]
        }
        add(
            "claim", by: StoreModel.actor(worker), at: time,
            ["limit": .integer(limit), "lease": .integer(leaseMilliseconds)], answer: .array(claims),
            touching: answer.map(\.run), store)
    }

    func nextDue(answer: Instant?, at time: Instant) {
        guard isWorthALine() else { return }
        add("next_due", by: "client", at: time, [:], answer: answer.map { .integer($0.microseconds) } ?? .null)
    }

    func events(of run: Int, after seq: Int64, worker: Int, answer: [RecordedEvent], at time: Instant) {
        add(
            "events", by: StoreModel.actor(worker), at: time, ["run": .integer(run), "after": .integer(seq)],
            answer: .array(answer.map(Self.event)))
    }

    func commit(
        _ commit: StoreModel.Commit, worker: Int, _ leaseMilliseconds: Int64, answer: StoreModel.Answer,
        _ store: StoreModel, at time: Instant
    ) {
        let said: JSONValue =
            switch answer {
            case .accepted(let at): ["what": "accepted", "at": .integer(at.microseconds)]
            case .already(let at): ["what": "already", "at": .integer(at.microseconds)]
            case .behind: ["what": "behind"]
            case .fenced: ["what": "fenced"]
            }
        add(
            "commit", by: StoreModel.actor(worker), at: time,
            [
                "run": .integer(commit.run), "epoch": .integer(commit.epoch), "base_seq": .integer(commit.baseSeq),
                "events": .array(commit.events.map(Self.event)), "state": Self.state(commit.state),
                "due": .integer(commit.dueMilliseconds), "keeps_lease": .bool(commit.keepsLease),
                "lease": .integer(leaseMilliseconds), "service": .optional(commit.service),
                "waiting": .optional(commit.waiting), "deadline": .optional(commit.deadlineMilliseconds),
            ], answer: said, touching: [commit.run], store)
    }

    func release(
        run: Int, epoch: Int64, worker: Int, _ dueMilliseconds: Int64, _ service: String?, _ waiting: String?,
        _ deadlineMilliseconds: Int64?, _ store: StoreModel, at time: Instant
    ) {
        add(
            "release", by: StoreModel.actor(worker), at: time,
            [
                "run": .integer(run), "epoch": .integer(epoch), "due": .integer(dueMilliseconds),
                "service": .optional(service), "waiting": .optional(waiting),
                "deadline": .optional(deadlineMilliseconds),
            ], answer: .null, touching: [run], store)
    }

    func append(
        run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String, answer: StoreModel.AppendAnswer,
        _ store: StoreModel, at time: Instant
    ) {
        add(
            "append", by: actor, at: time,
            [
                "run": .integer(run), "expected_seq": .integer(expectedSeq), "event": Self.event(verb.event),
                "state": Self.state(verb.after),
            ], answer: .string(answer.rawValue), touching: [run], store)
    }

    func supersede(
        run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String, answer: StoreModel.AppendAnswer,
        _ store: StoreModel, at time: Instant
    ) {
        let row = store.runs[run]
        add(
            "supersede", by: actor, at: time,
            [
                "run": .integer(run), "expected_seq": .integer(expectedSeq),
                "workflow": .string(Fixtures.all[row.fixture].definition.workflow), "key": .string(row.key),
                "reason": verb.event.body["reason"] ?? .null,
            ], answer: .string(answer.rawValue),
            touching: answer == .accepted ? [run, store.runs.count - 1] : [run], store)
    }

    func appendLate(
        run: Int, epoch: Int64, attempt: Identifier, _ body: JSONObject, worker: Int, answer: Bool,
        _ store: StoreModel, at time: Instant
    ) {
        add(
            "append_late", by: StoreModel.actor(worker), at: time,
            [
                "run": .integer(run), "epoch": .integer(epoch), "attempt": .string(attempt.description),
                "body": .object(body),
            ], answer: .bool(answer), touching: [run], store)
    }

    func pause(milliseconds: Int64, worker: Int, answer: Instant, _ store: StoreModel, at time: Instant) {
        add(
            "pause", by: StoreModel.actor(worker), at: time, ["milliseconds": .integer(milliseconds)],
            answer: .integer(answer.microseconds), touching: Array(store.runs.indices), store)
    }

    func resume(worker: Int, answer: Bool, _ store: StoreModel, at time: Instant) {
        add(
            "resume", by: StoreModel.actor(worker), at: time, [:], answer: .bool(answer),
            touching: Array(store.runs.indices), store)
    }

    // MARK: Parts

    private static func state(_ state: RunState) -> JSONValue {
        let snapshot = state.snapshot
        return [
            "status": .string(state.status.rawValue), "seq": .integer(state.seq),
            "workflow": .string(state.workflow), "version": .integer(state.version), "key": .string(state.key),
            "snapshot": snapshot.json, "times": .array(snapshot.times.map { .integer($0) }),
        ]
    }

    private static func event(_ event: NewEvent) -> JSONValue {
        [
            "type": .string(event.type.rawValue), "body": .object(event.body),
            "attempt": .optional(event.attemptId?.description),
        ]
    }

    private static func event(_ event: RecordedEvent) -> JSONValue {
        [
            "seq": .integer(event.seq), "type": .string(event.type), "body": .object(event.body),
            "epoch": .integer(event.epoch), "attempt": .optional(event.attemptId?.description),
            "actor": .string(event.actor), "at": .integer(event.recordedAt.microseconds),
        ]
    }

    /// due, deadline, owner, lease's end, service, why it waits | state, status, seq, epoch, key, reason.
    private static func row(_ run: StoreModel.Run) -> String {
        func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "-" }
        let task = run.task
        return [
            text(task?.due.microseconds), text(task?.deadline?.microseconds),
            task?.owner.map(StoreModel.actor) ?? "-", text(task?.expires?.microseconds), text(task?.service),
            text(task?.waiting), run.state, run.status.rawValue, "\(run.seq)", "\(run.epoch)", "\(run.holdsKey)",
            text(run.reason),
        ].joined(separator: "|")
    }
}

extension JSONValue {
    fileprivate static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    fileprivate static func optional(_ number: Int64?) -> JSONValue { number.map { .integer($0) } ?? .null }
}
