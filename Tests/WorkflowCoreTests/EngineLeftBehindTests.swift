import Testing
import WorkflowCore

extension TestRun {
    /// What the whole stream says of what may be left.
    func leftBehind() throws -> [LeftBehind] {
        var fold = LeftBehindFold(run: id)
        for event in events { try fold.add(event) }
        guard fold.state == state else { throw BrokenPromise("the fold of what is left comes to another state") }
        guard fold.items.isEmpty != (state.status == .succeeded ? state.mayHaveSurplus : state.mayHaveLeftSomething)
        else {
            throw BrokenPromise("what may be left: \(fold.items), and the state says otherwise: \(state)")
        }
        return fold.items
    }
}

@Suite("What a run may leave behind")
struct EngineLeftBehindTests {
    private static let gone = AttemptResult(outcome: .done, status: 204)
    private static let refusal = AttemptResult(outcome: .notDone, error: "http.400", status: 400)
    private static let made = AttemptResult(outcome: .done, status: 201, saved: ["session": "s-1"])

    /// Two things that can be taken back, the second one by a value that its own answer gives, then a step that fails.
    private static func pair(undoesAtEnd: Bool = true) -> Definition {
        func state(_ name: String, next: String) -> StateDefinition {
            StateDefinition(
                name: name,
                action: .call(
                    Sample.call(name, "/\(name)", isRepeatable: false, save: [("session", "${response.body.id}")])),
                exit: .next(next), undo: Sample.undo(nil, "/\(name)/${data.session}"))
        }
        return Sample.definition(
            start: "first",
            [
                state("first", next: "second"), state("second", next: "third"),
                StateDefinition(
                    name: "third", action: .call(Sample.token),
                    catches: [CatchEntry(errors: ["any"], target: .next("gone"))], exit: .next("active")),
                StateDefinition(name: "gone", exit: .end(.failed), undoesAtEnd: undoesAtEnd),
            ], hasFailureState: false)
    }

    private static func third(_ definition: Definition = pair()) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        try run.finish(made)
        try run.finish(AttemptResult(outcome: .done, status: 201, saved: ["session": "s-2"]))
        return run
    }

    private static func thing(
        _ state: String, _ path: String, attempt: UInt64, _ isCertain: Bool, _ reason: LeftBehind.Reason,
        error: String? = nil, saved: JSONObject = JSONObject(), sealed: [SealedReference] = []
    ) -> LeftBehind {
        LeftBehind(
            state: state, request: "POST wpp:\(path)", attemptId: Identifier(high: 1, low: attempt),
            isCertain: isCertain, reason: reason, error: error, saved: saved, sealed: sealed)
    }

    @Test func `a lost create may be left while the run is held, when it is given up, and when the key is taken over`()
        throws
    {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(.unknown("timeout"))
        let expected = Self.thing(
            "requested", "/api/integrations/wpp/create", attempt: 1, false, .answerLost, error: "timeout")
        #expect(try run.leftBehind() == [expected] && run.state.mayBeLeft)
        try run.take(try run.state.resolving(.abandon, reason: "nobody knows", run.definition))
        #expect(!run.state.mayBeLeft, "it is on its way to its end")
        #expect(try run.claim() == .ended)
        #expect(try run.leftBehind() == [expected] && run.state.mayBeLeft && run.state.ownsKey)
        try run.take(try run.state.takenOver(by: Identifier(high: 5, low: 5), reason: "anew"))
        #expect(try run.leftBehind() == [expected] && run.state.mayBeLeft && !run.state.ownsKey)
    }

    @Test func `a lost create that a person has sent again may be there, and the second one is`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(.unknown("timeout"))
        try run.take(try run.state.resolving(.retryAnyway, reason: "none arrived", run.definition))
        try run.claim()
        try run.finish(.created)
        try run.cancel()
        try run.finish(.refused)
        #expect(run.state.status == .cancelled)
        let path = "/api/integrations/wpp/create"
        #expect(
            try run.leftBehind() == [
                Self.thing("requested", path, attempt: 1, false, .sentAgain, error: "timeout"),
                Self.thing(
                    "requested", path, attempt: 2, true, .noUndo, saved: ["session": "s-1"],
                    sealed: AttemptResult.created.sealed),
            ])
    }

    @Test func `a definite refusal leaves nothing, and neither does a run that has taken everything back`() throws {
        var refused = try TestRun(Sample.flagship())
        try refused.claim()
        try refused.finish(Self.refusal)
        #expect(refused.state.status == .failed)
        #expect(try refused.leftBehind() == [] && !refused.state.mayBeLeft)

        var undone = try Self.third()
        try undone.finish(Self.refusal)
        try undone.finish(Self.gone)
        try undone.finish(Self.gone)
        #expect(undone.state.status == .failed)
        #expect(try undone.leftBehind() == [] && !undone.state.mayBeLeft)
    }

    @Test func `an undo that failed leaves its thing, and an undo that was given up leaves all that was to come`()
        throws
    {
        var run = try Self.third()
        try run.finish(Self.refusal)
        try run.finish(AttemptResult(outcome: .notDone, error: "http.403", status: 403))
        #expect(run.state.status == .held)
        func things(_ first: LeftBehind.Reason, _ second: LeftBehind.Reason) -> [LeftBehind] {
            [
                Self.thing("first", "/first", attempt: 1, true, first, saved: ["session": "s-1"]),
                Self.thing("second", "/second", attempt: 2, true, second, saved: ["session": "s-2"]),
            ]
        }
        #expect(try run.leftBehind() == things(.toBeTakenBack, .undoFailed))
        try run.take(try run.state.resolving(.abandon, reason: "never mind", run.definition))
        #expect(try run.claim() == .ended)
        #expect(try run.leftBehind() == things(.undoGivenUp, .undoGivenUp) && run.state.mayBeLeft)

        var left = try Self.third(Self.pair(undoesAtEnd: false))
        try left.finish(Self.refusal)
        #expect(try left.leftBehind() == things(.notTakenBack, .notTakenBack) && left.state.mayBeLeft)
    }

    @Test
    func `a lost create whose undo needs the lost values may be left, and the run says that the undo was skipped`()
        throws
    {
        var run = try TestRun(Self.pair(), random: .max / 2)
        try run.claim()
        #expect(try run.finish(.unknown("timeout")) == .held)
        try run.take(try run.state.cancelling(reason: "not wanted"))
        #expect(try run.claim() == .ended)
        #expect(run.types.contains("undo.skipped") && run.state.status == .cancelled)
        #expect(try run.leftBehind() == [Self.thing("first", "/first", attempt: 1, false, .undoSkipped)])
    }
}
