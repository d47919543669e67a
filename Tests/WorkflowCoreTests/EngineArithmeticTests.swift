import Testing
import WorkflowCore

@Suite("Delays and times never trap")
struct EngineArithmeticTests {
    private func policy(
        _ delay: Int64, _ backoff: Double, _ most: Int64, _ jitter: RetryPolicy.Jitter = .none
    ) -> RetryPolicy {
        RetryPolicy(
            name: "p", delayMilliseconds: delay, backoff: backoff, maximumDelayMilliseconds: most, jitter: jitter)
    }

    @Test(
        arguments: [
            (1000, 1.5, 60_000, [1000, 1500, 2250, 3375, 5063, 7594]), (1000, 1, 60_000, [1000, 1000, 1000]),
            (5000, 2, 5000, [5000, 5000]), (0, 2, 60_000, [0, 0, 0]), (7, 100, 60_000, [7, 700, 60_000, 60_000]),
            (1000, 2, 0, [0, 0]), (1000, 0.5, 60_000, [1000, 500, 250]),
        ] as [(Int64, Double, Int64, [Int64])])
    func `a delay grows by its factor up to the cap, by a table`(
        _ delay: Int64, _ backoff: Double, _ most: Int64, _ expected: [Int64]
    ) {
        let policy = policy(delay, backoff, most)
        for (index, wanted) in expected.enumerated() {
            #expect(RetryArithmetic.delayMilliseconds(policy, retry: index + 1, random: 5) == wanted)
        }
    }

    @Test func `jitter stays within its bounds and uses all of them, over many random numbers`() {
        var random = SeededRandom(seed: 1)
        var full: [Int64] = []
        var equal: [Int64] = []
        for round in 0..<5000 {
            let draw = round == 0 ? .min : round == 1 ? .max : random.next()
            full.append(RetryArithmetic.delayMilliseconds(policy(1000, 2, 60_000, .full), retry: 2, random: draw))
            equal.append(RetryArithmetic.delayMilliseconds(policy(1000, 2, 60_000, .equal), retry: 2, random: draw))
            #expect(RetryArithmetic.delayMilliseconds(policy(1000, 2, 60_000), retry: 2, random: draw) == 2000)
        }
        #expect(full.min() == 0 && full.max() == 2000)
        #expect(equal.min() == 1000 && equal.max() == 2000)
        #expect(full.contains { (900...1100).contains($0) } && equal.contains { (1450...1550).contains($0) })
        #expect((950...1050).contains(full.reduce(0, +) / 5000))
    }

    @Test func `any policy, count and random number gives a delay from 0 to the longest`() {
        let spans: [Int64] = [.min, -1, 0, 1, 1000, .max - 1, .max]
        let factors: [Double] = [
            .nan, .infinity, -.infinity, -1, 0, .leastNonzeroMagnitude, 1, 1.000_001, 2, .greatestFiniteMagnitude,
        ]
        let counts = [Int.min, -1, 0, 1, 2, 50, Int.max]
        for delay in spans {
            for factor in factors {
                for most in spans {
                    for jitter in RetryPolicy.Jitter.allCases {
                        let policy = policy(delay, factor, most, jitter)
                        for count in counts {
                            let result = RetryArithmetic.delayMilliseconds(policy, retry: count, random: .max)
                            #expect((0...min(max(most, 0), RetryArithmetic.longestMilliseconds)).contains(result))
                        }
                    }
                }
            }
        }
    }

    @Test func `a run with counters, times and spans at their limits is decided without a trap`() throws {
        var run = try TestRun(Sample.flagship())
        try run.claim()
        try run.finish(.created)
        try run.finish(.notActive)
        try run.claim(after: 1000)
        let snapshot = run.state.snapshot
        var outcomes: Set<String> = []
        for count in [Int64.min, 0, Int64.max] {
            for time in [Int64.min, 0, Int64.max] {
                var json = snapshot.json.objectValue ?? [:]
                json["attempts"] = .integer(count)
                json["uncounted_in_a_row"] = .integer(count)
                json["counters"] = [["entry": 0, "attempts": .integer(count), "first_at": 0]]
                json["wait"] = ["since": 0, "milliseconds": .integer(count)]
                json["secrets"] = [
                    [
                        "reference": [
                            "name": "api_key", "version": .integer(count), "fingerprint": "f",
                            "length": .integer(count),
                        ], "sealed_at": 0,
                    ]
                ]
                let state = try #require(
                    RunState(
                        id: run.id, seq: Int64.max,
                        snapshot: Snapshot(json: .object(json), times: snapshot.times.map { _ in time })))
                #expect(state.nextVersion(ofSecret: "api_key") <= Int.max)
                for now in [Int64.min, 0, Int64.max] {
                    for asked in [Int64.min, 0, Int64.max] {
                        for isCounted in [true, false] {
                            let result = AttemptResult(
                                outcome: .notDone, error: "key_not_active", status: .max, isCounted: isCounted,
                                retryAfterMilliseconds: asked)
                            let decision = decide(
                                state, run.definition, .finished(result),
                                DecisionContext(now: Instant(microseconds: now), random: .max))
                            outcomes.insert(decision.state.status.rawValue)
                        }
                    }
                }
                #expect(throws: EvolveError.self) {
                    try evolve(
                        state, run: run.id,
                        RecordedEvent(
                            seq: .min, type: "run.held", body: [:], epoch: 1, attemptId: nil, actor: "a",
                            recordedAt: run.now))
                }
            }
        }
        #expect(outcomes == ["live", "failed"])
    }

    @Test(
        arguments: [
            (0, 5, 5000), (.max, 1, .max), (.max - 999, 1, .max), (.max - 1000, 1, .max), (0, .max, .max),
            (0, .min, .min), (.min, -1, .min), (.min, .max, .max), (.max, .min, .min), (.max, -1, .max - 1000),
        ] as [(Int64, Int64, Int64)])
    func `times stop at the ends of their range`(_ start: Int64, _ milliseconds: Int64, _ end: Int64) {
        #expect(
            Instant(microseconds: start).advanced(byMilliseconds: milliseconds) == Instant(microseconds: end))
    }

    @Test(
        arguments: [
            (5000, 0, 5), (0, 5000, -5), (1999, 1000, 0), (.max, -2, .max), (.min, 1, .min), (.max, .min, .max),
            (.min, .max, .min), (.max, 0, .max / 1000),
        ] as [(Int64, Int64, Int64)])
    func `spans between times stop at the ends of their range`(_ later: Int64, _ earlier: Int64, _ milliseconds: Int64)
    {
        #expect(
            Instant(microseconds: later).milliseconds(since: Instant(microseconds: earlier)) == milliseconds)
    }

    @Test(
        arguments: [
            (0, 10, 0, 10), (0, 10, 9999, 1), (0, 10, 10_000, 0), (0, 10, .max, 0), (0, .min, 0, 0),
            (.max, .max, .min, .max), (-1, 10, .max, 10), (-1, -10, 0, 0),
        ] as [(Int64, Int64, Int64, Int64)])
    func `what is left of a wait is never negative and never rounded down`(
        _ since: Int64, _ span: Int64, _ now: Int64, _ left: Int64
    ) {
        let wait = Wait(since: Instant(microseconds: since), milliseconds: span)
        #expect(wait.remainingMilliseconds(now: Instant(microseconds: now)) == left)
    }

    @Test(
        arguments: [
            (90_000, "90s"), (900_000, "15m"), (21_600_000, "6h"), (259_200_000, "3d"), (1500, "1500ms"), (0, "0ms"),
            (-5, "-5ms"), (.max, "9223372036854775807ms"),
        ] as [(Int64, String)])
    func `a span is written as people write it`(_ milliseconds: Int64, _ text: String) {
        #expect(RetryArithmetic.spanText(milliseconds) == text)
    }
}
