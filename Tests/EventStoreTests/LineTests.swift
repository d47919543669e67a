import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// The queue's lines: one for each service, and in it a place for each organisation.
@Suite struct LineTests {
    @Test func `a claim takes of each service no more than the worker has room for, and no more than that in all`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            for service in ["s", "t", "u"] {
                try await store.publishWorkflow(service, calls: service)
                for number in 1...9 { try await store.enqueueRun("\(number)", workflow: service) }
            }
            func counts(_ demand: ClaimDemand) async throws -> [String: Int] {
                let runs = try await store.claim(worker: workerA, demand, leaseMilliseconds: minute).runs
                return Dictionary(grouping: runs, by: \.service).mapValues(\.count)
            }
            #expect(try await counts(ClaimDemand(room: 0)) == [:])
            #expect(try await counts(ClaimDemand(room: 9, roomEach: 2)) == ["s": 2, "t": 2, "u": 2])
            #expect(try await counts(ClaimDemand(room: 9, roomEach: 1, rooms: ["s": 0, "u": 3])) == ["t": 1, "u": 3])
            #expect(try await counts(ClaimDemand(room: 5, roomEach: 4)) == ["s": 4, "t": 1])
            let answer = try await store.claim(
                worker: workerA, ClaimDemand(room: 1, roomEach: 0), leaseMilliseconds: minute)
            #expect(answer.runs.isEmpty && answer.lines.allSatisfy { $0.service.hasPrefix("@") })
        }
    }

    @Test func `while a service is shut the others go, and so do its cancelled runs and those whose deadline is over`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.publishWorkflow("v", calls: "t")
            for number in ["waits", "deadline", "cancelled"] { try await store.enqueueRun(number) }
            try await store.enqueueRun("other", workflow: "v")
            for run in try await store.claimed() where run.service == "s" {
                let deadline: Int64? = try run.state.get().key == "deadline" ? 10_000 : nil
                #expect(
                    try await store.commitOne(run.commit([.entered("x")], service: "s", deadline: deadline)).isAccepted)
            }
            _ = try await store.pauseService("s", milliseconds: nil, reason: "down", by: person)
            #expect(try await store.claimed(workerB).isEmpty)
            let cancelled = try #require(try await store.runs(RunFilter(key: "cancelled")).first)
            _ = try await store.append(
                AppendRequest(runId: cancelled.id, expectedSeq: nil, event: .cancel, actor: person))
            #expect(try await store.claimedKeys(workerB) == ["cancelled"])
            try await fixture.pass(milliseconds: 10_100)
            let overdue = try await store.claimed(workerB)
            #expect(try overdue.map { try $0.state.get().key } == ["deadline"])
            #expect(overdue.first?.service == "")
            // They may not send, and go back to where they stood.
            #expect(try await store.commitOne(#require(overdue.first).intent(), workerB) == .noPermit)
            try await store.enqueueRun("another", workflow: "v")
            #expect(try await store.claimedKeys(workerB) == ["another"])
        }
    }

    @Test func `a run that no worker has seen yet comes through at its deadline, but not before it is due`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", deadline: 10_000)
            _ = try await store.pauseService("s", milliseconds: nil, reason: "down", by: person)
            try await store.enqueueRun("now")
            try await store.enqueueRun("later", due: store.now().advanced(byMilliseconds: 30_000))
            let bulk = BulkEnqueue(store: store, workflow: "w", organisation: "o", version: nil, actor: person)
            _ = try await bulk.enqueue([BulkLine(number: 1, input: Array(#"{"number":"bulk"}"#.utf8))])
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: 10_100)
            #expect(try await store.claimedKeys() == ["bulk", "now"])
            try await fixture.pass(milliseconds: 20_000)
            #expect(try await store.claimedKeys() == ["later"])
        }
    }

    @Test func `a deadline that a worker could do nothing about does not bring the run again at once`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.enqueueRun()
            let run = try await store.claimOne()
            #expect(
                try await store.commitOne(run.commit([.entered("x")], due: 60 * minute, service: "s", deadline: 10_000))
                    .isAccepted)
            try await fixture.pass(milliseconds: 10_100)
            let overdue = try await store.claimOne()
            try await store.release([overdue.release(due: minute, waitReason: .workerError)])
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: minute + 100)
            #expect(try await store.claimed().count == 1)
        }
    }

    @Test func `organisations take turns, however long the line of one of them is`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...200 { try await store.enqueueRun("\(number)", organisation: "many") }
            #expect(try await store.claimed(workerA, 4).count == 4)
            for organisation in ["few", "some"] {
                for number in 1...3 { try await store.enqueueRun("\(number)", organisation: organisation) }
            }
            var first: [String] = []
            for _ in 0..<3 { first += try await organisations(store.claimed(workerA, 3)) }
            #expect(first.count == 9 && first.count { $0 == "few" } == 3 && first.count { $0 == "some" } == 3)
            // The others have none left: their places are looked at in vain once, and then no more.
            _ = try await store.claimed(workerA, 3)
            #expect(try await organisations(store.claimed(workerA, 3)) == ["many", "many", "many"])
            // One after the other, too.
            for organisation in ["few", "some"] { try await store.enqueueRun("last", organisation: organisation) }
            var next: [String] = []
            for _ in 0..<3 { next += try await organisations(store.claimed(workerA, 1)) }
            #expect(Set(next) == ["few", "some", "many"])
        }
    }

    private func organisations(_ runs: [ClaimedRun]) throws -> [String] {
        try runs.map { try $0.state.get().organisation }
    }

    @Test func `what comes in late is found beyond the bounds that claims give each other`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let now = try await store.now()
            var demand = ClaimDemand(room: 100)
            func keys() async throws -> [String] {
                let answer = try await store.claim(worker: workerA, demand, leaseMilliseconds: minute)
                for line in answer.lines { demand.bounds[line.service] = line.bounds }
                held += answer.runs
                return try answer.runs.map { try $0.state.get().key }.sorted()
            }
            var held: [ClaimedRun] = []
            for number in 1...20 { try await store.enqueueRun("\(number)") }
            #expect(try await keys().count == 20)
            #expect(try await keys() == [])
            // Due before all that was given out.
            try await store.enqueueRun("backdated", due: now.advanced(byMilliseconds: -60 * minute))
            #expect(try await keys() == ["backdated"])
            // Given back, with the due time of before.
            try await store.release(held.prefix(3).map { $0.release() })
            #expect(try await keys().count == 3)
            try await store.release(held.suffix(3).map { $0.release(due: 10_000) })
            #expect(try await keys() == [])
            try await fixture.pass(milliseconds: 10_100)
            #expect(try await keys().count == 3)
            // A transaction that commits only after later ones' notes were read.
            let rival = try await fixture.connect()
            try await rival.execute("begin; select turnup.enqueue('w', 'o', '{\"number\":\"slow\"}')")
            #expect(try await keys() == [])
            try await store.enqueueRun("meanwhile", organisation: "p")
            #expect(try await keys() == ["meanwhile"])
            try await rival.execute("commit")
            #expect(try await keys() == ["slow"])
            await rival.close()
        }
    }

    @Test func `an open transaction that enqueues keeps nobody else of its organisation waiting`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.enqueueRun("1")
            #expect(try await store.claimedKeys() == ["1"])
            let rival = try await fixture.connect()
            try await rival.execute("begin; select turnup.enqueue('w', 'o', '{\"number\":\"2\"}')")
            try await store.enqueueRun("3")
            #expect(try await store.claimedKeys() == ["3"])
            try await rival.execute("commit")
            #expect(try await store.claimedKeys() == ["2"])
            await rival.close()
        }
    }
}
