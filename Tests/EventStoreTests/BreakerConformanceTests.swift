import EventStore
import Testing
import WorkflowCore

@Suite struct BreakerConformanceTests {
    @Test func `requests that failed together are one failure`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...6 { try await store.enqueueRun("\(number)") }
            let runs = try await store.claimed()
            var intents: [RunCommit] = []
            for run in runs {
                let intent = try run.intent()
                #expect(try await store.commitOne(intent).isAccepted)
                intents.append(intent)
            }
            for (run, intent) in zip(runs, intents) {
                let attempt = try #require(intent.events.last?.attemptId)
                #expect(try await store.commitOne(run.outcome(.failed, of: attempt, on: intent.state)).isAccepted)
            }
            let before = try await store.now()
            let line = try await store.line("s")
            let until = try #require(line.shutUntil)
            #expect(until > before && until <= line.now.advanced(byMilliseconds: 1000))
            #expect(line.next == until)
            #expect(try await fixture.breaker()?.consecutiveFailures == 1)
        }
    }

    @Test func `after the pause one run of all workers is the trial, and each of its failures shuts for longer`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...20 { try await store.enqueueRun("\(number)") }
            try await fixture.openBreaker()
            var lengths: [Int64] = []
            for number in 1...7 {
                #expect(try await store.claimed(workerB).isEmpty)
                try await fixture.pass(milliseconds: 31_000)
                #expect(try await fixture.breaker()?.state(at: store.now()) == .halfOpen)
                let trials = try await store.claimed(workerA, 10)
                #expect(trials.count == 1 && trials.first?.isTrial == true)
                #expect(try await fixture.breaker()?.trialOwner == workerA)
                let line = try await store.line("s", workerB)
                #expect(line.shutUntil == (try await fixture.breaker()?.trialExpires))
                try await fixture.send(try #require(trials.first), .failed)
                let after = try await store.line("s", workerB)
                #expect(try await fixture.breaker()?.consecutiveFailures == number + 1)
                let until = try #require(after.shutUntil)
                lengths.append((until.milliseconds(since: after.now) + 500) / 1000)
            }
            #expect(lengths == [2, 4, 8, 16, 30, 30, 30])
        }
    }

    @Test func `a pause that a definition asks for does not grow beyond itself, and a Retry-After makes it longer`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...3 { try await store.enqueueRun("\(number)") }
            for (number, asked) in [Int64(0), 0, 100_000].enumerated() {
                if number == 0 {
                    try await fixture.openBreaker(pause: 60_000)
                } else {
                    try await fixture.sendOne(.failed, asked: asked, pause: 60_000)
                }
                let line = try await store.line("s")
                let left = try #require(line.shutUntil).milliseconds(since: line.now)
                #expect((max(60_000, asked) - 1000...max(60_000, asked)).contains(left))
                try await fixture.pass(milliseconds: left + 100)
            }
        }
    }

    @Test func `the trial's answer closes the breaker, and more are let through with each second`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...60 { try await store.enqueueRun("\(number)") }
            try await fixture.openBreaker()
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: 1100)
            let trial = try await store.claimOne()
            try await fixture.send(trial, .answered, due: 60 * minute)
            var counts: [Int] = []
            for seconds in [Int64(0), 1, 1, 2, 7] {
                try await fixture.pass(milliseconds: 1000 * seconds)
                counts.append(try await store.claimed(workerB).count)
            }
            #expect(try await fixture.breaker() == nil)
            // At once 2, then up to 4, 8 and 32 at the same time, and after ten seconds all.
            #expect(counts.first == 2)
            #expect(counts.prefix(3).reduce(0, +) >= 8 && counts.prefix(3).reduce(0, +) < 16)
            #expect(counts.reduce(0, +) == 59)
        }
    }

    @Test func `only the trial has a say while it is half-open, not a straggler from before`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...9 { try await store.enqueueRun("\(number)") }
            let stragglers = try await store.claimed(workerB, 2)
            var sent: [RunCommit] = []
            for run in stragglers {
                let intent = try run.intent()
                #expect(try await store.commitOne(intent, workerB).isAccepted)
                sent.append(intent)
            }
            try await fixture.openBreaker()
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: 1100)
            let trial = try await store.claimOne()
            for (finding, (run, intent)) in zip([ServiceReport.Finding.answered, .failed], zip(stragglers, sent)) {
                let attempt = try #require(intent.events.last?.attemptId)
                let outcome = try run.outcome(finding, of: attempt, on: intent.state)
                #expect(try await store.commitOne(outcome, workerB).isAccepted)
                #expect(try await store.claimed(workerB).isEmpty)
                let breaker = try #require(try await fixture.breaker())
                #expect(breaker.consecutiveFailures == 1 && breaker.trialOwner == workerA)
            }
            try await fixture.send(trial, .answered)
            #expect(try await store.claimed(workerB).count == 2)
        }
    }

    @Test(arguments: ["released", "moved"])
    func `a trial that goes back unsent is the next one's at once`(_ way: String) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...5 { try await store.enqueueRun("\(number)") }
            try await fixture.openBreaker()
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: 1100)
            let trial = try await store.claimOne()
            #expect(try await store.claimed(workerB).isEmpty)
            if way == "released" {
                try await store.release([trial.release(due: minute)])
            } else {
                #expect(try await store.commitOne(trial.commit([], due: minute, service: "s")).isAccepted)
            }
            let next = try await store.claimed(workerB)
            #expect(next.count == 1 && next.first?.isTrial == true && next.first?.id != trial.id)
        }
    }

    @Test func `a trial whose worker died is followed by another, and what it says later does not count`() async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...3 { try await store.enqueueRun("\(number)") }
            try await fixture.openBreaker()
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: 1100)
            let dead = try await store.claimOne()
            #expect(dead.isTrial)
            try await fixture.pass(milliseconds: minute + 100)
            let next = try await store.claimed(workerB)
            // The dead worker's run comes back without a permit, beside the new trial.
            let again = try #require(next.first { $0.id == dead.id })
            #expect(next.count == 2 && next.count { $0.isTrial } == 1 && !again.isTrial && again.service == "")
            #expect(try await store.commitOne(again.intent(), workerB) == .noPermit)
            #expect(try await store.commitOne(dead.commit([.entered("x")])) == .fenced)
            let trial = try #require(next.first { $0.isTrial })
            try await fixture.send(trial, .answered, by: workerB)
            #expect(try await store.claimed(workerB).count == 2)
        }
    }

    @Test func `no intent is written while its service is shut, and the run can be written without it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.publishWorkflow("v", calls: "t")
            for number in 1...6 { try await store.enqueueRun("\(number)") }
            let runs = try await store.claimed()
            for run in runs.suffix(3) { try await fixture.send(run, .failed) }
            #expect(try await store.claimed().isEmpty)
            func expectRefused(_ run: ClaimedRun) async throws {
                let events = try await store.events(of: run.id, after: 0).count
                #expect(
                    try await store.commitOne(run.commit([.entered("x"), .started(newId())], keepsLease: true))
                        == .noPermit)
                #expect(try await store.events(of: run.id, after: 0).count == events)
                #expect(try await store.run(run.id)?.state == "requested")
            }
            // Open, then half-open, then shut by a person.
            try await expectRefused(runs[1])
            try await fixture.pass(milliseconds: 1100)
            try await expectRefused(runs[1])
            #expect(try await store.resumeService("s"))
            _ = try await store.pauseService("s", milliseconds: nil, reason: "maintenance", by: person)
            try await expectRefused(runs[2])
            // Another service is open.
            #expect(try await store.commitOne(runs[2].intent(to: "t")).isAccepted)
            #expect(try await store.commitOne(runs[1].commit([.entered("x")], service: "s")).isAccepted)
        }
    }

    @Test func `a person's pause takes the trial's say, ends without one, or lasts until a resume`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...3 { try await store.enqueueRun("\(number)") }
            try await fixture.openBreaker()
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: 1100)
            let trial = try await store.claimOne()
            let attempt = newId()
            let intent = try trial.intent(of: attempt)
            #expect(try await store.commitOne(intent).isAccepted)
            let ends = try await store.pauseService("s", milliseconds: 60 * minute, reason: "maintenance", by: person)
            // Neither the answer nor the failure of a request from before lifts it, makes it shorter, or speaks in the
            // person's name.
            #expect(try await store.commitOne(trial.outcome(.answered, of: attempt, on: intent.state)).isAccepted)
            #expect(try await store.line("s").shutUntil == ends)
            let standing = try #require(try await fixture.breaker())
            #expect(standing.pausedUntil == ends)
            #expect(standing.pauseReason == "maintenance" && standing.pausedBy == person)
            #expect(try await store.resumeService("s"))
            #expect(try await !store.resumeService("s"))
            _ = try await store.pauseService("s", milliseconds: minute, reason: "maintenance", by: person)
            try await fixture.pass(milliseconds: minute + 100)
            #expect(try await fixture.breaker()?.state(at: store.now()) == .closed)
            #expect(try await !store.claimed().isEmpty)
            #expect(
                try await store.pauseService("s", milliseconds: nil, reason: "gone", by: person) == Breaker.endless)
            try await fixture.pass(milliseconds: 10_000 * minute)
            #expect(try await fixture.breaker()?.state(at: store.now()) == .open(until: Breaker.endless))
            #expect(try await store.resumeService("s"))
        }
    }
}
