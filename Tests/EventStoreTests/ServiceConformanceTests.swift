import EventStore
import Testing
import Vault
import WorkflowCore

@Suite struct ServiceConformanceTests {
    @Test func `a pause keeps its line from being served and touches none of its runs; a resume needs no more`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.publishWorkflow("v", calls: "t")
            for number in 1...50 { try await store.enqueueRun("\(number)") }
            try await store.enqueueRun("other", workflow: "v")
            let leased = try await store.claimed(workerA, 2)
            let before = try await fixture.taskVersions("s")
            let ends = try await store.pauseService("s", milliseconds: 10 * minute, reason: "refused", by: person)
            #expect(
                try await fixture.breaker() == Breaker(pausedUntil: ends, pauseReason: "refused", pausedBy: person))
            // A shorter pause does not cut a longer one short.
            #expect(try await store.pauseService("s", milliseconds: minute, reason: "again", by: person) == ends)
            let line = try await store.line("s", workerB)
            #expect(line.shutUntil == ends && line.next == ends && line.pauseReason == "again")
            #expect(try await fixture.taskVersions("s") == before)
            #expect(try await store.run(leased[0].id)?.task?.leaseOwner == workerA)
            #expect(try await store.resumeService("s"))
            #expect(try await fixture.breaker() == nil)
            #expect(try await !store.resumeService("s"))
            #expect(try await fixture.taskVersions("s") == before)
            try await fixture.pass(milliseconds: 11_000)
            #expect(try await store.claimed(workerB).count == 48)
        }
    }

    @Test func `a service that nobody has heard of can be shut`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let ends = try await store.pauseService("early", milliseconds: minute, reason: "not yet", by: person)
            #expect(try await fixture.breaker("early")?.pausedUntil == ends)
            try await store.publishWorkflow(calls: "early")
            try await store.enqueueRun()
            #expect(try await store.claimed().isEmpty)
            #expect(try await !store.resumeService("nobody"))
        }
    }

    @Test func `a service is written without its pause, and runs that waited for its base URL wake`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            for (workflow, service) in [("w", "s"), ("v", "t")] {
                try await store.publishWorkflow(workflow, calls: service)
            }
            #expect(try await store.service("s") == nil)
            for (number, workflow, waiting) in [
                ("1", "w", WaitReason.noBaseURL), ("2", "v", .noBaseURL), ("3", "w", .workerError),
            ] {
                let id = try await store.enqueueRun(number, workflow: workflow)
                let run = try await store.claimOne()
                #expect(run.id == id)
                try await store.release([run.release(due: 60 * minute, waitReason: waiting)])
            }
            let ends = try await store.pauseService("s", milliseconds: 1, reason: "down", by: person)
            let record = ServiceRecord(
                name: "s", baseURL: "https://a.example", allowedAddresses: ["public", "10.0.0.0/8", "a,\"b"],
                limits: ServiceLimits(
                    concurrent: 3, rate: RateLimit(count: 30, windowMilliseconds: 60_000), per: .organisation),
                retryAfterCapMilliseconds: 600_000, sendsRequestId: false)
            try await store.setService(record)
            var expected = record
            expected.breaker = Breaker(pausedUntil: ends, pauseReason: "down", pausedBy: person)
            #expect(try await store.service("s") == expected)
            try await store.setService(ServiceRecord(name: "a"))
            #expect(try await store.services().map(\.name) == ["a", "s"])
            try await fixture.pass(milliseconds: 1500)
            #expect(try await store.claimedKeys(workerB) == ["1"])
        }
    }
}
