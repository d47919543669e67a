import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

@Suite("Two runs never take one thing for theirs")
struct ThingTests {
    private static func thing(_ name: String, _ service: String = "s") -> JSONValue {
        ["service": .string(service), "identity": .string(name)]
    }

    /// A claimed run's commit that takes the thing.
    private static func taking(_ name: String, _ run: ClaimedRun, service: String = "s") throws -> RunCommit {
        let attempt = newId()
        let done = NewEvent(.attemptDone, ["counted": true, "thing": thing(name, service)], attemptId: attempt)
        return try run.commit([.started(attempt), done])
    }

    private static func claimed(_ count: Int, _ fixture: StoreFixture) async throws -> [ClaimedRun] {
        try await fixture.store.publishWorkflow()
        for number in 1...count { try await fixture.store.enqueueRun("\(number)") }
        let runs = try await fixture.store.claimed(workerA, count)
        try #require(runs.count == count)
        return runs
    }

    @Test func `of two runs in one batch one has the thing, and the other is told which run has it`() async throws {
        try await StoreFixture.with { fixture in
            let runs = try await Self.claimed(2, fixture)
            let commits = try runs.map { try Self.taking("x", $0) }
            var whole: [RunCommit] = []
            for var commit in commits {
                commit.baseHash = try await fixture.store.hash(of: commit.runId, seq: commit.baseSeq)
                whole.append(commit)
            }
            let answers = try await fixture.store.commit(whole, worker: workerA, leaseMilliseconds: minute)
            let holder = try #require(answers.firstIndex { $0.landedAt != nil })
            #expect(answers[1 - holder] == .contradicted(by: runs[holder].id))
            #expect(try await fixture.store.events(of: runs[1 - holder].id, after: 0).count == 1)
        }
    }

    @Test func `of many runs at once one has the thing`() async throws {
        try await StoreFixture.with { fixture in
            let runs = try await Self.claimed(8, fixture)
            let answers = try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
                for run in runs {
                    let commit = try Self.taking("x", run)
                    group.addTask { try await fixture.store.commitOne(commit) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count { $0.landedAt != nil } == 1)
            #expect(answers.count { if case .contradicted = $0 { true } else { false } } == 7)
        }
    }

    @Test(arguments: [
        ("https://a.example/x", "https://A.example/x/", true), ("https://a.example", "https://b.example", false),
    ])
    func `services with one base URL are one platform, others are not`(_ first: String, _ second: String, isOne: Bool)
        async throws
    {
        try await StoreFixture.with { fixture in
            for (name, url) in [("s", first), ("a-second", second)] {
                try await fixture.store.setService(ServiceRecord(name: name, baseURL: url))
            }
            let runs = try await Self.claimed(3, fixture)
            #expect(try await fixture.store.commitOne(Self.taking("x", runs[0])).landedAt != nil)
            let other = try await fixture.store.commitOne(Self.taking("x", runs[1], service: "a-second"))
            #expect(isOne ? other == .contradicted(by: runs[0].id) : other.landedAt != nil)
        }
    }

    @Test func `what was taken before two services became one platform stays the first run's`() async throws {
        try await StoreFixture.with { fixture in
            let runs = try await Self.claimed(2, fixture)
            #expect(try await fixture.store.commitOne(Self.taking("x", runs[0])).landedAt != nil)
            for name in ["s", "a-second"] {
                try await fixture.store.setService(ServiceRecord(name: name, baseURL: "https://a.example"))
            }
            let other = try await fixture.store.commitOne(Self.taking("x", runs[1], service: "a-second"))
            #expect(other == .contradicted(by: runs[0].id))
        }
    }

    @Test func `the same run may take it again, and another one once the key is let go`() async throws {
        try await StoreFixture.with { fixture in
            let runs = try await Self.claimed(2, fixture)
            let attempts = (newId(), newId())
            let twice = try runs[0].commit([
                .started(attempts.0), NewEvent(.attemptDone, ["thing": Self.thing("x")], attemptId: attempts.0),
                .started(attempts.1), NewEvent(.attemptDone, ["thing": Self.thing("x")], attemptId: attempts.1),
            ])
            #expect(try await fixture.store.commitOne(twice).landedAt != nil)
            let second = try Self.taking("x", runs[1])
            #expect(try await fixture.store.commitOne(second) == .contradicted(by: runs[0].id))
            _ = try await fixture.store.pool.query(
                "update turnup.run set owns_key = false, status = 'failed', has_task = false, ended_at = now() where id = $1",
                [.uuid(PostgresUUID(runs[0].id))])
            #expect(try await fixture.store.commitOne(second).landedAt != nil)
        }
    }

    @Test func `what a person says a run has is refused when another run has it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let runs = try await Self.claimed(2, fixture)
            #expect(try await store.commitOne(Self.taking("x", runs[0])).landedAt != nil)
            #expect(try await store.commitOne(runs[1].commit([.held])).landedAt != nil)
            func resolve(_ name: String) async throws {
                let event = NewEvent(.runResolved, ["choice": "done", "reason": "a test", "thing": Self.thing(name)])
                _ = try await store.append(
                    AppendRequest(runId: runs[1].id, expectedSeq: nil, event: event, actor: person))
            }
            let error = await storeError { try await resolve("x") }
            #expect(error?.code == .keyConflict && error?.description.contains("\(runs[0].id)") == true)
            try await resolve("y")
        }
    }

    @Test func `an empty list is contradicted by what another run of the organisation has, and by no other`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let runs = try await Self.claimed(2, fixture)
            try await store.enqueueRun("3", organisation: "elsewhere")
            let foreign = try await store.claimOne()
            func empty(_ run: ClaimedRun) throws -> RunCommit {
                let attempt = newId()
                return try run.commit([
                    .started(attempt), NewEvent(.attemptDone, ["empty_list_of": "s"], attemptId: attempt),
                ])
            }
            #expect(try await store.commitOne(Self.taking("x", runs[0])).landedAt != nil)
            #expect(try await store.commitOne(empty(runs[1])) == .contradicted(by: runs[0].id))
            #expect(try await store.commitOne(empty(foreign)).landedAt != nil)
        }
    }

    /// Ends the run, which has made x, as released; `takesBack`: it took that back before.
    private static func released(_ run: ClaimedRun, _ store: PostgresStore, takesBack: Bool) async throws {
        let (made, left, undo) = (newId(), newId(), newId())
        var events = [
            NewEvent.started(made), NewEvent(.attemptDone, ["thing": thing("x")], attemptId: made),
            .started(left), NewEvent(.attemptDone, [:], attemptId: left), NewEvent(.runSucceeded, [:]),
        ]
        #expect(try await store.commitOne(run.commit(events)).landedAt != nil)
        let before = try #require(try await store.fold(run.id))
        let asked = try before.releasing(reason: "a test", leavesBehind: true)
        _ = try await store.append(
            AppendRequest(runId: run.id, expectedSeq: nil, event: asked.event, actor: person, stateAfter: asked.after))
        let again = try await store.claimOne()
        try #require(again.id == run.id)
        events = [NewEvent(.runReleased, [:])]
        if takesBack {
            let start = NewEvent(
                .attemptStarted, ["state": "requested", "attempt": 3, "purpose": "undo"], attemptId: undo)
            let gone = NewEvent(.attemptDone, ["gone": "word", "taken_back": thing("x")], attemptId: undo)
            events = [start, gone] + events
        }
        #expect(try await store.commitOne(again.commit(events)).landedAt != nil)
        #expect(try await store.run(run.id)?.mayBeLeft == true)
    }

    @Test(arguments: [false, true])
    func `what a released run has left stays its own, and what it has taken back is free`(takesBack: Bool) async throws
    {
        try await StoreFixture.with { fixture in
            let runs = try await Self.claimed(2, fixture)
            try await Self.released(runs[0], fixture.store, takesBack: takesBack)
            let answer = try await fixture.store.commitOne(Self.taking("x", runs[1]))
            #expect(takesBack ? answer.landedAt != nil : answer == .contradicted(by: runs[0].id))
            let found = Found()
            _ = try await Verifier(store: fixture.store).verify(.everything) { found.add($0) }
            #expect(found.all == [], "\(found.all.prefix(3))")
        }
    }

    @Test func `what a run left that another one has taken over, or that failed without its key, stays its own`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let runs = try await Self.claimed(2, fixture)
            let made = newId()
            #expect(
                try await store.commitOne(
                    runs[0].commit([
                        .started(made), NewEvent(.attemptDone, ["thing": Self.thing("x")], attemptId: made), .held,
                    ])
                ).landedAt != nil)
            let heir = try await store.enqueue(
                EnqueueRequest(
                    workflow: "w", organisation: "o", input: ["number": "1"],
                    takeover: Takeover(runId: runs[0].id, reason: "anew"), actor: "person:t")
            ).runId
            #expect(try await store.commitOne(Self.taking("x", runs[1])) == .contradicted(by: runs[0].id))
            let next = try await store.claimOne()
            try #require(next.id == heir)
            #expect(try await store.commitOne(Self.taking("x", next)) == .contradicted(by: runs[0].id))
        }
    }

    @Test func `a late answer takes its thing for the run, and says who has it when another run does`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let runs = try await Self.claimed(3, fixture)
            let lost = newId()
            #expect(
                try await store.commitOne(
                    runs[0].commit([
                        .started(lost), NewEvent(.attemptUnknown, ["error": "timeout"], attemptId: lost),
                        NewEvent(.runCancelled, ["reason": "a test"]),
                    ])
                ).landedAt != nil)
            #expect(try await store.commitOne(Self.taking("y", runs[1])).landedAt != nil)
            for (epoch, name) in [(1, "x"), (2, "y")] as [(Int64, String)] {
                let body: JSONObject = [
                    "outcome": "done", "state": "requested", "thing": Self.thing(name),
                    "saved": ["session": .string(name)],
                ]
                let evidence = LateEvidence(runId: runs[0].id, epoch: epoch, attemptId: lost, body: body)
                #expect(try await store.appendLate(evidence, worker: workerA))
            }
            let late = try await store.events(of: runs[0].id, after: 0).filter { $0.type == "attempt.late" }
            #expect(late.map { $0.body["held_by"] } == [nil, .string(runs[1].id.description)])
            #expect(try await store.commitOne(Self.taking("x", runs[2])) == .contradicted(by: runs[0].id))
            let found = Found()
            _ = try await Verifier(store: store).verify(.everything) { found.add($0) }
            #expect(found.all == [], "\(found.all.prefix(3))")
        }
    }
}
