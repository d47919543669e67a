import Testing
import WorkflowCore

private let delete = AttemptResult(outcome: .done, status: 204)
private let refusal = AttemptResult(outcome: .notDone, error: "http.400", status: 400)

/// Two things are made, then a step that can fail.
private func chain(deadlineMilliseconds: Int64 = Definition.standardDeadlineMilliseconds, undoesAtEnd: Bool = true)
    -> Definition
{
    let first = Sample.call("first", "/first", isRepeatable: false, save: [("session", "${response.body.id}")])
    let second = Sample.call("second", "/second", isRepeatable: false)
    return Sample.definition(
        start: "first",
        [
            StateDefinition(
                name: "first", action: .call(first), exit: .next("second"),
                undo: Sample.undo("undo_first", "/first/${data.session}")),
            StateDefinition(
                name: "second", action: .call(second), exit: .next("third"),
                undo: Sample.undo("undo_second", "/second")),
            StateDefinition(
                name: "third", action: .call(Sample.token),
                catches: [CatchEntry(errors: ["any"], target: .next("gone"))], exit: .next("active")),
            StateDefinition(name: "gone", exit: .end(.failed), undoesAtEnd: undoesAtEnd),
        ], hasFailureState: false, deadlineMilliseconds: deadlineMilliseconds)
}

@Suite("Taking back")
struct EngineUndoTests {
    private func third(_ definition: Definition = chain()) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"]))
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-2"]))
        #expect(run.state.state == "third" && run.state.undoList.map(\.state) == ["first", "second"])
        return run
    }

    @Test
    func `a failure takes back the newest first, each with the values of its own time, then ends and frees the key`()
        throws
    {
        var run = try third()
        let second = try run.finish(refusal)
        #expect(second.calls == "second")
        #expect(run.types == ["attempt.not_done", "undo.started", "attempt.started"])
        let first = try run.finish(delete)
        guard case .call(let planned) = first else {
            Issue.record("the first is not taken back")
            return
        }
        #expect(planned.state == "first" && planned.purpose == .undo && planned.data["session"] == "s-1")
        #expect(try run.finish(delete) == .ended)
        #expect(run.state.status == .failed && run.state.undoneCount == 2 && !run.state.ownsKey)
        #expect(run.written.last?.body["error"] == "http.400" && run.written.last?.body["failed_in"] == "third")
    }

    @Test func `what was definitely refused is not taken back, and undo: false at the end leaves everything`() throws {
        var run = try TestRun(chain(), random: .max / 2)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"]))
        #expect(try run.finish(refusal).calls == "first")
        #expect(run.state.undoList.map(\.state) == ["first"])

        var left = try third(chain(undoesAtEnd: false))
        #expect(try left.finish(refusal) == .ended)
        #expect(left.state.status == .failed && left.state.ownsKey && left.state.undoneCount == 0)
    }

    @Test func `an undo is tried again; one that fails for good waits for a person, who may do it by hand`() throws {
        var run = try third()
        try run.finish(refusal)
        let wait = try #require(try run.finish(.unknown("timeout")).waits)
        #expect(try run.claim(after: wait).calls == "second")
        #expect(try run.finish(AttemptResult(outcome: .notDone, error: "http.403", status: 403)) == .held)
        #expect(run.state.hold?.code == "undo_failed" && run.state.hold?.choices == ["retry", "done", "abandon"])
        #expect(throws: OperatorActionRefusal.self) { try run.state.cancelling(reason: "now") }
        try run.take(try run.state.resolving(.done, reason: "deleted by hand", chain()))
        #expect(try run.claim().calls == "first")
        try run.finish(delete)
        #expect(run.state.status == .failed && !run.state.ownsKey)
    }

    @Test
    func `taking back from a platform that is gone goes on without end until a person stops it, and then decides`()
        throws
    {
        var run = try third()
        try run.finish(refusal)
        for _ in 1...20 {
            let wait = try #require(try run.finish(.refused).waits)
            try run.claim(after: wait)
        }
        try run.take(try run.state.cancelling(reason: "the platform is closed for good"))
        #expect(try run.finish(.refused) == .held)
        #expect(run.state.hold?.choices == ["retry", "done", "abandon"])
        try run.take(try run.state.resolving(.abandon, reason: "nothing to be done", chain()))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .failed && run.state.ownsKey)
    }

    @Test func `what an earlier thing of the same state left behind is not taken for the lost one`() throws {
        let definition = Sample.definition(
            start: "one",
            [
                StateDefinition(
                    name: "one",
                    action: .call(
                        Sample.call("make", "/one", isRepeatable: false, save: [("session", "${response.body.id}")])),
                    exit: .next("two"), undo: Sample.undo("delete", "/one/${data.session}")),
                StateDefinition(name: "two", action: .call(Sample.token), exit: .next("one")),
            ])
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"]))
        try run.finish(.issued)
        #expect(try run.finish(.unknown("timeout")) == .held)
        #expect(throws: OperatorActionRefusal.self) {
            try run.state.resolving(.done, reason: "it is there", definition)
        }
        try run.take(try run.state.cancelling(reason: "not wanted"))
        guard case .call(let planned) = try run.claim() else {
            Issue.record("the first is not taken back")
            return
        }
        #expect(run.types.contains("undo.skipped") && planned.data["session"] == "s-1")
        try run.finish(delete)
        #expect(run.state.status == .cancelled && run.state.undoneCount == 1 && run.state.ownsKey)
    }

    @Test func `given up while taking back, the run ends and keeps its key, because something is left`() throws {
        var run = try third()
        try run.finish(refusal)
        try run.finish(AttemptResult(outcome: .notDone, error: "http.403", status: 403))
        try run.take(try run.state.resolving(.abandon, reason: "never mind", chain()))
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .failed && run.state.ownsKey)
        #expect(throws: OperatorActionRefusal.self) { try run.state.retrying(reason: "again", chain()) }
    }

    @Test func `a cancel takes back; a lost worker in the middle of it costs nothing but the attempt`() throws {
        var run = try third()
        try run.cancel()
        #expect(try run.finish(.issued).calls == "second")
        let wait = try #require(try run.claim(after: 60_000).waits)
        #expect(try run.claim(after: wait).calls == "second")
        try run.finish(delete)
        try run.finish(delete)
        #expect(run.state.status == .cancelled && !run.state.ownsKey)
    }

    @Test
    func `the run's deadline ends even a wait for the platform, and then everything is taken back without a deadline`()
        throws
    {
        var run = try third(chain(deadlineMilliseconds: 60_000))
        let wait = try #require(try run.finish(.refused).waits)
        try run.claim(after: wait)
        try run.finish(.refused)
        #expect(try run.claim(after: 60_000).calls == "second")
        #expect(run.state.ending?.error == "deadline")
        try run.finish(.refused)
        #expect(try run.claim(after: 90_000_000).calls == "second")
    }

    @Test
    func `a lost answer that nothing can look up is skipped when a person cancels, for nobody knows what to delete`()
        throws
    {
        var run = try TestRun(chain(), random: .max / 2)
        try run.claim()
        try run.finish(.unknown("timeout"))
        #expect(run.state.status == .held)
        try run.take(try run.state.cancelling(reason: "not wanted"))
        #expect(try run.claim() == .ended)
        #expect(run.types.contains("undo.skipped"))
        #expect(run.state.status == .cancelled && run.state.ownsKey)
    }
}

@Suite("Stable answers and deadlines")
struct EngineStableTests {
    private let definition = Sample.definition(
        start: "one",
        [
            StateDefinition(
                name: "one", action: .call(Sample.call(nil, "/one", isRepeatable: true)),
                retry: [
                    RetryEntry(
                        errors: ["key_not_active"],
                        policy: RetryPolicy(name: "p", jitter: .none, withinMilliseconds: 3_600_000))
                ],
                exit: .next("active"), stable: StableDefinition(times: 3, everyMilliseconds: 500),
                deadlineMilliseconds: 600_000)
        ])

    @Test func `three successes in a row are needed; a refusal between begins the row anew`() throws {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        #expect(try run.finish(.issued).waits == 500)
        try run.claim(after: 500)
        #expect(try run.finish(.notActive).waits == 1000)
        try run.claim(after: 1000)
        for _ in 1...2 {
            #expect(try run.finish(.issued).waits == 500)
            try run.claim(after: 500)
        }
        #expect(try run.finish(.issued) == .ended)
        #expect(run.state.status == .succeeded)
    }

    @Test func `a hold's time is left out of the deadline, and a state's own deadline can be caught`() throws {
        let definition = Sample.definition(
            start: "one",
            [
                StateDefinition(
                    name: "one", action: .call(Sample.call(nil, "/one", isRepeatable: true)),
                    catches: [
                        CatchEntry(errors: ["http.400"], target: .hold(Sample.template("look"))),
                        CatchEntry(errors: ["deadline"], target: .next("active")),
                    ], exit: .next("active"), deadlineMilliseconds: 60_000)
            ])
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        #expect(try run.finish(refusal, after: 30_000) == .held)
        try run.take(try run.state.retrying(reason: "mended", definition), after: 3_600_000)
        #expect(try run.claim().calls == "one")
        let wait = try #require(try run.finish(.refused).waits)
        #expect(wait < 30_000)
        #expect(try run.claim(after: 30_000) == .ended)
        #expect(run.state.status == .succeeded)
    }
}
