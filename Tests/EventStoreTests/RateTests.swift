import EventStore
import TestSupport
import Testing
import WorkflowCore

/// Rates: so many requests in any window of the rate's time, wherever that begins.
@Suite(.timeLimit(.minutes(15))) struct RateTests {
    private static let windowMilliseconds: Int64 = 30_000

    /// Sends as much as it may over five windows, in bursts and after rests, with intents that come up to a second after
    /// their claims. The worker is another one each time, as after a restart.
    @Test(arguments: ["organisation", "all"])
    func `never more requests than the rate begin in any window, and most of what it allows do`(_ per: String)
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let most = 6
            try await store.publishWorkflow(
                calls: "s",
                limits: [
                    "rate_count": .integer(most), "rate_milliseconds": .integer(Int(Self.windowMilliseconds)),
                    "per": .string(per),
                ])
            for number in 1...80 { try await store.enqueueRun("\(number)") }
            var random = SystemRandomNumberGenerator()
            var sent: [Instant] = []
            let begin = try await store.now()
            var round = 0
            while try await store.now().milliseconds(since: begin) < 6 * Self.windowMilliseconds {
                round += 1
                let runs = try await store.claimed("worker:\(round)", Int.random(in: 1...4, using: &random))
                try await fixture.pass(milliseconds: round % 2 == 0 ? 0 : Int64.random(in: 0...900, using: &random))
                for run in runs where run.service == "s" {
                    let attempt = newId()
                    let intent = try run.intent(of: attempt)
                    guard case .accepted(let time, _) = try await store.commitOne(intent, "worker:\(round)") else {
                        try await store.release([run.release()])
                        continue
                    }
                    sent.append(time)
                    let outcome = try run.outcome(nil, of: attempt, on: intent.state)
                    #expect(try await store.commitOne(outcome, "worker:\(round)").isAccepted)
                }
                // A rest of more than a window now and then: nothing is saved up in it.
                try await fixture.pass(
                    milliseconds: round == 40
                        ? Self.windowMilliseconds + 5000 : Int64.random(in: 50...1500, using: &random))
            }
            for (index, time) in sent.enumerated() where index >= most {
                let apart = time.milliseconds(since: sent[index - most])
                #expect(apart >= Self.windowMilliseconds, "\(most + 1) requests within \(apart) ms")
            }
            #expect(sent.count >= most * 4, "\(sent.count) requests in six windows")
        }
    }

    @Test func `a permit of a rate is good once and for a second, and is not given back`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(
                calls: "s", limits: ["rate_count": 4, "rate_milliseconds": 60_000, "per": "organisation"])
            for number in 1...9 { try await store.enqueueRun("\(number)") }
            let runs = try await store.claimed()
            #expect(runs.count == 4)
            let attempt = newId()
            let first = try runs[0].intent(of: attempt)
            #expect(try await store.commitOne(first).isAccepted)
            let again = try runs[0].commit([.done(attempt), .started(newId())], on: first.state, keepsLease: true)
            #expect(try await store.commitOne(again) == .noPermit)
            #expect(
                try await store.commitOne(runs[0].commit([.done(attempt)], on: first.state, service: "s")).isAccepted)
            try await store.release([runs[1].release()])
            #expect(try await store.claimed(workerB).isEmpty)
            try await fixture.pass(milliseconds: 1100)
            #expect(try await store.commitOne(runs[2].intent()) == .noPermit)
            #expect(try await store.commitOne(runs[2].commit([], service: "s")).isAccepted)
            let line = try await store.line("s")
            #expect(try #require(line.next) > line.now)
            try await fixture.pass(milliseconds: 70_000)
            #expect(try await store.claimed(workerB).count { $0.service == "s" } == 4)
        }
    }

    @Test func `a changed rate takes what has gone out already into account`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            func set(_ count: Int, _ milliseconds: Int64) async throws {
                let rate = RateLimit(count: count, windowMilliseconds: milliseconds)
                try await store.setService(
                    ServiceRecord(name: "s", limits: ServiceLimits(concurrent: nil, rate: rate, per: .organisation)))
            }
            try await store.publishWorkflow(calls: "s")
            for number in 1...30 { try await store.enqueueRun("\(number)") }
            try await set(4, 60_000)
            #expect(try await store.claimed().count == 4)
            try await set(6, 60_000)
            #expect(try await store.claimed().count == 2)
            try await set(7, 120_000)
            #expect(try await store.claimed().count == 1)
            try await set(2, 60_000)
            #expect(try await store.claimed().isEmpty)
            try await set(100, 60_000)
            #expect(try await store.claimed().count == 23)
        }
    }

    @Test(arguments: [LimitScope.organisation, .all])
    func `a changed window lets the next requests through when the earlier ones are old, however often somebody looks`(
        _ per: LimitScope
    ) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            func set(_ count: Int, _ milliseconds: Int64) async throws {
                let rate = RateLimit(count: count, windowMilliseconds: milliseconds)
                try await store.setService(
                    ServiceRecord(name: "s", limits: ServiceLimits(concurrent: nil, rate: rate, per: per)))
            }
            try await store.publishWorkflow(calls: "s")
            for number in 1...60 { try await store.enqueueRun("\(number)") }
            try await set(20, 1000)
            #expect(try await store.claimed().count == 20)
            let begin = try await store.now()
            try await set(5, 10_000)
            // Somebody looks each second. Not one goes out before the longer window has passed.
            var longer = 0
            for _ in 0..<13 {
                try await fixture.pass(milliseconds: 1000)
                let count = try await store.claimed().count { $0.service == "s" }
                let apart = try await store.now().milliseconds(since: begin)
                #expect(count == 0 || apart >= 10_000, "\(count) after \(apart) ms")
                longer += count
            }
            #expect(longer >= 5)
            try await set(7, 1000)
            // Each look is later than the shorter window and its two buckets.
            var shorter: [Int] = []
            for _ in 0..<3 {
                try await fixture.pass(milliseconds: 1200)
                shorter.append(try await store.claimed().count { $0.service == "s" })
            }
            #expect(shorter.dropFirst() == [7, 7], "\(shorter)")
        }
    }

    @Test
    func `a 429 moves the organisation's place where a limit is each organisation's, and never opens the breaker`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 5, "per": "organisation"])
            for number in 1...9 {
                for organisation in ["o", "p"] { try await store.enqueueRun("\(number)", organisation: organisation) }
            }
            let runs = try await store.claimed(workerA, 2)
            let one = try #require(try runs.first { try $0.state.get().organisation == "o" })
            try await fixture.send(one, .limited, asked: 20_000)
            #expect(try await store.claimed(workerB).allSatisfy { try $0.state.get().organisation == "p" })
            #expect(try await fixture.breaker() == nil)
            try await fixture.pass(milliseconds: 20_100)
            let later = try await store.claimed(workerB)
            #expect(try later.count { try $0.state.get().organisation == "o" } == 5)
        }
    }

    @Test func `elsewhere a 429 shuts the service's line for what it asked, up to the operator's cap`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.setService(ServiceRecord(name: "s", retryAfterCapMilliseconds: 30_000))
            for number in 1...20 { try await store.enqueueRun("\(number)") }
            for _ in 0..<6 {
                try await fixture.sendOne(.limited, asked: 60 * 60_000)
                let line = try await store.line("s")
                let left = try #require(line.shutUntil).milliseconds(since: line.now)
                #expect((29_000...30_000).contains(left))
                #expect(line.next == line.shutUntil)
                try await fixture.pass(milliseconds: left + 100)
            }
            #expect(try await fixture.breaker()?.consecutiveFailures ?? 0 == 0)
            // Without a word of the operator: an hour.
            try await store.setService(ServiceRecord(name: "s"))
            try await fixture.sendOne(.limited, asked: 48 * 60 * 60_000)
            let line = try await store.line("s")
            let left = try #require(line.shutUntil).milliseconds(since: line.now)
            #expect((59 * minute...60 * minute).contains(left))
        }
    }
}
