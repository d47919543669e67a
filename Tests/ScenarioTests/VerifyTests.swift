import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite(.serialized, .timeLimit(.minutes(15))) struct VerifyTests {
    @Test func `after a busy hour everything agrees, and each damage ends it with exit code 1`() async throws {
        try await Installation.with { installation in
            var runs: [Identifier] = []
            try await installation.withWorker { _ in
                for number in 1...12 {
                    runs.append(try await installation.enqueue("+3460000000\(number % 10)\(number)"))
                }
                for run in runs { _ = try await eventually(seconds: 60) { try await installation.isAtRest(run) } }
            }
            let waiting = try await installation.enqueue("+34699999999")

            let clean = try await installation.verify()
            #expect(clean.exitCode == 0, "\(clean.output)\(clean.errors)")
            #expect(clean.output.contains("13 runs") && clean.output.contains("0 violations"))

            let ended = try #require(runs.first)
            try await installation.damage("update turnup.run set state = 'elsewhere' where id = '\(ended)'")
            try await installation.damage("delete from turnup.task where run_id = '\(waiting)'")
            let answer = try await installation.verify()
            #expect(answer.exitCode == 1)
            #expect(answer.output.contains("run \(ended)  row_state"), "\(answer.output)")
            #expect(answer.output.contains("expected active, found elsewhere"), "\(answer.output)")
            #expect(answer.output.contains("run \(waiting)  task_missing"), "\(answer.output)")
            #expect(answer.output.contains("2 violations"))

            // One run alone, by the beginning of its id or all of it.
            #expect(try await installation.verify("--run", "\(waiting)").exitCode == 1)
            #expect(try await installation.verify("--run", "\(runs[1])").exitCode == 0)
            #expect(try await installation.verify("--workflow", "whatsapp-number", "--since", "1h").exitCode == 1)
            #expect(try await installation.verify("--sample", "100").exitCode == 1)

            let json = try await installation.verify("--json")
            #expect(json.exitCode == 1)
            let lines = try json.output.split(separator: "\n").map { try JSONValue.parse(String($0)) }
            #expect(lines.count == 3 && lines.last?["kind"]?.stringValue == "summary")
            #expect(lines.last?["violations"]?.integerValue == 2 && lines.last?["is_partial"]?.boolValue == false)
            let state = try #require(lines.first { $0["code"]?.stringValue == "row_state" })
            #expect(state["run"]?.stringValue == "\(ended)" && state["kind"]?.stringValue == "violation")
            #expect(state["expected"]?.stringValue == "active" && state["do"]?.stringValue?.isEmpty == false)
        }
    }

    @Test func `what cannot be verified is said in one line`() async throws {
        try await Installation.with { installation in
            let ways = [
                ["--run", "0192f0c1-7a2b-7000-8000-000000000000"], ["--run", "x"], ["--workflow", "nothing"],
                ["--sample", "0"], ["--sample", "5", "--run", "0192"], ["--since", "soon"], ["--after", "0192"],
                ["--after", "0192f0c1-7a2b-7000-8000-000000000000", "--sample", "5"],
            ]
            for arguments in ways {
                let answer = try await TurnupProcess.run(["verify"] + arguments, environment: installation.environment)
                #expect(answer.exitCode == 2, "\(arguments): \(answer.errors)")
                #expect(answer.output.isEmpty && answer.errors.hasPrefix("turnup: "), "\(arguments): \(answer.errors)")
            }
            let away = try await TurnupProcess.run(
                ["verify", "--database-url", "postgresql://127.0.0.1:1/none"], environment: installation.environment)
            #expect(away.exitCode == 3)
        }
    }

    /// Many runs in pages, and a reader that does not read: the command stands still at a place we know.
    @Test func `Ctrl-C ends it after the page with what it knows and exit code 130`() async throws {
        try await Installation.with { installation in
            try await installation.damage(
                """
                insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
                select turnup.new_id(), 2, 'x', '{}', 0, 'a', turnup.now(), sha256('x') from generate_series(1, 30000)
                """)
            let process = try TurnupProcess(["verify"], environment: installation.environment)
            #expect(await process.says("stream_without_run"))
            process.send(SIGINT)
            let answer = await process.end()
            #expect(answer.exitCode == 130, "\(answer.errors)")
            #expect(answer.output.contains("Interrupted: "), "\(answer.output.suffix(300))")
            // And where it goes on.
            let after = try #require(answer.output.split(separator: "--after ").last).trimmingCharacters(
                in: .whitespacesAndNewlines)
            let stood = try #require(Identifier(after))
            let rest = try await installation.verify("--after", "\(stood)")
            #expect(rest.exitCode == 1)
            let lines = rest.output.split(separator: "\n").filter { $0.hasPrefix("run ") }
            #expect(!lines.isEmpty && !lines.contains { $0.contains("run \(stood)") })
            #expect(Set(lines.map { $0.prefix(40) }).count < 30_000, "it began anew")
        }
    }

    @Test func `a worker finds damage by itself and logs it with the run`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600000001")
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            try await installation.damage("update turnup.run set state = 'elsewhere' where id = '\(run)'")
            let worker = try TurnupProcess(
                ["worker", "--verify-seconds", "1"], environment: installation.environment)
            let isFound = await worker.bell.eventually(seconds: 30) {
                worker.spoken.contains("row_state") && worker.spoken.contains("\(run)")
            }
            worker.send(SIGTERM)
            let answer = await worker.end()
            #expect(isFound && answer.exitCode == 0, "\(answer.errors)")
        }
    }
}

extension Installation {
    fileprivate func isAtRest(_ run: Identifier) async throws -> Bool {
        try await store.run(run).map { $0.status != .live } ?? false
    }

    fileprivate func verify(_ arguments: String...) async throws -> TurnupProcess.Answer {
        try await TurnupProcess.run(["verify"] + arguments, environment: environment)
    }

    fileprivate func damage(_ sql: String) async throws {
        try await database.tamper(sql)
    }
}
