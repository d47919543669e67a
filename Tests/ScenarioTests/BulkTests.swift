import EventStore
import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import turnup

/// Runs from files, and lists of runs, through the real program.
@Suite(.timeLimit(.minutes(15))) struct BulkTests {
    private func write(_ text: String, _ name: String, _ installation: Installation) throws -> String {
        let path = "\(installation.folder)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func read(_ path: String) throws -> String {
        try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8)
    }

    private func enqueue(
        _ installation: Installation, _ path: String, _ more: String...
    ) async throws -> TurnupProcess.Answer {
        try await TurnupProcess.run(
            ["enqueue", "whatsapp-number", "--from", path] + more, environment: installation.environment)
    }

    private static func number(_ index: Int) -> String { "+346\(10_000_000 + index)" }

    private static func rows(_ count: Int) -> String {
        "number\n" + (1...count).map { number($0) + "\n" }.joined()
    }

    private func runs(_ installation: Installation) async throws -> Int64 {
        try await installation.database.pool.query("select count(*) from turnup.run", readOnly: true).onlyRow().int(0)
    }

    @Test func `a CSV file becomes runs, its bad rows a file that can be corrected and given again`() async throws {
        try await Installation.with { installation in
            let path = try write(
                """
                \u{FEFF}number,organisation,due\r
                \(Self.number(1)),academy,\r
                \(Self.number(2)),"school, the",2030-01-01T00:00:00Z\r
                12,academy,\r
                \(Self.number(3)),academy,tomorrow\r
                \(Self.number(4))\r
                \(Self.number(1)),academy,\r
                "\(Self.number(5))"x,academy,\r

                """, "numbers.csv", installation)
            let answer = try await enqueue(installation, path)
            #expect(answer.exitCode == 1, "\(answer.errors)")
            #expect(answer.output == "2 created, 1 there already, 4 rejected\n")
            let rejected = "\(installation.folder)/numbers.rejected.csv"
            let lines = try read(rejected).components(separatedBy: "\r\n")
            #expect(lines.count == 6)
            #expect(
                lines.first == "number,organisation,due,rejected_line,rejected_code,rejected_reason,rejected_text")
            #expect(lines.dropFirst().first?.hasPrefix("12,academy,,4,bad_input,") == true, "\(lines)")
            #expect(lines.dropFirst(2).first?.contains("5,bad_input,\"due must be a time") == true, "\(lines)")
            #expect(lines.dropFirst(3).first?.contains("the row has 1 fields") == true, "\(lines)")
            #expect(lines.dropFirst(4).first?.contains("something follows a closing quote") == true, "\(lines)")
            let school = try #require(
                try await installation.store.runs(RunFilter(organisation: "school, the")).first)
            #expect(school.task?.due == Instant(microseconds: 1_893_456_000_000_000))
            #expect(!FileManager.default.fileExists(atPath: path + ".progress"))

            let corrected = try read(rejected).replacingOccurrences(of: "12,academy", with: "\(Self.number(6)),academy")
            _ = try write(corrected, "again.csv", installation)
            let again = try await enqueue(installation, "\(installation.folder)/again.csv", "--json")
            #expect(again.output.contains(#""created":1,"existing":0,"rejected":3"#), "\(again.output)\(again.errors)")
        }
    }

    @Test func `JSON lines come from stdin, and the same again changes nothing`() async throws {
        try await Installation.with { installation in
            let text = """
                {"number":"\(Self.number(1))"}
                {"input":{"number":"\(Self.number(2))"},"organisation":"other","version":1}
                {"input":{"number":"\(Self.number(3))"},"nonsense":1}
                {"numbr":"x"}
                not JSON

                """
            let path = try write(text, "numbers.jsonl", installation)
            for expected in ["2 created, 0 there already, 3 rejected\n", "0 created, 2 there already, 3 rejected\n"] {
                let answer = try await Shell.run(
                    "cat \(path) | \"$TURNUP\" enqueue whatsapp-number --organisation academy --from - --format jsonl"
                        + " --rejected \(installation.folder)/bad.jsonl", environment: installation.environment)
                #expect(answer.exitCode == 1 && answer.output == expected, "\(answer.errors)")
            }
            let bad = try read("\(installation.folder)/bad.jsonl").split(separator: "\n").map {
                try JSONValue.parse($0.utf8)
            }
            #expect(bad.map { $0["rejected"]?["line"] } == [3, 4, 5])
            #expect(bad.first?["input"]?["number"] == .string(Self.number(3)))
            #expect(try await runs(installation) == 2)
        }
    }

    @Test func `a strict enqueue of a file with one bad row enqueues nothing`() async throws {
        try await Installation.with { installation in
            let path = try write(Self.rows(30) + "12\n", "numbers.csv", installation)
            let refused = try await enqueue(
                installation, path, "--organisation", "academy", "--strict", "--batch-rows", "10")
            #expect(refused.exitCode == 2 && refused.errors.contains("nothing was enqueued"), "\(refused.errors)")
            #expect(try await runs(installation) == 0)
            // A conflict is known to the database only.
            _ = try await installation.enqueue(Self.number(25))
            _ = try await installation.store.append(
                AppendRequest(
                    runId: try #require(try await installation.store.runs(RunFilter()).first?.id), expectedSeq: nil,
                    event: NewEvent(.cancelRequested, ["reason": "test"]), actor: "person:test"))
            _ = try write(Self.rows(30), "numbers.csv", installation)
            let accepted = try await enqueue(
                installation, path, "--organisation", "academy", "--strict", "--batch-rows", "10")
            #expect(
                accepted.exitCode == 0 && accepted.output.hasPrefix("29 created, 1 there already"), "\(accepted.errors)"
            )
        }
    }

    @Test func `an interrupted enqueue is resumed, and every row becomes one run`() async throws {
        try await Installation.with { installation in
            let path = try write(Self.rows(3000), "numbers.csv", installation)
            let arguments = [
                "enqueue", "whatsapp-number", "--organisation", "academy", "--from", path, "--batch-rows", "20",
            ]
            let first = try TurnupProcess(arguments, environment: installation.environment)
            let hasBegun = try await eventually(seconds: 30) { try await runs(installation) > 0 }
            #expect(hasBegun)
            first.send(SIGINT)
            let stopped = await first.end()
            #expect(stopped.exitCode == 130 && stopped.errors.contains("--resume goes on"), "\(stopped.errors)")
            let made = try await runs(installation)
            #expect(made > 0 && made < 3000 && made % 20 == 0, "\(made) runs")

            let unaware = try await TurnupProcess.run(arguments, environment: installation.environment)
            #expect(unaware.exitCode == 2 && unaware.errors.contains("was begun before"), "\(unaware.errors)")
            let resumed = try await TurnupProcess.run(
                arguments + ["--resume"], environment: installation.environment)
            #expect(
                resumed.exitCode == 0 && resumed.output == "3000 created, 0 there already, 0 rejected\n",
                "\(resumed.errors)")
            #expect(try await runs(installation) == 3000)
            let nothing = try await TurnupProcess.run(
                arguments + ["--resume"], environment: installation.environment)
            #expect(nothing.exitCode == 2 && nothing.errors.contains("nothing to resume"))
        }
    }

    @Test func `an enqueue that was killed goes on with the same ids`() async throws {
        try await Installation.with { installation in
            let path = try write(Self.rows(3000), "numbers.csv", installation)
            let arguments = [
                "enqueue", "whatsapp-number", "--organisation", "academy", "--from", path, "--batch-rows", "20",
            ]
            let first = try TurnupProcess(arguments, environment: installation.environment)
            let hasBegun = try await eventually(seconds: 30) { try await runs(installation) > 100 }
            #expect(hasBegun)
            await first.killHard()
            // As if the record of the last batches had been lost, too: they are enqueued again.
            let progress = path + ".progress"
            let json = try JSONValue.parse(try read(progress))
            let head = Int64("number\n".utf8.count)
            var early = try #require(json.objectValue)
            early["offset"] = .integer(head)
            early["line"] = 2
            early["created"] = 0
            try Data(JSONValue.object(early).serialized().utf8).write(to: URL(fileURLWithPath: progress))
            let made = try await runs(installation)
            _ = try write(Self.rows(3001), "numbers.csv", installation)
            let changed = try await TurnupProcess.run(
                arguments + ["--resume"], environment: installation.environment)
            #expect(changed.exitCode == 2 && changed.errors.contains("has changed"), "\(changed.errors)")
            _ = try write(Self.rows(3000), "numbers.csv", installation)
            let resumed = try await TurnupProcess.run(
                arguments + ["--resume"], environment: installation.environment)
            #expect(
                resumed.output == "\(3000 - made) created, \(made) there already, 0 rejected\n", "\(resumed.errors)")
            #expect(try await runs(installation) == 3000)
        }
    }

    @Test(arguments: [
        ("numbr\n1\n", "has no input"), ("number,number\n1,1\n", "stands there twice"), ("", "the file is empty"),
        ("organisation\nx\n", "is missing"), ("number\n+34600111222\n", "no organisation is named"),
        ("\"number\n", "the head line 1 cannot be read"),
    ])
    func `a file with a bad head is refused as a whole`(_ text: String, _ message: String) async throws {
        try await Installation.with { installation in
            let path = try write(text, "numbers.csv", installation)
            let answer = try await enqueue(installation, path)
            #expect(answer.exitCode == 2 && answer.errors.contains(message), "\(answer.errors)")
        }
    }

    @Test func `runs are listed page by page, by age, and watched in a pipe until interrupted`() async throws {
        try await Installation.with { installation in
            for index in 1...5 { _ = try await installation.enqueue(Self.number(index)) }
            var seen: [JSONValue] = []
            var after: [String] = []
            while true {
                let answer = try await TurnupProcess.run(
                    ["runs", "--json", "--limit", "2"] + after, environment: installation.environment)
                #expect(answer.exitCode == 0)
                seen += try answer.output.split(separator: "\n").compactMap { try JSONValue.parse($0.utf8)["key"] }
                guard let hint = answer.errors.components(separatedBy: "--after ").dropFirst().first else { break }
                after = ["--after", hint.trimmingCharacters(in: .whitespacesAndNewlines)]
                _ = try await installation.enqueue(Self.number(100 + seen.count))
            }
            #expect(seen == (1...5).reversed().map { .string(Self.number($0)) })
            #expect(try await installation.command("runs", "--json", "--older-than", "1h").isEmpty)
            #expect(
                try await installation.command("runs", "--json", "--newer-than", "1h").split(separator: "\n").count == 7
            )

            let watching = try TurnupProcess(
                ["runs", "--watch", "--every", "100ms", "--limit", "1"], environment: installation.environment)
            let repeats = await watching.bell.eventually {
                watching.spoken.components(separatedBy: "ORGANISATION").count > 3
            }
            #expect(repeats)
            watching.send(SIGINT)
            let answer = await watching.end()
            #expect(answer.exitCode == 130 && answer.errors.isEmpty && !answer.output.contains("\u{1B}"))
        }
    }
}

/// A shell command with the program as $TURNUP.
enum Shell {
    static func run(_ command: String, environment: [String: String]) async throws -> TurnupProcess.Answer {
        let process = try TurnupProcess(shell: command, environment: environment)
        return await process.end()
    }
}
