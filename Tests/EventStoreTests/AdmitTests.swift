import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

@Suite struct AdmitTests {
    /// The place that a run leaves goes to whoever waits, of whatever organisation.
    @Test func `a place among the live runs of all goes to another organisation when its run has ended`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", liveRuns: ["live_runs": 1])
            for organisation in ["a", "b", "c"] { try await store.enqueueRun(organisation: organisation) }
            var started: [Identifier] = []
            for _ in 0..<3 {
                var runs: [ClaimedRun] = []
                // One claim lets a run start, and the same or the next one gives it out; nobody else starts.
                for _ in 0..<3 { runs += try await store.claimed() }
                #expect(runs.count == 1)
                let run = try #require(runs.first)
                started.append(run.id)
                let ended = NewEvent(.runFailed, ["state": "failed", "reason": "a test"])
                #expect(try await store.commitOne(run.commit([.entered("failed"), ended])).isAccepted)
            }
            #expect(Set(started).count == 3)
        }
    }

    static let limits: [JSONValue] = [
        ["live_runs": 5], ["live_runs": 1], ["live_runs": 1, "per": "organisation"],
    ]

    /// Otherwise workers would ask again at once, for ever.
    @Test(arguments: limits)
    func `a line of starting runs that is empty, or full, says to wait until something happens`(_ limit: JSONValue)
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", liveRuns: limit)
            for number in ["1", "2"] { try await store.enqueueRun(number) }
            _ = try await store.claimed()
            #expect(try await store.line("@w").next == nil)
        }
    }
}
