import Diagnostics
import Testing
import WorkflowCore

@testable import EventStore

/// Rows 11 to 14, 17 to 21 and 23, and what Turnup itself knows.
@Suite struct AnswerRuleTests {
    private func refusedCreate(_ id: UInt64, _ organisation: String, at seconds: Double, status: Int64 = 401) -> Story {
        var story = Story(id, "+\(id)", organisation: organisation, at: seconds)
        story.sends(
            .create, .attemptNotDone, at: seconds, status: status, error: "http.\(status)", text: "Invalid token",
            used: [("wpp_master", "mmmmmmmm")])
        story.status = .failed
        return story
    }

    private func row(_ story: Story, status: Int = 401, error: String? = nil, credential: String? = "wpp_master")
        -> FleetRun
    {
        FleetRun(
            run: story.id, organisation: story.organisation, status: story.status,
            last: FleetRun.LastAnswer(
                seq: 3, at: story.events[0].recordedAt, type: "attempt.not_done", error: error ?? "http.\(status)",
                status: status, state: "requested", credential: credential, fingerprint: "mmmmmmmm"))
    }

    @Test
    func `the master secret is refused: likely for one organisation, settled for two, never after a create since`() {
        let mine = refusedCreate(1, "academy", at: 10)
        let other = row(refusedCreate(2, "school", at: 5))
        #expect(judge(mine).code == .masterSecretRefused && judge(mine).confidence == .likely)
        let both = judge(mine, fleet: [row(mine), other])
        #expect(both.code == .masterSecretRefused && both.confidence == .settled)
        #expect(both.action?.commands.first == "turnup secret set wpp_master")
        let before = workingNumber(3, organisation: "club", key: "cccccccc", at: 0).row()
        #expect(judge(mine, fleet: [before, row(mine), other]).confidence == .likely, "it worked a moment ago")
        let late = refusedCreate(1, "academy", at: 4000)
        #expect(judge(late, fleet: [before, row(late), other]).confidence == .settled)
        let made = workingNumber(3, organisation: "club", key: "cccccccc", at: 20).row()
        #expect(judge(mine, fleet: [row(mine), other, made]).confidence != .settled)
        let forbidden = refusedCreate(1, "academy", at: 10, status: 403)
        #expect(
            judge(forbidden, fleet: [row(forbidden, status: 403), row(refusedCreate(2, "school", at: 5), status: 403)])
                .confidence == .likely)
    }

    @Test(arguments: [(Int64(404), "application/json"), (200, "text/html; charset=utf-8"), (403, "text/html")])
    func `a 404 or a page is likely a wrong base URL, and open once the call has worked`(
        _ status: Int64, _ type: String
    ) {
        var story = refusedNumber(ages: [])
        story.sends(
            .token, status == 200 ? .attemptUnknown : .attemptNotDone, at: 101, status: status,
            error: status == 200 ? "bad_answer" : "http.\(status)",
            evidence: ["headers": ["content-type": .string(type)]])
        let verdict = judge(story)
        #expect(verdict.code == .wrongTarget && verdict.confidence == .likely)
        let worked = judge(story, beside: [workingNumber()])
        #expect(worked.code == .undecided && worked.confidence == .open && worked.rivals.contains(.wrongTarget))
    }

    /// A token that create's key gave, and a call that needs it.
    private func token(_ skew: Int64?, uses: [(Double, Bool)]) -> Story {
        var story = refusedNumber(ages: [])
        story.sends(
            .token, .attemptDone, at: 101, status: 200, used: [("api_key", "bbbbbbbb")], sealed: ("token", "tttttttt"))
        for (time, isGood) in uses {
            var evidence = JSONObject()
            if let skew { evidence["clock_difference_milliseconds"] = .integer(skew) }
            story.sends(
                .token, isGood ? .attemptDone : .attemptNotDone, at: time, status: isGood ? 200 : 401,
                error: isGood ? nil : "token_refused", used: [("token", "tttttttt")], evidence: evidence)
        }
        return story
    }

    @Test func `a new token refused at first use with clocks apart is likely clock skew; without, it is not`() {
        let skewed = judge(token(-30_000, uses: [(102, false)]))
        #expect(skewed.code == .clockSkew && skewed.confidence == .likely && skewed.sentence.contains("30 s behind"))
        #expect(judge(token(1000, uses: [(102, false)])).code != .clockSkew)
    }

    @Test func `a token that worked and is refused later ends sooner than assumed`() {
        let verdict = judge(token(nil, uses: [(102, true), (1001, false)]))
        #expect(
            verdict.code == .lifetimeTooLong && verdict.confidence == .likely && verdict.sentence.contains("15 min"))
    }

    @Test func `429 is a rate limit, whatever the key`() {
        var story = refusedNumber()
        story.sends(
            .token, .attemptNotDone, at: 110, status: 429, error: "http.429", used: [("api_key", "bbbbbbbb")],
            more: ["counted": false, "retry": ["delay_milliseconds": 5000]])
        let verdict = judge(story)
        #expect(verdict.code == .rateLimited && verdict.confidence == .settled && verdict.decidedAt == Story.at(115))
    }

    @Test func `a lost create is unknown, and nothing else is claimed`() {
        var story = Story(1)
        story.sends(.create, .attemptUnknown, at: 1, error: "timeout", evidence: ["request_head_sent": true])
        story.holds("unknown_outcome", at: 1)
        let verdict = judge(story)
        #expect(verdict.code == .outcomeUnknown && verdict.confidence == .settled)
        #expect(verdict.action?.commands == ["turnup show \(Story.id(1))"])
    }

    @Test func `5xx is a failing platform: likely for one run, settled when another organisation met the same`() {
        var story = refusedNumber()
        story.sends(.token, .attemptUnknown, at: 110, status: 503, error: "http.503", used: [("api_key", "bbbbbbbb")])
        #expect(judge(story).code == .platformFailing && judge(story).confidence == .likely)
        let other = row(Story(7, organisation: "school", at: 109), status: 503, credential: nil)
        #expect(judge(story, fleet: [other]).confidence == .settled)
    }

    @Test func `nothing was sent: unreachable, and safe to repeat`() {
        var story = Story(1)
        story.sends(
            .create, .attemptNotDone, at: 1, error: "unreachable", more: ["counted": false],
            evidence: ["detail": "connection refused", "request_head_sent": false])
        let verdict = judge(story)
        #expect(verdict.code == .unreachable && verdict.sentence.contains("nothing was sent"))
    }

    @Test
    func `empty answers at once on one key, while others work, may be a refusal: three in a row, and never settled`() {
        func story(_ count: Int) -> Story {
            var story = refusedNumber(ages: [])
            for index in 0..<count {
                story.sends(
                    .token, .attemptUnknown, at: 101 + Double(index), error: "connection_lost",
                    used: [("api_key", "bbbbbbbb")], evidence: ["phases": ["total_milliseconds": 4]])
            }
            return story
        }
        let fine = workingNumber(7, organisation: "school", key: "cccccccc", at: 150).row()
        #expect(judge(story(3), fleet: [fine]).code == .hangsUp && judge(story(3), fleet: [fine]).confidence == .likely)
        #expect(judge(story(2), fleet: [fine]).code == .platformFailing)
        #expect(judge(story(3)).code == .platformFailing)
    }

    @Test func `a yes without what the definition takes from it`() {
        var story = Story(1)
        story.sends(
            .create, .attemptUnknown, at: 1, status: 200, error: "bad_answer", evidence: ["detail": "apiKey is missing"]
        )
        #expect(judge(story).code == .unexpectedAnswer)
    }

    @Test func `gone from complete lists, and only then`() {
        var story = workingNumber()
        story.inspection = .drifted
        story.add(.runInspected, ["verdict": "drifted", "why": "2 look-ups found nothing"], 50)
        #expect(judge(story).code == .gone && judge(story).confidence == .settled)
        var refused = workingNumber()
        refused.inspection = .drifted
        refused.add(.runInspected, ["verdict": "drifted", "why": "key_not_active"], 50)
        #expect(judge(refused).code != .gone)
    }

    @Test func `an inspection that was refused or told nothing: it works is likely, not settled`() {
        var refused = workingNumber()
        refused.refused("aaaaaaaa", at: 60, .inspect, status: 401)
        #expect(judge(refused).confidence != .settled, "\(judge(refused))")
        var untold = workingNumber()
        untold.inspection = .unknown
        untold.sends(.inspect, .attemptUnknown, at: 60, status: 503, error: "http.503")
        #expect(judge(untold).confidence != .settled)
        var present = workingNumber()
        present.inspection = .present
        present.accepted("aaaaaaaa", at: 60, .inspect)
        #expect(judge(present).code == .works && judge(present).confidence == .settled)
    }

    @Test func `a limit of requests is no limit of clients`() {
        for words in [
            "Only one request per client at a time, please", "limit of 1 concurrent creation exceeded, retry",
            "rate limit: only one create per minute",
        ] {
            var story = Story(2, "+2", at: 100)
            story.sends(.create, .attemptNotDone, at: 100, status: 422, error: "http.422", text: words)
            let found = judge(story, beside: [workingNumber()])
            #expect(found.code != .singleClientDeclared, "\(words): \(found.code)")
        }
    }

    @Test func `a whole answer without what is needed is not called lost`() {
        var story = Story(1)
        story.sends(.create, .attemptUnknown, at: 1, status: 200, error: "bad_answer")
        story.holds("unknown_outcome", at: 1)
        let found = judge(story)
        #expect(found.code == .outcomeUnknown && !found.supporting.contains { $0.text.contains("lost") })
    }

    @Test func `a pause, a limit and a missing base URL come before what the platform said`() {
        func wait(_ reason: WaitReason) -> RunWait {
            RunWait(reason: reason, subject: "wpp", since: Story.at(0), until: nil, before: 3, about: nil)
        }
        let paused = judge(refusedNumber(), wait: wait(.servicePaused), service: ServiceRecord(name: "wpp"))
        #expect(paused.code == .servicePaused)
        #expect(judge(refusedNumber(), wait: wait(.concurrencyEach)).code == .waitsForLimit)
        var story = Story(1)
        story.task = TaskOverview(
            due: Story.at(0), service: "wpp", waitReason: .noBaseURL, leaseOwner: nil, leaseTakenAt: nil,
            leaseExpires: nil)
        #expect(judge(story).code == .notSetUp)
    }

    @Test func `nothing tried, all well, adopted, ended by a person, left behind`() {
        #expect(judge(Story(1)).code == .notTriedYet)
        #expect(judge(workingNumber()).code == .works)
        var adopted = Story(1)
        adopted.sends(.create, .attemptDone, at: 1, status: 200, more: ["made": false])
        adopted.status = .succeeded
        #expect(judge(adopted).code == .adopted)
        var cancelled = Story(1)
        cancelled.add(.runCancelled, ["reason": "wrong number"], 1)
        cancelled.status = .cancelled
        #expect(judge(cancelled).code == .endedByPerson)
        cancelled.mayBeLeft = true
        #expect(judge(cancelled).code == .leftBehind)
        var refused = refusedNumber()
        refused.add(.runCancelled, ["reason": "enough"], 150)
        refused.status = .cancelled
        #expect(
            judge(refused, beside: [workingNumber()]).code == .undecided, "why it was refused is still the question")
    }

    @Test func `what no rule knows is open, and says so`() {
        var story = Story(1)
        story.add(.runFailed, ["error": "input", "reason": "input is odd"], 1)
        story.status = .failed
        let verdict = judge(story)
        #expect(verdict.code == .undecided && verdict.confidence == .open)
    }

    @Test func `of all stories only a few are settled, and an open one names two rivals or none that it knows`() {
        let stories = [refusedNumber(), refusedNumber(ages: [0, 40_000]), workingNumber(), Story(1)]
        for story in stories {
            let verdict = judge(story, beside: [workingNumber(9, "+9", key: "99999999")], now: 50_000)
            #expect(verdict.confidence != .open || !verdict.missing.isEmpty)
            #expect(verdict.confidence != .settled || verdict.rivals.isEmpty)
        }
    }
}
