import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// Why a run waits, in the same words wherever it is asked; and what differs between two of its attempts.
@Suite(.timeLimit(.minutes(15))) struct WhyTests {
    private func why(_ text: String) throws -> JSONValue {
        try #require(try JSONValue.parse(text)["why"])
    }

    @Test func `without a worker show, runs, their JSON and a waiting enqueue say that nobody is there`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600111222")
            try await installation.database.shiftClock(seconds: 60)
            let shown = try why(try await installation.command("show", run.description, "--json"))
            #expect(shown["code"] == "no_worker" && shown["since"]?.stringValue != nil)
            let sentence = try #require(shown["detail"]?.stringValue)
            #expect(sentence.contains("no worker is connected"))
            let listed = try why(try await installation.command("runs", "--json"))
            // The sentences say how long ago, and time goes on.
            for name in ["code", "subject", "since", "before"] { #expect(listed[name] == shown[name], "\(name)") }
            // People read their own zone's times, programs UTC's.
            let words = "no worker is connected to the database"
            #expect(try await installation.command("show", run.description).contains(words))
            #expect(try await installation.command("runs").contains(words))
            let watcher = try TurnupProcess(
                ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy", "--wait"],
                environment: installation.environment)
            #expect(await watcher.says(words), "\(watcher.spoken)")
            watcher.send(SIGINT)
            _ = await watcher.end()
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            let ended = try why(try await installation.command("show", run.description, "--json"))
            #expect(ended["code"] == "succeeded")
        }
    }

    @Test func `a refused try and a good one are compared, in one run, with the last good one, and as JSON`()
        async throws
    {
        try await Installation.with(activation: .fixed(milliseconds: 3000)) { installation in
            try await installation.withWorker { worker in
                let first = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, first)
                // The first key of an organisation works at once.
                let run = try await installation.enqueue("+34600555666")
                try await installation.reaches(.succeeded, run)
                let refused = try #require(try await installation.events(run, .attemptNotDone).first)
                let good = try #require(
                    try await installation.events(run, .attemptDone).last { $0.body["state"] == "token-pending" })
                let page = try await installation.command(
                    "history", run.description, "--compare", "\(refused.seq),\(good.seq)")
                #expect(page.contains("answer.status") && page.contains("403") && page.contains("body.error"))
                #expect(!page.contains("request.url"), "it is the same")
                let byWord = try await installation.command(
                    "history", run.description, "--compare", "\(refused.seq),good")
                #expect(byWord == page)
                let other = try await installation.enqueue("+34600333444", organisation: "school")
                try await installation.reaches(.succeeded, other)
                let theirs = try #require(try await installation.events(other, .attemptDone).last)
                let between = try await installation.command(
                    "history", run.description, "--json", "--compare", "\(refused.seq),\(other):\(theirs.seq)")
                let differences = try #require(try JSONValue.parse(between)["differences"]?.arrayValue)
                #expect(differences.contains { $0["path"] == "credential.api_key.sent" })
                try await Checker.checkSecrets(installation, in: [page, between, worker.spoken])
            }
        }
    }

    @Test func `wrong names of attempts get one clear line and exit code 2`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, run)
                for (words, text) in [
                    ("3", "two attempts"), ("3,", "two attempts"), ("x,3", "is not an attempt"),
                    ("good,3", "comes second"), ("1,3", "belongs to no attempt"), ("2,999", "belongs to no attempt"),
                    ("2,3", "one attempt, not two"), ("2,ffffffff:3", "there is no run"), ("-1,3", "is not an attempt"),
                    ("2,9223372036854775808", "is not an attempt"),
                ] {
                    let answer = try await TurnupProcess.run(
                        ["history", run.description, "--compare=\(words)"], environment: installation.environment)
                    #expect(answer.exitCode == 2 && answer.errors.contains(text), "\(words): \(answer.errors)")
                    #expect(answer.output.isEmpty)
                }
            }
        }
    }
}
