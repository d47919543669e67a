import Foundation
import Postgres

/// What operators ask, and a check of everything, when much has happened.
struct Lists {
    var ended = 1_000_000
    var live = 200_000
    /// Of each half of the measurement of claims beside the check.
    var seconds = 10.0

    func run(_ bench: Bench) async throws {
        bench.report.begin("lists", "\(ended) ended and \(live) live runs")
        try await bench.withScene { scene in
            try await fill(scene)
            let examples = try await scene.connection.query(
                """
                select (select attempt_id::text from turnup.event where type = 'attempt.started' limit 1) as attempt,
                  (select id::text from turnup.run where status = 'succeeded' limit 1) as run
                """
            ).onlyRow()
            let questions: [(what: String, arguments: [String])] = [
                ("the newest", []),
                ("held", ["--status", "held"]), ("failed", ["--status", "failed"]),
                ("live", ["--status", "live"]), ("succeeded", ["--status", "succeeded"]),
                ("by key", ["--key", "succeeds-77"]), ("by a key that is not there", ["--key", "nobody"]),
                ("by organisation", ["--organisation", "o7"]),
                ("by organisation and status", ["--organisation", "o7", "--status", "held"]),
                ("by state", ["--state", "failed"]), ("by a state that is not there", ["--state", "nowhere"]),
                ("by last error", ["--error", "http.422"]),
                ("by an error that is not there", ["--error", "timeout"]),
                ("by request id", ["--request-id", try examples.string("attempt")]),
                ("by service", ["--service", "quick"]),
                ("live ones older than 1 h", ["--status", "live", "--older-than", "1h"]),
                ("held ones of a workflow", ["--workflow", "stuck", "--status", "held"]),
            ]
            for question in questions {
                try await ask(scene, question.what, ["runs"] + question.arguments)
            }
            try await ask(scene, "show of a run", ["show", try examples.string("run")])
            try await ask(scene, "history of a run", ["history", try examples.string("run")])
            try await ask(scene, "service list", ["service", "list"])
            try await verify(scene)
        }
    }

    private func fill(_ scene: Scene) async throws {
        let templates: [(workflow: String, key: String, status: String, percent: Int)] = [
            ("probe", "succeeds", "succeeded", 93), ("doomed", "fails", "failed", 5), ("stuck", "sticks", "held", 2),
        ]
        for template in templates {
            try await scene.connection.query(
                "select turnup.enqueue($1, 'the-first-one', json_build_object('n', $2::text))",
                [.text(template.workflow), .text(template.key)])
        }
        try scene.startWorker()
        try await scene.until("the first runs", within: 30) {
            try await scene.count("select count(*) from turnup.run where status = 'live'") == 0
        }
        try await scene.stopWorkers()
        for template in templates {
            let status = try await scene.connection.query(
                "select status from turnup.run where key = $1", [.text(template.key)]
            ).onlyRow().string(0)
            guard status == template.status else { throw Failure("the run \(template.key) is \(status)") }
            try await scene.clone(
                template.key, count: ended * template.percent / 100, organisation: "'o' || i % 1000")
        }
        try await scene.fill(Filling(workflow: "slow", count: live / 2, organisation: "'o' || i % 1000"))
        try await scene.fill(
            Filling(workflow: "single", count: live / 2, organisation: "'o' || i % 1000", prefix: "s"))
    }

    /// The server's time for all statements of a command, the third time it is given.
    private func ask(_ scene: Scene, _ what: String, _ arguments: [String]) async throws {
        var wall = 0.0
        for _ in 0..<3 {
            try await scene.bench.administrator.execute("select public.pg_stat_statements_reset()")
            wall = try await Clock.milliseconds { _ = try await scene.program(arguments).end() }
        }
        let server = try await scene.statementTotals().milliseconds
        scene.bench.report.add("\(what): server's time", server, "ms", atMost: 50)
        scene.bench.report.add("\(what): the whole command", wall, "ms")
    }

    private func verify(_ scene: Scene) async throws {
        try scene.startWorker()
        scene.answerer.forget()
        try await scene.untilRequests(200)
        try await Clock.pause(seconds: 3)
        let alone = try await scene.rate(over: seconds)
        let began = Clock.monotonic
        let check = try scene.program(["verify"])
        try await Clock.pause(seconds: 1)
        let beside = try await scene.rate(over: seconds)
        try await scene.stopWorkers()
        let text = try await check.end()
        let report = scene.bench.report
        report.add("requests at full speed", alone, "/s")
        report.add("the same while everything is verified", beside, "/s")
        report.add("share of the speed that is left", 100 * beside / alone, "%", atLeast: 90)
        report.add("verify of everything", Double(Clock.monotonic - began) / 1e9, "s")
        report.note(text.split(separator: "\n").last.map(String.init) ?? "verify said nothing")
    }
}

extension Scene {
    /// Requests a second at the answerer.
    func rate(over seconds: Double) async throws -> Double {
        let (before, began) = (answerer.requests, Clock.monotonic)
        try await Clock.pause(seconds: seconds)
        return Double(answerer.requests - before) / (Double(Clock.monotonic - began) / 1e9)
    }

    /// What clients of this database have asked since the last reset.
    func statementTotals() async throws -> (calls: Int64, milliseconds: Double, buffers: Int64) {
        let row = try await bench.administrator.query(
            """
            select coalesce(sum(calls), 0)::bigint as calls, coalesce(sum(total_exec_time), 0)::float8 as milliseconds,
              coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint as buffers
            from public.pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = $1
            """, [.text(database)]
        ).onlyRow()
        return (try row.int("calls"), try row.double("milliseconds"), try row.int("buffers"))
    }
}
