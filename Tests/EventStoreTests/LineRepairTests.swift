import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

@Suite struct LineRepairTests {
    /// What a lost note, a lost place or a bound beyond a run may leave: claims find nothing.
    static let losses = [
        "delete from turnup.note", "delete from turnup.note; delete from turnup.line",
        "delete from turnup.note; update turnup.line set ready_at = 'infinity', next_due = 'infinity'",
        "delete from turnup.note; update turnup.line set ready_at = '-infinity', bound_due = turnup.now()",
        "delete from turnup.service_state where name = ''",
    ]

    @Test(arguments: losses) func `runs that no claim finds are found again after a repair, and told`(_ loss: String)
        async throws
    {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            try await store.enqueueRun("0", organisation: "a")
            // It makes the organisation's place, and takes it up to here.
            #expect(try await store.claimed().count == 1)
            for organisation in ["a", "b", "c"] { try await store.enqueueRun("1", organisation: organisation) }
            try await database.tamper(loss)
            #expect(try await store.claimed().isEmpty)
            let first = try await store.repairLines(after: nil, organisations: 2)
            #expect(first.repaired == 2 && first.last == LinePlace(service: "", organisation: "b"))
            #expect(first.run != nil && first.line == " of a" && first.found?.isEmpty == false)
            let second = try await store.repairLines(after: first.last, organisations: 2)
            // A line that no claim knew is there for all of its organisations at once.
            #expect(second.repaired == (loss.contains("service_state") ? 0 : 1) && second.last == nil)
            #expect(try await store.claimed().count == 3)
            #expect(try await store.repairLines(after: nil).repaired == 0)
        }
    }

    @Test func `what waits for its time, for a limit or for a platform is not lost`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(
                calls: "s", limits: ["concurrent": 1, "per": "organisation"], liveRuns: ["live_runs": 1])
            let later = try await store.now().advanced(byMilliseconds: 60 * minute)
            try await store.enqueueRun("1", organisation: "a", due: later)
            for number in ["1", "2", "3"] { try await store.enqueueRun(number, organisation: "b") }
            for _ in 0..<3 {
                // Before and after claims have read the notes, and while one run has the only place.
                #expect(try await store.repairLines(after: nil).repaired == 0)
                _ = try await store.claimed()
            }
        }
    }

    /// A free place among an organisation's live runs is told by a note; when that is lost, nobody else would say it.
    @Test func `runs that wait for a place among the live ones are looked at again`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", liveRuns: ["live_runs": 1, "per": "organisation"])
            for number in ["1", "2"] { try await store.enqueueRun(number) }
            var first: [ClaimedRun] = []
            for _ in 0..<2 { first += try await store.claimed() }
            #expect(first.count == 1)
            let ended = NewEvent(.runFailed, ["state": "failed", "reason": "a test"])
            let end = try #require(first.first).commit([.entered("failed"), ended])
            #expect(try await store.commitOne(end).isAccepted)
            try await fixture.database.tamper("delete from turnup.note")
            for _ in 0..<2 { #expect(try await store.claimed().isEmpty) }
            #expect(try await store.repairLines(after: nil).repaired == 0)
            var second: [ClaimedRun] = []
            for _ in 0..<2 { second += try await store.claimed() }
            #expect(second.count == 1)
        }
    }

    /// Claims, commits and enqueues go on; each look is one statement, and a run is never between two rows.
    @Test func `claims that are under way are no false alarm`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in ["worker:a", "worker:b", "worker:c"] {
                    group.addTask {
                        for round in 0..<60 {
                            let keys = (0..<3).map { "\(worker) \(round) \($0)" }
                            for key in keys { try await store.enqueueRun(key, organisation: "o\(round % 5)") }
                            let runs = try await store.claimed(worker, 4)
                            let commits = try runs.map { run in
                                try run.commit([.entered("x")], due: Int64.random(in: 0...20))
                            }
                            _ = try await store.commit(commits, worker: worker, leaseMilliseconds: minute)
                        }
                    }
                }
                group.addTask {
                    for _ in 0..<150 {
                        let row = try await database.pool.query(
                            "select lost::text as lost from turnup.verify_lines(null, null, 100)"
                        ).onlyRow()
                        let lost = try row.stringOrNil("lost")
                        #expect(lost == nil)
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
