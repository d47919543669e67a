import Testing
import WorkflowCore

@Suite("A resend under an idempotency key sends what was sent before")
struct EngineFrozenTests {
    private static let key = IdempotencyDefinition(header: "Key", honouredMilliseconds: 600_000)
    private static let digests: JSONObject = ["method": "0a", "path": "0b", "body.pin": "0c"]

    private func begun(_ definition: Definition = asked(idempotency: key)) throws -> TestRun {
        var run = try TestRun(definition, random: .max / 2)
        run.digests = Self.digests
        try run.claim()
        return run
    }

    /// The answer to the first attempt is lost, and the call is to be sent again.
    private func resent(_ run: inout TestRun) throws -> PlannedCall {
        let wait = try #require(try run.finish(.unknown("timeout")).waits)
        return try planned(try run.claim(after: wait, sends: false))
    }

    private func planned(_ step: NextStep) throws -> PlannedCall {
        guard case .call(let planned) = step else { throw BrokenPromise("nothing is sent: \(step)") }
        return planned
    }

    /// The run as it is held because its call would differ in the pin.
    private func held(_ run: inout TestRun) throws {
        let planned = try resent(&run)
        let context = DecisionContext(now: run.now, random: 0)
        let decision = decide(run.state, run.definition, .claimed, context)
        let next = try run.commit(decision.heldForChanges(["body.pin"], of: planned, run.definition, context))
        #expect(next == .held && run.types == ["run.held"])
    }

    @Test func `the first intent says what is sent and with which secrets; a resend is held to it and says nothing`()
        throws
    {
        var run = try begun()
        let intent = try #require(run.written.last)
        #expect(
            intent.body["frozen"] == [
                "digests": .object(Self.digests),
                "secrets": [["owner": "organisation", "name": "pin", "version": 3]],
            ])
        let frozen = try #require(run.state.frozen)
        #expect(frozen.digests == Self.digests && frozen.secrets == [TestRun.pin])
        #expect(frozen.version(of: .organisation, "pin") == 3 && frozen.version(of: .run, "pin") == nil)
        #expect(try resent(&run).frozen == frozen)
        try run.claim()
        #expect(run.types == ["attempt.started"] && run.written[0].body["frozen"] == nil)
        #expect(run.state.frozen == frozen)
    }

    @Test func `what the key held fast is let go when the run goes on, and a new stay begins anew`() throws {
        var run = try begun()
        try run.finish(.created)
        #expect(run.state.state == "token-pending" && run.state.frozen == nil)
        var failed = try begun()
        try failed.finish(.refusedForGood)
        try failed.take(try failed.state.retrying(reason: "allowed now", failed.definition))
        #expect(failed.state.frozen == nil)
        #expect(try planned(try failed.claim(sends: false)).frozen == nil)
    }

    @Test func `a request that never left holds nothing fast; one that was refused does`() throws {
        var run = try begun()
        try run.finish(
            AttemptResult(
                outcome: .notDone, error: "unreachable", isCounted: false, evidence: ["request_head_sent": false]))
        #expect(run.state.frozen == nil)
        try run.claim(after: 60_000)
        #expect(run.state.frozen != nil)
        let limited = AttemptResult(
            outcome: .notDone, error: "http.429", status: 429, isCounted: false, evidence: ["request_head_sent": true])
        try run.finish(limited)
        #expect(run.state.frozen != nil)
        try run.claim(after: 60_000)
        // Of a resend only the first attempt's own fate counts.
        try run.finish(
            AttemptResult(
                outcome: .notDone, error: "unreachable", isCounted: false, evidence: ["request_head_sent": false]))
        #expect(run.state.frozen != nil)
    }

    @Test func `a call without a key, a look-up and an undo are put together anew each time`() throws {
        var run = try begun(asked())
        #expect(run.written.last?.body["frozen"] == nil && run.state.frozen == nil)
        try run.finish(.unknown("timeout"))
        #expect(try planned(try run.claim(after: 10_000)).isKeyed == false)
        var looked = try begun(asked(idempotency: IdempotencyDefinition(header: "Key")))
        try looked.finish(.unknown("timeout"))
        let lookUp = try planned(try looked.claim(after: 10_000))
        #expect(lookUp.purpose == .lookup && !lookUp.isKeyed && lookUp.frozen == nil)
        #expect(looked.state.frozen != nil, "the call may be sent again")
    }

    @Test func `what differs is told part by part, also what came and what went`() {
        let id = Identifier(high: 1, low: 1)
        let first = FrozenRequest(attemptId: id, digests: ["path": "1", "body.a": "2", "query.b": "3"])
        #expect(first.changes(in: first) == [])
        let other = FrozenRequest(attemptId: id, digests: ["query.b": "3", "body.a": "4", "headers.x": "5"])
        #expect(first.changes(in: other) == ["path", "body.a", "headers.x"])
    }

    @Test func `a resend that would differ is held with the names of what differs, and keeps its key`() throws {
        var run = try begun()
        try held(&run)
        let hold = try #require(run.state.hold)
        #expect(hold.code == "request_changed" && hold.choices == ["retry", "done", "retry_anyway", "abandon"])
        #expect(hold.text.contains("body.pin") && hold.text.contains("nothing was sent"))
        #expect(run.written[0].body["changed"] == ["body.pin"])
        #expect(run.written[0].body["attempt"] == .string(Identifier(high: 1, low: 1).description))
        #expect(run.state.ownsKey && run.state.unknown != nil && run.state.openAttempt == nil)
        // Put back: the same key, and still the same bytes.
        let key = run.state.idempotencyKey
        try run.take(try run.state.retrying(reason: "put back", run.definition))
        let again = try planned(try run.claim())
        #expect(again.idempotencyKey == key && again.frozen?.digests == Self.digests)
    }

    @Test func `sent all the same it goes under a new key, and what the lost request made may be left`() throws {
        var run = try begun(asked(undo: false, idempotency: Self.key))
        let key = run.state.idempotencyKey
        try held(&run)
        try run.take(try run.state.resolving(.retryAnyway, reason: "there is none", run.definition))
        #expect(run.state.frozen == nil && run.state.mayHaveCreated)
        run.digests = ["method": "0a", "path": "0b", "body.pin": "0d"]
        let again = try planned(try run.claim())
        #expect(again.idempotencyKey != key && again.frozen == nil)
        #expect(run.state.frozen?.digests == run.digests)
        #expect(try run.fold() == run.state)
    }

    @Test func `a 409 that a catch names is caught, also after an unknown outcome, and is not sent again`() throws {
        let conflict = AttemptResult(outcome: .notDone, error: "exists", status: 409)
        for reconciles in [true, false] {
            let definition = asked(
                catches: [CatchEntry(errors: ["exists"], target: .hold(Sample.template("somebody has it")))],
                idempotency: Self.key, reconciles: reconciles)
            var run = try TestRun(definition, random: .max / 2)
            try run.claim()
            let wait = try #require(try run.finish(.unknown("timeout")).waits)
            try run.claim(after: wait)
            #expect(try run.finish(conflict) == .held)
            #expect(run.state.hold?.code == "caught" && run.state.hold?.text == "somebody has it")
            #expect(run.state.ownsKey && run.state.unknown != nil)
        }
    }
}
