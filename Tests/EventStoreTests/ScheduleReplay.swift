import EventStore
import Foundation
import Postgres
import TestSupport
import Vault
import WorkflowCore

/// Asks a real database what a model was asked, in the same order, each worker and the people over a connection of
/// their own. The database's clock shows the model's time; nothing else of it is changed.
final class ScheduleReplay {
    /// Where the database did or said something else than the model.
    struct Divergence: Sendable, CustomStringConvertible {
        let seed: String
        let call: Int
        let description: String
    }

    private let database: TestDatabase
    private var sessions: [String: (pool: PostgresPool, store: PostgresStore)] = [:]
    /// The rows as the model has them, in the order of the runs.
    private var rows: [String] = []
    /// How often each call had each answer.
    private(set) var counts: [String: Int] = [:]
    /// Times that the database drew itself, and that were then set to the model's.
    private(set) var draws = 0

    init(_ database: TestDatabase, definitions: [JSONValue]) async throws {
        self.database = database
        try await run(
            """
            create table turnup.replay_clock (moment timestamptz not null);
            insert into turnup.replay_clock values (timestamptz 'epoch');
            create or replace function turnup.now() returns timestamptz language sql volatile parallel safe as
              $$ select moment from turnup.replay_clock $$;
            """)
        for item in definitions {
            let name = item["workflow"]?.stringValue ?? ""
            let canonical = """
                {"dsl":1,"input":{"number":{"type":"string"}},"key":"${input.number}",\
                "start":"\(item["start"]?.stringValue ?? "")","states":{},"workflow":"\(name)"}
                """
            let digest = ContentDigest.hex(ContentDigest.sha256(Array(canonical.utf8)))
            _ = try await database.store.publish(
                PublishedDefinition(
                    workflow: name, version: 1, digest: digest, source: "# source", canonical: canonical),
                keyParts: numberKey, by: person)
        }
    }

    func close() async { for session in sessions.values { await session.pool.close() } }

    /// Replays one schedule in emptied tables, up to its first divergence.
    func replay(_ schedule: Schedule) async throws -> Divergence? {
        rows = []
        try await run(
            """
            alter table turnup.event disable trigger refuse_truncate;
            truncate turnup.event, turnup.run, turnup.task, turnup.service;
            alter table turnup.event enable always trigger refuse_truncate;
            """)
        func divergence(_ index: Int, _ text: String) -> Divergence {
            let call = schedule.calls[index]
            return Divergence(
                seed: schedule.seed, call: index,
                description: "seed \(schedule.seed), call \(index + 1), \(call["call"]?.stringValue ?? "") by "
                    + "\(call["session"]?.stringValue ?? ""): \(text)")
        }
        for (index, call) in schedule.calls.enumerated() {
            if let text = try await look(settingClockTo: call["at"]?.integerValue ?? 0) {
                return divergence(index - 1, text)
            }
            let expected = call["answer"] ?? .null
            let answer: JSONValue
            do { answer = try await ask(call) } catch let error as StoreError {
                answer = .string("\(error.code.rawValue): \(error.message)")
            }
            note(call, expected)
            guard answer == expected else {
                return divergence(
                    index, "the model answers \(expected.serialized()), PostgreSQL \(answer.serialized())")
            }
            for (run, row) in call["rows"]?.objectValue?.members ?? [] {
                let (place, text) = (Int(run) ?? 0, row.stringValue ?? "")
                if place < rows.count { rows[place] = text } else { rows.append(text) }
            }
        }
        let last = schedule.calls.count - 1
        if let text = try await look(settingClockTo: schedule.calls[last]["at"]?.integerValue ?? 0) {
            return divergence(last, text)
        }
        for (run, stream) in schedule.streams.enumerated() {
            let events = try await database.store.events(of: identifier(run), after: 0).map(Self.event)
            let expected = (stream.arrayValue ?? []).map(Self.withoutDigest)
            if events.map(Self.withoutDigest) != expected { return divergence(last, "the events of run \(run) differ") }
        }
        return nil
    }

    private func run(_ script: String) async throws {
        _ = try await database.pool.withConnection { connection in try await connection.execute(script) }
    }

    private func note(_ call: JSONValue, _ answer: JSONValue) {
        var names = [call["call"]?.stringValue ?? ""]
        if let word = answer["what"]?.stringValue ?? answer.stringValue { names.append(word) }
        if let word = answer.boolValue { names.append("\(word)") }
        counts[names.joined(separator: " "), default: 0] += 1
        let claims = names[0] == "claim" ? answer.arrayValue ?? [] : []
        counts["rescue", default: 0] += claims.count { $0["rescue"] == true }
    }

    // MARK: Rows

    private static let select = """
        with tick as (
          update turnup.replay_clock set moment = timestamptz 'epoch' + $1::bigint * interval '1 microsecond')
        select coalesce(string_agg(row.line, E'\\n' order by row.id), '') as lines
        from (
          select r.id, concat_ws('|',
            coalesce(turnup.microseconds(t.due)::text, '-'), coalesce(turnup.microseconds(t.deadline)::text, '-'),
            coalesce(t.lease_owner, '-'), coalesce(turnup.microseconds(t.lease_expires)::text, '-'),
            coalesce(t.service, '-'), coalesce(t.waiting, '-'), r.state, r.status, r.seq, r.epoch, r.key_held::text,
            coalesce(r.reason, '-')) as line
          from turnup.run r left join turnup.task t on t.run_id = r.id) as row
        """

    /// Compares the rows with the model's, after the last call, and puts the clock to the time of the next one.
    private func look(settingClockTo microseconds: Int64) async throws -> String? {
        let answer = try await database.pool.query(Self.select, [.int(microseconds)]).onlyRow().string("lines")
        guard answer != rows.joined(separator: "\n") else { return nil }
        let actual = answer.isEmpty ? [] : answer.components(separatedBy: "\n")
        guard actual.count == rows.count else { return "the model has \(rows.count) runs, PostgreSQL \(actual.count)" }
        for (run, (mine, theirs)) in zip(rows, actual).enumerated() where mine != theirs {
            guard let due = Self.drawnDue(mine, theirs) else {
                return "the model's row of run \(run) \(mine), PostgreSQL's \(theirs)"
            }
            draws += 1
            _ = try await database.pool.query(
                """
                update turnup.task set due = timestamptz 'epoch' + $1::bigint * interval '1 microsecond'
                where run_id = $2::uuid
                """, [.int(due), .uuid(PostgresUUID(high: 7, low: UInt64(run) + 1))])
        }
        return nil
    }

    /// Who waits behind a pause comes back within a second of its end; when, the database draws. The model's due time
    /// when the rows differ in that and in nothing else.
    private static func drawnDue(_ mine: String, _ theirs: String) -> Int64? {
        let (mine, theirs) = (mine.components(separatedBy: "|"), theirs.components(separatedBy: "|"))
        guard mine.dropFirst() == theirs.dropFirst(), mine[5] == "service_paused", let due = Int64(mine[0]),
            let drawn = Int64(theirs[0]), abs(due - drawn) < 1_000_000
        else { return nil }
        return due
    }

    // MARK: Calls

    private func identifier(_ run: Int) -> Identifier { Identifier(high: 7, low: UInt64(run) + 1) }

    private func number(_ run: Identifier) -> JSONValue { .integer(Int64(run.low) - 1) }

    private func session(_ name: String) -> PostgresStore {
        if let session = sessions[name] { return session.store }
        let pool = PostgresPool(
            PostgresConfiguration(connectionString: database.url, applicationName: name),
            limits: PostgresPoolLimits(maximum: 1))
        sessions[name] = (pool, PostgresStore(pool: pool))
        return PostgresStore(pool: pool)
    }

    private func ask(_ call: JSONValue) async throws -> JSONValue {
        let asker = try needed(call["session"]?.stringValue)
        let store = session(asker)
        func whole(_ name: String) throws -> Int64 { try needed(call[name]?.integerValue) }
        func text(_ name: String) throws -> String { try needed(call[name]?.stringValue) }
        func run() throws -> Identifier { identifier(Int(try whole("run"))) }
        switch try text("call") {
        case "enqueue":
            let request = EnqueueRequest(
                workflow: try text("workflow"), organisation: "org", input: ["number": .string(try text("key"))],
                id: identifier(rows.count), actor: "sql:test")
            do {
                let receipt = try await store.enqueue(request)
                return ["what": receipt.isNew ? "created" : "existing", "run": number(receipt.runId)]
            } catch let error as StoreError where error.code == .keyConflict {
                return ["what": "conflict", "run": error.runId.flatMap { Identifier($0) }.map(number) ?? .null]
            }
        case "claim":
            let claims = try await store.claim(
                worker: asker, limit: Int(try whole("limit")), leaseMilliseconds: try whole("lease"))
            let rescues = (call["answer"]?.arrayValue ?? []).map { $0["rescue"] ?? .null }
            return .array(
                try claims.enumerated().map { place, claim in
                    [
                        "run": number(claim.id), "epoch": .integer(claim.epoch),
                        "due": .integer(claim.due.microseconds),
                        // The database does not say it; the rows did.
                        "rescue": place < rescues.count ? rescues[place] : .null,
                        "state": Self.state(try claim.state.get()),
                    ]
                })
        case "next_due": return try await store.nextDue().map { .integer($0.due.microseconds) } ?? .null
        case "events":
            return .array(try await store.events(of: try run(), after: try whole("after")).map(Self.event))
        case "commit":
            let commit = RunCommit(
                runId: try run(), epoch: try whole("epoch"), baseSeq: try whole("base_seq"),
                events: try needed(call["events"]?.arrayValue).map(newEvent), state: try state(call, try run()),
                dueMilliseconds: try whole("due"), keepsLease: call["keeps_lease"] == true,
                service: call["service"]?.stringValue, waiting: call["waiting"]?.stringValue,
                deadlineMilliseconds: call["deadline"]?.integerValue)
            let answers = try await store.commit([commit], worker: asker, leaseMilliseconds: try whole("lease"))
            switch try needed(answers.first) {
            case .accepted(let at): return ["what": "accepted", "at": .integer(at.microseconds)]
            case .already(let at): return ["what": "already", "at": .integer(at.microseconds)]
            case .behind: return ["what": "behind"]
            case .fenced: return ["what": "fenced"]
            }
        case "release":
            let lease = LeaseRelease(
                runId: try run(), epoch: try whole("epoch"), dueMilliseconds: try whole("due"),
                service: call["service"]?.stringValue, waiting: call["waiting"]?.stringValue,
                deadlineMilliseconds: call["deadline"]?.integerValue)
            try await store.release([lease], worker: asker)
            return .null
        case "append":
            let request = AppendRequest(
                runId: try run(), expectedSeq: try whole("expected_seq"),
                event: try newEvent(try needed(call["event"])), actor: asker, stateAfter: try state(call, try run()))
            return try await verb {
                if case .behind = try await store.append(request) { "behind" } else { "accepted" }
            }
        case "supersede":
            let request = EnqueueRequest(
                workflow: try text("workflow"), organisation: "org", input: ["number": .string(try text("key"))],
                id: identifier(rows.count),
                takeover: Takeover(
                    runId: try run(), reason: try text("reason"), expectedSeq: try whole("expected_seq")),
                actor: asker)
            return try await verb { try await store.enqueue(request).isNew ? "accepted" : "existing" }
        case "append_late":
            let evidence = LateEvidence(
                runId: try run(), epoch: try whole("epoch"), attemptId: try needed(Identifier(try text("attempt"))),
                body: try needed(call["body"]?.objectValue))
            return .bool(try await store.appendLate(evidence, worker: asker))
        case "pause":
            let ends = try await store.pauseService(
                "wpp", milliseconds: try whole("milliseconds"), reason: "refused", by: asker)
            return .integer(ends.microseconds)
        case "resume": return .bool(try await store.resumeService("wpp"))
        case let other: return .string("nobody knows \(other)")
        }
    }

    private func verb(_ work: () async throws -> JSONValue) async throws -> JSONValue {
        do { return try await work() } catch let error as StoreError {
            switch error.code {
            case .behind: return "behind"
            case .keyConflict: return "keyTaken"
            default: throw error
            }
        }
    }

    // MARK: Parts

    private struct Incomplete: Error {}

    private func needed<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw Incomplete() }
        return value
    }

    private func state(_ call: JSONValue, _ run: Identifier) throws -> RunState {
        let json = try needed(call["state"])
        return try needed(
            RunState(
                id: run, workflow: json["workflow"]?.stringValue ?? "", version: 1, definitionDigest: "",
                organisation: "org", key: json["key"]?.stringValue ?? "",
                status: try needed(json["status"]?.stringValue.flatMap(RunStatus.init)),
                seq: try needed(json["seq"]?.integerValue),
                snapshot: Snapshot(
                    json: try needed(json["snapshot"]),
                    times: (json["times"]?.arrayValue ?? []).compactMap(\.integerValue))))
    }

    private func newEvent(_ json: JSONValue) throws -> NewEvent {
        NewEvent(
            try needed(json["type"]?.stringValue.flatMap(EventType.init)), try needed(json["body"]?.objectValue),
            attemptId: json["attempt"]?.stringValue.flatMap { Identifier($0) })
    }

    private static func state(_ state: RunState) -> JSONValue {
        let snapshot = state.snapshot
        return [
            "status": .string(state.status.rawValue), "seq": .integer(state.seq),
            "workflow": .string(state.workflow), "version": .integer(state.version), "key": .string(state.key),
            "snapshot": snapshot.json, "times": .array(snapshot.times.map { .integer($0) }),
        ]
    }

    private static func event(_ event: RecordedEvent) -> JSONValue {
        [
            "seq": .integer(event.seq), "type": .string(event.type), "body": .object(event.body),
            "epoch": .integer(event.epoch), "attempt": event.attemptId.map { .string($0.description) } ?? .null,
            "actor": .string(event.actor), "at": .integer(event.recordedAt.microseconds),
        ]
    }

    /// The model's definitions are not published, so they have another digest.
    private static func withoutDigest(_ event: JSONValue) -> JSONValue {
        guard event["type"] == "run.requested", var json = event.objectValue, var body = json["body"]?.objectValue
        else { return event }
        body["definition"] = nil
        json["body"] = .object(body)
        return .object(json)
    }
}
