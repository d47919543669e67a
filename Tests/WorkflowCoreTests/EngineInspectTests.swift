import Testing
import WorkflowCore

private let stillThere = AttemptResult(outcome: .done, status: 200, found: 1)
private let noneListed = AttemptResult(outcome: .done, status: 200, found: 0)
private let works = AttemptResult(outcome: .done, status: 200)
private let gone = AttemptResult(outcome: .notDone, error: "http.404", status: 404)
private let down = AttemptResult.unknown("http.503", status: 503)
private let fresh = AttemptResult(
    outcome: .done, status: 200,
    sealed: [SealedReference(name: "token", version: 2, fingerprint: "0badcafe", length: 40)])
private let day: Int64 = 86_400_000

private let read = Sample.call("read", "/things/${data.session}", isRepeatable: true)
private let login = Sample.call("issue_token", "/token", isRepeatable: true, save: [("token", "${response.body.t}")])

private func look(withinMilliseconds: Int64? = nil) -> InspectDefinition.Look {
    .lookUp(
        ReconcileDefinition(
            call: read, items: Sample.expression("response.body"),
            condition: Sample.expression("item.id == data.session"), effectWithinMilliseconds: 20_000,
            withinMilliseconds: withinMilliseconds))
}

/// A create that can be taken back, and then `inspect`.
private func made(
    _ look: InspectDefinition.Look = .call(read), before: [CallDefinition] = [], drifted: [String] = ["http.404"],
    every: Int64? = day, retry: [RetryEntry] = [], gone: UndoDefinition.Gone = .notCheckable
) -> Definition {
    Sample.definition(
        start: "making",
        [
            StateDefinition(
                name: "making",
                action: .call(
                    Sample.call("make", "/things", isRepeatable: false, save: [("session", "${response.body.id}")])),
                exit: .next("active"), undo: Sample.undo("delete", "/things/${data.session}", gone: gone))
        ],
        inspect: InspectDefinition(look, before: before, drifted: drifted, everyMilliseconds: every, retry: retry))
}

@Suite("After success it is looked whether the thing is still there")
struct EngineInspectTests {
    private func succeeded(_ definition: Definition) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"]))
        #expect(run.state.status == .succeeded)
        return run
    }

    /// It succeeded, and somebody has asked for an inspection, which is under way.
    private func inspecting(_ definition: Definition) throws -> TestRun {
        var run = try succeeded(definition)
        try run.take(try run.state.askingForInspection(reason: "is it there", definition))
        try run.claim()
        return run
    }

    @Test func `it comes within its time after success, and then again and again, each time with an intent`() throws {
        var run = try TestRun(made(), random: .max / 2)
        try run.claim()
        let first = try #require(try run.finish(AttemptResult(outcome: .done, saved: ["session": "s-1"])).waits)
        #expect(first > 0 && first <= day && run.state.hasTask)
        #expect(try run.claim(after: first - 1).waits == 1)
        #expect(try run.claim(after: 1).purpose == .inspect)
        #expect(run.types == ["attempt.started"])
        #expect(try run.finish(works).waits == day)
        #expect(run.state.inspection?.verdict == .present && run.types == ["attempt.done", "run.inspected"])
        #expect(try run.claim(after: day).purpose == .inspect)
        #expect(try run.finish(works).waits == day)
        #expect(run.types == ["attempt.done"], "the same verdict is no fact of its own")
    }

    @Test func `runs that succeed together are spread over the whole time`() {
        let tenths = (0..<1000).map { number -> Int64 in
            let run = Identifier(unixMilliseconds: 0, random: (1, UInt64(number) &* 0x9E37_79B9_7F4A_7C15))
            return (InspectDefinition(.call(read), everyMilliseconds: day).firstMilliseconds(of: run) ?? 0) * 10 / day
        }
        for tenth in 0..<10 as Range<Int64> { #expect(tenths.count { $0 == tenth } > 50, "\(tenth)") }
    }

    @Test func `nothing of it changes status, key, output or what would be taken back`() throws {
        var run = try inspecting(made())
        let before = run.state
        for answer in [down, gone] {
            try run.finish(answer)
            if run.state.openAttempt == nil { try run.claim(after: 600_000) }
        }
        #expect(run.state.status == .succeeded && run.state.ownsKey && run.state.undoList == before.undoList)
        #expect(run.state.data == before.data && run.state.lastError == nil && run.state.reason == before.reason)
    }

    @Test func `an answer that the definition names is drift; once it works again that is said, too`() throws {
        var run = try inspecting(made())
        try run.finish(gone)
        #expect(run.state.inspection?.verdict == .drifted && run.state.inspection?.why == "http.404")
        try run.claim(after: day)
        try run.finish(works)
        #expect(run.written.last?.type == .runInspected && run.written.last?.body["from"] == "drifted")
        #expect(run.state.inspection?.verdict == .present && run.state.inspection?.why == nil)
    }

    @Test func `an outage is never drift: it is tried again, and then it is not known`() throws {
        var run = try inspecting(made(drifted: ["http.404"]))
        var tries = 1
        while let wait = try run.finish(down).waits, wait < day / 2 {
            tries += 1
            #expect(try run.claim(after: wait).purpose == .inspect)
        }
        #expect(tries == 6 && run.state.inspection?.verdict == .unknown)
    }

    @Test func `a platform that is not reached is not asked for ever`() throws {
        var run = try inspecting(made(every: nil))
        let refused = AttemptResult(outcome: .notDone, error: "unreachable", isCounted: false)
        for _ in 0..<5 {
            let wait = try #require(try run.finish(refused).waits)
            #expect(try run.claim(after: wait).purpose == .inspect)
        }
        #expect(try run.finish(refused) == .ended)
        #expect(run.state.inspection?.verdict == .unknown)
    }

    @Test func `a look-up that finds nothing once proves nothing; twice it is drift, and a find is none`() throws {
        var run = try inspecting(made(look()))
        #expect(try run.finish(noneListed).waits == 20_000)
        #expect(run.state.inspection?.verdict == nil)
        #expect(try run.claim(after: 20_000).purpose == .inspect)
        #expect(try run.finish(noneListed).waits == day)
        #expect(run.state.inspection?.verdict == .drifted)
        try run.claim(after: day)
        try run.finish(noneListed)
        try run.claim(after: 20_000)
        try run.finish(stillThere)
        #expect(run.state.inspection?.verdict == .present)
    }

    @Test func `after a look-up without a complete answer the count of looks begins anew`() throws {
        var run = try inspecting(made(look()))
        try run.finish(noneListed)
        try run.claim(after: 20_000)
        let wait = try #require(try run.finish(down).waits)
        #expect(try run.claim(after: wait).purpose == .inspect)
        try run.finish(noneListed)
        #expect(run.state.inspection?.verdict == nil && run.state.inspection?.look?.emptyLooks == 0)
    }

    @Test func `a list that proves nothing is not drift: at the end of its time it is not known`() throws {
        var run = try inspecting(made(look(withinMilliseconds: 30_000)))
        let other = AttemptResult(outcome: .done, status: 200, found: 0, listed: 3)
        try run.finish(other)
        try run.claim(after: 20_000)
        try run.finish(other)
        #expect(run.state.inspection?.verdict == .unknown)
    }

    @Test func `the calls before it come first, each time anew, and their refusal may be the drift`() throws {
        var run = try inspecting(made(before: [login], drifted: ["token_refused", "http.404"]))
        #expect(run.state.openAttempt?.purpose == .beforeInspect)
        #expect(try run.finish(fresh).purpose == .inspect)
        #expect(run.state.secret("token")?.reference.version == 2)
        let wait = try #require(try run.finish(down).waits)
        #expect(try run.claim(after: wait).purpose == .beforeInspect)
        try run.finish(AttemptResult(outcome: .notDone, error: "token_refused", status: 401))
        #expect(run.state.inspection?.verdict == .drifted)
    }

    @Test func `a bare status of a call before it is no drift: a wrong base URL answers 404, too`() throws {
        var run = try inspecting(made(before: [login], drifted: ["http.404"]))
        try run.finish(gone)
        #expect(run.state.inspection?.verdict == .unknown)
    }

    @Test func `where retry names it, only a refusal that repeats is drift`() throws {
        let lag = RetryPolicy(name: "lag", delayMilliseconds: 5000, backoff: 1, jitter: .none, maximumAttempts: 3)
        var run = try inspecting(made(retry: [RetryEntry(errors: ["http.404"], policy: lag)]))
        for _ in 0..<2 {
            #expect(try run.finish(gone).waits == 5000)
            #expect(run.state.inspection?.verdict == nil)
            #expect(try run.claim(after: 5000).purpose == .inspect)
        }
        try run.finish(gone)
        #expect(run.state.inspection?.verdict == .drifted)
        // The next inspection counts anew, and a lagging node is forgotten with the first yes.
        try run.claim(after: day)
        #expect(try run.finish(gone).waits == 5000)
        try run.claim(after: 5000)
        try run.finish(works)
        #expect(run.state.inspection?.verdict == .present)
    }

    @Test func `what the look saves is compared and not kept: another thing's answer tells nothing`() throws {
        var run = try inspecting(made())
        try run.finish(AttemptResult(outcome: .done, status: 200, saved: ["session": "s-2"]))
        #expect(run.state.inspection?.verdict == .unknown && run.state.data["session"] == "s-1")
        #expect(run.state.inspection?.why?.contains("another session") == true)
        try run.claim(after: day)
        try run.finish(AttemptResult(outcome: .done, status: 200, saved: ["session": "s-1"]))
        #expect(run.state.inspection?.verdict == .present)
    }

    /// Released after an inspection that found nothing, by proof or by a named answer.
    private func releasedAfterDrift(_ definition: Definition, isProven: Bool) throws -> TestRun {
        var run = try inspecting(definition)
        if isProven {
            try run.finish(noneListed)
            try run.claim(after: 20_000)
            try run.finish(noneListed)
        } else {
            try run.finish(gone)
        }
        #expect(run.state.inspection?.verdict == .drifted && run.state.inspection?.isGone == isProven)
        try run.take(try run.state.releasing(reason: "gone over there"))
        return run
    }

    private static let lookUp = ReconcileDefinition(
        call: read, items: Sample.expression("response.body"),
        condition: Sample.expression("item.id == data.session"), effectWithinMilliseconds: 20_000)

    @Test func `what is gone by proof is looked for before the undo, and nothing is sent when it is gone`() throws {
        var run = try releasedAfterDrift(made(look(), gone: .lookUp(Self.lookUp)), isProven: true)
        #expect(try run.claim().purpose == .gone)
        try run.finish(noneListed)
        #expect(try run.claim(after: 20_000).purpose == .gone)
        #expect(try run.finish(noneListed) == .ended)
        #expect(run.state.status == .released && !run.state.mayBeLeft)
        #expect(!run.written.contains { $0.body["purpose"] == "undo" })
    }

    @Test func `what drifted and is still there is taken back, and looked for again`() throws {
        var run = try releasedAfterDrift(made(gone: .lookUp(Self.lookUp)), isProven: false)
        #expect(try run.claim().purpose == .gone)
        #expect(try run.finish(stillThere).purpose == .undo)
        let wait = try #require(try run.finish(.takenBack).waits)
        #expect(try run.claim(after: wait).purpose == .gone)
        try run.finish(noneListed)
        try run.claim(after: 20_000)
        #expect(try run.finish(noneListed) == .ended)
        #expect(run.state.status == .released && !run.state.mayBeLeft)
    }

    @Test func `an outage at the look before the undo sends no undo`() throws {
        var run = try releasedAfterDrift(made(look(), gone: .lookUp(Self.lookUp)), isProven: true)
        try run.claim()
        let wait = try #require(try run.finish(down).waits)
        #expect(try run.claim(after: wait).purpose == .gone)
    }

    @Test func `without a way to look, what is gone by proof is not sent for: others may have its name`() throws {
        var run = try releasedAfterDrift(made(look()), isProven: true)
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .released && run.state.mayBeLeft)
        #expect(!run.written.contains { $0.body["purpose"] == "undo" })
        // A refusal that the definition names proves nothing of the kind.
        run = try releasedAfterDrift(made(), isProven: false)
        #expect(try run.claim().purpose == .undo)
    }

    @Test func `without a schedule it is inspected when somebody asks, and then rests`() throws {
        let definition = made(every: nil)
        var run = try succeeded(definition)
        #expect(!run.state.hasTask)
        #expect(try run.claim() == .ended)
        try run.take(try run.state.askingForInspection(reason: "is it there", definition))
        #expect(run.state.hasTask)
        #expect(try run.claim().purpose == .inspect)
        #expect(try run.finish(works) == .ended)
        #expect(!run.state.hasTask)
    }

    @Test func `a release while it is under way goes on as if there had been none`() throws {
        var run = try inspecting(made())
        try run.take(try run.state.releasing(reason: "the customer has left"))
        #expect(run.state.status == .live && run.state.inspection == nil)
        #expect(try run.finish(gone).purpose == .undo)
        #expect(try run.finish(AttemptResult(outcome: .done, status: 204)) == .ended)
        #expect(run.state.status == .released)
    }

    @Test func `an inspection whose worker was lost is tried again`() throws {
        var run = try inspecting(made())
        let wait = try #require(try run.claim(after: 60_000).waits)
        #expect(run.types == ["attempt.unknown"] && run.state.inspection?.verdict == nil)
        #expect(try run.claim(after: wait).purpose == .inspect)
    }

    @Test func `only what has succeeded and says how is inspected`() throws {
        let without = Sample.single()
        var run = try TestRun(without)
        let live = run.state
        #expect(throws: OperatorActionRefusal.self) { try live.askingForInspection(reason: "is it there", made()) }
        try run.claim()
        try run.finish(works)
        let ended = run.state
        #expect(throws: OperatorActionRefusal.self) { try ended.askingForInspection(reason: "is it there", without) }
        // Written all the same, past the command, it ends without a request.
        try run.take(try run.state.asked(by: made()))
        #expect(try run.claim() == .ended)
        #expect(run.types == ["run.inspected"] && run.state.inspection?.verdict == .unknown && !run.state.hasTask)
    }
}

extension RunState {
    fileprivate func asked(by definition: Definition) throws -> OperatorActionEvent {
        try askingForInspection(reason: "is it there", definition)
    }
}
