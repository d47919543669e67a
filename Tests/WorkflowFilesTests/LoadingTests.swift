import Foundation
import Testing
import WorkflowCore
import WorkflowFiles

@Suite("Loading")
struct LoadingTests {
    @Test func `the sample of the other tests is clean, by checking and publishing it`() {
        #expect(printed(Samples.small) == [])
        #expect(WorkflowFile.check(Samples.small, name: "small.yaml", mode: .publish).workflow != nil)
    }

    @Test func `comments, layout and the order of names are no new content, by the canonical text`() throws {
        let plain = try #require(WorkflowFile.check(Samples.small, name: "small.yaml").workflow)
        let other = Samples.small(
            "version: 1\nkey: ${input.number}\n", "# a remark\nkey:   '${input.number}'\nversion: 1\n")
        let same = try #require(WorkflowFile.check(other, name: "small.yaml").workflow)
        #expect(same.canonical == plain.canonical)
        #expect(same.source != plain.source)
        #expect(plain.canonical.hasPrefix(#"{"calls":{"look":{"auth":{"bearer":"${secrets.master}"},"request":"#))
    }

    @Test func `the order of error rules is content, by swapping two of them`() throws {
        let rules = "  busy: {status: 409}\n  lost: {status: 5xx}\n"
        let swapped = Samples.small(rules, "  lost: {status: 5xx}\n  busy: {status: 409}\n")
        let first = try #require(WorkflowFile.check(Samples.small, name: "small.yaml").workflow)
        let second = try #require(WorkflowFile.check(swapped, name: "small.yaml").workflow)
        #expect(first.definition.errors.map(\.name) == ["busy", "lost"])
        #expect(second.definition.errors.map(\.name) == ["lost", "busy"])
        #expect(first.canonical != second.canonical)
        let reading = Definition.read(canonical: try JSONValue.parse(second.canonical))
        #expect(reading.definition?.errors.map(\.name) == ["lost", "busy"])
    }

    @Test func `a keyword that is not run yet is refused at publish and by workers, by runs that move`() throws {
        let text = Samples.small("version: 1\n", "version: 2\nmoved: {from: 1}\n")
        let check = WorkflowFile.check(text, name: "small.yaml", mode: .publish)
        #expect(
            check.problems.map(\.description) == [
                "small.yaml:4:1: E104 keyword \"moved\" is part of the language, but this engine does not run it yet; "
                    + "remove it to publish."
            ])
        #expect(check.workflow == nil)
        let looked = try #require(WorkflowFile.check(text, name: "small.yaml").workflow)
        let reading = Definition.read(canonical: try JSONValue.parse(looked.canonical))
        #expect(reading.definition == nil)
        #expect(reading.problems.map(\.code) == [.notRunYet])
    }

    @Test(arguments: [
        "e102-enum", "e102-never-sent", "e105-no-text", "e105-plain-fingerprint", "e105-sealed", "e208-never-waits",
        "e301-stable-honoured", "e302-named-by-status", "e403-second-copy", "e403-set-secret",
    ])
    func `a rule refuses nothing that was published before it, by reading broken files as workers do`(_ name: String)
        throws
    {
        let file = try #require(CorpusFile.broken.first { $0.name == name })
        let check = try file.check()
        #expect(!check.errors.isEmpty)
        let reading = Definition.read(canonical: try #require(check.tree))
        #expect(reading.problems == [])
        #expect(reading.definition != nil)
    }

    @Test func `undo: none may be published and is read by workers, by a create that nothing can undo`() throws {
        let create = Samples.small("'PUT api", "'POST api")
        #expect(printed(create).contains { $0.contains(" W309 ") })
        let text = create.replacingOccurrences(of: "  tell:\n", with: "  tell:\n    undo: none\n    identity: none\n")
        let check = WorkflowFile.check(text, name: "small.yaml", mode: .publish)
        #expect(check.problems.map(\.code) == [.lostAnswerWaits])
        let workflow = try #require(check.workflow)
        let reading = Definition.read(canonical: try JSONValue.parse(workflow.canonical))
        #expect(reading.definition == workflow.definition)
    }

    @Test func `all problems of a file are told at once in the order of their places, by three mistakes`() {
        let text = Samples.small("next: tell", "next: tel").replacingOccurrences(of: "within: 2h", with: "whithin: 2h")
            .replacingOccurrences(of: "${data.answer}", with: "${data.code}")
        #expect(
            printed(text).map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
                "small.yaml:12:11: E401", "small.yaml:20:3: E303", "small.yaml:20:24: E101", "small.yaml:27:11: E201",
            ])
    }

    @Test
    func `the whole language of the reference is known, by its flagship with await, signals, undo and reconcile`() {
        let check = WorkflowFile.check(Samples.reference, name: "whatsapp-number.yaml")
        #expect(check.errors.map(\.description) == [])
        #expect(
            check.problems.map { $0.message.split(separator: "\"")[1] } == ["signals", "show", "await"])
        #expect(Set(check.problems.map(\.code)) == [.notRunYetWarning])
    }

    @Test
    func `limits may be published, are read by workers, and count for all unless said, by a file with both kinds`()
        throws
    {
        let text = Samples.small("start: ask\n", "start: ask\nlimits: {live_runs: 5}\n")
            .replacingOccurrences(
                of: "{timeout: 15s}", with: "{timeout: 15s, limits: {concurrent: 3, rate: 30/1m, per: organisation}}")
        let check = WorkflowFile.check(text, name: "small.yaml", mode: .publish)
        #expect(check.problems.map(\.description) == [])
        let workflow = try #require(check.workflow)
        #expect(workflow.definition.limits == RunLimits(liveRuns: 5, per: .all))
        #expect(
            workflow.definition.service("api")?.limits
                == ServiceLimits(
                    concurrent: 3, rate: RateLimit(count: 30, windowMilliseconds: 60_000), per: .organisation))
        #expect(Definition.read(canonical: try JSONValue.parse(workflow.canonical)).definition == workflow.definition)
    }

    @Test func `a problem is data for programs, by its JSON`() {
        let check = WorkflowFile.check(Samples.small("next: tell", "next: tel"), name: "dir/small.yaml")
        #expect(
            check.problems.first?.json.serialized(sorted: true)
                == #"{"code":"E201","column":11,"file":"dir/small.yaml","hint":"did you mean \"tell\"?","line":27,"#
                + #""message":"state \"ask\": next names \"tel\", which does not exist","severity":"error"}"#)
    }
}

@Suite("Durations")
struct DurationTests {
    @Test(
        arguments: [
            ("500ms", 500), ("15s", 15_000), ("1m", 60_000), ("2h", 7_200_000), ("3d", 259_200_000),
            ("PT1H", 3_600_000), ("PT1H30M", 5_400_000), ("P3D", 259_200_000), ("P1W", 604_800_000),
            ("P1DT12H", 129_600_000), ("3653d", 315_619_200_000),
        ] as [(String, Int64)])
    func `durations are read in both notations, by the cooldown they give`(_ text: String, _ milliseconds: Int64) throws
    {
        let check = WorkflowFile.check(Samples.small("timeout: 15s", "cooldown: \(text)"), name: "small.yaml")
        #expect(try #require(check.workflow).definition.service("api")?.cooldownMilliseconds == milliseconds)
    }

    @Test(arguments: [
        "0s", "-1s", "1.5s", "1 s", "s", "1h30m", "P1M", "P1Y", "P", "PT", "P1DT", "PT1M1H", "1H", "3654d",
        "99999999999999999999s", "999999999999999d", "PT999999999999999S",
    ])
    func `other texts are refused, by the problem they give`(_ text: String) {
        let check = WorkflowFile.check(Samples.small("timeout: 15s", "timeout: '\(text)'"), name: "small.yaml")
        #expect(
            check.problems.map(\.message) == ["\"timeout\" is not a duration: \"\(text)\""], "\(text)")
    }
}
