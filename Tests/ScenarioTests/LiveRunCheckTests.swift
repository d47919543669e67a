import EventStore
import Foundation
import Testing
import WorkflowCore

/// What `workflow check --against-live` and `publish` say of runs that are under way, through the real program.
@Suite(.timeLimit(.minutes(15))) struct LiveRunCheckTests {
    private static func definition(version: Int, start: String = "asked", more: String = "", then: String = "")
        -> String
    {
        """
        dsl: 1
        workflow: numbers
        version: \(version)
        key: ${input.number}
        start: \(start)
        \(more)
        input:
          number: {type: string}
        data:
          colour: {type: string}
        services:
          p: {timeout: 15s}
        states:
          \(start):
            call: {request: 'GET p:/numbers', save: {colour: '${response.body.colour}'}}
            next: \(then.isEmpty ? "done" : "painted")
        \(then)
          done: {end: succeeded}
          failed: {end: failed}

        """
    }

    @Test func `a definition that comes with the program is held against the live runs by its name alone`() async throws
    {
        try await Installation.with { installation in
            _ = try await installation.enqueue(Installation.number)
            let answer = try await turnup(installation, "workflow", "check", "--against-live", "whatsapp-number")
            #expect(answer.exitCode == 0, "\(answer.errors)")
            #expect(answer.output.contains("whatsapp-number version 1 against 1 live run\n"), "\(answer.output)")
        }
    }

    private func write(_ text: String, _ installation: Installation) throws -> String {
        let path = "\(installation.folder)/numbers.yaml"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func turnup(_ installation: Installation, _ arguments: String...) async throws -> TurnupProcess.Answer {
        try await TurnupProcess.run(arguments, environment: installation.environment)
    }

    private func enqueue(_ count: Int, _ installation: Installation) async throws -> [Identifier] {
        var runs: [Identifier] = []
        for index in 1...count {
            let request = EnqueueRequest(
                workflow: "numbers", organisation: "o", input: ["number": .string("\(index)")], actor: "person:test")
            runs.append(try await installation.store.enqueue(request).runId)
        }
        return runs
    }

    @Test func `runs without moved all stay, and the list shows ten ids of them`() async throws {
        try await Installation.with { installation in
            try await installation.command("workflow", "publish", write(Self.definition(version: 1), installation))
            let runs = try await enqueue(12, installation)
            let path = try write(Self.definition(version: 2, start: "ordered"), installation)
            let answer = try await turnup(installation, "workflow", "check", "--against-live", path)
            #expect(answer.exitCode == 0, "\(answer)")
            let lines = answer.output.split(separator: "\n").map(String.init)
            #expect(
                lines.prefix(2) == [
                    "\(path): numbers version 2 against 12 live runs",
                    "  12 stays: version 1, state \"asked\": nothing is moved",
                ])
            #expect(lines.dropFirst(2).prefix(10) == runs.sorted().prefix(10).map { "    \($0)" }[...])
            #expect(lines.last == "    … and 2 more")
        }
    }

    @Test func `a run whose state is nowhere is E502 with exit code 2, at check and at publish beside E104`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.command("workflow", "publish", write(Self.definition(version: 1), installation))
            _ = try await enqueue(3, installation)
            // A version between, so that the newest is not the one whose runs are moved.
            try await installation.command("workflow", "publish", write(Self.definition(version: 2), installation))
            let path = try write(
                Self.definition(version: 3, start: "ordered", more: "moved: {from: 1}"), installation)
            let message =
                "numbers.yaml:6:1: E502 moved leaves 3 live runs in \"asked\" of version 1 nowhere: this version has no "
                + "such state; add it to states under moved."
            let answer = try await turnup(installation, "workflow", "check", "--against-live", path)
            #expect(answer.exitCode == 2 && answer.output.contains(message), "\(answer)")
            #expect(answer.output.contains("3 would break: version 1, state \"asked\""), "\(answer)")
            let published = try await turnup(installation, "workflow", "publish", path)
            #expect(published.exitCode == 2 && published.errors.contains(message), "\(published)")
            #expect(published.errors.contains("E104"), "\(published)")
            #expect(try await installation.store.definition(workflow: "numbers", version: nil)?.version == 2)
        }
    }

    @Test func `runs follow where moved leads them, but not while held, and not without a value that is read there`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.command("workflow", "publish", write(Self.definition(version: 1), installation))
            let runs = try await enqueue(3, installation)
            let state = try await installation.store.fold(runs[0])
            let body: JSONObject = ["code": "test", "text": "somebody looks"]
            let after = try evolve(
                state, run: runs[0],
                RecordedEvent(
                    seq: 2, type: "run.held", body: body, epoch: 0, attemptId: nil, actor: "person:test",
                    recordedAt: try await installation.store.now()))
            let held = try await installation.store.append(
                AppendRequest(
                    runId: runs[0], expectedSeq: 1, event: NewEvent(.runHeld, body), actor: "person:test",
                    stateAfter: after))
            #expect(held == .accepted(seq: 2))
            let painted = "  painted: {call: {request: 'GET p:/paint', query: {c: '${data.colour}'}}, next: done}"
            func check(_ moved: String) async throws -> (TurnupProcess.Answer, JSONValue) {
                let path = try write(
                    Self.definition(version: 2, start: "ordered", more: moved, then: painted), installation)
                let answer = try await turnup(installation, "workflow", "check", "--against-live", "--json", path)
                return (answer, try JSONValue.parse(answer.output.trimmingCharacters(in: .newlines)))
            }
            func fates(_ page: JSONValue) -> [String: Int64] {
                var found: [String: Int64] = [:]
                for group in page["live_runs"]?.arrayValue?.first?["groups"]?.arrayValue ?? [] {
                    found[group["fate"]?.stringValue ?? "", default: 0] += group["runs"]?.integerValue ?? 0
                }
                return found
            }
            let (good, goodPage) = try await check("moved: {from: 1, states: {asked: ordered}}")
            #expect(good.exitCode == 0 && fates(goodPage) == ["follows": 2, "stays": 1], "\(good)")
            let (bad, badPage) = try await check("moved: {from: 1, states: {asked: painted}}")
            #expect(bad.exitCode == 2 && fates(badPage) == ["would_break": 3], "\(bad)")
            let codes = badPage["problems"]?.arrayValue?.compactMap { $0["code"]?.stringValue } ?? []
            #expect(codes.contains("E206") && !codes.contains("E502"), "\(bad)")
            let (mended, mendedPage) = try await check(
                "moved: {from: 1, states: {asked: painted}, data: {colour: red}}")
            #expect(mended.exitCode == 0 && fates(mendedPage) == ["follows": 2, "stays": 1], "\(mended)")
        }
    }

    @Test func `more runs than a page holds are all counted`() async throws {
        try await Installation.with { installation in
            try await installation.command("workflow", "publish", write(Self.definition(version: 1), installation))
            let rows = "\(installation.folder)/rows.csv"
            try Data(("number\n" + (1...1201).map { "\($0)\n" }.joined()).utf8).write(to: URL(fileURLWithPath: rows))
            try await installation.command("enqueue", "numbers", "--organisation", "o", "--from", rows)
            let path = try write(
                Self.definition(version: 2, more: "moved: {from: 1}"), installation)
            let answer = try await turnup(installation, "workflow", "check", "--against-live", path)
            #expect(
                answer.output.contains("  1201 follows: version 1, state \"asked\": goes on in \"asked\""), "\(answer)")
        }
    }
}
