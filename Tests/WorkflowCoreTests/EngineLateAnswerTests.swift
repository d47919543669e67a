import Testing
import WorkflowCore

/// The worker of an attempt is lost, the attempt is closed as unknown, and then its answer comes after all.
@Suite("A late answer settles what is not known")
struct EngineLateAnswerTests {
    /// The body of `attempt.late` for the first attempt, as a worker writes it.
    private func answer(
        _ outcome: Outcome = .done, error: String? = nil, status: Int64 = 201, saved: JSONObject = ["session": "s-1"],
        _ more: JSONObject = [:]
    ) -> JSONObject {
        var body: JSONObject = [
            "state": "requested", "attempt": 1, "outcome": .string(outcome.rawValue), "stay": 1,
            "evidence": ["status": .integer(status)],
        ]
        if outcome == .done {
            body["saved"] = .object(saved)
            body["sealed"] = [["name": "late/a/api_key", "version": 1, "fingerprint": "f00d", "length": 9]]
        }
        if let error { body["error"] = .string(error) }
        for (name, value) in more.members { body[name] = value }
        return body
    }

    /// A run whose create was sent by a worker that was lost.
    private func lost(_ definition: Definition) throws -> (TestRun, Identifier) {
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        let attempt = try #require(run.state.openAttempt?.id)
        try run.claim(after: 60_000)
        return (run, attempt)
    }

    @Test func `a held run is live again by the answer's event, and goes on with its id and its sealed key`() throws {
        var (run, attempt) = try lost(Sample.flagship())
        #expect(run.state.status == .held)
        try run.learn(answer(), of: attempt)
        #expect(run.state.status == .live && run.state.hold == nil && run.state.ownsKey)
        #expect(try run.claim().calls == "token-pending")
        #expect(run.types.first == "attempt.settled" && run.written.first?.attemptId == attempt)
        #expect(run.written.first?.body["outcome"] == "done" && run.state.data["session"] == "s-1")
        let key = try #require(run.state.secret("api_key")?.reference)
        #expect(key.version == 1 && key.fingerprint == "f00d" && key.length == 9)
        #expect(run.state.unknown == nil && run.state.lateAnswer == nil)
    }

    @Test func `a late refusal of what was sent last settles it, although an earlier attempt is known to have worked`()
        throws
    {
        let definition = Sample.flagship()
        var (run, first) = try lost(definition)
        try run.take(try run.state.resolving(.retryAnyway, reason: "it never arrived", definition))
        try run.claim()
        let second = try #require(run.state.openAttempt?.id)
        try run.learn(answer(), of: first)
        try run.claim(after: 60_000)
        #expect(run.state.status == .held && run.state.unknown?.attemptId == second)
        try run.learn(answer(.notDone, error: "http.400", status: 400), of: second)
        #expect(run.state.status == .live && run.state.lateAnswer?.attemptId == second)
        #expect(run.state.mayHaveLeftSomething, "the first attempt has made something")
    }

    @Test func `a late answer that names what another run has holds the run, and arms no undo`() throws {
        var (run, attempt) = try lost(asked(reconciles: false))
        try run.learn(answer(), of: attempt)
        let other = Identifier(high: 3, low: 4)
        #expect(try run.take(.contradicted(by: other)) == .held)
        #expect(run.state.hold?.code == "thing_of_another_run" && run.state.undoList.isEmpty)
        #expect(run.state.unknown == nil && run.state.data["session"] == nil && run.state.mayBeLeft)
    }

    @Test func `a definite refusal settles that nothing was made: the run fails and lets go of its key`() throws {
        var (run, attempt) = try lost(Sample.flagship())
        try run.learn(answer(.notDone, error: "http.400", status: 400), of: attempt)
        #expect(run.state.status == .live)
        #expect(try run.claim() == .ended)
        #expect(run.state.status == .failed && !run.state.ownsKey && !run.state.mayBeLeft)
    }

    @Test func `a refusal that may be retried is: nothing was made, so sending again is safe`() throws {
        var (run, attempt) = try lost(Sample.flagship())
        try run.learn(answer(.notDone, error: "http.429", status: 429, ["counted": false]), of: attempt)
        let wait = try #require(try run.claim().waits)
        #expect(run.state.unknown == nil)
        #expect(try run.claim(after: wait).calls == "requested")
    }

    @Test func `an answer that comes while the outcome is looked up settles it, whatever the look-up says`() throws {
        for found in [AttemptResult.foundNone, .foundOne] {
            var (run, attempt) = try lost(asked())
            #expect(try run.claim(after: 10_000).purpose == .lookup)
            try run.learn(answer(), of: attempt)
            #expect(try run.finish(found).calls == "token-pending")
            #expect(run.types == ["attempt.done", "attempt.settled", "attempt.started"])
            #expect(run.state.data["session"] == "s-1" && run.state.secret("api_key")?.reference.fingerprint == "f00d")
        }
    }

    @Test func `an answer that comes before the attempt is closed settles it as soon as it is`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.learn(answer(), of: try #require(run.state.openAttempt?.id))
        #expect(try run.claim(after: 60_000).calls == "token-pending")
        #expect(run.types.prefix(2) == ["attempt.unknown", "attempt.settled"])
    }

    @Test func `after a cancel the answer arms the undo, and what was made is taken back`() throws {
        var (run, attempt) = try lost(asked())
        try run.cancel()
        try run.learn(answer(), of: attempt)
        try run.claim()
        #expect(run.types.first == "attempt.settled" && run.state.status != .succeeded)
        #expect(run.written.first?.body["entered"] == nil)
    }

    @Test func `when something was sent since, nothing settles by itself, and a person may take the answer`() throws {
        let definition = asked(
            idempotency: IdempotencyDefinition(header: "Idempotency-Key", honouredMilliseconds: 3_600_000),
            reconciles: false)
        var run = try TestRun(definition, random: .max / 2)
        try run.claim()
        let first = try #require(run.state.openAttempt?.id)
        let wait = try #require(try run.finish(.unknown("timeout"), after: 30_000).waits)
        #expect(try run.claim(after: wait).calls == "requested", "the value is honoured")
        // Lost as well, and the value is not honoured any more.
        try run.finish(.unknown("timeout"), after: 3_600_000)
        #expect(run.state.status == .held)
        try run.learn(answer(), of: first)
        #expect(run.state.status == .held, "something was sent after it")
        #expect(run.state.offeredLateAnswer?.attemptId == first)
        let resolved = try run.state.resolvingLateAnswer(reason: "one of the two", definition)
        #expect(resolved.event.body["choice"] == "done" && resolved.event.body["late"] == .string(first.description))
        try run.take(resolved)
        #expect(run.state.state == "token-pending" && run.state.data["session"] == "s-1")
        #expect(run.state.secret("api_key")?.reference.fingerprint == "f00d")
    }

    @Test(
        arguments: [
            ["outcome": "unknown"], ["incomplete": true], ["purpose": "undo"], ["repeatable": true],
        ] as [JSONObject])
    func `no answer, one without its values, and one of another kind of call settle nothing`(_ more: JSONObject) throws
    {
        var (run, attempt) = try lost(Sample.flagship())
        try run.learn(answer(more), of: attempt)
        #expect(run.state.status == .held && run.state.offeredLateAnswer == nil)
        #expect(throws: OperatorActionRefusal.self) {
            try run.state.resolvingLateAnswer(reason: "there is none", Sample.flagship())
        }
    }

    private func answer(_ more: JSONObject) -> JSONObject { answer(.done, more) }

    @Test func `a hold after a deadline waits for a person, who is offered the answer`() throws {
        var (run, attempt) = try lost(asked())
        try run.claim(after: 40 * 86_400_000)
        #expect(run.state.hold?.error == "deadline")
        try run.learn(answer(), of: attempt)
        #expect(run.state.status == .held && run.state.offeredLateAnswer != nil)
    }

    @Test func `on an ended run a success says that something may be left, and gives no key that another run has`()
        throws
    {
        for other in [nil, "0192f0c1"] as [String?] {
            var run = try TestRun(Sample.flagship())
            try run.claim()
            try run.finish(.refusedForGood)
            #expect(run.state.status == .failed && !run.state.ownsKey && !run.state.mayBeLeft)
            let more: JSONObject = other.map { ["key_with": .string($0)] } ?? [:]
            try run.learn(answer(more), of: Identifier(high: 1, low: 1))
            #expect(run.state.status == .failed && run.state.mayBeLeft)
            #expect(run.state.ownsKey == (other == nil) && run.state.keyWith == other)
        }
    }
}
