import Testing
import WorkflowCore

private let deleted = AttemptResult(outcome: .done, status: 204)
private let refusal = AttemptResult(outcome: .notDone, error: "http.400", status: 400)
private let busy = AttemptResult(outcome: .notDone, error: "still_provisioning", status: 409)
private let stillThere = AttemptResult(outcome: .done, status: 200, found: 1)
private let fresh = AttemptResult(
    outcome: .done, status: 200,
    sealed: [SealedReference(name: "token", version: 2, fingerprint: "0badcafe", length: 40)])

/// By the thing's own id, 10 s after the undo, twice, 20 s apart; a lost request has 20 s after its time-out of 30 s.
private func look(
    withToken: Bool = false, filter: LookUpFilter? = nil, pages: LookUpPages? = nil, withinMilliseconds: Int64? = nil
) -> UndoDefinition.Gone {
    .lookUp(
        ReconcileDefinition(
            call: Sample.call(
                "read", withToken ? "/read/${data.session}/${has(data.token)}/${data.token}" : "/read/${data.session}",
                isRepeatable: true), items: Sample.expression("response.body"),
            condition: Sample.expression("item.id == data.session"), afterMilliseconds: 10_000,
            effectWithinMilliseconds: 20_000, filter: filter, pages: pages, withinMilliseconds: withinMilliseconds))
}

private let patient = RetryPolicy(
    name: "patient", delayMilliseconds: 5000, backoff: 1, jitter: .none, maximumAttempts: 4)

private func thing(
    gone: UndoDefinition.Gone = look(), before: [CallDefinition] = [], retry: [RetryEntry] = [],
    isRepeatable: Bool = true
) -> Definition {
    Sample.definition(
        start: "making",
        [
            StateDefinition(
                name: "making",
                action: .call(
                    Sample.call("make", "/things", isRepeatable: false, save: [("session", "${response.body.id}")])),
                exit: .next("using"),
                undo: Sample.undo(
                    "delete", "/things/${data.session}", isRepeatable: isRepeatable, gone: gone, before: before,
                    retry: retry)),
            StateDefinition(name: "using", action: .call(Sample.token), exit: .next("active")),
        ])
}

private let tokenCall = Sample.call(
    "issue_token", "/token", isRepeatable: true, save: [("token", "${response.body.t}")])

@Suite("Seen to be gone")
struct EngineGoneTests {
    /// Made, failed after it; the undo is under way, or the call before it.
    private func failed(_ definition: Definition = thing()) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"]))
        try run.finish(refusal)
        return run
    }

    private func says(_ run: TestRun) -> JSONValue? { run.events.last { $0.body["gone"] != nil }?.body["gone"] }

    @Test func `an answered undo is done once two look-ups find nothing; until then something may be left`() throws {
        var run = try failed()
        #expect(run.state.openAttempt?.purpose == .undo)
        #expect(try run.finish(deleted).waits == 10_000)
        #expect(run.state.undoList.count == 1 && run.state.mayHaveLeftSomething)
        guard case .call(let planned) = try run.claim(after: 10_000) else {
            Issue.record("nothing is looked up")
            return
        }
        #expect(planned.purpose == .gone && planned.call.name == "read" && planned.data["session"] == "s-1")
        #expect(try run.finish(.foundNone).waits == 20_000)
        #expect(run.state.undoList.count == 1)
        #expect(try run.claim(after: 20_000).purpose == .gone)
        #expect(try run.finish(.foundNone) == .ended)
        #expect(run.state.status == .failed && run.state.undoneCount == 1 && !run.state.ownsKey)
        #expect(says(run) == "seen")
        var fold = LeftBehindFold(run: run.id)
        for event in run.events { try fold.add(event) }
        #expect(fold.takenBack.map(\.proof) == [.seen] && fold.takenBack[0].saved == ["session": "s-1"])
    }

    @Test func `where the platform cannot be asked its word counts, and the history says so`() throws {
        var run = try failed(thing(gone: .notCheckable))
        #expect(try run.finish(deleted) == .ended)
        #expect(run.state.status == .failed && !run.state.ownsKey && says(run) == "word")
        var fold = LeftBehindFold(run: run.id)
        for event in run.events { try fold.add(event) }
        #expect(fold.takenBack.map(\.proof) == [.word])
    }

    @Test func `what is still there is taken back anew, and at last held as not gone; a person may do it by hand`()
        throws
    {
        let definition = thing(retry: [RetryEntry(errors: ["not_gone"], policy: patient)])
        var run = try failed(definition)
        for _ in 1...3 {
            #expect(run.state.openAttempt?.purpose == .undo)
            try run.finish(deleted)
            try run.claim(after: 10_000)
            #expect(try run.finish(stillThere).waits == 5000)
            #expect(run.state.undoList.count == 1)
            try run.claim(after: 5000)
        }
        try run.finish(deleted)
        try run.claim(after: 10_000)
        #expect(try run.finish(stillThere) == .held)
        #expect(run.state.hold?.code == "undo_failed" && run.state.hold?.error == "not_gone")
        #expect(run.state.mayBeLeft && says(run) == "not_gone")
        #expect(try run.leftBehind().map(\.reason) == [.notGone])

        var again = run
        try again.take(try again.state.retrying(reason: "they say it works now", definition))
        #expect(try again.claim().purpose == .undo)
        try run.take(try run.state.resolving(.done, reason: "deleted by hand", definition))
        #expect(try run.claim() == .ended)
        #expect(!run.state.ownsKey)
        var fold = LeftBehindFold(run: run.id)
        for event in run.events { try fold.add(event) }
        #expect(fold.takenBack.map(\.proof) == [.person])
    }

    @Test func `without an entry of its own the built-in policy takes back anew what is still there`() throws {
        var run = try failed()
        try run.finish(deleted)
        try run.claim(after: 10_000)
        let wait = try #require(try run.finish(stillThere).waits)
        #expect(try run.claim(after: wait).purpose == .undo)
    }

    @Test(arguments: [true, false])
    func `a lost undo is looked up, not sent again; nothing found proves nothing while it may take effect`(
        isRepeatable: Bool
    ) throws {
        var run = try failed(thing(isRepeatable: isRepeatable))
        #expect(try run.finish(.unknown("timeout"), after: 30_000).waits == 10_000)
        #expect(try run.claim(after: 10_000).purpose == .gone)
        let rest = try #require(try run.finish(.foundNone).waits)
        #expect(rest <= 10_000 && run.state.goneLook?.emptyLooks == 0)
        #expect(try run.claim(after: rest).purpose == .gone)
        #expect(try run.finish(.foundNone).waits == 20_000)
        try run.claim(after: 20_000)
        #expect(try run.finish(.foundNone) == .ended)
        let undos = run.events.filter { $0.type == "attempt.started" && $0.body["purpose"] == "undo" }
        #expect(undos.count == 1 && says(run) == "seen" && !run.state.ownsKey)
    }

    @Test func `a lost undo that is found to have done nothing is sent again; one that is unsafe only when it is over`()
        throws
    {
        var run = try failed()
        try run.finish(.unknown("timeout"), after: 30_000)
        try run.claim(after: 10_000)
        let wait = try #require(try run.finish(stillThere).waits)
        #expect(wait < 10_000)
        #expect(try run.claim(after: wait).purpose == .undo)

        var unsafe = try failed(thing(isRepeatable: false))
        try unsafe.finish(.unknown("timeout"), after: 30_000)
        try unsafe.claim(after: 10_000)
        let rest = try #require(try unsafe.finish(stillThere).waits)
        #expect(try unsafe.claim(after: rest).purpose == .gone)
        let next = try #require(try unsafe.finish(stillThere).waits)
        #expect(try unsafe.claim(after: next).purpose == .undo)
    }

    @Test func `an earlier lost undo may still take effect after a later one was answered`() throws {
        var run = try failed()
        try run.finish(.unknown("connection_lost"))
        try run.claim(after: 10_000)
        let wait = try #require(try run.finish(stillThere).waits)
        try run.claim(after: wait)
        try run.finish(deleted)
        try run.claim(after: 10_000)
        let rest = try #require(try run.finish(.foundNone).waits)
        #expect(run.state.goneLook?.emptyLooks == 0)
        try run.claim(after: rest)
        try run.finish(.foundNone)
        #expect(run.state.goneLook?.emptyLooks == 1)
    }

    @Test func `a refusal that the undo's retry names is waited for, with the calls before it done anew each time`()
        throws
    {
        let definition = thing(
            before: [tokenCall], retry: [RetryEntry(errors: ["still_provisioning"], policy: patient)])
        var run = try failed(definition)
        for _ in 1...2 {
            #expect(run.state.openAttempt?.purpose == .beforeUndo)
            #expect(try run.finish(fresh).purpose == .undo)
            #expect(try run.finish(busy).waits == 5000)
            try run.claim(after: 5000)
        }
        guard case .call(let undo) = try run.finish(fresh) else {
            Issue.record("the undo does not follow")
            return
        }
        #expect(undo.purpose == .undo)
        #expect(undo.secrets.first { $0.reference.name == "token" }?.reference.fingerprint == "0badcafe")
        try run.finish(deleted)
        #expect(try run.claim(after: 10_000).purpose == .gone)
        try run.finish(.foundNone)
        try run.claim(after: 20_000)
        #expect(try run.finish(.foundNone) == .ended)
        #expect(!run.state.ownsKey)
    }

    @Test func `a refusal that nobody named holds at once; so does a call before the undo that fails for good`() throws
    {
        var run = try failed()
        #expect(try run.finish(busy) == .held)
        #expect(try run.leftBehind().map(\.reason) == [.undoFailed])

        var early = try failed(thing(before: [tokenCall]))
        #expect(early.state.openAttempt?.purpose == .beforeUndo)
        let wait = try #require(try early.finish(.unknown("timeout")).waits)
        #expect(try early.claim(after: wait).purpose == .beforeUndo)
        #expect(try early.finish(.refusedForGood) == .held)
        #expect(early.state.hold?.code == "undo_failed" && early.state.mayBeLeft)
    }

    @Test func `a look-up that reads what the calls before give has them done anew, one that does not has not`() throws
    {
        var run = try failed(thing(gone: look(withToken: true), before: [tokenCall]))
        try run.finish(fresh)
        try run.finish(deleted)
        #expect(try run.claim(after: 10_000).purpose == .beforeUndo)
        #expect(try run.finish(fresh).purpose == .gone)
        try run.finish(.foundNone)
        #expect(try run.claim(after: 20_000).purpose == .beforeUndo)
        #expect(try run.finish(fresh).purpose == .gone)
        #expect(try run.finish(.foundNone) == .ended)
        #expect(!run.state.ownsKey)
    }

    @Test func `a look-up that fails is retried as the undo says, and the count starts anew`() throws {
        let retry = [RetryEntry(errors: ["http.401"], policy: patient)]
        var run = try failed(thing(retry: retry))
        try run.finish(deleted)
        try run.claim(after: 10_000)
        try run.finish(.foundNone)
        try run.claim(after: 20_000)
        let dead = AttemptResult(
            outcome: .notDone, error: "http.401", status: 401, evidence: ["status": 401])
        #expect(try run.finish(dead).waits == 5000)
        #expect(try run.claim(after: 5000).purpose == .gone)
        let wait = try #require(try run.finish(.unknown("timeout")).waits)
        #expect(try run.claim(after: wait).purpose == .gone)
        #expect(try run.finish(.foundNone).waits == 20_000)
        #expect(run.state.goneLook?.emptyLooks == 0)
        var unnamed = try failed()
        try unnamed.finish(deleted)
        try unnamed.claim(after: 10_000)
        #expect(try unnamed.finish(dead) == .held)
        #expect(try unnamed.leftBehind().map(\.reason) == [.notGone])
    }

    @Test func `pages are read to the end, and what fits not is no proof: after a time a person is asked`() throws {
        var run = try failed(thing(gone: look(filter: LookUpFilter.none, pages: LookUpPages(.link))))
        try run.finish(deleted)
        try run.claim(after: 10_000)
        let page = AttemptResult(outcome: .done, status: 200, found: 0, listed: 2, nextPage: "/things?page=2")
        guard case .call(let second) = try run.finish(page) else {
            Issue.record("the second page is not asked for")
            return
        }
        #expect(second.purpose == .gone && second.page?.number == 2)
        #expect(try run.finish(stillThere).waits != nil)
        #expect(says(run) == "not_gone")

        var other = try failed(thing(gone: look(withinMilliseconds: 40_000)))
        try other.finish(deleted)
        try other.claim(after: 10_000)
        let others = AttemptResult(outcome: .done, status: 200, found: 0, listed: 1)
        #expect(try other.finish(others).waits == 20_000)
        try other.claim(after: 20_000)
        #expect(try other.finish(others) == .held)
        #expect(other.state.hold?.error == "inconclusive" && other.state.mayBeLeft)
    }

    @Test func `what is replaced is made anew only once the found thing is seen to be gone`() throws {
        let gone = look()
        var run = try TestRun(asked(one: .replace, gone: gone), random: .max / 2)
        try run.claim()
        try run.finish(.unknown("timeout"))
        try run.claim(after: 10_000)
        #expect(try run.finish(.foundOne).purpose == .replace)
        #expect(try run.finish(deleted).waits == 10_000)
        try run.claim(after: 10_000)
        let wait = try #require(try run.finish(stillThere).waits)
        #expect(try run.claim(after: wait).purpose == .replace)
        try run.finish(deleted)
        try run.claim(after: 10_000)
        #expect(run.state.isReplacing)
        #expect(try run.finish(.foundNone).waits == 20_000)
        try run.claim(after: 20_000)
        let retry = try #require(try run.finish(.foundNone).waits)
        #expect(!run.state.isReplacing && run.state.unknown == nil && run.state.undoList.isEmpty)
        #expect(try run.claim(after: retry).purpose == .call)
    }

    @Test func `a lost create that is taken back unseen counts as gone only after it can no longer take effect`() throws
    {
        let byId = ReconcileDefinition(
            call: Sample.call("read", "/things/${run.id}", isRepeatable: true),
            items: Sample.expression("response.body"), condition: Sample.expression("item.reference == run.id"),
            afterMilliseconds: 10_000, effectWithinMilliseconds: 20_000)
        let definition = Sample.definition(
            start: "making",
            [
                StateDefinition(
                    name: "making", action: .call(Sample.call("make", "/things/${run.id}", isRepeatable: false)),
                    exit: .next("active"),
                    undo: Sample.undo("delete", "/things/${run.id}", gone: .lookUp(byId)))
            ])
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        #expect(try run.finish(.unknown("connection_lost")) == .held)
        try run.take(try run.state.cancelling(reason: "not wanted"))
        #expect(run.state.undoList.map(\.isCertain) == [false])
        #expect(try run.claim().purpose == .undo)
        try run.finish(deleted)
        #expect(try run.claim(after: 10_000).purpose == .gone)
        let rest = try #require(try run.finish(.foundNone).waits)
        #expect(run.state.goneLook?.emptyLooks == 0 && rest > 30_000)
        try run.claim(after: rest)
        #expect(try run.finish(.foundNone).waits == 20_000)
        try run.claim(after: 20_000)
        #expect(try run.finish(.foundNone) == .ended)
        #expect(run.state.status == .cancelled && !run.state.ownsKey)
    }

    @Test func `a person stops a taking back between two look-ups, and decides`() throws {
        var run = try failed()
        try run.finish(deleted)
        try run.take(try run.state.cancelling(reason: "enough"))
        #expect(try run.claim(after: 10_000) == .held)
        #expect(run.state.mayBeLeft)
        try run.take(try run.state.resolving(.abandon, reason: "leave it", thing()))
        #expect(try run.claim() == .ended)
        #expect(try run.leftBehind().map(\.reason) == [.undoGivenUp] && run.state.ownsKey)
    }
}
