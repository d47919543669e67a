import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// What ended and why, through the real program: the diagnosis in history, a service's statistics, and the report.
@Suite(.timeLimit(.minutes(15))) struct ReportTests {
    private func diagnosis(_ run: Identifier, _ installation: Installation) async throws -> JSONObject {
        let isThere = try await eventually(seconds: 60) {
            try await !installation.events(run, .runDiagnosed).isEmpty
        }
        try #require(isThere, "no worker has diagnosed the end")
        return try #require(try await installation.events(run, .runDiagnosed).first).body
    }

    @Test func `each end is diagnosed in history, and statistics and report tell what the platform did`() async throws {
        try await Installation.with(activation: .fixed(milliseconds: 2500)) { installation in
            var spoken: [String] = []
            try await installation.withWorker(statisticsSeconds: 0.2) { worker in
                let first = try await installation.enqueue("+34600111222", organisation: "<b>academy</b>")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600333444", organisation: "<b>academy</b>")
                try await installation.reaches(.succeeded, second)
                #expect(try await diagnosis(first, installation)["verdict"] == "works")
                let late = try await diagnosis(second, installation)
                #expect(late["verdict"] == "activation_delay" && late["confidence"] == "settled")
                spoken.append(worker.spoken)
            }
            // Nothing is sent for it before it is cancelled.
            let third = try await installation.enqueue("+34600555666", organisation: "<b>academy</b>")
            try await installation.command("cancel", third.description, "--reason", "a test")
            try await installation.withWorker(statisticsSeconds: 0.2) { _ in
                try await installation.reaches(.cancelled, third)
                #expect(try await diagnosis(third, installation)["verdict"] == "ended_by_person")
            }

            let page = try await installation.command("service", "show", "wpp")
            #expect(page.contains("first numbers: 1 of 1 key accepted") && page.contains("403 key_not_active"))
            let service = try JSONValue.parse(try await installation.command("service", "show", "wpp", "--json"))
            #expect(service["statistics"]?["activation"]?["active"] == 2)
            #expect(service["statistics"]?["activation"]?["p50_milliseconds"] == .null, "two are too few")

            let file = "\(installation.folder)/report.html"
            let table = try await installation.command("report", "--since", "1h", "--html", file)
            #expect(table.contains("ended_by_person") && table.contains("2 succeeded"))
            let html = try String(contentsOfFile: file, encoding: .utf8)
            #expect(html.contains("<svg") && html.contains("&lt;b&gt;academy&lt;/b&gt;"))
            for foreign in ["<script", "<b>", "http://", "https://", "src=", "<link", "@import", "url("] {
                #expect(!html.contains(foreign), "\(foreign) stands in the page")
            }
            let report = try JSONValue.parse(try await installation.command("report", "--json"))
            #expect(report["failures"]?.arrayValue?.count == 1)
            #expect(report["failures"]?.arrayValue?.first?["runs"] == 1)

            #expect(try await installation.command("statistics", "verify").contains("0 differ"))
            try await installation.database.tamper("delete from turnup.fleet")
            let answer = try await TurnupProcess.run(["statistics", "verify"], environment: installation.environment)
            #expect(answer.exitCode == 1 && answer.output.contains("has no row"))
            #expect(try await installation.command("statistics", "rebuild").contains("written anew"))
            #expect(try await installation.command("statistics", "verify").contains("0 differ"))
            try await Checker.checkSecrets(installation, in: spoken + [page, table, html])
            try await Checker.check(installation)
        }
    }

    @Test func `a worker killed before its pass leaves the end to the next one, and it is diagnosed once`() async throws
    {
        try await Installation.with { installation in
            let killed = try installation.startWorker()
            let run = try await installation.enqueue("+34600111222")
            try await installation.reaches(.succeeded, run)
            await killed.killHard()
            #expect(try await installation.events(run, .runDiagnosed).isEmpty)
            try await installation.withWorker(statisticsSeconds: 0.2) { _ in
                _ = try await diagnosis(run, installation)
            }
            // Two more passes find nothing to do.
            try await installation.withWorker(statisticsSeconds: 0.2) { _ in
                let other = try await installation.enqueue("+34600333444", organisation: "school")
                try await installation.reaches(.succeeded, other)
                _ = try await diagnosis(other, installation)
            }
            #expect(try await installation.events(run, .runDiagnosed).count == 1)
            try await Checker.check(installation)
        }
    }

    @Test func `what no worker has read yet is said, and not passed over as nothing`() async throws {
        try await Installation.with { installation in
            // This worker keeps no statistics.
            try await installation.withWorker { _ in
                try await installation.reaches(.succeeded, try await installation.enqueue("+34600111222"))
            }
            let text = try await installation.command("report")
            #expect(text.contains("1 changed, and no worker has read it yet") && !text.contains("nothing ended"))
            #expect(try JSONValue.parse(try await installation.command("report", "--json"))["unread"] == 1)
        }
    }
}
