import Diagnostics
import Testing
import WorkflowCore

@testable import EventStore

private let asks = CallDefinition(
    method: "POST", service: "wpp", path: text("/auth/token"), body: .json(.template(text("${data.api_key}"))),
    isRepeatable: true)
private let declared = [
    ProbeDefinition(name: "same-key", call: asks, credential: .current),
    ProbeDefinition(name: "older-key", call: asks, credential: .older, key: "api_key"),
    ProbeDefinition(name: "random-key", call: asks, credential: .random, key: "api_key"),
]

private func text(_ source: String) -> Template {
    do { return try Template.parse(source) } catch { return text("wrong") }
}

extension Story {
    /// A probe and its answer. `key`: the fingerprint that was sent.
    fileprivate mutating func probed(
        _ credential: ProbeDefinition.Credential, _ end: EventType, key: String, of other: Identifier? = nil,
        at seconds: Double, status: Int64? = nil, text: String? = #"{"error":"Invalid API key"}"#,
        error: String? = "key_not_active"
    ) {
        let name = credential == .current ? "same-key" : "\(credential.rawValue)-key"
        let attempt = Identifier(high: 77, low: UInt64(events.count))
        add(.probeAsked, ["probe": .string(name), "reason": "why"], seconds)
        var intent: JSONObject = [
            "state": "s", "service": "wpp", "request": "POST wpp:/auth/token", "repeatable": true, "purpose": "probe",
            "probe": .string(name), "credential": .string(credential.rawValue),
        ]
        if let other { intent["of_run"] = .string(other.description) }
        add(.attemptStarted, intent, seconds, attempt: attempt)
        let shown = credential == .current ? "api_key" : "\(credential.rawValue) api_key"
        var evidence: JSONObject = ["credentials_used": [["name": .string(shown), "fingerprint": .string(key)]]]
        if let status { evidence["status"] = .integer(status) }
        if let text, end != .attemptDone { evidence["body"] = .string(text) }
        var body: JSONObject = ["probe": .string(name), "evidence": .object(evidence)]
        if let error, end != .attemptDone { body["error"] = .string(error) }
        add(end, body, seconds, attempt: attempt)
    }

    fileprivate mutating func olderWorks(at seconds: Double) {
        probed(.older, .attemptDone, key: "aaaaaaaa", of: Self.id(1), at: seconds, status: 200)
    }

    fileprivate mutating func olderRefused(at seconds: Double) {
        probed(.older, .attemptNotDone, key: "aaaaaaaa", of: Self.id(1), at: seconds, status: 403)
    }

    fileprivate mutating func madeUpRefused(at seconds: Double, text: String = #"{"error":"Invalid API key"}"#) {
        probed(.random, .attemptNotDone, key: "99999999", at: seconds, status: 403, text: text)
    }
}

/// What a verdict makes of the answers to probes.
@Suite struct ProbeRuleTests {
    private static let hours = 3600.0

    private func judged(
        _ story: Story, beside siblings: [Story] = [workingNumber()], same: [SameKey] = [], fleet: [FleetRun] = [],
        now seconds: Double = 200
    ) -> Verdict {
        diagnose(
            Evidence(
                run: story.facts, siblings: siblings.map(\.facts), sameKey: same, fleet: fleet, probes: declared,
                now: Story.at(seconds)))
    }

    @Test func `an older key that works since this create is evidence with its event, and no longer missing`() {
        var story = refusedNumber()
        let before = judged(story)
        #expect(before.missing.contains { $0.text.contains("P2") } && before.probe?.declared == "older-key")
        story.olderWorks(at: 150)
        let verdict = judged(story)
        #expect(!verdict.missing.contains { $0.text.contains("P2") })
        let item = verdict.supporting.first { $0.text == "the key of +1 works, also since this create" }
        #expect(item?.run == story.id && item?.events == [Int64(story.events.count)])
        #expect(verdict.confidence == .open, "one organisation cannot prove a limit")
        #expect(verdict.probe?.probe == .randomKey && verdict.probe?.declared == "random-key")
    }

    @Test(arguments: [
        (#"{"error":"Invalid API key"}"#, "with the same words"), (#"{"error":"unknown key"}"#, "with other words"),
    ])
    func `a made-up key that is refused says with which words, and is no answer to the run's own key`(
        _ words: String, _ said: String
    ) {
        var story = refusedNumber()
        story.madeUpRefused(at: 150, text: words)
        let verdict = judged(story)
        #expect(verdict.supporting.contains { $0.text.contains("made up is refused \(said)") })
        #expect(!verdict.missing.contains { $0.text.contains("P5") })
        #expect(verdict.supporting.contains { $0.text.contains("refused 3 time(s)") })
        var fine = workingNumber()
        fine.madeUpRefused(at: 50, text: words)
        #expect(judged(fine, beside: []).code == .works)
    }

    @Test func `a made-up key that is accepted speaks against every yes`() {
        var story = refusedNumber()
        story.probed(.random, .attemptDone, key: "99999999", at: 150, status: 200)
        #expect(judged(story).contradicting.contains { $0.text.contains("made up is accepted") })
    }

    @Test(arguments: [(true, true), (true, false), (false, true), (false, false)])
    func `a limit is settled once the older key worked since this create and a made-up one was refused, not before`(
        _ hasOlder: Bool, _ hasRandom: Bool
    ) {
        var story = refusedNumber(ages: [0, 5 * Self.hours])
        if hasOlder { story.olderWorks(at: 5.1 * Self.hours) }
        if hasRandom { story.madeUpRefused(at: 5.2 * Self.hours) }
        let verdict = judged(story, fleet: limitedFleet(2, age: 5 * Self.hours), now: 6 * Self.hours)
        #expect(verdict.code == .singleClient)
        #expect(verdict.confidence == (hasOlder && hasRandom ? .settled : .likely))
        #expect(verdict.rivals.isEmpty == (hasOlder && hasRandom))
        #expect((verdict.probe == nil) == (hasOlder && hasRandom))
    }

    @Test func `a made-up key that was accepted, or tried before this key came, controls nothing`() {
        var accepted = refusedNumber(ages: [0, 5 * Self.hours])
        accepted.olderWorks(at: 5.1 * Self.hours)
        accepted.probed(.random, .attemptDone, key: "99999999", at: 5.2 * Self.hours, status: 200)
        let fleet = limitedFleet(2, age: 5 * Self.hours)
        #expect(judged(accepted, fleet: fleet, now: 6 * Self.hours).confidence == .likely)
        var lost = refusedNumber(ages: [0, 5 * Self.hours])
        lost.olderWorks(at: 5.1 * Self.hours)
        lost.probed(.random, .attemptUnknown, key: "99999999", at: 5.2 * Self.hours, text: nil, error: "timeout")
        #expect(judged(lost, fleet: fleet, now: 6 * Self.hours).confidence == .likely)
    }

    @Test func `the older key is refused by a probe since this create: it was replaced, as if its own run had asked`() {
        var story = Story(2, "+2", at: 100)
        story.creates("bbbbbbbb", at: 100, heldBy: Story.id(1))
        #expect(judged(story).code == .sessionReused)
        story.olderRefused(at: 150)
        let likely = judged(story)
        #expect(likely.code == .keyRotated && likely.confidence == .likely)
        #expect(likely.supporting.contains { $0.run == story.id && $0.events == [Int64(story.events.count)] })
        let school = workingNumber(7, organisation: "school", key: "cccccccc", at: 160)
        let settled = judged(story, fleet: [school.row()])
        #expect(settled.code == .keyRotated && settled.confidence == .settled)
        var both = refusedNumber()
        both.olderRefused(at: 150)
        #expect(judged(both).rivals == [.keyRotated, .tokenIncident])
    }

    @Test func `the shared key is refused by a probe while others are taken: the old client's key is dead`() {
        var story = Story(2, "+2", at: 100)
        story.creates("aaaaaaaa", at: 100)
        let same = [SameKey(run: Story.id(1), organisation: "academy", key: "+1", sealedAt: Story.at(0))]
        let school = workingNumber(7, organisation: "school", key: "cccccccc", at: 160).row()
        #expect(judged(story, same: same, fleet: [school]).code == .oldClientReturned)
        story.olderRefused(at: 150)
        #expect(judged(story, same: same, fleet: [school]).code == .oldClientKeyDead)
    }

    @Test func `an older key that a probe finds refused counts for an incident`() {
        func broken(_ id: UInt64, _ name: String) -> FleetRun {
            var story = workingNumber(id, organisation: name, key: "k\(id)")
            story.refused("k\(id)", at: 120, .inspect)
            return story.row()
        }
        let fleet = [broken(11, "a"), broken(12, "b"), workingNumber().row()]
        var story = refusedNumber(ages: [0, 30])
        #expect(judged(story, fleet: fleet).confidence == .likely)
        // Another create of the organisation lies between, so that this one is not the suspect.
        let other = refusedNumber(3, key: "dddddddd", at: 90, ages: [])
        story.olderRefused(at: 150)
        let verdict = judged(story, beside: [workingNumber(), other], fleet: fleet)
        #expect(verdict.code == .tokenIncident && verdict.confidence == .settled)
    }

    @Test func `a probe with the run's own key is an answer to it`() {
        var story = refusedNumber()
        story.status = .failed
        story.probed(.current, .attemptDone, key: "bbbbbbbb", at: 190, status: 200)
        let verdict = judged(story)
        #expect(verdict.code == .activationDelay && verdict.confidence == .settled)
        #expect(verdict.action?.commands == ["turnup retry \(Story.id(2)) --reason 'diagnosis: activation_delay'"])
    }

    @Test func `the next probe is one that the definition declares, with its command, as long as one may be asked for`()
    {
        let story = refusedNumber()
        #expect(judged(story).probe?.command == "turnup diagnose \(Story.id(2)) --probe older-key")
        #expect(judge(story, beside: [workingNumber()]).probe?.command == nil, "it declares none")
        #expect(judged(story, beside: []).probe?.declared != "older-key", "there is no older key")
        var asked = story
        for time in [101.0, 102, 103] { asked.probed(.current, .attemptUnknown, key: "bbbbbbbb", at: time, text: nil) }
        #expect(judged(asked).probe?.command == nil)
        #expect(judged(asked, now: 90_000).probe?.command != nil, "a day later")
    }
}
