import EventStore
import TestSupport
import Testing
import WorkflowCore

/// What `turnup.renew_lease` does for requests that take longer than a lease.
@Suite struct RenewLeaseTests {
    private func renewal(_ run: ClaimedRun, milliseconds: Int64 = minute) -> LeaseRenewal {
        LeaseRenewal(runId: run.id, token: run.token, leaseMilliseconds: milliseconds)
    }

    @Test func `a renewed lease keeps the run and its permit beyond the first end, until the new one`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s", limits: ["concurrent": 1, "per": "all"])
            for number in 1...2 { try await store.enqueueRun("\(number)") }
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.intent()).isAccepted)
            try await fixture.pass(milliseconds: minute / 2)
            #expect(try await store.renew([renewal(run)]) == [true])
            try await fixture.pass(milliseconds: minute * 3 / 4)
            #expect(try await store.claimed(workerB).isEmpty, "its first end is over, and nothing is free")
            try await fixture.pass(milliseconds: minute / 2)
            let runs = try await store.claimed(workerB)
            #expect(runs.map(\.id).contains(run.id) && runs.count == 2)
        }
    }

    @Test func `a lease that has ended, or is somebody else's, is not renewed: its permit may be given out`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...3 { try await store.enqueueRun("\(number)") }
            let runs = try await store.claimed()
            #expect(runs.count == 3)
            try await store.release([runs[2].release()])
            #expect(try await store.renew(runs.map { renewal($0) }) == [true, true, false], "one is given back")
            try await fixture.pass(milliseconds: minute + 1)
            #expect(try await store.renew([renewal(runs[0])]) == [false], "nobody has taken it over, but it has ended")
            let heir = try #require(try await store.claimed(workerB).first { $0.id == runs[1].id })
            #expect(try await store.renew([renewal(runs[1]), renewal(heir)]) == [false, true])
        }
    }

    @Test func `a renewal never makes a lease shorter, and writes no row but the lease's`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.enqueueRun("1")
            let run = try await store.claimOne()
            let tasks = try await fixture.taskVersions("s")
            let before = try #require(try await store.run(run.id)?.task?.leaseExpires)
            #expect(try await store.renew([renewal(run, milliseconds: 1000)]) == [true])
            #expect(try await store.run(run.id)?.task?.leaseExpires == before)
            #expect(try await fixture.taskVersions("s") == tasks)
        }
    }

    @Test func `while the half-open trial's request takes longer, no other run makes a trial`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            for number in 1...8 { try await store.enqueueRun("\(number)") }
            try await fixture.openBreaker()
            #expect(try await store.claimed(workerB).isEmpty, "it is not open")
            try await fixture.pass(milliseconds: 31_000)
            let trial = try #require(try await store.claimed(workerA, 10).first)
            #expect(trial.isTrial)
            try await fixture.pass(milliseconds: minute / 2)
            #expect(try await store.renew([renewal(trial)]) == [true])
            try await fixture.pass(milliseconds: minute * 3 / 4)
            #expect(try await store.claimed(workerB, 10).isEmpty, "the trial is still under way")
            try await fixture.pass(milliseconds: minute / 2)
            #expect(try await store.claimed(workerB, 10).contains { $0.isTrial })
        }
    }
}
