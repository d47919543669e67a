import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

/// What `turnup show` says of a run that is due and yet nobody works on.
@Suite(.timeLimit(.minutes(15))) struct WaitOfTests {
    private func runs(_ count: Int, in store: PostgresStore) async throws -> [Identifier] {
        var ids: [Identifier] = []
        for number in 1...count { ids.append(try await store.enqueueRun("\(number)", organisation: "o")) }
        return ids
    }

    @Test func `SQL and Swift have the same words for why a run waits`() throws {
        let text = try #require(SQLFiles.functions.first { $0.name == "wait_of" }).text
        let found = Set(
            text.matches(of: /reason := '([a-z_]+)'|coalesce\(t\.wait_reason, '([a-z_]+)'\)/).map {
                String($0.output.1 ?? $0.output.2 ?? "")
            })
        // Those that a worker gives come through the task.
        let given: Set<WaitReason> = [.noBaseURL, .noSecret, .noSuchService, .secretUnreadable, .workerError]
        #expect(found == Set(WaitReason.allCases.filter { !given.contains($0) }.map(\.rawValue)))
    }

    @Test func `SQL and Swift have the same words for why an enqueue or a takeover is refused`() {
        let texts = SQLFiles.functions.map(\.text)
        for why in ErrorFacts.Why.allCases {
            #expect(texts.contains { $0.contains("'\(why.rawValue)'") || $0.contains("\"\(why.rawValue)\"") }, "\(why)")
        }
        let said = texts.flatMap { $0.matches(of: /'why', '([a-z_]+)'/).map { String($0.output.1) } }
        #expect(said.count >= 3 && said.allSatisfy { ErrorFacts.Why(rawValue: $0) != nil }, "\(said)")
    }

    @Test func `behind a rate of all organisations a run's turn counts the others, too`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(
                calls: "s", limits: ["rate_count": 2, "rate_milliseconds": 60_000, "per": "all"])
            for number in 1...4 {
                for organisation in ["o", "p"] {
                    try await store.enqueueRun("\(number)", organisation: organisation)
                }
            }
            let claimed = Set(try await store.claimed().map(\.id))
            #expect(claimed.count == 2)
            let last = try await store.enqueueRun("5", organisation: "o")
            let wait = try #require(try await store.wait(of: last))
            #expect(wait.reason == .rateAll)
            let about = try #require(wait.about)
            let until = try #require(wait.until)
            #expect(about.milliseconds(since: until) == Int64(wait.before) * 2 * minute / 2)
        }
    }

    @Test func `a run that somebody works on, and one that is not there, wait for nothing`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.store.publishWorkflow(calls: "s")
            let ids = try await runs(1, in: fixture.store)
            #expect(try await fixture.store.wait(of: ids[0])?.reason == .line)
            _ = try await fixture.store.claimOne()
            #expect(try await fixture.store.wait(of: ids[0]) == nil)
            #expect(try await fixture.store.wait(of: newId()) == nil)
        }
    }

    @Test(arguments: ["organisation", "all"])
    func `one behind a limit of requests under way hears which, and how many stand before it`(_ per: String)
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 2, "per": .string(per)])
            let ids = try await runs(6, in: store)
            let claimed = Set(try await store.claimed().map(\.id))
            #expect(claimed.count == 2)
            let last = try #require(ids.last { !claimed.contains($0) })
            let wait = try #require(try await store.wait(of: last))
            #expect(wait.reason == (per == "all" ? .concurrencyAll : .concurrencyEach))
            #expect(wait.subject == "2" && wait.before == 3 && wait.about == nil)
        }
    }

    @Test(arguments: ["organisation", "all"])
    func `one behind a rate hears about when: at the rate's speed, those before it first`(_ per: String) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(
                calls: "s", limits: ["rate_count": 2, "rate_milliseconds": 60_000, "per": .string(per)])
            let ids = try await runs(6, in: store)
            let claimed = try await store.claimed()
            #expect(claimed.count == 2)
            for run in claimed { #expect(try await store.commitOne(run.intent()).isAccepted) }
            let taken = Set(claimed.map(\.id))
            let last = try #require(ids.last { !taken.contains($0) })
            let wait = try #require(try await store.wait(of: last))
            #expect(wait.reason == (per == "all" ? .rateAll : .rateEach) && wait.before == 3)
            let until = try #require(wait.until)
            let about = try #require(wait.about)
            #expect(about.milliseconds(since: until) == 3 * minute / 2)
        }
    }

    @Test func `a paused service, a workflow's limit of live runs and a later due time are told as what they are`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", liveRuns: ["live_runs": 1])
            let ids = try await runs(3, in: store)
            let first = try await store.claimOne()
            let other = try #require(ids.last { $0 != first.id })
            #expect(try await store.wait(of: other)?.reason == .liveRuns)
            #expect(try await store.wait(of: other)?.subject == "1")
            #expect(try await store.commitOne(first.commit([.entered("x")], due: 60 * minute, service: "s")).isAccepted)
            #expect(try await store.wait(of: first.id)?.reason == .time)
            _ = try await store.pauseService("s", milliseconds: nil, reason: "away", by: "person:test")
            try await fixture.pass(milliseconds: 61 * minute)
            #expect(try await store.wait(of: first.id)?.reason == .servicePaused)
        }
    }

    @Test func `nobody is there: after five seconds that is the reason, until a worker connects`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let run = try await runs(1, in: store)[0]
            #expect(try await store.wait(of: run)?.reason == .line)
            try await fixture.pass(milliseconds: 6000)
            let wait = try #require(try await store.wait(of: run))
            #expect(wait.reason == .noWorker && wait.subject == fixture.database.name)
            let due = try #require(try await store.run(run)?.task?.due)
            #expect(wait.since == due)
            let worker = try await PostgresConnection.connect(
                PostgresConfiguration(connectionString: fixture.database.url, applicationName: "turnup worker"))
            #expect(try await store.wait(of: run)?.reason == .line)
            await worker.close()
        }
    }

    @Test func `a worker that is gone is named, and since when its lease is over`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let run = try await runs(1, in: store)[0]
            _ = try await store.claimOne()
            let lease = try #require(try await store.run(run)?.task)
            try await fixture.pass(milliseconds: 2 * minute)
            let wait = try #require(try await store.wait(of: run))
            #expect(wait.reason == .workerLost && wait.subject == workerA && wait.since == lease.leaseExpires)
        }
    }

    @Test func `several are asked for at once, and what waits for a time says since when`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let ids = try await runs(3, in: store)
            let first = try await store.claimOne()
            #expect(try await store.commitOne(first.commit([.entered("x")], due: minute, service: "s")).isAccepted)
            let waits = try await store.waits(of: ids + [newId()])
            #expect(waits.count == 3)
            let last = try #require(try await store.events(of: first.id, after: 0).last)
            #expect(waits[first.id]?.reason == .time && waits[first.id]?.since == last.recordedAt)
            #expect(waits.values.count { $0.reason == .line } == 2)
        }
    }

    @Test func `a removed service leaves no limit and no pause behind`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.setService(ServiceRecord(name: "s", limits: ServiceLimits(concurrent: 1, per: .all)))
            let ids = try await runs(3, in: store)
            #expect(try await store.claimed().count == 1)
            _ = try await store.pauseService("s", milliseconds: nil, reason: "away", by: "person:test")
            #expect(try await store.removeService("s") == .inUse(liveRuns: 3))
            #expect(try await store.wait(of: ids[2])?.reason == .servicePaused)
            #expect(try await store.removeService("s", force: true) == .removed(liveRuns: 3))
            // One that is let through again begins slowly.
            try await fixture.pass(milliseconds: 11_000)
            #expect(try await store.claimed().count == 2)
        }
    }
}
