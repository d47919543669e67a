import Testing
import WorkflowCore

@Suite("A learned schedule asks when keys usually become active")
struct EngineLearnedTests {
    private static let policy = RetryPolicy(
        name: "late", delayMilliseconds: 1000, backoff: 1.5, maximumDelayMilliseconds: 600_000, jitter: .none,
        withinMilliseconds: 7_200_000, schedule: .learned)

    private static let known = ActivationQuantiles(
        points: [
            .init(percent: 10, milliseconds: 4000), .init(percent: 50, milliseconds: 31_000),
            .init(percent: 90, milliseconds: 900_000), .init(percent: 99, milliseconds: 9_000_000),
        ], activations: 212)

    /// A run that asks for the token, with the policy of the suite or another.
    private func pending(
        _ policy: RetryPolicy = policy, _ known: ActivationQuantiles? = known
    ) throws -> TestRun {
        let retry = [RetryEntry(errors: ["key_not_active"], policy: policy)]
        var run = try TestRun(Sample.flagship(tokenRetry: retry))
        run.activation = known
        try run.claim()
        try run.finish(.created)
        return run
    }

    private func waits(_ run: inout TestRun) throws -> Int64 {
        let delay = try #require(try run.finish(.notActive).waits)
        try run.claim(after: delay)
        return delay
    }

    @Test func `tries stand at the quantiles of the key's age, and the event says which one placed them`() throws {
        var run = try pending()
        let entered = run.state.enteredAt
        let first = try #require(try run.finish(.notActive).waits)
        let placed = try #require(run.written.first?.body["retry"]?["learned"])
        #expect(placed["quantile"] == "p10" && placed["milliseconds"] == 4000 && placed["activations"] == 212)
        let age = try #require(placed["age_milliseconds"]?.integerValue)
        #expect(first == 4000 - age)
        try run.claim(after: first)
        #expect(abs(run.now.milliseconds(since: entered) - 4000) < 20)
        _ = try waits(&run)
        #expect(abs(run.now.milliseconds(since: entered) - 31_000) < 20)
    }

    @Test func `a try is never later than max_delay, and the next one goes on from there`() throws {
        var run = try pending()
        _ = try waits(&run)
        _ = try waits(&run)
        #expect(try waits(&run) == 600_000)
        let last = try #require(try run.finish(.notActive).waits)
        #expect(last < 300_000 && run.written.first?.body["retry"]?["learned"]?["quantile"] == "p90")
    }

    @Test func `a quantile nearer than the declared delay is passed over`() throws {
        let close = ActivationQuantiles(
            points: [.init(percent: 10, milliseconds: 900), .init(percent: 50, milliseconds: 5000)], activations: 20)
        var run = try pending(Self.policy, close)
        _ = try run.finish(.notActive)
        #expect(run.written.first?.body["retry"]?["learned"]?["quantile"] == "p50")
    }

    @Test func `within stays the hard end: the last learned try is the end of the window, and none comes after it`()
        throws
    {
        let short = RetryPolicy(
            name: "late", delayMilliseconds: 1000, backoff: 1.5, maximumDelayMilliseconds: 600_000, jitter: .none,
            withinMilliseconds: 60_000, schedule: .learned)
        let late = ActivationQuantiles(points: [.init(percent: 50, milliseconds: 3_600_000)], activations: 20)
        var run = try pending(short, late)
        #expect(try waits(&run) == 60_000)
        #expect(try run.finish(.notActive) == .ended)
        #expect(run.state.reason?.contains("whole window of 1m") == true)
    }

    @Test func `past the last quantile the declared delays stand`() throws {
        let early = ActivationQuantiles(points: [.init(percent: 99, milliseconds: 3000)], activations: 500)
        var run = try pending(Self.policy, early)
        _ = try waits(&run)
        #expect(try run.finish(.notActive).waits == 1500)
        #expect(run.written.first?.body["retry"]?["learned"] == nil)
    }

    @Test(arguments: [19, 0])
    func `below 20 activations the declared delays stand`(_ activations: Int) throws {
        var run = try pending(Self.policy, ActivationQuantiles(points: Self.known.points, activations: activations))
        #expect(try run.finish(.notActive).waits == 1000)
        #expect(run.written.first?.body["retry"]?["learned"] == nil)
    }

    @Test func `without statistics, and with a declared schedule, nothing is learned`() throws {
        var unknown = try pending(Self.policy, nil)
        #expect(try unknown.finish(.notActive).waits == 1000)
        let declared = RetryPolicy(
            name: "late", delayMilliseconds: 1000, backoff: 1.5, jitter: .none, withinMilliseconds: 7_200_000)
        var run = try pending(declared)
        #expect(try run.finish(.notActive).waits == 1000)
    }

    @Test func `a tenth of the runs keep the declared delays, the same ones every time`() throws {
        let ids = (0..<10_000).map {
            Identifier(high: 0x0192_f0c1_7a2b_7000 &+ UInt64($0 / 7), low: UInt64($0) &* 0x9e37)
        }
        let controls = ids.filter(ActivationQuantiles.isControl)
        #expect((900...1100).contains(controls.count))
        #expect(controls == ids.filter(ActivationQuantiles.isControl))
        let control = try #require(controls.first)
        let run = try pending()
        // The same run under another id.
        let state = try #require(RunState(id: control, seq: run.state.seq, snapshot: run.state.snapshot))
        let decision = decide(
            state, run.definition, .finished(.notActive),
            DecisionContext(now: run.now, random: 0, activation: Self.known))
        #expect(decision.events.first?.body["retry"]?["delay_milliseconds"] == 1000)
        #expect(decision.events.first?.body["retry"]?["learned"] == nil)
    }

    @Test func `the fold needs no statistics: what the event says is when the run is due`() throws {
        var run = try pending()
        let delay = try #require(try run.finish(.notActive).waits)
        #expect(run.state.wait?.milliseconds == delay)
    }
}
