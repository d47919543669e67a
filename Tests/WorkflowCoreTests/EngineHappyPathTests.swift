import Testing
import WorkflowCore

@Suite("A run goes from request to active")
struct EngineHappyPathTests {
    @Test func `each commit holds exactly the events and bodies that the design names, by one whole run`() throws {
        var run = try TestRun(Sample.flagship())
        #expect(try run.claim().calls == "requested")
        #expect(run.types == ["attempt.started"])
        #expect(
            run.written.first?.body == [
                "state": "requested", "attempt": 1, "service": "wpp", "call": "create_client",
                "request": "POST wpp:/api/integrations/wpp/create", "repeatable": false, "timeout_milliseconds": 5000,
            ])
        #expect(run.state.openAttempt?.startedAt == run.now)

        #expect(try run.finish(.created, after: 300).calls == "token-pending")
        #expect(run.types == ["attempt.done", "state.entered", "attempt.started"])
        #expect(
            run.written.map(\.body) == [
                [
                    "state": "requested", "attempt": 1, "evidence": ["status": 201], "saved": ["session": "s-1"],
                    "sealed": [["name": "api_key", "version": 1, "fingerprint": "0a1b2c3d", "length": 32]],
                    "entered": "client-created",
                ],
                ["from": "client-created", "why": "next", "state": "token-pending"],
                [
                    "state": "token-pending", "attempt": 1, "service": "wpp", "call": "issue_token",
                    "request": "POST wpp:/auth/token", "repeatable": true, "timeout_milliseconds": 5000,
                ],
            ])
        #expect(run.state.enteredAt == run.now)
        #expect(run.state.secret("api_key")?.sealedAt == run.now)
        #expect(run.state.nextVersion(ofSecret: "api_key") == 2)

        #expect(try run.finish(.issued, after: 200) == .ended)
        #expect(run.types == ["attempt.done", "run.succeeded"])
        #expect(run.written.last?.body == ["state": "active", "output": ["session": "s-1"]])
        #expect(run.state.status == .succeeded)
        #expect(run.state.ownsKey)
        #expect(run.events.map(\.seq) == Array(1...7))
        #expect(try run.claim() == .ended)
    }

    @Test
    func `a call that finds no place is planned again at the next claim, without a second outcome event`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        #expect(try run.finish(.created, sends: false).calls == "token-pending")
        #expect(run.types == ["attempt.done", "state.entered"])
        #expect(run.state.state == "token-pending")
        #expect(try run.claim(sends: false).calls == "token-pending")
        #expect(run.types == [])
        #expect(try run.claim().calls == "token-pending")
        #expect(run.types == ["attempt.started"])
    }

    @Test
    func `an output that cannot be evaluated is left out and told, and the run has succeeded all the same`() throws {
        let definition = Sample.flagship(output: [
            ("session", "${data.session}"), ("gone", "${data.other}"), ("key", "${data.api_key}"),
            ("same_key", "${fingerprint(data.api_key)}"), ("nul", #"${'\x00'}"#),
        ])
        var run = try TestRun(definition)
        try run.claim()
        try run.finish(.created)
        #expect(try run.finish(.issued) == .ended)
        let body = try #require(run.written.last?.body)
        #expect(body["output"] == ["session": "s-1", "same_key": "0a1b2c3d"])
        #expect(body["output_problems"]?.objectValue?.members.map(\.name) == ["gone", "key", "nul"])
        #expect(run.state.status == .succeeded)
    }

    @Test
    func `the clock of the wait is the commit's, and nothing is sent before it is over, to the microsecond`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(.created)
        #expect(try run.finish(.notActive).waits == 1000)
        let entered = run.now
        run.now = Instant(microseconds: entered.microseconds + 999_001)
        #expect(try run.claim().waits == 1)
        run.now = Instant(microseconds: entered.microseconds + 999_999)
        #expect(try run.claim().waits == 1)
        run.now = Instant(microseconds: entered.microseconds + 1_000_000)
        #expect(try run.claim().calls == "token-pending")
    }
}
