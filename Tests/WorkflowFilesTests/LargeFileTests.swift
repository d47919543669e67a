import Testing
import WorkflowCore
import WorkflowFiles

/// Files as large as they may be, each full of one thing: no rule may take much longer than it takes to read them.
@Suite("Large files", .serialized)
struct LargeFileTests {
    #if DEBUG
        private static let longest: Duration = .seconds(30)
    #else
        private static let longest: Duration = .seconds(2)
    #endif

    private static func file(_ sections: String, states: String) -> String {
        """
        dsl: 1
        workflow: large
        version: 1
        key: ${input.n}
        start: s0
        input: {n: {type: string}}
        services: {api: {timeout: 15s}}
        \(sections)
        states:
        \(states)
          done: {end: succeeded}
          failed: {end: failed}

        """
    }

    struct LargeFile: Sendable, CustomTestStringConvertible {
        let title: String
        let text: String

        var testDescription: String { title }
    }

    static let files: [LargeFile] = [
        LargeFile(
            title: "states that await many signals",
            text: file(
                "signals:\n" + (0..<400).map { "  g\($0): {from: api, match: signal.body.a == input.n}\n" }.joined(),
                states: (0..<400).map { state in
                    "  s\(state): {await: {"
                        + (0..<18).map { "g\((state + $0) % 400): {next: s\((state + 1) % 400)}" }
                        .joined(separator: ", ") + "}, catch: [{error: any, next: done}]}\n"
                }.joined())
        ),
        LargeFile(
            title: "states that look up, undo and save",
            text: file(
                "data: {" + (0..<400).map { "d\($0): {type: string}" }.joined(separator: ", ") + "}\ncalls:\n"
                    + (0..<200).map { "  c\($0): {request: 'GET api:/a/${data.d\($0)}'}\n" }.joined(),
                states: (0..<400).map { state in
                    "  s\(state): {call: {request: 'POST api:/x', save: {d\(state): '${response.body.a}'}}, reconcile: "
                        + "{call: c\(state % 200), items: response.body, save: {d\(state): '${item.a}'}}, "
                        + "undo: {call: c\(state % 200), gone: not_checkable}, "
                        + "deadline: 1h, choose: [{when: has(data.d\(state)), next: s\((state + 1) % 400)}, {next: done}]}\n"
                }.joined())
        ),
        LargeFile(
            title: "one state that retries everything",
            text: file(
                "retries:\n" + (0..<500).map { "  p\($0): {within: 2h}\n" }.joined(),
                states: "  s0:\n    deadline: 1h\n    call: {request: 'GET api:/x'}\n    next: done\n    retry:\n"
                    + (0..<5000).map { "      - {error: [http.500], policy: p\($0 % 500)}\n" }.joined())
        ),
    ]

    @Test
    func
        `lists and mappings as keys within keys are refused before Yams hashes them, by 900 around a list and in braces`()
    {
        let list =
            "a:\n  " + String(repeating: "? ", count: 900) + "[" + String(repeating: "a, ", count: 60_000) + "a]\n"
        let braces = String(repeating: "{", count: 150) + "a" + String(repeating: ": 1}", count: 150)
        let many = "a:\n" + String(repeating: "  - " + braces + "\n", count: 320)
        for text in [list, many] {
            let problems = WorkflowFile.check(text, name: "f.yaml").problems
            #expect(
                problems.map(\.description) == ["f.yaml:2:7: E101 a key must be a word, not a list or a mapping."])
        }
        // One that holds none costs no more than any other mapping, and hides nothing else.
        let one = WorkflowFile.check("? {a: {b: 1}}\n: 1\nc: &x 1\n", name: "f.yaml").problems.map(\.description)
        #expect(one.contains { $0.hasPrefix("f.yaml:3:4: E101 anchors") })
        #expect(one.contains { $0.hasPrefix("f.yaml:1:3: E101 a key must be a word") })
    }

    @Test func `hints are given to the first of many unknown keys alone, by a file full of them`() {
        let text = Self.file((0..<15_000).map { "servic\($0): 1\n" }.joined(), states: "  s0: {next: done}")
        let problems = WorkflowFile.check(text, name: "large.yaml").problems.filter { $0.code == .unknownKey }
        #expect(problems.count == 15_000)
        let hinted = problems.count { $0.hint != nil }
        #expect((1...200).contains(hinted))
    }

    @Test(arguments: files)
    func `a file full of one thing is judged in time, by the clock`(_ file: LargeFile) {
        let (title, text) = (file.title, file.text)
        let clock = ContinuousClock()
        var time: Duration = .seconds(600)
        var check = WorkflowFile.check(text, name: "large.yaml")
        for _ in 0..<3 where time > Self.longest {
            time = min(time, clock.measure { check = WorkflowFile.check(text, name: "large.yaml") })
        }
        print("\(title): \(text.utf8.count) bytes, \(check.problems.count) problems, \(time)")
        #expect(text.utf8.count > 60_000)
        #expect(!check.problems.contains { $0.code == .notYAML }, "the file was not read at all")
        #expect(time <= Self.longest)
        let graph = check.tree.map { WorkflowGraph($0).mermaid() }
        #expect(graph?.isEmpty == false)
    }
}
