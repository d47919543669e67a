import EventStore
import Testing
import WorkflowCore

@Suite struct BreakerConformanceTests {
    private static func failure(
        asked: Int64 = 0, first: Int64 = 1000, needed: Int = 1, canary: Int64? = nil
    ) -> ServiceFailure {
        ServiceFailure(
            service: "s", reason: "unreachable", askedMilliseconds: asked, firstMilliseconds: first, needed: needed,
            canary: canary)
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `failures together are one; after the pause one worker gets the canary, and only its failure makes it longer`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            #expect(try await store.takeCanary("s", worker: workerA, milliseconds: minute) == nil)
            for worker in [workerA, workerB] {
                let answer = try await store.serviceFailed(Self.failure(), worker: worker)
                #expect(answer.consecutiveFailures == 1)
                #expect((1...1000).contains(answer.leftMilliseconds))
            }
            #expect(try await store.takeCanary("s", worker: workerA, milliseconds: minute) == nil)
            var lengths: [Int64] = []
            for number in 1...7 {
                try await fixture.pass(milliseconds: 31_000)
                #expect(try await store.service("s")?.breaker.state(at: try await store.now()) == .halfOpen)
                #expect(
                    try await store.takeCanary("s", worker: workerA, milliseconds: minute) == Int64(number))
                #expect(try await store.takeCanary("s", worker: workerB, milliseconds: minute) == nil)
                #expect(try await store.service("s")?.breaker.canaryOwner == workerA)
                // A straggler from before the pause changes nothing.
                _ = try await store.serviceFailed(Self.failure(), worker: workerB)
                #expect(try await store.service("s")?.breaker.consecutiveFailures == number)
                let answer = try await store.serviceFailed(
                    Self.failure(canary: Int64(number)), worker: workerA)
                #expect(answer.consecutiveFailures == number + 1)
                lengths.append((answer.leftMilliseconds + 500) / 1000)
            }
            #expect(lengths == [2, 4, 8, 16, 30, 30, 30])
            // Retry-After makes it longer, for a straggler too; never shorter.
            _ = try await store.serviceFailed(Self.failure(asked: 100_000), worker: workerB)
            let answer = try await store.serviceFailed(Self.failure(asked: 50_000), worker: workerB)
            #expect((95_000...100_000).contains(answer.leftMilliseconds))
            #expect(answer.consecutiveFailures == 8)
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `the canary's answer closes the breaker and wakes; one that expired or was replaced has no say`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            _ = try await store.serviceFailed(Self.failure(), worker: workerA)
            try await fixture.pass(milliseconds: 1100)
            let first = try #require(try await store.takeCanary("s", worker: workerA, milliseconds: 1000))
            // A run that comes now waits for the canary, not only for the pause that is over.
            try await store.release([LeaseRelease(runId: id, epoch: run.epoch, service: "s")], worker: workerA)
            #expect(try await store.run(id)?.task?.waiting == "service_paused")
            try await fixture.pass(milliseconds: 1100)
            let second = try #require(try await store.takeCanary("s", worker: workerB, milliseconds: minute))
            #expect(second > first)
            #expect(try await !store.serviceAnswered("s", canary: first))
            _ = try await store.serviceFailed(Self.failure(canary: first), worker: workerA)
            #expect(try await store.service("s")?.breaker.canaryOwner == workerB)
            try await store.returnCanary("s", canary: first)
            #expect(try await store.service("s")?.breaker.canaryOwner == workerB)
            #expect(try await store.serviceAnswered("s", canary: second))
            #expect(try await store.service("s")?.breaker == Breaker())
            #expect(try await !store.serviceAnswered("s", canary: second))
            try await fixture.pass(milliseconds: 1100)
            #expect(try await store.claimOne(workerB).id == id)
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `a canary that was not sent is taken by the next one at once`(_ kind: StoreFixture.Kind) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            _ = try await store.serviceFailed(Self.failure(first: 60_000), worker: workerA)
            try await fixture.pass(milliseconds: 30_000)
            #expect(try await store.takeCanary("s", worker: workerA, milliseconds: minute) == nil)
            try await fixture.pass(milliseconds: 30_100)
            let canary = try #require(try await store.takeCanary("s", worker: workerA, milliseconds: minute))
            try await store.returnCanary("s", canary: canary)
            #expect(try await store.service("s")?.breaker.canaryExpires == nil)
            #expect(try await store.takeCanary("s", worker: workerB, milliseconds: minute) == canary + 1)
            // The pause of a service that asks for a minute at first does not grow beyond that.
            let answer = try await store.serviceFailed(
                Self.failure(first: 60_000, canary: canary + 1), worker: workerB)
            #expect((59_000...60_000).contains(answer.leftMilliseconds))
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `a series of unanswered requests opens the breaker, unless one is answered between`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            for number in 1...2 {
                let answer = try await store.serviceFailed(Self.failure(needed: 3), worker: workerA)
                #expect(answer.unanswered == number && answer.leftMilliseconds == 0)
            }
            #expect(try await store.serviceAnswered("s", canary: nil))
            #expect(try await store.service("s")?.breaker == Breaker())
            for worker in [workerA, workerB] {
                _ = try await store.serviceFailed(Self.failure(needed: 3), worker: worker)
            }
            let answer = try await store.serviceFailed(Self.failure(needed: 3), worker: workerB)
            #expect(answer.consecutiveFailures == 1 && answer.unanswered == 0 && answer.leftMilliseconds > 0)
            // An answer to an older request is no canary's.
            #expect(try await store.serviceAnswered("s", canary: nil))
            #expect(try await store.service("s")?.breaker.consecutiveFailures == 1)
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `a person's pause takes the canary's say, ends without one, or lasts until a resume`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            _ = try await store.serviceFailed(Self.failure(), worker: workerA)
            try await fixture.pass(milliseconds: 1100)
            let canary = try #require(try await store.takeCanary("s", worker: workerA, milliseconds: minute))
            _ = try await store.pauseService("s", milliseconds: 60 * minute, reason: "maintenance", by: person)
            #expect(try await !store.serviceAnswered("s", canary: canary))
            #expect(try await store.service("s")?.breaker.pausedBy == person)
            #expect(try await store.resumeService("s"))
            // Nor does the failure of a request from before it make it shorter, or speak in the person's name.
            let ends = try await store.pauseService("s", milliseconds: 60 * minute, reason: "maintenance", by: person)
            _ = try await store.serviceFailed(Self.failure(asked: 5000), worker: workerA)
            let standing = try #require(try await store.service("s")?.breaker)
            #expect(standing.pausedUntil == ends)
            #expect(standing.pauseReason == "maintenance" && standing.pausedBy == person)
            #expect(try await store.resumeService("s"))
            _ = try await store.pauseService("s", milliseconds: minute, reason: "maintenance", by: person)
            try await fixture.pass(milliseconds: minute + 100)
            #expect(try await store.service("s")?.breaker.state(at: try await store.now()) == .closed)
            #expect(
                try await store.pauseService("s", milliseconds: nil, reason: "gone", by: person) == Breaker.endless)
            try await fixture.pass(milliseconds: 10_000 * minute)
            #expect(
                try await store.service("s")?.breaker.state(at: try await store.now())
                    == .open(until: Breaker.endless))
            #expect(try await store.resumeService("s"))
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `a run is looked at when its deadline comes, though its service is shut or it waits for something else`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            var runs: [String: ClaimedRun] = [:]
            for number in ["moved", "released", "committed", "kept", "none"] { try await store.enqueueRun(number) }
            for run in try await store.claim(worker: workerA, limit: 9, leaseMilliseconds: minute) {
                runs[try run.state.get().key] = run
            }
            func release(_ key: String, due: Int64 = 0, service: String? = "s", deadline: Int64?) async throws {
                let run = try #require(runs[key])
                try await store.release(
                    [
                        LeaseRelease(
                            runId: run.id, epoch: run.epoch, dueMilliseconds: due, service: service,
                            deadlineMilliseconds: deadline)
                    ], worker: workerA)
            }
            try await release("moved", deadline: 10_000)
            _ = try await store.pauseService("s", milliseconds: nil, reason: "down", by: person)
            try await release("released", deadline: 10_000)
            try await release("none", deadline: nil)
            let committed = try #require(runs["committed"])
            #expect(
                try await store.commitOne(
                    try committed.commit([.entered("x")], service: "s", deadline: 10_000)
                ).isAccepted)
            let kept = try #require(runs["kept"])
            let first = try kept.commit([.entered("x")], keepsLease: true, service: "s", deadline: 10_000)
            #expect(try await store.commitOne(first).isAccepted)
            #expect(try await store.run(kept.id)?.task?.leaseOwner == workerA)
            // Given back without a word on the deadline, as after an error: it stands.
            try await release("kept", due: 60 * minute, service: nil, deadline: nil)
            #expect(try await store.claim(worker: workerB, limit: 9, leaseMilliseconds: minute).isEmpty)
            try await fixture.pass(milliseconds: 10_100)
            let claimed = try await store.claim(worker: workerB, limit: 9, leaseMilliseconds: minute)
            #expect(
                Set(try claimed.map { try $0.state.get().key }) == ["moved", "released", "committed", "kept"])
        }
    }

    @Test(arguments: StoreFixture.Kind.allCases)
    func `free places call the runs that wait longest for one, and no others`(_ kind: StoreFixture.Kind) async throws {
        try await StoreFixture.with(kind) { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for (number, service, waiting) in [
                ("1", "s", "service_busy"), ("2", "s", "service_busy"), ("3", "s", "service_busy"),
                ("4", "t", "service_busy"), ("5", "s", "x"),
            ] {
                let id = try await store.enqueueRun(number)
                let run = try await store.claimOne()
                try await store.release(
                    [
                        LeaseRelease(
                            runId: id, epoch: run.epoch, dueMilliseconds: minute * (Int64(number) ?? 0),
                            service: service, waiting: waiting)
                    ], worker: workerA)
            }
            #expect(try await store.wakeBusy("s", most: 2) == 2)
            let woken = try await store.claim(worker: workerB, limit: 9, leaseMilliseconds: minute)
            #expect(Set(try woken.map { try $0.state.get().key }) == ["1", "2"])
            #expect(try await store.wakeBusy("s", most: 2) == 1)
            #expect(try await store.wakeBusy("s", most: 2) == 0)
        }
    }
}
