import Diagnostics
import Testing
import WorkflowCore

@testable import EventStore

/// Rows 1 to 10, 15 and 16: the second number is refused with 403 "Invalid API key". Which of the explanations holds?
@Suite struct KeyRuleTests {
    private static let hours = 3600.0

    // MARK: Open

    @Test func `a young key that is refused is open between a delay and a limit, and says when the age will tell`() {
        let verdict = judge(refusedNumber(), beside: [workingNumber()])
        #expect(verdict.code == .undecided && verdict.confidence == .open)
        #expect(verdict.rivals == [.activationDelay, .singleClient])
        #expect(verdict.decidedAt == Story.at(100 + 2 * Self.hours))
        #expect(verdict.missing.contains { $0.text.contains("one organisation cannot prove a limit") })
        #expect(verdict.missing.contains { $0.text.contains("P2") })
        #expect(verdict.missing.contains { $0.text.contains("P5") })
        #expect(verdict.probe?.probe == .olderKey)
        #expect(verdict.supporting.contains { $0.run == Story.id(1) })
        #expect(verdict.supporting[1].events == [5, 7, 9])
    }

    @Test func `an old key that is refused stays open while one organisation alone shows it`() {
        let verdict = judge(
            refusedNumber(ages: [0, 10 * Self.hours]), beside: [workingNumber()], now: 11 * Self.hours)
        #expect(verdict.confidence == .open && verdict.rivals == [.activationDelay, .singleClient])
        #expect(verdict.decidedAt == nil)
    }

    @Test func `a fleet in which the limit shows does not make a young key a limit`() {
        let verdict = judge(
            refusedNumber(), beside: [workingNumber()], fleet: limitedFleet(5, age: 5 * Self.hours), now: 200)
        #expect(verdict.confidence == .open && verdict.rivals.contains(.singleClient))
    }

    @Test(arguments: [(1, false), (5, true)])
    func `an old key is no limit when fewer than three are refused, or when a later number works anywhere`(
        _ organisations: Int, _ works: Bool
    ) {
        var fleet = limitedFleet(organisations, age: 5 * Self.hours)
        if works { fleet += limitedFleet(6, age: 1, secondWorks: true).suffix(2) }
        let verdict = judge(
            refusedNumber(ages: [0, 5 * Self.hours]), beside: [workingNumber()], fleet: fleet, now: 6 * Self.hours)
        #expect(verdict.code != .singleClient && verdict.confidence == .open)
        #expect(verdict.contradicting.isEmpty != works)
    }

    @Test func `a first number that is refused is never a limit`() {
        let verdict = judge(
            refusedNumber(ages: [0, 5 * Self.hours]), fleet: limitedFleet(5, age: 5 * Self.hours), now: 6 * Self.hours)
        #expect(verdict.confidence == .open && verdict.rivals == [.activationDelay, .tokenIncident])
    }

    @Test func `an age that nobody tried says nothing`() {
        let verdict = judge(
            refusedNumber(), beside: [workingNumber()], fleet: limitedFleet(5, age: 5 * Self.hours),
            now: 24 * Self.hours)
        #expect(verdict.confidence == .open)
    }

    // MARK: A delay

    @Test func `a key that was refused and works since has activated late: settled`() {
        var story = refusedNumber()
        story.accepted("bbbbbbbb", at: 108)
        let verdict = judge(story, beside: [workingNumber()])
        #expect(verdict.code == .activationDelay && verdict.confidence == .settled && verdict.rivals.isEmpty)
        #expect(verdict.sentence.contains("3 s and 8 s"))
        #expect(verdict.missing.contains { $0.text.contains("an older key tried in that time") })
    }

    @Test func `a key that works again after keys that worked were refused too is not called late`() {
        var story = refusedNumber()
        story.accepted("bbbbbbbb", at: 108)
        var first = workingNumber()
        first.refused("aaaaaaaa", at: 102, .inspect)
        let beside = judge(story, beside: [first])
        #expect(beside.confidence == .open && beside.rivals == [.keyRotated, .tokenIncident])
        first = workingNumber()
        first.refused("aaaaaaaa", at: 102, .inspect)
        first.accepted("aaaaaaaa", at: 104, .inspect)
        let again = judge(story, beside: [first])
        #expect(again.confidence == .open && again.rivals == [.activationDelay, .tokenIncident])
        var other = workingNumber(7, organisation: "school", key: "cccccccc")
        other.refused("cccccccc", at: 102, .inspect)
        #expect(judge(story, beside: [workingNumber()], fleet: [other.row()]).confidence == .open)
    }

    @Test func `a yes that came with another credential beside the key does not prove a delay`() {
        var story = refusedNumber(ages: [])
        story.sends(
            .token, .attemptNotDone, at: 101, status: 403, used: [("api_key", "bbbbbbbb"), ("wpp_master", "mmmmmmmm")])
        story.sends(
            .token, .attemptDone, at: 108, status: 200, used: [("api_key", "bbbbbbbb"), ("wpp_master", "nnnnnnnn")])
        story.status = .succeeded
        let verdict = judge(story, beside: [workingNumber()])
        #expect(verdict.confidence == .open && verdict.rivals.contains(.activationDelay))
    }

    @Test func `a young key among many that became active, later ones too, is likely late`() {
        let fleet = (0..<20).flatMap { index in
            limitedFleet(1, age: 30, secondWorks: true).map { run in
                FleetRun(
                    run: Story.id(UInt64(1000 + index * 2 + (run.hasEarlierKey ? 1 : 0))), organisation: "o\(index)",
                    keySealedAt: run.keySealedAt, hasEarlierKey: run.hasEarlierKey,
                    hasEarlierSuccess: run.hasEarlierSuccess, firstAcceptedAt: run.firstAcceptedAt,
                    lastAcceptedAt: run.lastAcceptedAt, refusedBeforeAt: run.refusedBeforeAt)
            }
        }
        let young = judge(refusedNumber(), beside: [workingNumber()], fleet: fleet, now: 105)
        #expect(young.code == .activationDelay && young.confidence == .likely && young.rivals == [.singleClient])
        #expect(young.decidedAt == Story.at(131))
        let older = judge(refusedNumber(), beside: [workingNumber()], fleet: fleet, now: 200)
        #expect(older.confidence == .open)
        let few = judge(refusedNumber(), beside: [workingNumber()], fleet: Array(fleet.prefix(8)), now: 105)
        #expect(few.confidence == .open, "quantiles of fewer than 20 say too little")
    }

    // MARK: A limit

    @Test
    func `first numbers work and later ones are refused past every delay: a limit is likely, and cancelled first`() {
        let verdict = judge(
            refusedNumber(ages: [0, 5 * Self.hours]), beside: [workingNumber()],
            fleet: limitedFleet(2, age: 5 * Self.hours), now: 6 * Self.hours)
        #expect(verdict.code == .singleClient && verdict.confidence == .likely, "a random key was never tried")
        #expect(verdict.probe?.probe == .randomKey)
        let commands = verdict.action?.commands ?? []
        #expect(commands.first == "turnup cancel \(Story.id(2)) --reason 'diagnosis: single_client'")
        #expect(commands.last?.contains("--instead-of \(Story.id(2))") == true)
    }

    @Test(arguments: [(Int64(409), true), (422, true), (402, true), (400, false)])
    func `a refused create that names a limit is a declared limit, where another client is known`(
        _ status: Int64, _ isLimit: Bool
    ) {
        var story = Story(2, "+2", at: 100)
        story.sends(
            .create, .attemptNotDone, at: 100, status: status, error: "http.\(status)",
            text: #"{"error":"Only one client per organization is allowed"}"#, used: [("wpp_master", "mmmmmmmm")])
        story.status = .failed
        let verdict = judge(story, beside: [workingNumber()])
        #expect((verdict.code == .singleClientDeclared && verdict.confidence == .settled) == isLimit)
        let alone = judge(story)
        #expect(alone.confidence != .settled)
    }

    @Test func `a conflict that names no limit is a refusal, and no more`() {
        var story = Story(2, "+2", at: 100)
        story.sends(.create, .attemptNotDone, at: 100, status: 409, error: "http.409", text: "name in use")
        let verdict = judge(story, beside: [workingNumber()])
        #expect(verdict.code == .refused && verdict.confidence != .settled)
    }

    // MARK: Whose key it is

    private func same(_ run: UInt64 = 1, _ organisation: String = "academy", _ number: String = "+1") -> SameKey {
        SameKey(run: Story.id(run), organisation: organisation, key: number, sealedAt: Story.at(0))
    }

    @Test func `the first number's key again: the platform returned the old client, settled though it works or not`() {
        let held = { () -> Story in
            var story = Story(2, "+2", at: 100)
            story.creates("aaaaaaaa", at: 100, heldBy: Story.id(1))
            return story
        }()
        var works = Story(2, "+2", at: 100)
        works.creates("aaaaaaaa", at: 100)
        works.accepted("aaaaaaaa", at: 101)
        for story in [held, works, refusedNumber(key: "aaaaaaaa")] {
            let verdict = judge(story, beside: [workingNumber()], same: [same()])
            #expect(verdict.code == .oldClientReturned && verdict.confidence == .settled)
        }
        let command = judge(held, beside: [workingNumber()], same: [same()]).action?.commands.last
        #expect(command?.contains("--instead-of \(Story.id(2))") == true)
    }

    @Test func `the old key is called dead only when it worked, is refused since, and other keys are taken after that`()
    {
        let story = refusedNumber(key: "aaaaaaaa")
        #expect(judge(story, beside: [workingNumber()], same: [same()]).code == .oldClientReturned)
        let other = workingNumber(7, organisation: "school", key: "cccccccc", at: 150)
        let verdict = judge(story, beside: [workingNumber()], same: [same()], fleet: [other.row()])
        #expect(verdict.code == .oldClientKeyDead && verdict.confidence == .settled)
    }

    @Test
    func `the same key for the same number is no old client, and the earlier run's view is not changed by a later one`()
    {
        let story = refusedNumber(key: "aaaaaaaa")
        #expect(judge(story, same: [same(1, "academy", "+2")]).code == .undecided)
        let later = SameKey(run: Story.id(2), organisation: "academy", key: "+2", sealedAt: Story.at(100))
        #expect(judge(workingNumber(), same: [later]).code == .works)
    }

    @Test func `the same key in two organisations is an alarm`() {
        let works = workingNumber(9, organisation: "school", key: "bbbbbbbb", at: 50)
        let verdict = judge(
            refusedNumber(), beside: [workingNumber()], same: [same(9, "school")], fleet: [works.row()])
        #expect(verdict.code == .crossTenantKey && verdict.confidence == .settled)
        // What nobody was ever let in with may be no key, such as a word for one that comes later.
        let unproven = judge(refusedNumber(), beside: [workingNumber()], same: [same(9, "school")])
        #expect(unproven.code == .crossTenantKey && unproven.confidence == .likely)
    }

    @Test func `a secret that no call sends is no key, so an equal one says nothing`() {
        let story = refusedNumber(ages: [])
        #expect(judge(story, same: [same(9, "school"), same()]).code == .notTriedYet)
        #expect(judge(story, beside: [workingNumber()], same: [same()]).code == .oldClientReturned)
    }

    @Test func `a new key for a session that another number has`() {
        var story = Story(2, "+2", at: 100)
        story.creates("bbbbbbbb", at: 100, heldBy: Story.id(1))
        let verdict = judge(story, beside: [workingNumber()])
        #expect(verdict.code == .sessionReused && verdict.confidence == .settled)
        // Whose it is, is not known: no such claim.
        #expect(judge(story).code == .thingOfAnotherRun)
    }

    @Test
    func `the older key fails since this create: it was replaced, settled only with the same session and others fine`()
    {
        var first = workingNumber()
        first.refused("aaaaaaaa", at: 150, .inspect)
        let likely = judge(refusedNumber(ages: []), beside: [first])
        #expect(likely.code == .keyRotated && likely.confidence == .likely)
        let both = judge(refusedNumber(), beside: [first])
        #expect(both.confidence == .open && both.rivals == [.keyRotated, .tokenIncident])
        var story = Story(2, "+2", at: 100)
        story.creates("bbbbbbbb", at: 100, heldBy: Story.id(1))
        let school = workingNumber(7, organisation: "school", key: "cccccccc", at: 160)
        let settled = judge(story, beside: [first], fleet: [school.row()])
        #expect(settled.code == .keyRotated && settled.confidence == .settled)
        #expect(judge(story, beside: [first]).confidence == .likely)
    }

    // MARK: A key that worked

    private func drifted(_ times: [Double] = [100]) -> Story {
        var story = workingNumber()
        for time in times { story.refused("aaaaaaaa", at: time, .inspect) }
        story.inspection = .drifted
        return story
    }

    @Test func `a key that worked and is refused is open until another key was tried`() {
        let alone = judge(drifted())
        #expect(alone.confidence == .open && alone.rivals == [.keyRevoked, .tokenIncident])
        let school = workingNumber(7, organisation: "school", key: "cccccccc", at: 150).row()
        let once = judge(drifted(), fleet: [school])
        #expect(once.code == .keyRevoked && once.confidence == .likely)
        let twice = judge(drifted([100, 199]), fleet: [school])
        #expect(twice.code == .keyRevoked && twice.confidence == .settled)
        let unread = judge(drifted([100, 199]), fleet: [school], all: false)
        #expect(unread.confidence == .likely, "a create that was not read may be the cause")
    }

    @Test func `a create of ours between the yes and the no is the suspect`() {
        let verdict = judge(drifted([150]), beside: [refusedNumber(ages: [])])
        #expect(verdict.code == .keyRotated && verdict.confidence == .likely)
        var lost = Story(2, "+2", at: 100)
        lost.sends(.create, .attemptUnknown, at: 100, error: "timeout")
        #expect(
            judge(drifted([150]), beside: [lost]).code == .keyRotated, "a create whose answer was lost may do it, too")
    }

    @Test func `keys of several organisations that worked are refused: an incident, settled from three on`() {
        func broken(_ id: UInt64, _ name: String) -> FleetRun {
            var story = workingNumber(id, organisation: name, key: "k\(id)")
            story.refused("k\(id)", at: 120, .inspect)
            return story.row()
        }
        let three = [broken(11, "a"), broken(12, "b"), broken(13, "c")]
        let verdict = judge(refusedNumber(ages: [0, 30]), beside: [workingNumber()], fleet: three)
        #expect(verdict.code == .tokenIncident && verdict.confidence == .settled)
        let two = judge(refusedNumber(ages: [0, 30]), beside: [workingNumber()], fleet: Array(three.prefix(2)))
        #expect(two.code == .tokenIncident && two.confidence == .likely)
        let fine = workingNumber(14, organisation: "d", key: "k14", at: 140).row()
        #expect(
            judge(refusedNumber(ages: [0, 30]), beside: [workingNumber()], fleet: three + [fine]).code == .undecided)
    }

    @Test func `yes, no and yes within a minute is a platform whose nodes do not agree`() {
        var story = workingNumber()
        story.refused("aaaaaaaa", at: 3)
        story.accepted("aaaaaaaa", at: 5)
        let verdict = judge(story)
        #expect(verdict.code == .replicaLag && verdict.confidence == .likely)
    }
}
