import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// What opens the breaker, who makes the trial, and what closes it. A run's organisation is the first letter of its key.
@Suite struct BreakerJudgementTests {
    // MARK: What opens it

    @Test func `what one account meets opens it for nobody, however often and with however many runs`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("c1", "c2", "c3", "o1")
            // The other has not called yet: it waits beside them.
            try await fixture.answers([("c1", .failed), ("c2", .failed), ("c3", .failed)])
            #expect(try await fixture.openers() == nil)
            for _ in 0..<4 { try await fixture.answers([("c1", .failed), ("c2", .failed), ("o1", .answered)]) }
            #expect(try await fixture.openers() == nil)
            let failed = try await fixture.breaker()?.failuresByRun.count
            #expect(failed == 3)
        }
    }

    @Test func `a service that others have called within the minute is not shut by one account`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1")
            try await fixture.send(try await fixture.store.claimOne(), .answered, due: 60 * minute)
            try await fixture.enqueue("c1", "c2", "c3")
            try await fixture.answers([("c1", .failed), ("c2", .failed), ("c3", .failed)])
            #expect(try await fixture.openers() == nil)
            // By then nobody else calls.
            try await fixture.pass(milliseconds: minute + 100)
            try await fixture.answers([("c1", .failed), ("c2", .failed), ("c3", .failed)])
            #expect(try await fixture.openers() == ["c1", "c2", "c3"])
        }
    }

    @Test func `three runs of two organisations open it, two runs do not, and it knows which runs they were`()
        async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("c1", "c2", "o1", "o2")
            for _ in 0..<5 { try await fixture.answers([("c1", .failed), ("o1", .failed)]) }
            #expect(try await fixture.openers() == nil)
            try await fixture.answers([("c2", .failed)])
            #expect(try await fixture.openers() == ["c1", "c2", "o1"])
        }
    }

    @Test func `three runs of one organisation open it while no other calls`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1", "o2", "o3")
            try await fixture.answers([("o1", .failed), ("o2", .failed), ("o1", .failed)])
            #expect(try await fixture.openers() == nil)
            try await fixture.answers([("o3", .failed)])
            #expect(try await fixture.openers() == ["o1", "o2", "o3"])
        }
    }

    @Test func `while it answers as often as it fails it stays open to all, and one failure more shuts it`()
        async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1", "o2", "p1", "p2")
            try await fixture.answers([
                ("o1", .failed), ("p2", .answered), ("o2", .failed), ("p2", .answered), ("p2", .limited),
                ("p1", .failed),
            ])
            #expect(try await fixture.openers() == nil)
            try await fixture.answers([("o1", .failed)])
            #expect(try await fixture.openers() == ["o1", "o2", "p1"])
        }
    }

    @Test func `answers of one commit weigh against its failures`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await fixture.enqueue("o1", "o2", "o3", "o4", "p1", "p2", "p3")
            var outcomes: [RunCommit] = []
            for (name, run, attempt, state) in try await fixture.started() {
                let isBad = ["o1", "o2", "p1"].contains(name)
                var outcome = try run.outcome(isBad ? .failed : .answered, of: attempt, on: state)
                outcome.baseHash = try await store.hash(of: run.id, seq: outcome.baseSeq)
                outcomes.append(outcome)
            }
            let answers = try await store.commit(outcomes, worker: workerA, leaseMilliseconds: minute)
            #expect(answers.allSatisfy { $0.isAccepted })
            #expect(try await fixture.openers() == nil)
        }
    }

    @Test func `503 and 400 in turn open it: an unnamed 400 is no proof that the service works`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1", "o2", "o3", "p1", "p2", "p3")
            try await fixture.answers([
                ("o1", .failed), ("p1", .unclear), ("o2", .failed), ("p2", .unclear), ("p3", .unclear), ("p1", .failed),
            ])
            #expect(try await fixture.openers() == ["o1", "o2", "p1"])
        }
    }

    @Test func `failures that are a minute old are forgotten, and successes leave no note while nothing fails`()
        async throws
    {
        try await StoreFixture.with { fixture in
            func notes() async throws -> Int64 {
                try await fixture.database.pool.query(
                    "select count(*) from turnup.note where finding is not null"
                ).onlyRow().int(0)
            }
            try await fixture.enqueue("o1", "o2", "p1")
            try await fixture.answers([("p1", .answered), ("p1", .unclear)])
            #expect(try await notes() == 0)
            try await fixture.answers([("o1", .failed), ("o2", .failed)])
            #expect(try await fixture.openers() == nil)
            try await fixture.pass(milliseconds: minute + 100)
            try await fixture.answers([("p1", .failed)])
            #expect(try await fixture.openers() == nil)
            #expect(try await fixture.breaker()?.failures.count == 1)
            try await fixture.pass(milliseconds: minute + 100)
            // The first answer after that clears the list; the next one has nothing to say any more.
            try await fixture.answers([("p1", .answered)])
            #expect(try await fixture.openers() == nil)
            try await fixture.answers([("p1", .answered)])
            #expect(try await notes() == 0)
        }
    }

    // MARK: The trial

    @Test func `a trial answered with 429 or an unnamed 4xx changes nothing, and another run tries next at once`()
        async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1", "o2", "o3", "o4", "o5", "o6", "o7")
            try await fixture.answers([("o1", .failed), ("o2", .failed), ("o3", .failed)])
            #expect(try await fixture.openers() == ["o1", "o2", "o3"])
            let before = try await fixture.breaker()
            try await fixture.pass(milliseconds: 1100)
            var tried: [String] = []
            for finding in [ServiceReport.Finding.unclear, .limited, .unclear] {
                tried.append(try await fixture.trial(finding))
                #expect(try await fixture.breaker()?.pausedUntil == before?.pausedUntil)
            }
            tried.append(try await fixture.trial(.failed))
            #expect(tried.sorted() == ["o4", "o5", "o6", "o7"])
            #expect(try await fixture.openers() == ["o1", "o2", "o3"])
            #expect(try await fixture.breaker()?.consecutiveFailures == 2)
        }
    }

    @Test func `unnamed 4xx of three runs close it, of two runs or with a failure between they do not`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1", "o2", "o3")
            try await fixture.answers([("o1", .failed), ("o2", .failed), ("o3", .failed)])
            #expect(try await fixture.openers() != nil)
            try await fixture.enqueue("o4", "o5")
            try await fixture.pass(milliseconds: 1100)
            for _ in 0..<3 { _ = try await fixture.trial(.unclear, ["o4", "o5"]) }
            _ = try await fixture.trial(.failed, ["o4", "o5"])
            #expect(try await fixture.openers() != nil)
            try await fixture.pass(milliseconds: 2100)
            try await fixture.enqueue("o6", "o7")
            for _ in 0..<2 { _ = try await fixture.trial(.unclear) }
            #expect(try await fixture.openers() != nil)
            #expect(try await fixture.breaker()?.state(at: fixture.store.now()) == .halfOpen)
            _ = try await fixture.trial(.unclear)
            #expect(try await fixture.openers() == nil)
            // And nothing is left of it.
            #expect(try await fixture.breaker() == nil)
        }
    }

    @Test func `the trial is not given to a run that opened it while another waits, and those before it are not lost`()
        async throws
    {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("c1", "c2", "o1")
            try await fixture.answers([("c1", .failed), ("c2", .failed), ("o1", .failed)])
            #expect(try await fixture.openers() != nil)
            try await fixture.pass(milliseconds: 1100)
            // The three stand before them in line.
            try await fixture.enqueue("c3", "o2")
            let first = try await fixture.trial(.unclear)
            let second = try await fixture.trial(.unclear)
            #expect([first, second].sorted() == ["c3", "o2"])
            // Both have tried, and still no culprit does.
            #expect(["c3", "o2"].contains(try await fixture.trial(.answered)))
            #expect(try await fixture.openers() == nil)
            try await fixture.pass(milliseconds: 11_000)
            #expect(try await fixture.store.claimedKeys() == ["c1", "c2", "c3", "o1", "o2"])
        }
    }

    @Test func `where only the runs that opened it wait, one of them makes the trial`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.enqueue("o1", "o2", "o3")
            try await fixture.answers([("o1", .failed), ("o2", .failed), ("o3", .failed)])
            #expect(try await fixture.openers() != nil)
            try await fixture.pass(milliseconds: 1100)
            #expect(["o1", "o2", "o3"].contains(try await fixture.trial(.answered)))
            #expect(try await fixture.openers() == nil)
            #expect(try await fixture.breaker() == nil)
        }
    }
}

extension StoreFixture {
    fileprivate func enqueue(_ names: String...) async throws {
        if try await store.definition(workflow: "w", version: nil) == nil {
            try await store.publishWorkflow(calls: "s")
        }
        for name in names { try await store.enqueueRun(name, organisation: String(name.prefix(1))) }
    }

    /// Requests of all runs that are ready, under way.
    fileprivate func started() async throws -> [(String, ClaimedRun, Identifier, RunState)] {
        var started: [(String, ClaimedRun, Identifier, RunState)] = []
        for run in try await store.claimed() {
            let attempt = newId()
            let intent = try run.intent(of: attempt)
            #expect(try await store.commitOne(intent).isAccepted)
            started.append((try run.state.get().key, run, attempt, intent.state))
        }
        return started
    }

    /// Requests one after the other, of these runs; all runs stand in the line again.
    fileprivate func answers(_ said: [(String, ServiceReport.Finding)]) async throws {
        for (name, finding) in said {
            let runs = try await store.claimed()
            let sender = try runs.first { try $0.state.get().key == name }
            try await send(try #require(sender, "\(name) is not ready"), finding)
            try await store.release(runs.filter { $0.id != sender?.id }.map { $0.release() })
        }
    }

    /// One trial, of these runs alone if they are named; answers whose it was.
    fileprivate func trial(_ finding: ServiceReport.Finding, _ expected: [String] = []) async throws -> String {
        let runs = try await store.claimed()
        let run = try #require(runs.first)
        let name = try run.state.get().key
        #expect(runs.count == 1 && run.isTrial && (expected.isEmpty || expected.contains(name)), "\(name)")
        try await send(run, finding)
        return name
    }

    /// The runs that opened it, by name; nil while it is closed. A claim has read all notes before.
    fileprivate func openers() async throws -> [String]? {
        try await store.release(try await store.claimed().map { $0.release() })
        guard let breaker = try await breaker(), breaker.consecutiveFailures > 0 else { return nil }
        var names: [String] = []
        for failure in breaker.failuresByRun {
            let name = try #require(try await store.run(failure.runId)).key
            #expect(name.hasPrefix(failure.organisation) && failure.reason == "unreachable")
            names.append(name)
        }
        return names.sorted()
    }
}
