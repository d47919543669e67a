import Testing
import WorkflowCore

@Suite struct QueueFactsTests {
    private func definition(
        start: String = "one", _ states: [StateDefinition], services: [ServiceDefinition] = [],
        limits: RunLimits? = nil
    ) -> Definition {
        Definition(
            workflow: "w", version: 1, key: Sample.template("${input.number}"), start: start, services: services,
            states: states + [
                StateDefinition(name: "asked", action: .call(Sample.token), exit: .next("done")),
                StateDefinition(name: "done", exit: .end(.succeeded)),
            ], limits: limits)
    }

    private func first(_ action: StateDefinition.Action?, _ exit: StateDefinition.Exit) -> String {
        definition([StateDefinition(name: "one", action: action, exit: exit)]).firstService
    }

    @Test func `a fresh run stands in the line of its first call, by a start that calls or only passes on`() {
        #expect(first(.call(Sample.create), .next("done")) == "wpp")
        #expect(first(nil, .next("asked")) == "wpp")
        #expect(first(.set(Sample.named([("session", "x")])), .next("asked")) == "wpp")
        let choice = StateDefinition.Exit.choose([.init(condition: nil, next: "done")])
        #expect(first(.call(Sample.create), choice) == "wpp", "the choice comes after the call")
    }

    @Test func `nobody knows the first service of a run that waits, chooses, ends or goes in circles`() {
        #expect(first(.pause(milliseconds: 1000), .next("asked")) == "")
        #expect(first(nil, .choose([.init(condition: nil, next: "asked")])) == "")
        #expect(first(nil, .next("done")) == "")
        #expect(first(nil, .end(.succeeded)) == "")
        #expect(first(nil, .next("one")) == "")
        #expect(first(nil, .next("nowhere")) == "")
        #expect(definition(start: "nowhere", []).firstService == "")
    }

    @Test func `the facts are numbers and words that SQL reads, by services with all, some and no limits`() {
        let facts = definition(
            [],
            services: [
                ServiceDefinition(
                    name: "both",
                    limits: ServiceLimits(
                        concurrent: 2, rate: RateLimit(count: 30, windowMilliseconds: 60_000), per: .organisation)),
                ServiceDefinition(name: "few", limits: ServiceLimits(concurrent: 1)),
                ServiceDefinition(name: "free"),
            ], limits: RunLimits(liveRuns: 5, per: .organisation)
        ).queueFacts
        #expect(
            facts.serialized()
                == #"{"first_service":"","deadline_milliseconds":2592000000,"limits":{"live_runs":5,"per":"organisation"},"services":{"#
                + #""both":{"concurrent":2,"rate_count":30,"rate_milliseconds":60000,"per":"organisation"},"#
                + #""few":{"concurrent":1,"rate_count":null,"rate_milliseconds":null,"per":"all"}}}"#)
    }

    @Test func `a definition without limits says so with null and an empty object`() {
        #expect(
            Sample.flagship().queueFacts == [
                "first_service": "wpp", "deadline_milliseconds": .integer(Sample.flagship().deadlineMilliseconds),
                "limits": .null, "services": .object(JSONObject()),
            ])
    }
}

@Suite struct RateLimitTests {
    @Test(arguments: [
        ("30/1m", 30, 60_000), ("1/1s", 1, 1000), ("1000000/1d", 1_000_000, 86_400_000), ("10/PT1H", 10, 3_600_000),
        ("5/1500ms", 5, 1500),
    ])
    func `a rate is read, and written back so that it reads the same`(
        _ text: String, _ count: Int, _ window: Int64
    ) throws {
        let rate = try RateLimit(text)
        #expect(rate == RateLimit(count: count, windowMilliseconds: window))
        #expect(try RateLimit(rate.description) == rate)
    }

    @Test(arguments: [
        ("", RateLimit.Refusal.form), ("30", .form), ("/1m", .form), ("30/", .form), ("30/1m/2", .form),
        ("+30/1m", .form), ("-1/1m", .form), ("030/1m", .form), ("3 0/1m", .form), ("٣/1m", .form), ("30/m", .form),
        ("30/+1m", .form), ("30 per minute", .form), ("1e3/1m", .form), ("0/1m", .count), ("1000001/1m", .count),
        ("99999999999999999999/1m", .count), ("30/0s", .window), ("30/999ms", .window), ("30/86401s", .window),
        ("30/2d", .window),
    ])
    func `what is no rate is refused with what to do about it`(_ text: String, _ refusal: RateLimit.Refusal) {
        #expect(throws: refusal) { try RateLimit(text) }
    }
}
