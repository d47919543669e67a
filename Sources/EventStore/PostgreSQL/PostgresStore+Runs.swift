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

    public func claim(worker: String, limit: Int, leaseMilliseconds: Int64) async throws -> [ClaimedRun] {
        let rows = try await query(
            "select * from turnup.claim($1, $2::integer, $3::bigint)",
            [.text(worker), .int(Int64(max(0, limit))), .int(leaseMilliseconds)], label: "claim")
        return try decoded { try rows.map { try ClaimedRun(row: $0) } }
    }

    public func release(_ leases: [LeaseRelease], worker: String) async throws {
        guard !leases.isEmpty else { return }
        _ = try await query(
            "select turnup.release($1, $2, $3, $4, $5, $6, $7)",
            [
                .text(worker), .uuidArray(leases.map { PostgresUUID($0.runId) }), .intArray(leases.map(\.epoch)),
                .intArray(leases.map(\.dueMilliseconds)), .textArray(leases.map(\.service)),
                .textArray(leases.map(\.waiting)), .intArray(leases.map(\.deadlineMilliseconds)),
            ], label: "release")
    }

    public func append(_ request: AppendRequest) async throws -> AppendAnswer {
        let after = request.stateAfter
        let rows = try await query(
            """
            select answer, seq from turnup.append(
              $1::uuid, $2::bigint, $3, $4, $5, $6, $7, $8::boolean, $9, 0, true,
              $10, $11, $12, $13, $14, $15, $16)
            """,
            [
                .uuid(PostgresUUID(request.runId)), .optional(request.expectedSeq), .text(request.event.type.rawValue),
                .text(JSONValue.object(request.event.body).serialized()), .text(request.actor),
                .optional(after?.status.rawValue), .optional(after?.state),
                after.map { .bool($0.holdsKey) } ?? .null, .optional(after?.reason),
            ] + secretArrays(request.sealed), label: "append")
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
            ] + secretArrays(evidence.sealed), label: "append late evidence")
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

    public func nextDue() async throws -> NextDue? {
        let rows = try await query(
            "select turnup.next_due() as due, turnup.microseconds(turnup.now()) as now", readOnly: true,
            label: "next due")
        return try decoded {
            let row = try one(rows)
            let now = try row.instant("now")
            return try row.instantOrNil("due").map { NextDue(due: $0, now: now) }
        }
    }

    public func events(of runId: Identifier, after seq: Int64) async throws -> [RecordedEvent] {
        let rows = try await query(
            """
            select seq, type, body, epoch, attempt_id, actor, turnup.microseconds(recorded_at) as recorded_at
            from turnup.event where run_id = $1 and seq > $2 order by seq
            """, [.uuid(PostgresUUID(runId)), .int(seq)], readOnly: true, label: "read events")
        return try decoded {
            try rows.map { row in
                RecordedEvent(
                    seq: try row.int("seq"), type: try row.string("type"), body: try row.object("body"),
                    epoch: try row.int("epoch"), attemptId: try row.uuidOrNil("attempt_id").map { Identifier($0) },
                    actor: try row.string("actor"), recordedAt: try row.instant("recorded_at"))
            }
        }
    }

    public func run(_ id: Identifier) async throws -> RunOverview? {
        let rows = try await query(
            RunOverview.select + " where r.id = $1", [.uuid(PostgresUUID(id))], readOnly: true, label: "read run")
        return try decoded { try rows.first.map { try RunOverview(row: $0) } }
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

    public func runs(_ filter: RunFilter) async throws -> [RunOverview] {
        // Only the conditions that are asked for: a plan that must do for all of them reads the whole table.
        var conditions: [String] = []
        var parameters: [PostgresValue] = []
        func add(_ condition: String, _ value: PostgresValue?) {
            guard let value else { return }
            parameters.append(value)
            conditions.append(condition.replacing("$", with: "$\(parameters.count)"))
        }
        add("r.workflow = $", filter.workflow.map { .text($0) })
        add("r.organisation = $", filter.organisation.map { .text($0) })
        add("r.key = $", filter.key.map { .text($0) })
        add("r.state = $", filter.state.map { .text($0) })
        add("r.status = $", filter.status.map { .text($0.rawValue) })
        add("\(RunOverview.lastError) = $", filter.lastError.map { .text($0) })
        add("t.service = $", filter.service.map { .text($0) })
        let time = "timestamptz 'epoch' + $::bigint * interval '1 microsecond'"
        add("r.requested_at >= \(time)", filter.requestedSince.map { .int($0.microseconds) })
        add("r.requested_at < \(time)", filter.requestedBefore.map { .int($0.microseconds) })
        if let after = filter.after {
            guard let last = try await run(after) else { throw StoreError(.notFound, "there is no run \(after)") }
            parameters += [.int(last.requestedAt.microseconds), .uuid(PostgresUUID(after))]
            let time = time.replacing("$", with: "$\(parameters.count - 1)")
            conditions.append("(r.requested_at, r.id) < (\(time), $\(parameters.count))")
        }
        parameters.append(.int(Int64(max(0, filter.limit))))
        let filtered = conditions.isEmpty ? "" : " where " + conditions.joined(separator: " and ")
        let rows = try await query(
            RunOverview.select + filtered
                + " order by r.requested_at desc, r.id desc limit $\(parameters.count)::bigint",
            parameters, readOnly: true, label: "list runs")
        return try decoded { try rows.map { try RunOverview(row: $0) } }
    }
}

extension ClaimedRun {
    fileprivate init(row: PostgresRow) throws {
        let id = try row.identifier("run_id")
        self.init(
            id: id, epoch: try row.int("epoch"), workflow: try row.string("workflow"),
            version: Int(try row.int("version")), state: try Self.folded(id, row),
            claimedAt: try row.instant("now_microseconds"), due: try row.instant("due_microseconds"))
    }

    /// A run that cannot be read is that run's trouble alone, not that of the others claimed with it.
    static func folded(_ id: Identifier, _ row: PostgresRow) throws -> Result<RunState, EvolveError> {
        do { return try read(id, row) } catch let error as JSONError {
            return .failure(EvolveError(seq: 0, message: "the stored state is not JSON: \(error)"))
        }
    }

    /// The snapshot, and on top of it the events that it does not know yet.
    private static func read(_ id: Identifier, _ row: PostgresRow) throws -> Result<RunState, EvolveError> {
        var state: RunState?
        if let text = try row.utf8OrNil("snapshot") {
            let json = try JSONValue.parse(Array(text), limits: .stored)
            let digits = try row.string("times").dropFirst().dropLast()
            state = RunState(
                id: id, workflow: try row.string("workflow"), version: Int(try row.int("version")),
                definitionDigest: ContentDigest.hex(try row.bytes("definition")),
                organisation: try row.string("organisation"), key: try row.string("key"),
                status: RunStatus(rawValue: try row.string("status")) ?? .live, seq: try row.int("snapshot_seq"),
                snapshot: Snapshot(json: json, times: digits.split(separator: ",").compactMap { Int64($0) }))
        }
        guard let tail = try row.utf8OrNil("tail") else {
            return state.map { .success($0) } ?? .failure(EvolveError(seq: 0, message: "the run has no snapshot"))
        }
        let events = try JSONValue.parse(Array(tail), limits: .stored).arrayValue ?? []
        return Result { () throws(EvolveError) -> RunState in
            for item in events { state = try evolve(state, run: id, try RecordedEvent(tail: item)) }
            guard let state else { throw EvolveError(seq: 0, message: "the run has no events") }
            return state
        }
    }
}

extension RecordedEvent {
    /// One element of what `turnup.claim` answers in `tail`.
    fileprivate init(tail item: JSONValue) throws(EvolveError) {
        guard let seq = item["seq"]?.integerValue, let type = item["type"]?.stringValue,
            let body = item["body"]?.objectValue, let epoch = item["epoch"]?.integerValue,
            let actor = item["actor"]?.stringValue, let time = item["recorded_at"]?.integerValue
        else { throw EvolveError(seq: 0, message: "the event is incomplete") }
        self.init(
            seq: seq, type: type, body: body, epoch: epoch,
            attemptId: item["attempt_id"]?.stringValue.flatMap { Identifier($0) }, actor: actor,
            recordedAt: Instant(microseconds: time))
    }
}

extension RunOverview {
    /// An error that no retry goes on from stays in the snapshot apart.
    fileprivate static let lastError = "coalesce(r.snapshot ->> 'last_error', r.snapshot -> 'gave_up' ->> 'error')"

    fileprivate static let select = """
        select r.id, r.workflow, r.version, r.organisation, r.key, r.state, r.status, r.reason, r.seq,
          turnup.microseconds(r.requested_at) as requested_at, turnup.microseconds(r.updated_at) as updated_at,
          turnup.microseconds(r.ended_at) as ended_at, turnup.microseconds(t.due) as due, t.service, t.waiting,
          t.lease_owner, turnup.microseconds(t.lease_expires) as lease_expires, \(lastError) as last_error
        from turnup.run r left join turnup.task t on t.run_id = r.id
        """

    fileprivate init(row: PostgresRow) throws {
        var task: TaskOverview?
        if let due = try row.instantOrNil("due") {
            task = TaskOverview(
                due: due, service: try row.stringOrNil("service"), waiting: try row.stringOrNil("waiting"),
                leaseOwner: try row.stringOrNil("lease_owner"),
                leaseExpires: try row.instantOrNil("lease_expires"))
        }
        self.init(
            id: try row.identifier("id"), workflow: try row.string("workflow"), version: Int(try row.int("version")),
            organisation: try row.string("organisation"), key: try row.string("key"), state: try row.string("state"),
            status: RunStatus(rawValue: try row.string("status")) ?? .live, reason: try row.stringOrNil("reason"),
            lastError: try row.stringOrNil("last_error"), seq: try row.int("seq"),
            requestedAt: try row.instant("requested_at"),
            updatedAt: try row.instant("updated_at"), endedAt: try row.instantOrNil("ended_at"), task: task)
    }
}
