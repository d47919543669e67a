import Postgres
import Vault
import WorkflowCore

extension PostgresStore {
    public func claim(worker: String, _ demand: ClaimDemand, leaseMilliseconds: Int64) async throws -> ClaimAnswer {
        let (rooms, bounds) = (Array(demand.rooms), Array(demand.bounds))
        let rows = try await query(
            "select * from turnup.claim($1, $2::bigint, $3::integer, $4::integer, $5, $6, $7, $8, $9, $10::bigint)",
            [
                .text(worker), .int(leaseMilliseconds), .int(Int64(max(0, demand.room))),
                .int(Int64(max(0, demand.roomEach))), .textArray(rooms.map(\.key)),
                .intArray(rooms.map { Int64(max(0, $0.value)) }), .textArray(bounds.map(\.key)),
                .intArray(bounds.map(\.value.readyMicroseconds)), .textArray(bounds.map(\.value.note)),
                .optional(demand.leaseBound?.microseconds),
            ], label: "claim")
        return try decoded {
            var (runs, lines) = ([ClaimedRun](), [LineAnswer]())
            var leaseBound: Instant?
            for row in rows {
                if try row.uuidOrNil("run_id") == nil {
                    lines.append(try LineAnswer(row: row))
                    leaseBound = try row.instantOrNil("next_lease_bound")
                } else {
                    runs.append(try ClaimedRun(row: row))
                }
            }
            return ClaimAnswer(runs: runs, lines: lines, leaseBound: leaseBound)
        }
    }

    public func release(_ leases: [LeaseRelease]) async throws {
        guard !leases.isEmpty else { return }
        _ = try await query(
            "select turnup.release($1, $2, $3, $4)",
            [
                .uuidArray(leases.map { PostgresUUID($0.runId) }), .uuidArray(leases.map { PostgresUUID($0.token) }),
                .intArray(leases.map(\.dueMilliseconds)), .textArray(leases.map(\.waitReason?.rawValue)),
            ], label: "release")
    }

    public func renew(_ leases: [LeaseRenewal]) async throws -> [Bool] {
        guard !leases.isEmpty else { return [] }
        let rows = try await query(
            "select place, is_renewed from turnup.renew_lease($1, $2, $3)",
            [
                .uuidArray(leases.map { PostgresUUID($0.runId) }), .uuidArray(leases.map { PostgresUUID($0.token) }),
                .intArray(leases.map(\.leaseMilliseconds)),
            ], label: "renew leases", lane: .commits)
        return try decoded {
            var answers = [Bool](repeating: false, count: leases.count)
            for row in rows {
                let index = Int(try row.int("place")) - 1
                if answers.indices.contains(index) { answers[index] = try row.bool("is_renewed") }
            }
            return answers
        }
    }
}

extension LineAnswer {
    fileprivate init(row: PostgresRow) throws {
        self.init(
            service: try row.string("service"), next: try row.instantOrNil("next_microseconds"),
            shutUntil: try row.instantOrNil("shut_microseconds"), pauseReason: try row.stringOrNil("pause_reason"),
            now: try row.instant("now_microseconds"),
            bounds: LineBounds(
                readyMicroseconds: try row.intOrNil("ready_bound"), note: try row.stringOrNil("note_bound") ?? "0"))
    }
}

extension ClaimedRun {
    fileprivate init(row: PostgresRow) throws {
        let id = try row.identifier("run_id")
        self.init(
            id: id, epoch: try row.int("epoch"), token: try row.identifier("token"),
            service: try row.string("service"), isTrial: try row.bool("is_trial"), hash: try row.bytes("hash"),
            state: try Self.folded(id, row), sealed: try Self.sealed(id, row),
            claimedAt: try row.instant("now_microseconds"), due: try row.instant("due_microseconds"))
    }

    /// A run that cannot be read is that run's trouble alone, not that of the others claimed with it.
    static func folded(_ id: Identifier, _ row: PostgresRow) throws -> Result<RunState, EvolveError> {
        do { return try read(id, row) } catch let error as JSONError {
            return .failure(EvolveError(seq: 0, message: "the stored state is not JSON: \(error)"))
        }
    }

    /// Reads the snapshot, and folds the events that are newer than the snapshot. Until a worker has looked at the run,
    /// the body of its first event takes the snapshot's place.
    private static func read(_ id: Identifier, _ row: PostgresRow) throws -> Result<RunState, EvolveError> {
        let events = try row.utf8OrNil("tail").map { try JSONValue.parse(Array($0), limits: .stored).arrayValue ?? [] }
        let seq = try row.int("snapshot_seq")
        let json = try row.utf8OrNil("snapshot").map { try JSONValue.parse(Array($0), limits: .stored) }
        let digits = try row.string("times").dropFirst().dropLast()
        let times = digits.split(separator: ",").compactMap { Int64($0) }
        return Result { () throws(EvolveError) -> RunState in
            var state: RunState?
            if let json, json["requested_at"] == nil, seq == 1, let body = json.objectValue, let time = times.first {
                state = try evolve(
                    nil, run: id,
                    RecordedEvent(
                        seq: 1, type: EventType.runRequested.rawValue, body: body, epoch: 0, attemptId: nil,
                        actor: "", recordedAt: Instant(microseconds: time)))
            } else if let json {
                state = RunState(id: id, seq: seq, snapshot: Snapshot(json: json, times: times))
                if state == nil {
                    throw EvolveError(seq: seq, message: "the stored state lacks a part, or has a broken one")
                }
            }
            for item in events ?? [] { state = try evolve(state, run: id, try RecordedEvent(tail: item)) }
            guard let state else { throw EvolveError(seq: 0, message: "the run has neither a snapshot nor events") }
            return state
        }
    }

    private static func sealed(_ id: Identifier, _ row: PostgresRow) throws -> [SealedSecret] {
        guard let text = try row.utf8OrNil("secrets") else { return [] }
        return try (JSONValue.parse(Array(text), limits: .stored).arrayValue ?? []).map { item in
            guard let name = item["name"]?.stringValue, let version = item["version"]?.integerValue,
                let keyId = item["key_id"]?.stringValue, let nonce = item["nonce"]?.stringValue,
                let ciphertext = item["ciphertext"]?.stringValue, let length = item["length"]?.integerValue,
                let fingerprint = item["fingerprint"]?.stringValue.flatMap({ Fingerprint(bytes: bytes(hex: $0)) })
            else { throw StoreError(.broken, "a secret's row cannot be read") }
            return SealedSecret(
                place: SecretPlace(scope: .run, scopeId: id.description, name: name, version: Int(clamping: version)),
                keyId: keyId, nonce: bytes(hex: nonce), ciphertext: bytes(hex: ciphertext), fingerprint: fingerprint,
                length: Int(clamping: length))
        }
    }

    /// Reads what the database itself wrote. Any other text gives bytes that no key opens.
    private static func bytes(hex: String) -> [UInt8] {
        let digits = hex.utf8.map { $0 < 58 ? $0 &- 48 : $0 &- 87 }
        return stride(from: 0, to: digits.count - digits.count % 2, by: 2).map { digits[$0] << 4 | digits[$0 + 1] & 15 }
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
