import Testing
import WorkflowCore

@Suite("Failed attempts are tried again as the definition says")
struct EngineRetryTests {
    /// A run that asks for the token.
    private func pending(_ definition: Definition = Sample.flagship()) throws -> TestRun {
        var run = try TestRun(definition)
        try run.claim()
        try run.finish(.created)
        return run
    }

    @Test
    func `a key that is not active yet is asked again after 1000, 1500, 2250 ms and so on up to the cap`() throws {
        var run = try pending()
        var delays: [Int64] = []
        for number in 1...6 {
            let delay = try #require(try run.finish(.notActive).waits)
            delays.append(delay)
            #expect(run.types == ["attempt.not_done"])
            #expect(
                run.written.first?.body == [
                    "state": "token-pending", "attempt": .integer(number), "evidence": ["status": 403],
                    "error": "key_not_active",
                    "retry": [
                        "policy": "activation", "entry": 0, "delay_milliseconds": .integer(delay),
                        "number": .integer(number),
                    ],
                ])
            #expect(
                run.state.counters == [RetryCounter(entry: 0, attempts: number, firstAt: run.state.counters[0].firstAt)]
            )
            #expect(try run.claim(after: delay).calls == "token-pending")
            #expect(run.state.wait == nil)
        }
        #expect(delays == [1000, 1500, 2250, 3375, 4000, 4000])
        #expect(try run.finish(.issued) == .ended)
    }

    @Test func `a window counts from the first such answer, and its end fails the run with that reason`() throws {
        var run = try pending()
        try run.finish(.notActive, after: 30_000)
        let first = run.now
        try run.claim(after: 1000)
        // 1500 ms more would still be within the 60 s.
        let used = run.now.milliseconds(since: first)
        var late = run
        #expect(try late.finish(.notActive, after: 60_000 - 1500 - used).waits == 1500)
        late = run
        #expect(try late.finish(.notActive, after: 60_000 - 1500 - used + 1) == .ended)

        try run.finish(.notActive, after: 50_000)
        try run.claim(after: 1500)
        #expect(try run.finish(.notActive, after: 6000) == .ended)
        #expect(run.types == ["attempt.not_done", "run.failed"])
        let reason = "key_not_active for the whole window of 1m of policy activation, 3 attempts"
        #expect(run.written.first?.body["gave_up"] == .string(reason))
        #expect(run.written.first?.body["entered"] == "failed")
        #expect(run.written.first?.body["retry"] == nil)
        #expect(
            run.written.last?.body == [
                "state": "failed", "error": "key_not_active", "reason": .string(reason), "failed_in": "token-pending",
            ])
        #expect(run.state.reason == reason)
        #expect(run.state.ownsKey, "the client exists over there")
    }

    @Test func `the most attempts include the first one`() throws {
        var run = try pending()
        let busy = AttemptResult.unknown("http.503", status: 503)
        #expect(try run.finish(busy).waits == 500)
        try run.claim(after: 500)
        #expect(try run.finish(busy).waits == 1000)
        try run.claim(after: 1000)
        #expect(try run.finish(busy) == .ended)
        #expect(run.state.reason == "http.503 after 3 attempts, the most that policy outage allows")
    }

    @Test func `each entry has a counter of its own, and entering the state again starts afresh`() throws {
        let definition = Sample.single(
            retry: [
                RetryEntry(errors: ["a"], policy: RetryPolicy(name: "a", jitter: .none, maximumAttempts: 3)),
                RetryEntry(errors: ["b"], policy: RetryPolicy(name: "b", jitter: .none, maximumAttempts: 2)),
            ], catches: [CatchEntry(errors: ["b"], target: .next("again"))],
            others: [StateDefinition(name: "again", action: .pause(milliseconds: 10), exit: .next("one"))])
        var run = try TestRun(definition)
        let a = AttemptResult(outcome: .notDone, error: "a", status: 400)
        let b = AttemptResult(outcome: .notDone, error: "b", status: 400)
        try run.claim()
        #expect(try run.finish(a).waits == 1000)
        try run.claim(after: 1000)
        #expect(try run.finish(b).waits == 1000)
        try run.claim(after: 1000)
        #expect(try run.finish(a).waits == 2000)
        #expect(run.state.counters.map(\.attempts) == [2, 1])
        #expect(run.state.attempts == 3)
        try run.claim(after: 2000)
        #expect(try run.finish(b).waits == 10)
        #expect(run.state.state == "again")
        #expect(run.state.counters.isEmpty)
        #expect(try run.claim(after: 10).calls == "one")
        #expect(run.state.attempts == 1)
        #expect(try run.finish(a).waits == 1000)
    }

    @Test
    func `Retry-After raises a delay and never lowers it; beyond the window it ends the run with that reason`() throws {
        func notActive(retryAfter: Int64) -> AttemptResult {
            AttemptResult(
                outcome: .notDone, error: "key_not_active", status: 403, retryAfterMilliseconds: retryAfter)
        }
        var run = try pending()
        #expect(try run.finish(notActive(retryAfter: 10)).waits == 1000)
        #expect(run.written[0].body["retry"]?["retry_after_milliseconds"] == nil)
        try run.claim(after: 1000)
        #expect(try run.finish(notActive(retryAfter: 9000)).waits == 9000)
        #expect(run.written[0].body["retry"]?["retry_after_milliseconds"] == 9000)
        try run.claim(after: 9000)
        #expect(try run.finish(notActive(retryAfter: 3_600_000)) == .ended)
        #expect(
            run.state.reason
                == "key_not_active: the platform asks to wait 1h, beyond the window of 1m of policy activation")

        var huge = try pending()
        #expect(try huge.finish(notActive(retryAfter: .max)) == .ended)
        #expect(huge.state.reason?.contains("the platform asks to wait") == true)
    }

    @Test func `a policy that does not honour Retry-After keeps its own delay`() throws {
        let policy = RetryPolicy(name: "p", jitter: .none, maximumAttempts: 9, honoursRetryAfter: false)
        var run = try TestRun(Sample.single(retry: [RetryEntry(errors: ["any"], policy: policy)]))
        try run.claim()
        #expect(
            try run.finish(AttemptResult(outcome: .notDone, error: "x", retryAfterMilliseconds: 77_000)).waits == 1000)
    }

    @Test func `an endless Retry-After without a window waits no longer than to the run's deadline`() throws {
        var run = try pending()
        let busy = AttemptResult(
            outcome: .notDone, error: "http.429", status: 429, isCounted: false, retryAfterMilliseconds: .max)
        let waits = try #require(try run.finish(busy).waits)
        #expect(run.state.wait?.milliseconds == RetryArithmetic.longestMilliseconds)
        #expect((1...Definition.standardDeadlineMilliseconds).contains(waits))
        #expect(run.state.status == .live)
    }

    @Test
    func `refused connections and 429 have no limit, leave the counters alone, and start over after an answer`() throws
    {
        var run = try pending(Sample.flagship(tokenRetriesNothing: true))
        run.random = .max
        try run.finish(.notActive)
        let counters = run.state.counters
        try run.claim(after: 1000)
        let busy = AttemptResult(
            outcome: .notDone, error: "http.429", status: 429, isCounted: false, retryAfterMilliseconds: 45_000)
        var delays: [Int64] = []
        for round in 0..<200 {
            let isBusy = round % 50 == 49
            let delay = try #require(try run.finish(isBusy ? busy : .refused).waits)
            if round < 7 { delays.append(delay) }
            if isBusy { #expect(delay == 45_000) } else { #expect(delay <= 30_000) }
            #expect(run.written[0].body["counted"] == false)
            #expect(run.written[0].body["retry"]?["entry"] == nil)
            #expect(run.state.counters == counters)
            try run.claim(after: delay)
        }
        #expect(delays == [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
        #expect(run.state.attempts == 202)
        // The window of the 403 has run out by now; waiting for the platform did not use up attempts.
        #expect(try run.finish(.notActive) == .ended)
        #expect(run.state.reason?.contains("2 attempts") == true)
    }

    @Test func `a create that was never sent is sent again, and leaves nothing that must keep the key`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        let delay = try #require(try run.finish(.refused).waits)
        #expect((500...1000).contains(delay))
        #expect(!run.state.mayHaveCreated)
        #expect(try run.claim(after: delay).calls == "requested")
    }

    @Test func `transient trouble is retried by default, six attempts in all, unless the state says none`() throws {
        var run = try TestRun(Sample.single())
        run.random = .max
        try run.claim()
        for delay in [1000, 2000, 4000, 8000, 16_000] as [Int64] {
            #expect(try run.finish(.unknown("timeout")).waits == delay)
            #expect(run.written[0].type == .attemptUnknown)
            #expect(run.written[0].body["retry"]?["entry"] == -1)
            try run.claim(after: delay)
        }
        #expect(try run.finish(.unknown("timeout")) == .ended)
        #expect(run.state.reason == "timeout after 6 attempts, the most that policy default allows")

        var none = try TestRun(Sample.single(retriesNothing: true))
        try none.claim()
        #expect(try none.finish(.unknown("timeout")) == .ended)
        #expect(none.state.reason == "timeout is not retried in state one")
    }

    @Test(arguments: [
        (AttemptResult(outcome: .notDone, status: 418), "http.418"), (AttemptResult(outcome: .notDone), "not_done"),
        (AttemptResult(outcome: .unknown), "unknown_outcome"),
    ])
    func `a failure without a name of its own is recorded by its status or outcome, by a table`(
        _ result: AttemptResult, _ name: String
    ) throws {
        var run = try TestRun(Sample.single(retriesNothing: true))
        try run.claim()
        #expect(try run.finish(result) == .ended)
        #expect(run.written[0].body["error"] == .string(name))
        #expect(run.written[0].body["evidence"]?["status"]?.integerValue == result.status.map { Int64($0) })
    }

    @Test func `a refusal that nothing retries fails at once, with what the exchange tells`() throws {
        var run = try TestRun(Sample.single())
        try run.claim()
        let result = AttemptResult(
            outcome: .notDone, error: "address_refused", evidence: ["detail": "10.0.0.1 is not allowed"])
        #expect(try run.finish(result) == .ended)
        #expect(run.state.reason == "address_refused is not retried in state one: 10.0.0.1 is not allowed")
        #expect(!run.state.ownsKey)
    }

    @Test(
        arguments: [
            ("any", "x", nil, true), ("timeout", "timeout", nil, true), ("timeout", "timeouts", nil, false),
            ("transient", "timeout", nil, true), ("transient", "unreachable", nil, true),
            ("transient", "http.503", 503, true), ("transient", "http.500", 500, false),
            ("transient", "http.429", 429, true), ("transient", "key_not_active", 503, false),
            ("transient", "unknown_outcome", nil, false), ("http.4xx", "key_not_active", 403, true),
            ("http.403", "key_not_active", 403, true), ("http.5xx", "http.403", 403, false),
            ("http.5xx", "timeout", nil, false), ("http.403", "http.403", 403, true),
        ] as [(String, String, Int?, Bool)])
    func `names match errors, by a table`(_ name: String, _ error: String, _ status: Int?, _ isMatch: Bool) {
        #expect(ErrorName.matches(name, error: error, status: status) == isMatch)
    }
}
