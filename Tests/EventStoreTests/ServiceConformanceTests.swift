import EventStore
import Testing
import Vault
import WorkflowCore

@Suite struct ServiceConformanceTests {
    @Test(arguments: StoreFixture.Kind.allCases)
    func `a pause moves the service's waiting runs behind it, and a resume brings them back`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for number in ["mine", "other", "leased", "late"] { try await store.enqueueRun(number) }
            var runs: [String: ClaimedRun] = [:]
            for run in try await store.claim(worker: workerA, limit: 9, leaseMilliseconds: minute) {
                runs[try run.state.get().key] = run
            }
            func release(_ key: String, service: String, due: Int64 = 0) async throws {
                let run = try #require(runs[key])
                try await store.release(
                    [LeaseRelease(runId: run.id, epoch: run.epoch, dueMilliseconds: due, service: service)],
                    worker: workerA)
            }
            func task(_ key: String) async throws -> TaskOverview {
                let run = try #require(runs[key])
                return try #require(try await store.run(run.id)?.task)
            }
            try await release("mine", service: "s")
            try await release("other", service: "t")
            try await release("late", service: "s", due: 60 * minute)
            let late = try await task("late")

            let ends = try await store.pauseService("s", milliseconds: 10 * minute, reason: "refused", by: person)
            let record = try #require(try await store.service("s"))
            #expect(record.breaker == Breaker(pausedUntil: ends, pauseReason: "refused", pausedBy: person))
            let mine = try await task("mine")
            #expect(mine.waiting == "service_paused")
            #expect(mine.due >= ends && mine.due <= ends.advanced(byMilliseconds: 1000))
            #expect(try await task("other").waiting == nil)
            #expect(try await task("late") == late)
            #expect(try await task("leased").leaseOwner == workerA)

            // A shorter pause does not cut a longer one short.
            #expect(try await store.pauseService("s", milliseconds: minute, reason: "again", by: person) == ends)
            try await release("leased", service: "s")
            #expect(try await task("leased").waiting == "service_paused")

            let claimed = try await store.claim(worker: workerB, limit: 9, leaseMilliseconds: minute)
            #expect(try claimed.map { try $0.state.get().key } == ["other"])
            #expect(try await store.resumeService("s"))
            #expect(try await store.service("s")?.breaker == Breaker())
            #expect(try await !store.resumeService("s"))
            try await fixture.pass(milliseconds: 1500)
            let woken = try await store.claim(worker: workerB, limit: 9, leaseMilliseconds: minute)
            #expect(Set(try woken.map { try $0.state.get().key }) == ["mine", "leased"])
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `a resume does not bring forward what waits longer for its own reason`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            _ = try await store.pauseService("s", milliseconds: minute, reason: "down", by: person)
            try await store.release(
                [LeaseRelease(runId: id, epoch: run.epoch, dueMilliseconds: 60 * minute, service: "s")],
                worker: workerA)
            let task = try #require(try await store.run(id)?.task)
            #expect(task.waiting == nil)
            #expect(try await store.resumeService("s"))
            #expect(try await store.run(id)?.task == task)
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `a service is written without its pause, and runs that waited for its base URL wake`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            #expect(try await store.service("s") == nil)
            for (number, service, waiting) in [("1", "s", "no_base_url"), ("2", "t", "no_base_url"), ("3", "s", "x")] {
                let id = try await store.enqueueRun(number)
                let run = try await store.claimOne()
                #expect(run.id == id)
                try await store.release(
                    [
                        LeaseRelease(
                            runId: id, epoch: run.epoch, dueMilliseconds: 60 * minute, service: service,
                            waiting: waiting)
                    ], worker: workerA)
            }
            let ends = try await store.pauseService("s", milliseconds: 1, reason: "down", by: person)
            let record = ServiceRecord(
                name: "s", baseURL: "https://a.example", allowedAddresses: ["public", "10.0.0.0/8", "a,\"b"],
                concurrentRequests: 3, sendsRequestId: false)
            try await store.setService(record)
            var expected = record
            expected.breaker = Breaker(pausedUntil: ends, pauseReason: "down", pausedBy: person)
            #expect(try await store.service("s") == expected)
            try await store.setService(ServiceRecord(name: "a"))
            #expect(try await store.services().map(\.name) == ["a", "s"])
            try await fixture.pass(milliseconds: 1500)
            let woken = try await store.claim(worker: workerB, limit: 9, leaseMilliseconds: minute)
            #expect(try woken.map { try $0.state.get().key } == ["1"])
        }
    }
}
