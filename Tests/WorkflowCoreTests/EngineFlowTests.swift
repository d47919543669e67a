import Testing
import WorkflowCore

@Suite("A run goes where its definition leads")
struct EngineFlowTests {
    private static let refusal = AttemptResult(
        outcome: .notDone, error: "no_plan", status: 402, evidence: ["status": 402])

    /// A state `one` that is refused once.
    private func refused(_ definition: Definition) throws -> (run: TestRun, next: NextStep) {
        var run = try TestRun(definition)
        try run.claim()
        let next = try run.finish(Self.refusal)
        return (run, next)
    }

    private func set(
        _ name: String, _ values: [(String, String)], _ exit: StateDefinition.Exit, catches: [CatchEntry] = []
    ) -> StateDefinition {
        StateDefinition(name: name, action: .set(Sample.named(values)), catches: catches, exit: exit)
    }

    @Test func `a caught error goes to its state, with what it sets, in the attempt's own event`() throws {
        let catches = [
            CatchEntry(errors: ["other"], target: .hold(Sample.template("no"))),
            CatchEntry(
                errors: ["http.4xx"], target: .next("after"),
                set: Sample.named([
                    ("why", "${error.name} ${error.status} in ${error.state}"), ("text", "${error.text}"),
                ])),
        ]
        let after = StateDefinition(name: "after", action: .pause(milliseconds: 5000), exit: .next("active"))
        let (run, next) = try refused(Sample.single(catches: catches, others: [after]))
        #expect(next.waits == 5000)
        #expect(run.types == ["attempt.not_done"])
        #expect(
            run.written[0].body == [
                "state": "one", "attempt": 1, "evidence": ["status": 402], "error": "no_plan",
                "gave_up": "no_plan is not retried in state one",
                "set": ["why": "no_plan 402 in one", "text": "no_plan is not retried in state one"], "entered": "after",
            ])
        #expect(run.state.data["why"] == "no_plan 402 in one")
        #expect(run.state.state == "after")
    }

    @Test func `a caught error with a text holds the run, and its values are set`() throws {
        let entry = CatchEntry(
            errors: ["any"], target: .hold(Sample.template("${run.organisation} needs a plan: ${error.name}")),
            set: Sample.named([("seen", "${true}")]))
        let (run, next) = try refused(Sample.single(catches: [entry]))
        #expect(next == .held)
        #expect(run.types == ["attempt.not_done", "run.held"])
        #expect(run.written[0].body["set"] == ["seen": true])
        #expect(
            run.written[1].body == [
                "code": "caught", "text": "org needs a plan: no_plan", "state": "one", "error": "no_plan",
                "choices": ["retry", "abandon"],
            ])
        #expect(run.state.reason == "org needs a plan: no_plan")
        #expect(run.state.data["seen"] == true)
    }

    @Test func `a hold without an attempt keeps why it gave up and what it set`() throws {
        let entry = CatchEntry(
            errors: ["expression"], target: .hold(Sample.template("stuck")), set: Sample.named([("seen", "${1}")]))
        var run = try TestRun(
            Sample.definition(
                start: "s", [set("s", [("x", "${data.none}")], .next("active"), catches: [entry])]))
        #expect(try run.claim() == .held)
        #expect(run.types == ["run.held"])
        let body = run.written[0].body
        #expect(body["text"] == "stuck")
        #expect(body["error"] == "expression")
        #expect(body["gave_up"]?.stringValue?.contains("data.none") == true)
        #expect(body["set"] == ["seen": 1])
        #expect(run.state.data["seen"] == 1)
        #expect(run.state.gaveUp?.error == "expression")
    }

    @Test func `a catch that cannot be evaluated holds the run with both reasons`() throws {
        let entry = CatchEntry(
            errors: ["any"], target: .next("failed"), set: Sample.named([("x", "${data.none}")]))
        let (run, next) = try refused(Sample.single(catches: [entry]))
        #expect(next == .held)
        #expect(run.types == ["attempt.not_done", "run.held"])
        #expect(run.state.reason?.hasPrefix("no_plan is not retried in state one; and its catch") == true)
    }

    @Test
    func `a character that PostgreSQL cannot store is never written: not set, and replaced in a hold's text`() throws {
        var run = try TestRun(Sample.definition(start: "s", [set("s", [("x", #"${'a\x00'}"#)], .next("active"))]))
        #expect(try run.claim() == .ended)
        #expect(run.state.reason?.contains("U+0000") == true)
        let entry = CatchEntry(errors: ["any"], target: .hold(Sample.template(#"a${'\x00'}b"#)))
        let (held, next) = try refused(Sample.single(catches: [entry]))
        #expect(next == .held)
        #expect(held.state.reason == "a\u{FFFD}b")
    }

    @Test func `without a failure state a run that gives up is held`() throws {
        let (run, next) = try refused(Sample.single(hasFailureState: false))
        #expect(next == .held)
        #expect(run.written[1].body["code"] == "no_failure_state")
    }

    @Test func `what made a run give up is still its reason after a clean-up on the way to the end`() throws {
        let cleanUp = StateDefinition(
            name: "clean-up", action: .call(Sample.call(nil, "/delete", isRepeatable: true)), exit: .next("failed"))
        let catches = [CatchEntry(errors: ["any"], target: .next("clean-up"))]
        var (run, next) = try refused(Sample.single(catches: catches, others: [cleanUp]))
        #expect(next.calls == "clean-up")
        #expect(try run.finish(.issued) == .ended)
        #expect(
            run.written.last?.body == [
                "state": "failed", "error": "no_plan", "reason": "no_plan is not retried in state one",
                "failed_in": "one",
            ])
    }

    @Test(arguments: [
        ("s-1", "left"), ("s-2", "right"), ("s-3", "failed"),
    ])
    func `the first branch that holds is taken, with the answer's values in place`(
        _ session: String, _ expected: String
    ) throws {
        let exit = StateDefinition.Exit.choose([
            StateDefinition.Branch(condition: try Expression.parse("data.session == 's-1'"), next: "left"),
            StateDefinition.Branch(condition: try Expression.parse("data.session in ['s-1', 's-2']"), next: "right"),
            StateDefinition.Branch(condition: nil, next: "failed"),
        ])
        let pauses = ["left", "right"].map {
            StateDefinition(name: $0, action: .pause(milliseconds: 1), exit: .next("active"))
        }
        var run = try TestRun(Sample.single(exit: exit, others: pauses))
        try run.claim()
        try run.finish(AttemptResult(outcome: .done, saved: ["session": .string(session)]))
        #expect(run.state.state == expected)
    }

    @Test
    func `an exit that cannot be evaluated fails the run, or holds it after a call that must not be sent again`() throws
    {
        let branch = StateDefinition.Branch(condition: try Expression.parse("data.none == 1"), next: "active")
        for exit in [StateDefinition.Exit.choose([branch]), .choose([])] {
            var run = try TestRun(Sample.single(exit: exit))
            try run.claim()
            #expect(try run.finish(.created) == .ended)
            #expect(run.types == ["attempt.done", "state.entered", "run.failed"])
            #expect(run.written[1].body["why"] == "expression")
            #expect(run.written[2].body["error"] == "expression")
            #expect(run.state.data["session"] == "s-1")

            var unsafe = try TestRun(Sample.single(isRepeatable: false, exit: exit))
            try unsafe.claim()
            #expect(try unsafe.finish(.created) == .held)
            #expect(unsafe.types == ["attempt.done", "run.held"])
            #expect(unsafe.state.hold?.code == "no_way_on" && unsafe.state.data["session"] == "s-1")
        }
    }

    @Test
    func `an exit that cannot be evaluated is retried where the state says so and asking again is harmless`() throws {
        let branches = [
            StateDefinition.Branch(condition: try Expression.parse("data.none == 1"), next: "active"),
            StateDefinition.Branch(condition: nil, next: "failed"),
        ]
        let policy = RetryPolicy(name: "p", delayMilliseconds: 5000, jitter: .none, maximumAttempts: 2)
        let retry = [RetryEntry(errors: ["expression"], policy: policy)]
        let back = [CatchEntry(errors: ["any"], target: .next("one"))]
        var run = try TestRun(Sample.single(retry: retry, catches: back, exit: .choose(branches)))
        try run.claim()
        #expect(try run.finish(.created).waits == 5000)
        #expect(run.types == ["attempt.done"])
        #expect(run.written[0].body["retry"]?["policy"] == "p")
        #expect(run.state.state == "one" && run.state.status == .live)
        try run.claim(after: 5000)
        try run.finish(.created)
        #expect(run.types == ["attempt.done", "state.entered", "attempt.started"])
        #expect(run.state.gaveUp?.error == "expression")

        // What has worked and is not harmless to repeat is neither retried nor sent again by way of a catch.
        var unsafe = try TestRun(
            Sample.single(retry: retry, catches: back, isRepeatable: false, exit: .choose(branches)))
        try unsafe.claim()
        #expect(try unsafe.finish(.created) == .held)
        #expect(unsafe.state.hold?.code == "no_way_on")
    }

    @Test func `a set writes its values with the entry of the next state, which sees them`() throws {
        let exit = StateDefinition.Exit.choose([
            StateDefinition.Branch(condition: try Expression.parse("data.n == 2"), next: "active"),
            StateDefinition.Branch(condition: nil, next: "failed"),
        ])
        var run = try TestRun(
            Sample.definition(start: "s", [set("s", [("n", "${1 + 1}"), ("t", "n-${input.number}")], exit)]))
        #expect(try run.claim() == .ended)
        #expect(run.types == ["state.entered", "run.succeeded"])
        #expect(
            run.written[0].body == [
                "from": "s", "why": "set", "set": ["n": 2, "t": "n-+34600111222"], "state": "active",
            ])
    }

    @Test func `a set never writes a secret in plain`() throws {
        let copy = set("copy", [("x", "${data.api_key}")], .next("active"))
        var run = try TestRun(Sample.single(exit: .next("copy"), others: [copy]))
        try run.claim()
        #expect(try run.finish(.created) == .ended)
        #expect(run.state.status == .failed)
        #expect(run.state.reason?.contains("secret") == true)
        #expect(run.state.data["x"] == nil)
    }

    @Test func `a pause lasts from its entry, whatever claims come in between`() throws {
        let rest = StateDefinition(name: "rest", action: .pause(milliseconds: 60_000), exit: .next("active"))
        var run = try TestRun(Sample.single(exit: .next("rest"), others: [rest]))
        try run.claim()
        #expect(try run.finish(.issued).waits == 60_000)
        #expect(try run.claim(after: 20_000).waits == 40_000)
        #expect(run.written.isEmpty)
        #expect(try run.claim(after: 39_999).waits == 1)
        #expect(try run.claim(after: 1) == .ended)
        #expect(run.written[0].body == ["from": "rest", "why": "paused", "state": "active"])
    }

    @Test func `a circle of states that need nothing is held, not followed for ever`() throws {
        var run = try TestRun(
            Sample.definition(
                start: "a",
                [StateDefinition(name: "a", exit: .next("b")), StateDefinition(name: "b", exit: .next("a"))]))
        #expect(try run.claim() == .held)
        #expect(run.written.count == 101)
        #expect(run.written.last?.body["code"] == "circle")
        // The same by way of an error that leads back to where it comes from.
        let back = CatchEntry(errors: ["expression"], target: .next("s"))
        var errors = try TestRun(
            Sample.definition(start: "s", [set("s", [("x", "${data.none}")], .next("active"), catches: [back])]))
        #expect(try errors.claim() == .held)
        #expect(errors.written.count == 101)
        var missing = try TestRun(Sample.definition(start: "a", [StateDefinition(name: "a", exit: .next("gone"))]))
        #expect(try missing.claim() == .held)
        #expect(missing.written.last?.body["code"] == "no_such_state")
    }

    @Test(
        arguments: [
            (["number": "12"], "input number must match"), (["number": 12], "input number must be text"),
            ([:], "input \"number\" is missing"),
        ] as [(JSONObject, String)])
    func `input that does not fit fails the run at its first claim, before anything is sent; its key is free`(
        _ input: JSONObject, _ reason: String
    ) throws {
        var run = try TestRun(Sample.flagship(), input: input)
        #expect(try run.claim() == .ended)
        #expect(run.types == ["state.entered", "run.failed"])
        #expect(run.written[0].body == ["from": "requested", "why": "input", "state": "failed"])
        #expect(run.state.reason?.hasPrefix(reason) == true)
        #expect(run.state.status == .failed && !run.state.ownsKey)
    }

    @Test func `input is checked although something else was written before the first claim`() throws {
        let run = try TestRun(Sample.flagship(), input: ["number": "12"])
        let late = RecordedEvent(
            seq: 2, type: "attempt.late", body: [:], epoch: 1, attemptId: nil, actor: "x", recordedAt: run.now)
        let state = try evolve(run.state, run: run.id, late)
        let decision = decide(state, run.definition, .claimed, DecisionContext(now: run.now, random: 0))
        #expect(decision.next == .ended)
    }
}
