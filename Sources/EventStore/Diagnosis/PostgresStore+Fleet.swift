import Postgres
public import WorkflowCore

/// A run with all its events.
public struct RunHistory: Sendable {
    public let run: RunOverview
    public let events: [RecordedEvent]
    /// False: some event cannot be read, and "turnup verify" says so.
    public let isReadable: Bool
    /// The statistics have not read its newest change.
    public let hasNews: Bool
    /// It has ended, and the end is still to be diagnosed.
    public let isToDiagnose: Bool
}

extension PostgresStore {
    /// Runs that the statistics have not read yet, the oldest first, after the given one.
    public func runsWithNews(after: Identifier?, limit: Int) async throws -> [RunHistory] {
        try await histories(
            "r.news is not null and ($1::uuid is null or r.id > $1::uuid)", [.optional(after.map { PostgresUUID($0) })],
            limit: limit)
    }

    /// Runs that were held or have ended at some time, in the order of their ids, after the given one.
    public func runsForStatistics(after: Identifier?, limit: Int) async throws -> [RunHistory] {
        try await histories(
            """
            ($1::uuid is null or r.id > $1::uuid)
              and (r.status <> 'live' or exists (select from turnup.fleet f where f.run_id = r.id))
            """, [.optional(after.map { PostgresUUID($0) })], limit: limit)
    }

    private func histories(_ condition: String, _ parameters: [PostgresValue], limit: Int) async throws -> [RunHistory]
    {
        let rows = try await query(
            RunOverview.select(with: "r.news") + " where \(condition) order by r.id limit \(max(1, limit))", parameters,
            readOnly: true, label: "read runs for the statistics")
        let runs = try decoded {
            try rows.map { (run: try RunOverview(row: $0), news: try $0.stringOrNil("news")) }
        }
        let events = try await allEvents(of: runs.map(\.run.id))
        return runs.map {
            RunHistory(
                run: $0.run, events: events[$0.run.id] ?? [], isReadable: events[$0.run.id] != nil,
                hasNews: $0.news != nil, isToDiagnose: $0.news == "end")
        }
    }

    /// Without runs of which some event cannot be read: one run's trouble keeps no other from being read.
    private func allEvents(of ids: [Identifier]) async throws -> [Identifier: [RecordedEvent]] {
        guard !ids.isEmpty else { return [:] }
        let rows = try await query(
            """
            select e.run_id, e.seq, e.type, e.body, e.epoch, e.attempt_id, e.actor,
              turnup.microseconds(e.recorded_at) as recorded_at
            from unnest($1::uuid[]) as r(id) cross join lateral (
              select * from turnup.event x where x.run_id = r.id offset 0) as e
            order by e.run_id, e.seq
            """, [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "read runs' events")
        return try decoded {
            var events: [Identifier: [RecordedEvent]] = [:]
            var unreadable: Set<Identifier> = []
            for row in rows {
                let run = try row.identifier("run_id")
                do { events[run, default: []].append(try RecordedEvent(row: row)) } catch is JSONError {
                    unreadable.insert(run)
                }
            }
            return events.filter { !unreadable.contains($0.key) }
        }
    }

    /// Writes what the runs show, and clears the flags that asked for it. A diagnosis of a run's end is appended to the
    /// run's events, by `actor`, unless it has one.
    public func record(
        _ records: [FleetRecord], diagnoses: [Identifier: JSONObject] = [:], by actor: String = "statistics"
    ) async throws -> [Identifier: FleetAnswer] {
        guard !records.isEmpty else { return [:] }
        let rows = try await query(
            "select run_id, answer from turnup.record_fleet($1::json, $2)",
            [
                .text(JSONValue.array(records.map { $0.json(with: diagnoses[$0.run]) }).serialized()), .text(actor),
            ], label: "record the fleet")
        return try decoded {
            var answers: [Identifier: FleetAnswer] = [:]
            for row in rows {
                answers[try row.identifier("run_id")] = FleetAnswer(rawValue: try row.string("answer"))
            }
            return answers
        }
    }

    /// What stands in the table for these runs.
    public func fleetRecords(of ids: [Identifier]) async throws -> [Identifier: FleetRecord] {
        guard !ids.isEmpty else { return [:] }
        let rows = try await query(
            """
            select f.run_id, f.seq, f.status, f.service, f.hold, f.retries, f.clock_milliseconds, f.key_name,
              encode(substr(f.key_fingerprint, 1, 4), 'hex') as key_fingerprint,
              turnup.microseconds(f.key_at) as key_at, turnup.microseconds(f.refused_before_at) as refused_before,
              turnup.microseconds(f.first_yes_at) as first_yes, turnup.microseconds(f.last_yes_at) as last_yes,
              turnup.microseconds(f.last_refusal_at) as last_refusal, f.answer_seq,
              turnup.microseconds(f.answer_at) as answer_at, f.answer_type, f.answer_error, f.answer_status::bigint,
              f.answer_state, f.answer_credential, f.answer_fingerprint, f.verdict, f.confidence,
              coalesce(e.errors, '[]')::text as errors
            from unnest($1::uuid[]) as given(id) join turnup.fleet f on f.run_id = given.id
              left join lateral (
                select json_agg(json_build_object('service', x.service, 'day', x.day, 'error', x.error, 'count', x.count)
                  order by x.service collate "C", x.day, x.error collate "C") as errors
                from turnup.fleet_error x where x.run_id = f.run_id) as e on true
            """, [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "read the fleet's rows")
        return try decoded {
            var found: [Identifier: FleetRecord] = [:]
            for row in rows {
                let record = try FleetRecord(row: row)
                found[record.run] = record
            }
            return found
        }
    }
}

extension RecordedEvent {
    static func byRun(_ rows: PostgresRows) throws -> [Identifier: [RecordedEvent]] {
        var events: [Identifier: [RecordedEvent]] = [:]
        for row in rows { events[try row.identifier("run_id"), default: []].append(try RecordedEvent(row: row)) }
        return events
    }

    fileprivate init(row: PostgresRow) throws {
        self.init(
            seq: try row.int("seq"), type: try row.string("type"), body: try row.object("body"),
            epoch: try row.int("epoch"), attemptId: try row.uuidOrNil("attempt_id").map { Identifier($0) },
            actor: try row.string("actor"), recordedAt: try row.instant("recorded_at"))
    }
}

extension FleetRecord {
    fileprivate init(row: PostgresRow) throws {
        var key: Key?
        if let name = try row.stringOrNil("key_name") {
            key = Key(
                name: name, fingerprint: try row.stringOrNil("key_fingerprint") ?? "", at: try row.instant("key_at"),
                refusedBefore: try row.instantOrNil("refused_before"), firstYes: try row.instantOrNil("first_yes"),
                lastYes: try row.instantOrNil("last_yes"), lastRefusal: try row.instantOrNil("last_refusal"))
        }
        let errors = try JSONValue.parse(Array(try row.utf8("errors")), limits: .stored).arrayValue ?? []
        self.init(
            run: try row.identifier("run_id"), seq: try row.int("seq"),
            status: RunStatus(rawValue: try row.string("status")) ?? .live, service: try row.stringOrNil("service"),
            hold: try row.stringOrNil("hold"), retries: Int(clamping: try row.int("retries")),
            clockDifferenceMilliseconds: try row.intOrNil("clock_milliseconds"), key: key,
            last: try FleetRun.LastAnswer(row: row),
            errors: errors.map { item in
                ErrorCount(
                    service: item["service"]?.stringValue ?? "", day: item["day"]?.stringValue ?? "",
                    error: item["error"]?.stringValue ?? "", count: Int(clamping: item["count"]?.integerValue ?? 0))
            }, verdict: try row.stringOrNil("verdict"), confidence: try row.stringOrNil("confidence"))
    }
}

extension FleetRun.LastAnswer {
    /// From the columns `answer_…`; nil: there was none.
    init?(row: PostgresRow) throws {
        guard let seq = try row.intOrNil("answer_seq") else { return nil }
        self.init(
            seq: seq, at: try row.instant("answer_at"), type: try row.string("answer_type"),
            error: try row.stringOrNil("answer_error"),
            status: try row.intOrNil("answer_status").map { Int(clamping: $0) },
            state: try row.stringOrNil("answer_state") ?? "", credential: try row.stringOrNil("answer_credential"),
            fingerprint: try row.stringOrNil("answer_fingerprint"))
    }
}
