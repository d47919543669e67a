import Foundation
import Postgres

/// What a diagnosis and a service's statistics cost when much has happened; and against a hundredth of it.
struct Diagnosis {
    var runs = 1_000_000

    func run(_ bench: Bench) async throws {
        let few = max(1000, runs / 100)
        let small = try await measure(bench, few)
        let large = try await measure(bench, runs)
        bench.report.begin("diagnosis", "\(runs) runs against \(few)")
        for (name, buffers) in large.sorted(by: { $0.key < $1.key }) {
            guard let base = small[name] else { continue }
            // A diagnosis reads as much among few runs as among many; other work on the machine does not change that.
            let bar: Double? = name.hasPrefix("diagnose") ? 2 : nil
            bench.report.add("\(name): buffers, against few runs", buffers / base, "times", atMost: bar)
        }
    }

    /// The buffers that each question reads; it is asked three times, and the third one counts.
    private func measure(_ bench: Bench, _ count: Int) async throws -> [String: Double] {
        bench.report.begin("diagnosis", "\(count) runs, a tenth of them with a second key that came late")
        var found: [String: Double] = [:]
        try await bench.withScene { scene in
            try await fill(scene, count)
            func example(_ condition: String) async throws -> String {
                try await scene.connection.query(
                    "select id::text from turnup.run where \(condition) order by id desc limit 1"
                ).onlyRow().string(0)
            }
            let questions: [(what: String, arguments: [String], most: Double)] = [
                ("diagnose of a live run", ["diagnose", try await example("status = 'live'")], 100),
                ("diagnose of a run that works", ["diagnose", try await example("status = 'succeeded'")], 100),
                ("diagnose of a run that failed", ["diagnose", try await example("status = 'failed'")], 100),
                ("the whole service", ["service", "show", "wpp"], 2000),
                ("report of a week", ["report", "--since", "7d"], 2000),
            ]
            for question in questions {
                var wall = 0.0
                for _ in 0..<3 {
                    try await scene.bench.administrator.execute("select public.pg_stat_statements_reset()")
                    wall = try await Clock.milliseconds { _ = try await scene.program(question.arguments).end() }
                }
                let totals = try await scene.statementTotals()
                found[question.what] = Double(totals.buffers)
                bench.report.add("\(question.what): server's time", totals.milliseconds, "ms")
                bench.report.add("\(question.what): buffers", Double(totals.buffers), "")
                bench.report.add("\(question.what): the whole command", wall, "ms", atMost: question.most)
            }
            // The rows were written by SQL; the program must find nothing wrong with them.
            guard count <= 100_000 else { return }
            let seconds = try await Clock.milliseconds { _ = try await scene.command("statistics", "verify") } / 1000
            bench.report.add("statistics verify, events", Double(count) * 7.4 / seconds, "/s")
        }
        return found
    }

    /// Runs of organisations with ten numbers each, as the worker writes them: create, key, token. Every third later key
    /// is refused once, and of a hundred runs five failed, four are live and one is held.
    private func fill(_ scene: Scene, _ count: Int) async throws {
        let key = "encode(substr(x.print, 1, 4), 'hex')"
        func credential(_ name: String, _ print: String) -> String {
            "json_build_array(json_build_object('name', '\(name)', 'fingerprint', \(print), 'age_milliseconds', 5000))"
        }
        func intent(_ state: String, _ path: String, _ isRepeatable: Bool) -> String {
            """
            json_build_object('state', '\(state)', 'attempt', 1, 'service', 'wpp', 'request', 'POST wpp:\(path)',
              'repeatable', \(isRepeatable), 'timeout_milliseconds', 30000)
            """
        }
        func evidence(_ status: Int, _ used: String) -> String {
            """
            json_build_object('status', \(status), 'credentials_used', \(used), 'clock_difference_milliseconds', 12,
              'request_head_sent', true, 'phases', json_build_object('dns_milliseconds', 1, 'connected_milliseconds', 2,
              'first_byte_milliseconds', 9, 'total_milliseconds', 10), 'headers',
              json_build_object('content-type', 'application/json', 'date', 'Tue, 01 Dec 2026 12:00:00 GMT'),
              'body', json_build_object('error', 'Invalid API key', 'session', x.key), 'worker', 'bench')
            """
        }
        let no = """
            json_build_object('state', 'token-pending', 'error', 'key_not_active', 'counted', true, 'evidence',
              \(evidence(403, credential("api_key", key))),
              'retry', json_build_object('policy', 'late', 'entry', 0, 'delay_milliseconds', 1000, 'number', 1))
            """
        let sealed =
            "json_build_array(json_build_object('name', 'api_key', 'version', 1, 'fingerprint', \(key), 'length', 40))"
        /// Sequence, seconds after the request, which attempt, type, body, and for which runs.
        let events: [(seq: Int, at: Double, attempt: Int?, type: String, body: String, condition: String)] = [
            (
                1, 0, nil, "run.requested",
                "json_build_object('state', 'requested', 'input', json_build_object('number', x.key))", "true"
            ),
            (2, 1, 1, "attempt.started", intent("requested", "/create", false), "true"),
            (
                3, 2, 1, "attempt.done",
                "json_build_object('state', 'requested', 'counted', true, 'entered', 'token-pending', 'sealed', \(sealed), 'evidence', \(evidence(200, credential("wpp_master", "'01234567'"))))",
                "true"
            ),
            (4, 3, 2, "attempt.started", intent("token-pending", "/auth/token", true), "true"),
            (5, 4, 2, "attempt.not_done", no, "x.is_late"),
            (6, 5, 3, "attempt.started", intent("token-pending", "/auth/token", true), "x.is_late and x.works"),
        ]
        let yes =
            "json_build_object('state', 'token-pending', 'counted', true, 'entered', 'active', 'evidence', \(evidence(200, credential("api_key", key))))"
        try await scene.connection.execute(
            """
            set jit = off;
            create temporary table filled as
            select x.*, x.at + interval '2 s' as key_at, sha256(x.id::text::bytea) as print,
              x.works as has_yes, case when x.works then 'active' else 'token-pending' end as state
            from (
              select turnup.new_id() as id, 'o' || i / 10 as organisation, '+' || i as key, i % 10 + 1 as ordinal,
                turnup.now() - interval '6 days' + i * interval '500000 s' / \(count) as at,
                case when i % 100 < 90 then 'succeeded' when i % 100 < 95 then 'failed' when i % 100 < 99 then 'live'
                  else 'held' end as status,
                i % 100 < 90 as works, i % 10 > 0 and i % 3 = 0 or i % 100 >= 90 as is_late
              from generate_series(0, \(count - 1)) as i offset 0) as x;
            """, timeout: .seconds(3600), label: "fill")
        for event in events {
            try await insert(
                scene, seq: "\(event.seq)", at: event.at, attempt: event.attempt, event.type, event.body,
                event.condition)
        }
        // What follows a refusal stands two further down.
        try await insert(
            scene, seq: "case when x.is_late then 7 else 5 end", at: 6, attempt: nil, "attempt.done", yes, "x.works",
            attemptSQL: "case when x.is_late then 3 else 2 end")
        try await insert(
            scene, seq: "case when x.is_late then 8 else 6 end", at: 6, attempt: nil, "run.succeeded",
            "json_build_object('state', 'active')", "x.works")
        try await insert(
            scene, seq: "6", at: 7, attempt: nil, "run.failed",
            "json_build_object('state', 'failed', 'reason', 'key_not_active for the whole window')",
            "x.status = 'failed'")
        try await insert(
            scene, seq: "6", at: 7, attempt: nil, "run.held",
            "json_build_object('code', 'caught', 'text', 'look at it', 'choices', json_build_array('retry'))",
            "x.status = 'held'")
        let head = "case when x.works and x.is_late then 8 when x.status = 'live' then 5 else 6 end"
        try await scene.connection.execute(
            """
            insert into turnup.run (
              id, workflow, version, definition, organisation, key, owns_key, has_task, state, status, last_error, seq,
              hash, requested_at, changed_at, ended_at)
            select x.id, 'keyed', 1, '\\x00', x.organisation, x.key, true, x.status = 'live', x.state, x.status,
              case when not x.works then 'key_not_active' end, \(head), sha256('h'), x.at, x.at,
              case when x.status in ('succeeded', 'failed') then x.at + interval '7 s' end
            from filled x;
            insert into turnup.task (run_id, due, seq, snapshot_seq, service, organisation, hash, times, snapshot)
            select x.id, turnup.now() + interval '1 hour', 5, 1, 'wpp', x.organisation, sha256('h'), '{}', '{}'
            from filled x where x.status = 'live';
            insert into turnup.secret (
              scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
            select 'run', x.id::text, 'api_key', 1, 'k', '\\x00', '\\x00', x.print, 40, x.key_at, 'bench' from filled x;
            insert into turnup.fleet (
              run_id, seq, workflow, service, organisation, key, status, ended_at, hold, retries, clock_milliseconds,
              key_name, key_fingerprint, key_at, ordinal, refused_before_at, first_yes_at, last_yes_at, last_refusal_at,
              answer_seq, answer_at, answer_type, answer_error, answer_status, answer_state, answer_credential,
              answer_fingerprint, verdict, confidence)
            select x.id, \(head), 'keyed', 'wpp', x.organisation, x.key, x.status,
              case when x.status in ('succeeded', 'failed') then x.at + interval '7 s' end,
              case when x.status = 'held' then 'caught' end, case when x.is_late then 1 else 0 end, 12, 'api_key', x.print,
              x.key_at, x.ordinal,
              case when x.works and x.is_late then x.at + interval '4 s' end,
              case when x.works then x.at + interval '6 s' end, case when x.works then x.at + interval '6 s' end,
              case when x.is_late then x.at + interval '4 s' end,
              case when x.works and x.is_late then 7 else 5 end,
              x.at + case when x.works then interval '6 s' else interval '4 s' end,
              case when x.works then 'attempt.done' else 'attempt.not_done' end,
              case when not x.works then 'key_not_active' end, case when x.works then 200 else 403 end, 'token-pending',
              'api_key', encode(substr(x.print, 1, 4), 'hex'), null, null
            from filled x where x.status <> 'live';
            insert into turnup.fleet_error (run_id, service, day, error, count)
            select x.id, 'wpp', ((x.at + interval '4 s') at time zone 'UTC')::date, '403 key_not_active', 1
            from filled x where x.is_late and x.status <> 'live';
            insert into turnup.service (name, base_url) values ('wpp', 'http://127.0.0.1:1') on conflict do nothing;
            """, timeout: .seconds(3600), label: "fill")
        for table in ["run", "event", "task", "secret", "fleet", "fleet_error"] {
            try await scene.connection.execute("vacuum (freeze, analyze) turnup.\(table)", timeout: .seconds(3600))
        }
    }

    private func insert(
        _ scene: Scene, seq: String, at: Double, attempt: Int?, _ type: String, _ body: String, _ condition: String,
        attemptSQL: String? = nil
    ) async throws {
        let number = attemptSQL ?? attempt.map(String.init)
        let id = number.map { "md5(x.id::text || (\($0)))::uuid" } ?? "null::uuid"
        try await scene.connection.execute(
            """
            insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
            select x.id, \(seq), '\(type)', \(body), 1, \(id), 'bench', x.at + interval '\(at) s', sha256(x.id::text::bytea)
            from filled x where \(condition)
            """, timeout: .seconds(3600), label: "fill")
    }
}
