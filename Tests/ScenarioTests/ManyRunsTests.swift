import EventStore
import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// Verbs for all runs that match.
@Suite(.timeLimit(.minutes(15))) struct ManyRunsTests {
    /// Live runs that no worker takes, newest last.
    private static func enqueue(_ count: Int, _ installation: Installation, organisation: String = "o") async throws {
        _ = try await installation.database.pool.query(
            """
            select turnup.enqueue('whatsapp-number', $1, json_build_object('number', '+346' || (10000000 + i)::text))
            from generate_series(1, $2::bigint) as i
            """, [.text(organisation), .int(Int64(count))])
    }

    private static func asked(_ installation: Installation) async throws -> Int64 {
        try await installation.database.pool.query(
            "select count(*) as asked from turnup.event where type = 'cancel.requested'", readOnly: true
        ).onlyRow().int("asked")
    }

    /// In the order in which the command takes them.
    private static func listed(_ installation: Installation) async throws -> [Identifier] {
        try await installation.store.runs(RunFilter(organisation: "o", limit: 2000)).map(\.id)
    }

    private static let cancel = ["cancel", "--organisation", "o", "--reason", "the organisation has left"]

    @Test func `more runs than a page are shown, counted, confirmed and changed, and no others`() async throws {
        try await Installation.with { installation in
            try await Self.enqueue(1007, installation)
            try await Self.enqueue(3, installation, organisation: "p")
            let unasked = try await TurnupProcess.run(Self.cancel, environment: installation.environment)
            #expect(unasked.exitCode == 2 && unasked.errors.contains("Give --confirm 1007"), "\(unasked.errors)")
            #expect(unasked.errors.contains("... and 997 more") && unasked.output.isEmpty)
            let wrong = try await TurnupProcess.run(
                Self.cancel + ["--confirm", "1006"], environment: installation.environment)
            #expect(wrong.exitCode == 1 && wrong.errors.contains("1007 runs would change, not 1006"))
            #expect(try await Self.asked(installation) == 0)
            let right = try await TurnupProcess.run(
                Self.cancel + ["--confirm", "1007", "--json"], environment: installation.environment)
            #expect(right.exitCode == 0, "\(right.errors)")
            let lines = try right.output.split(separator: "\n").map { try JSONValue.parse(String($0)) }
            #expect(lines.count == 1007 && lines.allSatisfy { $0["answer"] == "accepted" })
            #expect(try await Self.asked(installation) == 1007)
            let nobody = try await TurnupProcess.run(
                Self.cancel + ["--status", "held"], environment: installation.environment)
            #expect(nobody.exitCode == 0 && nobody.errors.contains("cancel: 0 runs"))
        }
    }

    @Test(arguments: ["20", "19", "all"])
    func `on a terminal the number of runs must be typed`(_ typed: String) async throws {
        try await Installation.with { installation in
            try await Self.enqueue(20, installation)
            let command = Self.cancel.map { "'\($0)'" }.joined(separator: " ")
            let process = try TurnupProcess(
                shell: "echo \(typed) | script -qec \"\\\"$TURNUP\\\" \(command)\" /dev/null",
                environment: installation.environment.merging(["SHELL": "/bin/sh"]) { $1 })
            let answer = await process.end()
            #expect(answer.output.contains("Type the number of runs to go on"), "\(answer.output) \(answer.errors)")
            #expect(answer.exitCode == (typed == "20" ? 0 : 1), "\(answer.output)")
            #expect(try await Self.asked(installation) == (typed == "20" ? 20 : 0))
        }
    }

    @Test func `a run that no longer matches is refused alone, and others that have moved on are taken`() async throws {
        try await Installation.with { installation in
            try await Self.enqueue(20, installation)
            let runs = try await Self.listed(installation)
            let process = try TurnupProcess(
                Self.cancel + ["--state", "requested", "--confirm", "20"], environment: installation.environment)
            try await installation.whileLocked(runs[0]) {
                try await installation.waiting(1)
                _ = try await installation.store.append(
                    AppendRequest(
                        runId: runs[5], expectedSeq: 1, event: NewEvent(.retryRequested, ["reason": "somebody"]),
                        actor: "person:other"))
                _ = try await installation.database.pool.query(
                    """
                    select turnup.append(
                      $1, 1, 'state.entered', '{"from": "requested", "why": "next", "state": "client-created"}',
                      'worker:w', state => 'client-created')
                    """, [.uuid(PostgresUUID(high: runs[7].high, low: runs[7].low))])
            }
            let answer = await process.end()
            #expect(answer.exitCode == 1)
            #expect(answer.errors.contains("run \(runs[7]): it has moved on since it was looked at: the filters"))
            #expect(answer.errors.contains("1 of 20 runs refused"), "\(answer.errors)")
            #expect(try await Self.asked(installation) == 19)
            #expect(
                try await installation.types(runs[5]) == ["run.requested", "retry.requested", "cancel.requested"])
            #expect(try await installation.types(runs[7]) == ["run.requested", "state.entered"])
        }
    }

    @Test func `Ctrl-C in the middle stops before the next run and says how many were done`() async throws {
        try await Installation.with { installation in
            try await Self.enqueue(20, installation)
            let runs = try await Self.listed(installation)
            let process = try TurnupProcess(
                Self.cancel + ["--confirm", "20"], environment: installation.environment)
            try await installation.whileLocked(runs[4]) {
                try await installation.waiting(1)
                process.send(SIGINT)
                let isHeard = await process.says("Stopping after the run")
                #expect(isHeard, "the signal was never heard")
            }
            let answer = await process.end()
            #expect(answer.exitCode == 130)
            #expect(answer.errors.contains("Stopped: 5 runs done, 0 refused; 15 runs left as they were."))
            #expect(try await Self.asked(installation) == 5)
        }
    }
}
