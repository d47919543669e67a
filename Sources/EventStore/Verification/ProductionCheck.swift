import Postgres
import WorkflowCore

/// Folds streams with the code that workers use, and compares with the SQL fold, the row and the stored snapshot.
struct ProductionCheck {
    /// The SQL folds of the runs whose stream is in order.
    let folds: [Identifier: JSONObject]
    private(set) var runs = 0
    private(set) var events: Int64 = 0

    private static let eventsAtOnce: Int64 = 2000

    init(folds: [Identifier: JSONObject]) { self.folds = folds }

    mutating func check(_ page: [SizedRun], _ connection: isolated PostgresConnection) throws -> [Violation] {
        var violations: [Violation] = []
        let rows = try connection.querySync(
            """
            select r.id, r.reason, r.status, r.last_error, coalesce(t.snapshot_seq, r.snapshot_seq) as snapshot_seq,
              case when t.run_id is null then r.snapshot else t.snapshot end as snapshot,
              case when t.run_id is null then r.times else t.times end::text as times
            from turnup.run r left join turnup.task t on t.run_id = r.id
            where r.id = any($1::uuid[]) order by r.id
            """, [.uuidArray(page.map { PostgresUUID($0.id) })], readOnly: true, label: "verify: run rows")
        var checks: [Identifier: RunCheck] = [:]
        for row in rows {
            let check = try RunCheck(row: row)
            checks[check.id] = check
        }
        runs += checks.count
        for batch in Self.batches(page.filter { checks[$0.id] != nil }) {
            try fold(batch, &checks, connection)
        }
        for run in page {
            if let check = checks[run.id] { violations += check.violations(folds[run.id]) }
        }
        return violations
    }

    /// Groups short streams together, and leaves a long stream alone.
    private static func batches(_ page: [SizedRun]) -> [[Identifier]] {
        var batches: [[Identifier]] = []
        var size: Int64 = 0
        for run in page {
            size += run.events
            if batches.isEmpty || size > eventsAtOnce {
                batches.append([])
                size = run.events
            }
            batches[batches.count - 1].append(run.id)
        }
        return batches
    }

    private mutating func fold(
        _ ids: [Identifier], _ checks: inout [Identifier: RunCheck], _ connection: isolated PostgresConnection
    ) throws {
        let columns = """
            select run_id, seq, type, body, epoch, attempt_id, actor, turnup.microseconds(recorded_at) as recorded_at
            """
        guard let only = ids.first, ids.count == 1 else {
            let rows = try connection.querySync(
                // Each run is looked up alone in its own partition, whatever plan is chosen.
                columns + """
                     from unnest($1::uuid[]) as w(id) cross join lateral (
                      select e.* from turnup.event e where e.run_id = w.id order by e.seq) as e
                    """,
                [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "verify: events")
            try take(rows, &checks)
            return
        }
        var after: Int64 = 0
        while true {
            let rows = try connection.querySync(
                columns + " from turnup.event where run_id = $1 and seq > $2 order by seq limit $3",
                [.uuid(PostgresUUID(only)), .int(after), .int(Self.eventsAtOnce)], readOnly: true,
                label: "verify: events")
            try take(rows, &checks)
            guard Int64(rows.count) == Self.eventsAtOnce, let last = rows.last else { return }
            after = try last.int("seq")
        }
    }

    private mutating func take(_ rows: PostgresRows, _ checks: inout [Identifier: RunCheck]) throws {
        for row in rows {
            events += 1
            let id = try row.identifier("run_id")
            let event: Result<RecordedEvent, any Error>
            do {
                event = .success(
                    RecordedEvent(
                        seq: try row.int("seq"), type: try row.string("type"), body: try row.object("body"),
                        epoch: try row.int("epoch"), attemptId: try row.uuidOrNil("attempt_id").map { Identifier($0) },
                        actor: try row.string("actor"), recordedAt: try row.instant("recorded_at")))
            } catch let error as JSONError {
                event = .failure(error)
            } catch let error as StoreError {
                event = .failure(error)
            }
            checks[id]?.take(event, seq: try row.int("seq"))
        }
    }
}

/// One run's row and the fold of its events so far.
private struct RunCheck {
    let id: Identifier
    private let row: Row
    private var state: RunState?
    private var refusal: Violation?
    private var snapshotViolation: Violation?

    private struct Row {
        let reason: String?
        let status: String
        let lastError: String?
        let snapshotSeq: Int64
        /// Nil when there is none.
        let snapshot: Snapshot?
        let isSnapshotReadable: Bool
        let restored: RunState?
    }

    init(row: PostgresRow) throws {
        id = try row.identifier("id")
        var snapshot: Snapshot?
        var restored: RunState?
        let text = try row.utf8OrNil("snapshot")
        if let text, let json = try? JSONValue.parse(Array(text), limits: .stored) {
            let digits = try row.string("times").dropFirst().dropLast()
            let stored = Snapshot(json: json, times: digits.split(separator: ",").compactMap { Int64($0) })
            snapshot = stored
            restored = Self.restored(id, seq: try row.int("snapshot_seq"), stored)
        }
        self.row = Row(
            reason: try row.stringOrNil("reason"), status: try row.string("status"),
            lastError: try row.stringOrNil("last_error"), snapshotSeq: try row.int("snapshot_seq"), snapshot: snapshot,
            isSnapshotReadable: text == nil || restored != nil, restored: restored)
    }

    /// As a claim reads it: before a worker has looked at the run, the body of its first event stands there.
    private static func restored(_ id: Identifier, seq: Int64, _ stored: Snapshot) -> RunState? {
        guard stored.json["requested_at"] == nil, seq == 1, let body = stored.json.objectValue,
            let time = stored.times.first
        else { return RunState(id: id, seq: seq, snapshot: stored) }
        return try? evolve(
            nil, run: id,
            RecordedEvent(
                seq: 1, type: EventType.runRequested.rawValue, body: body, epoch: 0, attemptId: nil, actor: "",
                recordedAt: Instant(microseconds: time)))
    }

    mutating func take(_ event: Result<RecordedEvent, any Error>, seq: Int64) {
        guard refusal == nil else { return }
        do {
            let folded = try evolve(state, run: id, try event.get())
            state = folded
            if folded.seq == row.snapshotSeq { compare(folded) }
        } catch {
            refusal = Violation(.foldRefused, run: id, seq: seq, expected: nil, actual: "\(error)")
        }
    }

    /// The snapshot is what the worker goes on from: it must be what all events up to it fold to.
    private mutating func compare(_ folded: RunState) {
        guard let restored = row.restored, let kept = row.snapshot, restored != folded else { return }
        let expected = folded.snapshot
        let stored = kept.json["requested_at"] == nil ? restored.snapshot : kept
        let names = Set(
            [expected.json, stored.json].flatMap { $0.objectValue?.members.map(\.name) ?? [] }
        ).filter { expected.json[$0] != stored.json[$0] }
        // The values may be anything that a platform sent, so only the names are said.
        let differing = names.sorted() + (expected.times == stored.times ? [] : ["times"])
        snapshotViolation = Violation(
            .snapshotDiffers, run: id, seq: folded.seq, expected: "the fold of events 1 to \(folded.seq)",
            actual: differing.isEmpty ? "another state" : "other " + differing.joined(separator: ", "))
    }

    func violations(_ fold: JSONObject?) -> [Violation] {
        var violations = [refusal, snapshotViolation].compactMap { $0 }
        if !row.isSnapshotReadable {
            violations.append(
                Violation(
                    .snapshotUnreadable, run: id, seq: row.snapshotSeq, expected: "a snapshot that a worker can read",
                    actual: "broken JSON, or a part that is missing"))
        }
        guard refusal == nil, let state else { return violations }
        if state.reason != row.reason {
            violations.append(
                Violation(
                    .rowReason, run: id, expected: state.reason ?? "none", actual: row.reason ?? "none"))
        }
        let lastError = state.lastError ?? state.gaveUp?.error
        // The row of a live run gets what people appended only with the next commit.
        if row.status != RunStatus.live.rawValue, lastError != row.lastError {
            violations.append(
                Violation(.rowLastError, run: id, expected: lastError ?? "none", actual: row.lastError ?? "none"))
        }
        let own: JSONObject = [
            "state": .string(state.state), "status": .string(state.status.rawValue), "seq": .integer(state.seq),
            "owns_key": .bool(state.ownsKey), "may_be_left": .bool(state.mayBeLeft),
            "has_task": .bool(state.hasTask),
            "inspection": state.inspection?.verdict.map { .string($0.rawValue) } ?? .null,
        ]
        if let fold, fold != own {
            violations.append(
                Violation(
                    .foldsDiffer, run: id, expected: JSONValue.object(fold).serialized(),
                    actual: JSONValue.object(own).serialized()))
        }
        return violations
    }
}
