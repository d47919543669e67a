import Testing
import WorkflowCore

@Suite("An unknown outcome is not a failed one")
struct EngineUnknownTests {
    private static let closings = ["attempt.done", "attempt.not_done", "attempt.unknown"]

    @Test(
        arguments: [("timeout", nil), ("http.503", 503), ("bad_answer", 200), ("connection_lost", nil)]
            as [(String, Int?)])
    func `a create that may have worked is never sent again: the run is held, with choices and with its key`(
        _ error: String, _ status: Int?
    ) throws {
        // Not even entries that name the error get at it.
        let any = CatchEntry(errors: ["any"], target: .next("failed"))
        var run = try TestRun(Sample.flagship(createCatches: [any]))
        try run.claim()
        #expect(try run.finish(.unknown(error, status: status)) == .held)
        #expect(run.types == ["attempt.unknown", "run.held"])
        let held = try #require(run.written.last?.body)
        #expect(held["code"] == "unknown_outcome")
        #expect(held["error"] == .string(error))
        #expect(held["state"] == "requested")
        #expect(held["choices"] == ["done", "retry_anyway", "abandon"])
        let text = try #require(held["text"]?.stringValue)
        #expect(text.hasPrefix("POST /api/integrations/wpp/create of service wpp may have worked"))
        #expect(text.contains("the answer was \(error)"))
        #expect(run.state.reason == text)
        #expect(run.state.ownsKey && run.state.mayHaveLeftSomething)
        #expect(try run.claim(after: 86_400_000) == .held)
        #expect(run.events.count == 4)
    }

    @Test func `what a create answered before it went wrong is kept with the hold`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(
            AttemptResult(
                outcome: .unknown, error: "bad_answer", status: 200, sealed: AttemptResult.created.sealed))
        #expect(run.state.secret("api_key")?.reference.fingerprint == "0a1b2c3d")
    }

    @Test func `a create whose worker was lost is closed as unknown once, and held`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        let attempt = run.state.openAttempt?.id
        #expect(try run.claim(after: 60_000) == .held)
        #expect(run.types == ["attempt.unknown", "run.held"])
        #expect(run.written[0].attemptId == attempt)
        #expect(run.written[0].body["error"] == "unknown_outcome")
        #expect(run.written[0].body["evidence"]?["detail"] != nil)
        #expect(run.written[1].body["text"]?.stringValue?.contains("its worker was lost") == true)
        #expect(run.state.openAttempt == nil)
        #expect(try run.claim() == .held)
        #expect(run.events.filter { Self.closings.contains($0.type) }.count == 1)
    }

    @Test
    func `a token call whose worker was lost is closed as unknown once, and tried again by the default policy`() throws
    {
        var run = try TestRun(Sample.flagship())
        run.random = .max
        try run.claim()
        try run.finish(.created)
        for round in 1...5 {
            let delay = try #require(try run.claim(after: 60_000).waits)
            #expect(delay == Int64(500 << round))
            #expect(run.types == ["attempt.unknown"])
            #expect(run.written[0].body["retry"]?["policy"] == "default")
            #expect(run.state.ownsKey)
            #expect(try run.claim(after: delay).calls == "token-pending")
        }
        // A call that kills its worker each time does not go on for ever.
        #expect(try run.claim(after: 60_000) == .ended)
        #expect(run.state.reason == "unknown_outcome after 6 attempts, the most that policy default allows")
        #expect(run.events.filter { Self.closings.contains($0.type) }.count == 7)
    }

    @Test func `the recorded intent decides whether a lost call may be repeated, also against the definition`() throws {
        var run = try TestRun(Sample.single(isRepeatable: false))
        try run.claim()
        let decision = decide(
            run.state, Sample.single(isRepeatable: true), .claimed, DecisionContext(now: run.now, random: 0))
        #expect(decision.next == .held)
    }

    @Test func `an answer to a state that the definition does not have is kept, and the run held`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        let decision = decide(
            run.state, Sample.single(), .finished(.created), DecisionContext(now: run.now, random: 0))
        #expect(decision.next == .held)
        #expect(decision.events.map(\.type) == [.attemptDone, .runHeld])
        #expect(decision.state.openAttempt == nil)
        #expect(decision.state.data["session"] == "s-1")
        #expect(decision.state.secret("api_key") != nil)
        #expect(decision.state.ownsKey)
    }
}

@Suite("A person may ask for the end at any time")
struct EngineCancelTests {
    @Test func `a run that was not begun is cancelled at its first claim, and gives the key back`() throws {
        var run = try TestRun(Sample.flagship())
        try run.cancel()
        #expect(try run.claim() == .ended)
        #expect(run.types == ["run.cancelled"])
        #expect(
            run.written[0].body == [
                "state": "requested", "reason": "no longer wanted", "asked_by": "person:ana",
            ])
        #expect(run.state.status == .cancelled && !run.state.ownsKey)
        #expect(run.state.reason == "no longer wanted")
    }

    @Test func `a waiting run is cancelled without another call, and keeps the key of what exists over there`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(.created)
        try run.finish(.notActive)
        try run.cancel()
        #expect(try run.claim() == .ended)
        #expect(run.types == ["run.cancelled"])
        #expect(run.state.ownsKey)
    }

    @Test func `an answer that comes after the wish is kept, and the run does not go on`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.cancel()
        #expect(try run.finish(.created) == .ended)
        #expect(run.types == ["attempt.done", "run.cancelled"])
        #expect(run.written[0].body["entered"] == nil)
        #expect(run.state.state == "requested")
        #expect(run.state.data["session"] == "s-1")
        #expect(run.state.secret("api_key") != nil)
        #expect(run.state.status == .cancelled && run.state.ownsKey)
    }

    @Test func `a failed attempt after the wish is closed without a retry, and gives the key back`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.cancel()
        #expect(try run.finish(.refused) == .ended)
        #expect(run.types == ["attempt.not_done", "run.cancelled"])
        #expect(run.written[0].body["retry"] == nil)
        #expect(!run.state.ownsKey)
    }

    @Test func `an unknown create is held all the same: the wish does not tell whether it worked`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.cancel()
        #expect(try run.finish(.unknown("timeout")) == .held)
        #expect(run.types == ["attempt.unknown", "run.held"])
        #expect(run.state.cancel?.actor == "person:ana")
        #expect(run.state.ownsKey)
    }

    @Test func `an end that was reached stays, when the wish comes too late`() throws {
        var run = try TestRun(Sample.single())
        try run.claim()
        try run.finish(.issued)
        try run.cancel()
        #expect(run.state.status == .succeeded)
        #expect(try run.claim() == .ended)
        #expect(run.written.isEmpty)
    }
}
