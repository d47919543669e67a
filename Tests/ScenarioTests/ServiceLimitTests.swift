import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// What operators set and see of a service's limits.
@Suite(.timeLimit(.minutes(15))) struct ServiceLimitTests {
    @Test func `limits are set one by one, shown to people and programs, and lifted with none`() async throws {
        try await Installation.with { installation in
            func record() async throws -> ServiceRecord { try #require(try await installation.store.service("wpp")) }
            let before = try await record()
            #expect(before.limits.isEmpty && before.retryAfterCapMilliseconds == nil)
            #expect(try await installation.command("service", "show", "wpp").contains("limits        none\n"))

            let said = try await installation.command(
                "service", "set", "wpp", "--concurrent", "3", "--rate", "30/1m", "--per", "organisation",
                "--retry-after-cap", "10m")
            #expect(said.hasSuffix("limits: 3 at once, 30/1m, per organisation\n"), "\(said)")
            var expected = before
            expected.limits = ServiceLimits(
                concurrent: 3, rate: RateLimit(count: 30, windowMilliseconds: 60_000), per: .organisation)
            expected.retryAfterCapMilliseconds = 600_000
            #expect(try await record() == expected)
            let shown = try await installation.command("service", "show", "wpp")
            #expect(shown.contains("limits        3 at once, 30/1m, per organisation\n"), "\(shown)")
            #expect(shown.contains("retry after   at most 10 min\n") && shown.contains("waiting       no run"))
            let line = try JSONValue.parse(
                try await installation.command("service", "list", "--json").trimmingCharacters(in: .newlines))
            #expect(line["concurrent_requests"] == 3 && line["rate_requests"] == 30, "\(line)")
            #expect(line["rate_milliseconds"] == 60_000 && line["limits_per"] == "organisation")
            #expect(line["retry_after_cap_milliseconds"] == 600_000)
            let listed = try await installation.command("service", "list").split(separator: "\n")
            let words = listed.map { $0.split(separator: " ").map(String.init) }
            #expect(words.first?.contains("RATE") == true && words.last?.contains("30/1m") == true, "\(listed)")

            try await installation.command("service", "set", "wpp", "--rate", "none", "--retry-after-cap", "default")
            expected.limits.rate = nil
            expected.retryAfterCapMilliseconds = nil
            #expect(try await record() == expected, "what is not named stays")
            try await installation.command("service", "set", "wpp", "--concurrent", "none", "--per", "all")
            #expect(try await record() == before)
        }
    }

    @Test func `a scope without a limit is set, and said to limit nothing`() async throws {
        try await Installation.with { installation in
            let answer = try await installation.attempt("service", "set", "wpp", "--per", "organisation")
            #expect(answer.exitCode == 0 && answer.errors.contains("--per alone limits nothing"), "\(answer)")
        }
    }

    @Test func `show says how many runs wait for the service and since when`() async throws {
        try await Installation.with { installation in
            for number in 1...3 {
                _ = try await installation.enqueue("+3460011122\(number)")
            }
            // One of them is being worked on.
            let claimed = try await installation.store.claim(
                worker: "w", ClaimDemand(room: 1), leaseMilliseconds: 60_000)
            #expect(claimed.runs.count == 1)
            try await installation.database.shiftClock(seconds: 10)
            let shown = try await installation.command("service", "show", "wpp")
            #expect(shown.contains("waiting       2 runs, the longest for 1"), "\(shown)")
            let page = try JSONValue.parse(
                try await installation.command("service", "show", "wpp", "--json").trimmingCharacters(in: .newlines))
            #expect(page["waiting"]?["runs"] == 2 && page["waiting"]?["more"] == false, "\(page)")
        }
    }

    @Test func `the run behind a platform's log line is found by its X-Request-Id`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let runs = [
                    try await installation.enqueue("+34600111222"), try await installation.enqueue("+34600333444"),
                ]
                for run in runs { try await installation.reaches(.succeeded, run) }
                for entry in installation.requests(Installation.create) {
                    let id = try #require(entry.requestId)
                    let line = try await installation.command("runs", "--request-id", id, "--json")
                    let found = try JSONValue.parse(line.trimmingCharacters(in: .newlines))
                    let events = try await installation.events(
                        try #require(Identifier(found["run"]?.stringValue ?? "")), .attemptStarted)
                    #expect(events.contains { $0.attemptId?.description == id.lowercased() }, "\(line)")
                }
                let none = try await installation.command(
                    "runs", "--json", "--request-id", "0192f0c1-7a2b-7000-8000-000000000000")
                #expect(none.isEmpty)
            }
        }
    }

    @Test func `definitions are listed, and published, while the runs cannot be read; counts are asked for`()
        async throws
    {
        try await Installation.with { installation in
            _ = try await installation.enqueue("+34600111222")
            let counted = try await installation.command("workflow", "list", "--counts")
            #expect(counted.contains("LIVE"), "\(counted)")
            let counts = try await installation.command("workflow", "list", "--counts", "--json")
            #expect(counts.contains(#""live_runs":1"#), "\(counts)")
            let source = try String(
                contentsOfFile: Installation.shipped("whatsapp-number-shared-key"), encoding: .utf8)
            let name = "whatsapp-number-shared-key.yaml"
            try await installation.command("workflow", "publish", installation.write(source, to: name))
            let version = try #require(
                try await installation.store.definition(workflow: "whatsapp-number-shared-key", version: nil)?.version)
            let next = try installation.write(
                source.replacing("version: \(version)\n", with: "version: \(version + 1)\n"), to: name)

            let holder = try await PostgresConnection.connect(
                PostgresConfiguration(connectionString: installation.database.url))
            try await holder.execute("begin; lock table turnup.run in access exclusive mode")
            let listed = try await installation.command("workflow", "list")
            #expect(listed.contains("whatsapp-number") && !listed.contains("LIVE"), "\(listed)")
            #expect(try await !installation.command("workflow", "list", "--json").contains("live_runs"))
            let published = try await installation.command("workflow", "publish", next)
            #expect(published.contains("version \(version + 1)"), "\(published)")
            try await holder.execute("rollback")
            await holder.close()
        }
    }
}
