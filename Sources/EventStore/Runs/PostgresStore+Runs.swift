import Postgres
import Vault
public import WorkflowCore

extension PostgresStore {
    public func enqueue(_ request: EnqueueRequest) async throws -> EnqueueReceipt {
        let rows = try await query(
            """
            select run_id, created from turnup.enqueue(
              $1, $2, $3::json, $4::integer, timestamptz 'epoch' + $5::bigint * interval '1 microsecond', $6::uuid, $7,
              true, $8, $9::uuid, $10, $11::bigint)
            """,
            [
                .text(request.workflow), .text(request.organisation),
                .text(JSONValue.object(request.input).serialized()), .optional(request.version.map { Int64($0) }),
                .optional(request.due?.microseconds), .optional(request.id.map { PostgresUUID($0) }),
                .text(request.refusesExisting ? "error" : "return"), .text(request.actor),
                .optional(request.takeover.map { PostgresUUID($0.runId) }), .optional(request.takeover?.reason),
                .optional(request.takeover?.expectedSeq),
            ], label: "enqueue")
        return try decoded {
            let row = try one(rows)
            return EnqueueReceipt(runId: try row.identifier("run_id"), isNew: try row.bool("created"))
        }
    }

    public func append(_ request: AppendRequest) async throws -> AppendAnswer {
        let after = request.stateAfter
        let rows = try await query(
            """
            select answer, seq from turnup.append(
              $1::uuid, $2::bigint, $3, $4, $5, $6, $7, $8::boolean, $9, 0, true,
              $10, $11, $12, $13, $14, $15, $16, $17::boolean)
            """,
            [
                .uuid(PostgresUUID(request.runId)), .optional(request.expectedSeq), .text(request.event.type.rawValue),
                .text(JSONValue.object(request.event.body).serialized()), .text(request.actor),
                .optional(after?.status.rawValue), .optional(after?.state),
                after.map { .bool($0.ownsKey) } ?? .null, .optional(after?.reason),
            ] + secretArrays(request.sealed) + [after.map { .bool($0.mayBeLeft) } ?? .null], label: "append")
        return try decoded {
            let row = try one(rows)
            let seq = try row.int("seq")
            return try row.string("answer") == "accepted" ? .accepted(seq: seq) : .behind(seq: seq)
        }
    }

    public func appendLate(_ evidence: LateEvidence, worker: String) async throws -> Bool {
        let rows = try await query(
            """
            select turnup.append_late(
              $1, $2::uuid, $3::bigint, $4::uuid, $5, $6, $7, $8, $9, $10, $11, $12) as answer
            """,
            [
                .text(worker), .uuid(PostgresUUID(evidence.runId)), .int(evidence.epoch),
                .uuid(PostgresUUID(evidence.attemptId)), .text(JSONValue.object(evidence.body).serialized()),
            ] + secretArrays(evidence.sealed), label: "append late evidence", lane: .commits)
        return try decoded { try one(rows).string("answer") == "accepted" }
    }

    /// Sealed secrets as the parallel arrays that the functions take.
    private func secretArrays(_ sealed: [SealedSecret]) -> [PostgresValue] {
        [
            .textArray(sealed.map(\.place.name)), .intArray(sealed.map { Int64($0.place.version) }),
            .textArray(sealed.map(\.keyId)), .bytesArray(sealed.map(\.nonce)), .bytesArray(sealed.map(\.ciphertext)),
            .bytesArray(sealed.map(\.fingerprint.bytes)), .intArray(sealed.map { Int64($0.length) }),
        ]
    }

    public func events(of runId: Identifier, after seq: Int64) async throws -> [RecordedEvent] {
        try await tail(of: runId, after: seq).events
    }

    public func tail(of runId: Identifier, after seq: Int64) async throws -> StreamTail {
        let rows = try await query(
            """
            select seq, type, body, epoch, attempt_id, actor, turnup.microseconds(recorded_at) as recorded_at, hash
            from turnup.event where run_id = $1 and seq > $2 order by seq
            """, [.uuid(PostgresUUID(runId)), .int(seq)], readOnly: true, label: "read events")
        return try decoded {
            let events = try rows.map { row in
                RecordedEvent(
                    seq: try row.int("seq"), type: try row.string("type"), body: try row.object("body"),
                    epoch: try row.int("epoch"), attemptId: try row.uuidOrNil("attempt_id").map { Identifier($0) },
                    actor: try row.string("actor"), recordedAt: try row.instant("recorded_at"))
            }
            return StreamTail(events: events, hash: try rows.last.map { try $0.bytes("hash") })
        }
    }

    public func missing(_ ends: [AcknowledgedEnd]) async throws -> [Int] {
        let rows = try await query(
            "select missing_events as place from turnup.missing_events($1, $2, $3)",
            [
                .uuidArray(ends.map { PostgresUUID($0.runId) }), .intArray(ends.map(\.seq)),
                .bytesArray(ends.map(\.hash)),
            ], readOnly: true, label: "look for lost events")
        return try decoded { try rows.map { Int(try $0.int("place")) - 1 } }
    }

    public var generation: Int { pool.generation }

    public func run(_ id: Identifier) async throws -> RunOverview? {
        let rows = try await query(
            RunOverview.select + " where r.id = $1", [.uuid(PostgresUUID(id))], readOnly: true, label: "read run")
        return try decoded { try rows.first.map { try RunOverview(row: $0) } }
    }

    /// Other runs of a run's key that have ended and may have left something, the oldest first, at most ten.
    public func runsThatMayHaveLeft(beside run: RunOverview) async throws -> [Identifier] {
        let rows = try await query(
            """
            select r.id from turnup.run r
            where r.key = $1 and r.organisation = $2 and r.workflow = $3 and not r.owns_key and r.may_be_left
              and r.status in ('failed', 'cancelled', 'released') and r.id <> $4
            order by r.id limit 10
            """, [.text(run.key), .text(run.organisation), .text(run.workflow), .uuid(PostgresUUID(run.id))],
            readOnly: true, label: "look for what others left")
        return try decoded { try rows.map { try $0.identifier("id") } }
    }

    /// At most two runs whose id begins with these hex digits; hyphens do not count.
    public func runs(beginningWith prefix: String) async throws -> [RunOverview] {
        let digits = prefix.filter { $0 != "-" }
        let missing = max(0, 32 - digits.utf8.count)
        guard let low = PostgresUUID(digits + String(repeating: "0", count: missing)),
            let high = PostgresUUID(digits + String(repeating: "f", count: missing))
        else { return [] }
        let rows = try await query(
            RunOverview.select + " where r.id between $1 and $2 limit 2", [.uuid(low), .uuid(high)], readOnly: true,
            label: "find run")
        return try decoded { try rows.map { try RunOverview(row: $0) } }
    }
}

extension RunOverview {
    /// While a run has a task, the end of its stream stands in the task row and in the lease, not in the run row.
    static let select = columns + " from turnup.run r" + joins

    /// The same, with another column.
    static func select(with column: String) -> String { columns + ", \(column) from turnup.run r" + joins }

    /// Only runs with a task, each looked up by it: `offset` keeps the planner from moving the look-up.
    static let selectFromTasks =
        columns + """
             from turnup.task t
              cross join lateral (select * from turnup.run g where g.id = t.run_id offset 0) as r
              left join turnup.lease l on l.run_id = t.run_id
            """

    private static let joins =
        " left join turnup.task t on t.run_id = r.id left join turnup.lease l on l.run_id = t.run_id"

    private static let columns = """
        select r.id, r.workflow, r.version, r.organisation, r.key, r.state, r.status, r.reason,
          coalesce(greatest(l.seq, t.seq), r.seq) as seq,
          turnup.microseconds(r.requested_at) as requested_at, turnup.microseconds(r.changed_at) as changed_at,
          turnup.microseconds(r.ended_at) as ended_at, turnup.microseconds(t.due) as due, t.service, t.wait_reason,
          r.may_be_left, r.inspection, l.worker as lease_owner, turnup.microseconds(l.taken_at) as lease_taken_at,
          turnup.microseconds(l.expires) as lease_expires, r.last_error
        """

    init(row: PostgresRow) throws {
        var task: TaskOverview?
        if let due = try row.instantOrNil("due") {
            task = TaskOverview(
                due: due, service: try row.stringOrNil("service").flatMap { $0.isEmpty ? nil : $0 },
                waitReason: try row.waitReasonOrNil("wait_reason"), leaseOwner: try row.stringOrNil("lease_owner"),
                leaseTakenAt: try row.instantOrNil("lease_taken_at"),
                leaseExpires: try row.instantOrNil("lease_expires"))
        }
        self.init(
            id: try row.identifier("id"), workflow: try row.string("workflow"), version: Int(try row.int("version")),
            organisation: try row.string("organisation"), key: try row.string("key"), state: try row.string("state"),
            status: RunStatus(rawValue: try row.string("status")) ?? .live, reason: try row.stringOrNil("reason"),
            lastError: try row.stringOrNil("last_error"), mayBeLeft: try row.bool("may_be_left"),
            inspection: try row.stringOrNil("inspection").flatMap(Inspection.Verdict.init),
            seq: try row.int("seq"),
            requestedAt: try row.instant("requested_at"), changedAt: try row.instant("changed_at"),
            endedAt: try row.instantOrNil("ended_at"), task: task)
    }
}
