import EventStore
import Foundation
import Testing
import WorkflowCore

@testable import turnup

/// Files and streams that are not what one expects of them.
@Suite(.timeLimit(.minutes(15))) struct OddFileTests {
    @Test func `the rows' own file, under any name, and what is no file never take the rejected rows`() async throws {
        try await Installation.with { installation in
            let text = "number\nbad\n+34600111222\n"
            let rows = try installation.write(text, to: "rows.csv")
            let hardLink = "\(installation.folder)/hard.csv"
            let symbolicLink = "\(installation.folder)/symbolic.csv"
            let pipe = "\(installation.folder)/pipe.csv"
            try FileManager.default.linkItem(atPath: rows, toPath: hardLink)
            try FileManager.default.createSymbolicLink(atPath: symbolicLink, withDestinationPath: rows)
            #expect(mkfifo(pipe, 0o600) == 0)
            for place in [rows, hardLink, symbolicLink, pipe] {
                let refused = try await installation.attempt(
                    "enqueue", "whatsapp-number", "--organisation", "academy", "--from", rows, "--rejected", place)
                #expect(refused.exitCode == 2 && refused.errors.contains("turnup: \(place) cannot "), "\(refused)")
            }
            #expect(try String(contentsOfFile: rows, encoding: .utf8) == text)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: symbolicLink) == rows)
            #expect(try await installation.store.runs(RunFilter()).isEmpty)
        }
    }

    @Test func `a version beyond all numbers is refused, not taken for the newest`() async throws {
        try await Installation.with { installation in
            let rows = try installation.write(
                """
                {"input": {"number": "+34600111222"}, "version": 99999999999999999999999}
                {"input": {"number": "+34600111333"}, "version": 1e400}
                {"input": {"number": "+34600111444"}, "version": 1e0}

                """, to: "rows.jsonl")
            let answer = try await installation.attempt(
                "enqueue", "whatsapp-number", "--organisation", "academy", "--from", rows)
            #expect(answer.output == "1 created, 0 there already, 2 rejected\n", "\(answer.errors)")
            #expect(try await installation.store.runs(RunFilter()).map(\.key) == ["+34600111444"])
        }
    }

    @Test func `a pipe that nobody writes to is waited for, and Ctrl-C ends the waiting`() async throws {
        try await Installation.with { installation in
            let pipe = "\(installation.folder)/rows.csv"
            #expect(mkfifo(pipe, 0o600) == 0)
            let process = try TurnupProcess(
                ["enqueue", "whatsapp-number", "--organisation", "academy", "--from", pipe],
                environment: installation.environment)
            let isWaiting = await eventually(seconds: 60) {
                process.hasOpen(pipe) && process.mindsInterrupts
            }
            #expect(isWaiting, "the pipe is not open")
            process.send(SIGINT)
            let hasEnded = await eventually(seconds: 60) { !process.isRunning }
            #expect(hasEnded)
            if !hasEnded { await process.killHard() }
            let answer = await process.end()
            #expect(answer.exitCode == 130 && answer.errors.contains("interrupted"), "\(answer.errors)")
        }
    }

    @Test func `a secret is read from a pipe; what cannot be read is one clear line`() async throws {
        try await Installation.with { installation in
            let pipe = "\(installation.folder)/secret"
            #expect(mkfifo(pipe, 0o600) == 0)
            let stored = try await Shell.run(
                "printf 'a-secret-of-mine' > \(pipe) & \"$TURNUP\" secret set other --from-file \(pipe)",
                environment: installation.environment)
            #expect(stored.exitCode == 0 && stored.output.hasPrefix("other: version 1"), "\(stored.errors)")
            // It is read more than once.
            let definition = try await installation.attempt("workflow", "check", pipe)
            #expect(definition.exitCode == 2)
            #expect(definition.errors == "turnup: \(pipe) cannot be read: it is not a regular file\n")
            for (input, reason) in [("< .", "Is a directory"), ("<&-", "Bad file descriptor")] {
                let refused = try await Shell.run(
                    "\"$TURNUP\" secret set another --from-file - \(input)", environment: installation.environment)
                #expect(refused.exitCode == 2)
                #expect(refused.errors == "turnup: standard input cannot be read: \(reason)\n")
            }
        }
    }

    @Test func `a closed stream is an error, and no other file takes its place`() async throws {
        try await Installation.with { installation in
            for streams in [">&-", ">&- <&-"] {
                let answer = try await Shell.run("\"$TURNUP\" runs \(streams)", environment: installation.environment)
                #expect(answer.exitCode == 1)
                #expect(
                    answer.errors == "turnup: standard output cannot be written: Bad file descriptor\n",
                    "\(streams): \(answer.errors)")
            }
            let full = try await Shell.run("\"$TURNUP\" --help > /dev/full", environment: installation.environment)
            #expect(full.exitCode == 1 && full.errors.contains("No space left"), "\(full.errors)")
        }
    }

    @Test func `a batch of long rows ends before it fills the memory`() throws {
        let path = NSTemporaryDirectory() + "turnup-rows-\(UUID().uuidString)"
        let row = #"{"text":""# + String(repeating: "x", count: 1 << 19) + "\"}\n"
        try Data(String(repeating: row, count: 100).utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let handle = try #require(FileHandle(forReadingAtPath: path))
        let reader = BulkReader(
            RecordReader(LineBuffer(descriptor: handle.fileDescriptor, stop: nil), format: .jsonl),
            rules: BulkRules(workflow: "w", definitions: [:], version: 1, hasOrganisation: true), row: 0,
            rowsPerBatch: 5000, id: { Identifier(unixMilliseconds: 0, random: (0, UInt64($0))) })
        var rows: [Int] = []
        var offset: Int64 = 0
        while let batch = try reader.next() {
            rows.append(batch.rows)
            #expect(batch.offset - offset <= BulkReader.bytesPerBatch + Int64(RecordReader.limit))
            offset = batch.offset
        }
        #expect(rows.reduce(0, +) == 100 && rows.count > 1, "\(rows)")
    }
}

extension TurnupProcess {
    /// Whether it has this file open.
    fileprivate func hasOpen(_ path: String) -> Bool {
        let folder = "/proc/\(processIdentifier)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.contains {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")) == path
        }
    }

    /// Whether SIGINT no longer ends it at once.
    fileprivate var mindsInterrupts: Bool {
        let status = (try? String(contentsOfFile: "/proc/\(processIdentifier)/status", encoding: .utf8)) ?? ""
        return status.split(separator: "\n").contains { line in
            guard line.hasPrefix("SigIgn:") || line.hasPrefix("SigCgt:"), let word = line.split(separator: "\t").last
            else { return false }
            return (UInt64(word, radix: 16) ?? 0) & (1 << UInt64(SIGINT - 1)) != 0
        }
    }
}
