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
                "facts": fixture.definition.queueFacts,
            ]
        }
        return JSONValue.object([
            "definitions": .array(items), "digest": .string(Fixtures.digest), "service": .string(ServiceModel.name),
            "cap": .integer(ServiceModel.capMilliseconds),
        ]).serialized() + "\n"
    }

    /// The calls between the line that begins a schedule and the one with the streams as they ended.
    func schedule(of seed: UInt64, _ store: StoreModel) -> Data {
        let calls = lines
        lines = []
        add([
            "schedule": .string("\(seed)"), "concurrent": store.tables.service.concurrent.map { .integer($0) } ?? .null,
        ])
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
        if let store { line["service_row"] = .string(Self.row(store.tables.service)) }
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

    /// `isNews`: the claim has learned something of the service, also when it took nothing.
    func claim(
        worker: Int, room: Int, roomEach: Int, _ leaseMilliseconds: Int64, answer: [StoreModel.Claim],
        _ lines: [StoreModel.LineAnswer], isNews: Bool, _ store: StoreModel, at time: Instant
    ) {
        guard !answer.isEmpty || isNews || isWorthALine() else { return }
        let claims = answer.sorted { $0.run < $1.run }.map { claim -> JSONValue in
            var state = claim.snapshot
            for event in claim.tail {
                // What cannot be folded is left out, and then the answers differ.
                guard let next = try? evolve(state, run: StoreModel.identifier(of: claim.run), event) else { break }
                state = next
            }
            return [
                "run": .integer(claim.run), "token": .integer(claim.token), "epoch": .integer(claim.epoch),
                "due": .integer(claim.due.microseconds), "service": .string(claim.service),
                "trial": .bool(claim.isTrial), "rescue": .bool(claim.isRescue),
                "state": state.map(Self.state) ?? .null,
            ]
        }
        let found = lines.map { line -> JSONValue in
            [
                "service": .string(line.service), "next": .optional(line.isBusy ? nil : line.next?.microseconds),
                "shut": .optional(line.shutUntil?.microseconds), "taken": .integer(line.taken),
            ]
        }
        add(
            "claim", by: StoreModel.actor(worker), at: time,
            [
                "room": .integer(room), "room_each": .integer(roomEach), "lease": .integer(leaseMilliseconds),
                "lines": .array(found),
            ], answer: .array(claims), touching: answer.map(\.run), store)
    }

    func events(of run: Int, after seq: Int64, worker: Int, answer: [RecordedEvent], at time: Instant) {
        add(
            "events", by: StoreModel.actor(worker), at: time, ["run": .integer(run), "after": .integer(seq)],
            answer: .array(answer.map(Self.event)))
    }

    func commit(
        _ commit: StoreModel.Commit, worker: Int, _ leaseMilliseconds: Int64, answer: StoreModel.Answer,
        starting new: Range<Int>, _ store: StoreModel, at time: Instant
    ) {
        let said: JSONValue =
            switch answer {
            case .accepted(let at, _): ["what": "accepted", "at": .integer(at.microseconds)]
            case .already(let at, _): ["what": "already", "at": .integer(at.microseconds)]
            case .behind: ["what": "behind"]
            case .noPermit: ["what": "no permit"]
            case .contradicted(let other): ["what": "contradicted", "other": .integer(other)]
            case .fenced: ["what": "fenced"]
            }
        add(
            "commit", by: StoreModel.actor(worker), at: time,
            [
                "run": .integer(commit.run), "token": .integer(commit.token), "epoch": .integer(commit.epoch),
                "base_seq": .integer(commit.baseSeq),
                "events": .array(commit.events.map(Self.event)), "state": Self.state(commit.state),
                "due": .integer(commit.dueMilliseconds), "keeps_lease": .bool(commit.keepsLease),
                "renews_lease": .bool(commit.renewsLease),
                "lease": .integer(leaseMilliseconds), "service": .optional(commit.service),
                "wait_reason": .optional(commit.waitReason?.rawValue),
                "deadline": .optional(commit.deadlineMilliseconds),
                "report": commit.report.map(Self.report) ?? .null,
            ], answer: said, touching: [commit.run] + new, store)
    }

    func release(
        run: Int, token: Int64, worker: Int, _ dueMilliseconds: Int64, _ waitReason: WaitReason?, _ store: StoreModel,
        at time: Instant
    ) {
        add(
            "release", by: StoreModel.actor(worker), at: time,
            [
                "run": .integer(run), "token": .integer(token), "due": .integer(dueMilliseconds),
                "wait_reason": .optional(waitReason?.rawValue),
            ], answer: .null, touching: [run], store)
    }

    func renew(
        run: Int, token: Int64, worker: Int, _ leaseMilliseconds: Int64, answer: Bool, _ store: StoreModel,
        at time: Instant
    ) {
        add(
            "renew", by: StoreModel.actor(worker), at: time,
            ["run": .integer(run), "token": .integer(token), "lease": .integer(leaseMilliseconds)],
            answer: .bool(answer), touching: [run], store)
    }

    func append(
        run: Int, expectedSeq: Int64, _ verb: OperatorActionEvent, actor: String, answer: StoreModel.AppendAnswer,
        _ store: StoreModel, at time: Instant
    ) {
        add(
            "append", by: actor, at: time,
            [
                "run": .integer(run), "expected_seq": .integer(expectedSeq), "event": Self.event(verb.event),
                "state": Self.state(verb.after),
            ], answer: .string(answer.rawValue), touching: [run], store)
    }

    func takeOver(
        run: Int, expectedSeq: Int64, _ verb: OperatorActionEvent, actor: String, answer: StoreModel.AppendAnswer,
        _ store: StoreModel, at time: Instant
    ) {
        let row = store.runs[run]
        add(
            "take_over", by: actor, at: time,
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

    func pause(milliseconds: Int64?, actor: String, _ store: StoreModel, at time: Instant) {
        add(
            "pause", by: actor, at: time, ["milliseconds": .optional(milliseconds)],
            answer: .optional(store.tables.service.pausedUntil?.microseconds), touching: [], store)
    }

    func resume(actor: String, answer: Bool, _ store: StoreModel, at time: Instant) {
        add("resume", by: actor, at: time, [:], answer: .bool(answer), touching: [], store)
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

    private static func report(_ report: ServiceModel.Report) -> JSONValue {
        [
            "finding": .string(report.finding.rawValue), "reason": .optional(report.reason),
            "asked": .integer(report.askedMilliseconds), "pause": .integer(ServiceModel.firstPauseMilliseconds),
        ]
    }

    private static func text(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "-" }

    /// The task: due, deadline, epoch, seq, seq of the snapshot, line, why it waits. The lease: owner, end, epoch, seq,
    /// service. The run: state, status, key, whether something may be left, reason, last error; of one without a task the epoch.
    private static func row(_ run: StoreModel.Run) -> String {
        let (task, lease) = (run.task, run.lease)
        return [
            text(task?.due.microseconds), text(task?.deadline?.microseconds), text(task?.epoch), text(task?.seq),
            task == nil ? "-" : text(run.snapshot?.seq ?? 1), text(task?.service), text(task?.waitReason?.rawValue),
            lease.map { StoreModel.actor($0.worker) } ?? "-", text(lease?.expires.microseconds), text(lease?.epoch),
            text(lease?.seq), text(lease?.service), run.state, run.status.rawValue, "\(run.ownsKey)",
            "\(run.mayBeLeft)", text(run.reason), text(run.lastError), task == nil ? "\(run.epoch)" : "-",
        ].joined(separator: "|")
    }

    /// Pause, why, failures, answers and openers, the trial's end, when it reopened, what a 429 asked for.
    private static func row(_ service: ServiceModel) -> String {
        [
            text(service.pausedUntil?.microseconds), text(service.reason), "\(service.failures)",
            "\(service.answers.count)/\(service.openedBy.count)", text(service.trialExpires?.microseconds),
            text(service.reopenedAt?.microseconds), text(service.notBefore?.microseconds),
        ].joined(separator: "|")
    }
}

extension JSONValue {
    fileprivate static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    fileprivate static func optional(_ number: Int64?) -> JSONValue { number.map { .integer($0) } ?? .null }
}
