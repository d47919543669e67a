import EventStore
import Foundation
import Postgres
import TestSupport
import Vault
import WorkflowCore

/// Asks a real database what a model was asked, in the same order, each worker and the people over a connection of
/// their own. The database's clock shows the model's time, and a run that the database starts by itself gets the model's
/// id; nothing else of it is changed.
final class ScheduleReplay {
    /// Where the database did or said something else than the model.
    struct Divergence: Sendable, CustomStringConvertible {
        let seed: String
        let call: Int
        let description: String
    }

    private let database: TestDatabase
    private var sessions: [String: Session] = [:]
    /// The rows as the model has them, in the order of the runs, and that of the service.
    private var rows: [String] = []
    private var service = ScheduleReplay.openService
    /// What leases and events are to the model, and what to the database.
    private var tokens: [Int64: Identifier] = [:]
    private var hashes: [Place: [UInt8]] = [:]
    /// How often each call had each answer.
    private(set) var counts: [String: Int] = [:]

    private struct Place: Hashable {
        let run: Identifier
        let seq: Int64
    }

    private struct Session {
        let pool: PostgresPool
        let store: PostgresStore
        /// What its last claim answered, and when.
        var bounds: [String: LineBounds] = [:]
        var boundsResetAt: Int64 = 0
    }

    private static let openService = "-|-|0|0/0|-|-|-"
    /// When all worlds begin; their runs' ids are of that time.
    private static let start = "timestamptz '2023-11-14 22:13:20+00'"

    init(_ database: TestDatabase, _ file: Schedule.File) async throws {
        self.database = database
        try await run(
            """
            create table turnup.replay_clock (moment timestamptz not null);
            insert into turnup.replay_clock values (\(Self.start));
            create or replace function turnup.now() returns timestamptz language sql volatile parallel safe as
              $$ select moment from turnup.replay_clock $$;
            create or replace function turnup.new_id() returns uuid language sql volatile parallel safe as
              $$ select ('018bcfe5-6800-7000-8000-' || lpad(to_hex(count(*) + 1), 12, '0'))::uuid from turnup.run $$;
            select turnup.make_partitions();
            do $$
            declare
              name text;
            begin
              for name in
                select 'turnup.event' union all
                select i.inhrelid::regclass::text from pg_inherits i where i.inhparent = 'turnup.event'::regclass
              loop
                execute format('alter table %s disable trigger refuse_truncate', name);
              end loop;
            end $$;
            """)
        for item in file.definitions {
            let name = item["workflow"]?.stringValue ?? ""
            let canonical = """
                {"dsl":1,"input":{"number":{"type":"string"}},"key":"${input.number}","services":{"\(file.service)":{}},\
                "start":"\(item["start"]?.stringValue ?? "")","states":{},"workflow":"\(name)"}
                """
            _ = try await database.pool.query(
                """
                select turnup.publish($1, 1, decode($2, 'hex'), '# source', $3::json, $4::json, $5::json, $6)
                """,
                [
                    .text(name), .text(file.digest), .text(canonical), .text(numberKey.serialized()),
                    .text((item["facts"] ?? [:]).serialized()), .text(person),
                ])
        }
        _ = try await database.pool.query(
            "update turnup.service_state set retry_after_cap_milliseconds = $1::bigint where name = $2",
            [.int(file.capMilliseconds), .text(file.service)])
    }

    func close() async { for session in sessions.values { await session.pool.close() } }

    /// Replays one schedule in emptied tables, up to its first divergence.
    func replay(_ schedule: Schedule) async throws -> Divergence? {
        (rows, service, tokens, hashes) = ([], Self.openService, [:], [:])
        for name in sessions.keys { sessions[name]?.bounds = [:] }
        try await run(
            """
            truncate turnup.event, turnup.thing, turnup.run, turnup.task, turnup.lease, turnup.line, turnup.note;
            update turnup.service_state
            set paused_until = null, pause_reason = null, paused_by = null, consecutive_failures = 0,
              answers = '{}', opened_by = '{}', trial_token = null, trial_expires = null, reopened_at = null, not_before = null,
              concurrent_all = null;
            update turnup.service_state set concurrent_all = \(schedule.concurrent.map { "\($0)" } ?? "null")
            where name = 'wpp';
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
                return divergence(max(0, index - 1), text)
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
            service = call["service_row"]?.stringValue ?? service
        }
        let last = schedule.calls.count - 1
        if let text = try await look(settingClockTo: schedule.calls[last]["at"]?.integerValue ?? 0) {
            return divergence(last, text)
        }
        for (run, stream) in schedule.streams.enumerated() {
            counts["redone", default: 0] += (stream.arrayValue ?? []).count { $0["type"] == "redo.started" }
            let events = try await database.store.events(of: identifier(run), after: 0).map(Self.event)
            if events != stream.arrayValue ?? [] { return divergence(last, "the events of run \(run) differ") }
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
        let events = call["events"]?.arrayValue ?? []
        if events.contains(where: { $0["type"] == "run.released" }) { counts["released", default: 0] += 1 }
        let claims = names[0] == "claim" ? answer.arrayValue ?? [] : []
        counts["rescue", default: 0] += claims.count { $0["rescue"] == true }
    }

    // MARK: Rows

    private static let select = """
        with tick as (
          update turnup.replay_clock set moment = timestamptz 'epoch' + $1::bigint * interval '1 microsecond')
        select coalesce(string_agg(row.line, E'\\n' order by row.id), '') as lines,
          (select concat_ws('|', coalesce(turnup.microseconds(s.paused_until)::text, '-'), coalesce(s.pause_reason, '-'),
            s.consecutive_failures, cardinality(s.answers) || '/' || cardinality(s.opened_by),
            coalesce(turnup.microseconds(s.trial_expires)::text, '-'),
            coalesce(turnup.microseconds(s.reopened_at)::text, '-'),
            coalesce(turnup.microseconds(s.not_before)::text, '-'))
          from turnup.service_state s where s.name = 'wpp') as service
        from (
          select r.id, concat_ws('|',
            coalesce(turnup.microseconds(t.due)::text, '-'), coalesce(turnup.microseconds(t.deadline)::text, '-'),
            coalesce(t.epoch::text, '-'), coalesce(t.seq::text, '-'), coalesce(t.snapshot_seq::text, '-'),
            coalesce(t.service, '-'), coalesce(t.wait_reason, '-'),
            coalesce(l.worker, '-'), coalesce(turnup.microseconds(l.expires)::text, '-'), coalesce(l.epoch::text, '-'),
            coalesce(l.seq::text, '-'), coalesce(l.service, '-'),
            r.state, r.status, r.owns_key::text, r.may_be_left::text, coalesce(r.reason, '-'),
            coalesce(r.last_error, '-'),
            case when t.run_id is null then r.epoch::text else '-' end) as line
          from turnup.run r left join turnup.task t on t.run_id = r.id left join turnup.lease l on l.run_id = r.id) as row
        """

    /// Compares the rows with the model's, after the last call, and puts the clock to the time of the next one.
    private func look(settingClockTo microseconds: Int64) async throws -> String? {
        let answer = try await database.pool.query(Self.select, [.int(microseconds)]).onlyRow()
        let (lines, actualService) = (try answer.string("lines"), try answer.string("service"))
        guard actualService == service else {
            return "the model's row of the service \(service), PostgreSQL's \(actualService)"
        }
        guard lines != rows.joined(separator: "\n") else { return nil }
        let actual = lines.isEmpty ? [] : lines.components(separatedBy: "\n")
        guard actual.count == rows.count else { return "the model has \(rows.count) runs, PostgreSQL \(actual.count)" }
        for (run, (mine, theirs)) in zip(rows, actual).enumerated() where mine != theirs {
            return "the model's row of run \(run) \(mine), PostgreSQL's \(theirs)"
        }
        return nil
    }

    // MARK: Calls

    private func identifier(_ run: Int) -> Identifier {
        Identifier(unixMilliseconds: 1_700_000_000_000, random: (0, UInt64(run) + 1))
    }

    private func number(_ run: Identifier) -> JSONValue { .integer(Int64(run.low & 0x3FFF_FFFF_FFFF_FFFF) - 1) }

    private func session(_ name: String) -> Session {
        if let session = sessions[name] { return session }
        let pool = PostgresPool(
            PostgresConfiguration(connectionString: database.url, applicationName: name),
            limits: PostgresPoolLimits(maximum: 1))
        let session = Session(pool: pool, store: PostgresStore(pool: pool))
        sessions[name] = session
        return session
    }

    private func ask(_ call: JSONValue) async throws -> JSONValue {
        let asker = try needed(call["session"]?.stringValue)
        let store = session(asker).store
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
        case "claim": return try await claim(call, by: asker)
        case "events":
            let (run, after) = (try run(), try whole("after"))
            let tail = try await store.tail(of: run, after: after)
            if let last = tail.events.last { hashes[Place(run: run, seq: last.seq)] = tail.hash }
            return .array(tail.events.map(Self.event))
        case "commit": return try await commit(call, by: asker)
        case "release":
            let lease = LeaseRelease(
                runId: try run(), token: tokens[try whole("token")] ?? Self.noToken, dueMilliseconds: try whole("due"),
                waitReason: call["wait_reason"]?.stringValue.flatMap(WaitReason.init))
            try await store.release([lease])
            return .null
        case "renew":
            let lease = LeaseRenewal(
                runId: try run(), token: tokens[try whole("token")] ?? Self.noToken,
                leaseMilliseconds: try whole("lease"))
            return .bool(try await store.renew([lease]).first == true)
        case "append":
            let request = AppendRequest(
                runId: try run(), expectedSeq: try whole("expected_seq"),
                event: try newEvent(try needed(call["event"])), actor: asker, stateAfter: try state(call, try run()))
            return try await verb {
                if case .behind = try await store.append(request) { "behind" } else { "accepted" }
            }
        case "take_over":
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
                "wpp", milliseconds: call["milliseconds"]?.integerValue, reason: "a person", by: asker)
            return .integer(ends.microseconds)
        case "resume": return .bool(try await store.resumeService("wpp"))
        case let other: return .string("nobody knows \(other)")
        }
    }

    /// As a worker does it, with the bounds that its last claim answered, for a second.
    private func claim(_ call: JSONValue, by asker: String) async throws -> JSONValue {
        let at = try needed(call["at"]?.integerValue)
        var session = session(asker)
        if at - session.boundsResetAt > 1_000_000 { (session.bounds, session.boundsResetAt) = ([:], at) }
        let demand = ClaimDemand(
            room: Int(try needed(call["room"]?.integerValue)),
            roomEach: Int(try needed(call["room_each"]?.integerValue)),
            bounds: session.bounds)
        let answer = try await session.store.claim(
            worker: asker, demand, leaseMilliseconds: try needed(call["lease"]?.integerValue))
        for line in answer.lines { session.bounds[line.service] = line.bounds }
        sessions[asker] = session
        let expected = call["answer"]?.arrayValue ?? []
        let claims = try answer.runs.sorted { $0.id < $1.id }.enumerated().map { place, claim -> JSONValue in
            // Each side draws its own tokens, and the database does not say whose lease was over; the rows did.
            let said = place < expected.count ? expected[place] : [:]
            if let token = said["token"]?.integerValue, said["run"] == number(claim.id) { tokens[token] = claim.token }
            let state = try claim.state.get()
            hashes[Place(run: claim.id, seq: state.seq)] = claim.hash
            return [
                "run": number(claim.id), "token": said["token"] ?? .null, "epoch": .integer(claim.epoch),
                "due": .integer(claim.due.microseconds), "service": .string(claim.service),
                "trial": .bool(claim.isTrial), "rescue": said["rescue"] ?? .null, "state": Self.state(state),
            ]
        }
        for line in call["lines"]?.arrayValue ?? [] {
            if let problem = problem(of: line, in: answer, at: at) { return .string(problem) }
        }
        return .array(claims)
    }

    /// A worker that sleeps until the time it was told must not sleep too long, nor wake again and again for nothing.
    private func problem(of line: JSONValue, in answer: ClaimAnswer, at: Int64) -> String? {
        let name = line["service"]?.stringValue ?? ""
        guard let theirs = answer.lines.first(where: { $0.service == name }) else {
            return "line \(name) was not asked"
        }
        let (next, mine) = (theirs.next?.microseconds, line["next"]?.integerValue)
        let text =
            "line \(name): next is \(next.map { "\($0)" } ?? "never"), the model's \(mine.map { "\($0)" } ?? "never")"
        if let mine, next.map({ $0 > max(mine, at) }) ?? true { return text }
        if let next, next <= at, line["taken"] == 0, mine.map({ $0 > at }) ?? true { return text }
        if let shut = line["shut"]?.integerValue, theirs.shutUntil?.microseconds != shut {
            return "line \(name) is not shut"
        }
        return nil
    }

    private func commit(_ call: JSONValue, by asker: String) async throws -> JSONValue {
        func whole(_ name: String) throws -> Int64 { try needed(call[name]?.integerValue) }
        let run = identifier(Int(try whole("run")))
        let base = Place(run: run, seq: try whole("base_seq"))
        let report = call["report"].flatMap { report -> ServiceReport? in
            guard let finding = report["finding"]?.stringValue.flatMap(ServiceReport.Finding.init) else { return nil }
            return ServiceReport(
                service: "wpp", finding: finding, reason: report["reason"]?.stringValue,
                askedMilliseconds: report["asked"]?.integerValue ?? 0,
                pauseMilliseconds: report["pause"]?.integerValue ?? 0)
        }
        let commit = RunCommit(
            runId: run, token: tokens[try whole("token")] ?? Self.noToken, epoch: try whole("epoch"), baseSeq: base.seq,
            baseHash: hashes[base] ?? [], events: try needed(call["events"]?.arrayValue).map(newEvent),
            state: try state(call, run), dueMilliseconds: try whole("due"), keepsLease: call["keeps_lease"] == true,
            renewsLease: call["renews_lease"] == true,
            service: call["service"]?.stringValue,
            waitReason: call["wait_reason"]?.stringValue.flatMap(WaitReason.init),
            deadlineMilliseconds: call["deadline"]?.integerValue, report: report)
        let answers = try await session(asker).store.commit(
            [commit], worker: asker, leaseMilliseconds: try whole("lease"))
        func landed(_ what: JSONValue, _ at: Instant, _ hash: [UInt8]) -> JSONValue {
            hashes[Place(run: run, seq: base.seq + Int64(commit.events.count))] = hash
            return ["what": what, "at": .integer(at.microseconds)]
        }
        switch try needed(answers.first) {
        case .accepted(let at, let hash): return landed("accepted", at, hash)
        case .already(let at, let hash): return landed("already", at, hash)
        case .behind: return ["what": "behind"]
        case .noPermit: return ["what": "no permit"]
        case .contradicted(let other): return ["what": "contradicted", "other": .integer(Int(other.low & 0xffff) - 1)]
        case .fenced: return ["what": "fenced"]
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

    /// Of a lease that the database never gave.
    private static let noToken = Identifier(high: 1, low: 1)

    private func needed<Value>(_ value: Value?) throws -> Value {
        guard let value else { throw Incomplete() }
        return value
    }

    private func state(_ call: JSONValue, _ run: Identifier) throws -> RunState {
        let json = try needed(call["state"])
        return try needed(
            RunState(
                id: run, seq: try needed(json["seq"]?.integerValue),
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
}
