import EventStore
import Synchronization
import Testing
import WorkflowCore

@testable import Worker

@Suite("Worker", .timeLimit(.minutes(5)))
struct LifeTests {
    @Test(
        "A database that has lost what it had acknowledged is no reason to decide in a circle: the run waits, and it is said"
    )
    func lostEvents() async throws {
        let workshop = try await Workshop()
        let run = try await workshop.enqueue()
        // What a replica answers that took over without the last commits: the epoch is right, and nothing newer is there.
        workshop.store.set { $0.commit = { _, commits, _ in commits.map { _ in .behind } } }
        try await workshop.withWorker {
            #expect(await eventually { workshop.log.count("fewer events") == 1 })
            #expect(workshop.store.batches.count == 1)
            #expect(await eventually { await workshop.store.healthy.run(run)?.task?.waiting == "worker_error" })
        }
        #expect(workshop.sent("/create").isEmpty)
    }

    @Test("With one place at the platform, an answer is written before its run stands in line for the next call")
    func commitFirst() async throws {
        let (arrived, released) = (Gong(), Gong())
        let creates = Mutex(0)
        var workshop = try await Workshop { request in
            // The second create takes the only place and keeps it until the first run's answer was looked for.
            let number = creates.withLock { count in
                if request.path == "/create" { count += 1 }
                return count
            }
            if request.path == "/create", number == 2 {
                arrived.strike()
                await released.wait()
            }
            return TinyServer.good(request)
        }
        await workshop.store.healthy.setService(
            ServiceRecord(
                name: "wpp", baseURL: workshop.server.origin, allowedAddresses: ["loopback"], concurrentRequests: 1))
        // A quarter of the lease, for which runs stand in line, is longer than this test waits.
        workshop.configuration.leaseMilliseconds = 120_000
        let runs = [try await workshop.enqueue("1"), try await workshop.enqueue("2")]
        try await workshop.withWorker {
            await arrived.wait()
            // One run has its first answer, and waits for a place: the answer is in the stream meanwhile.
            let isWritten = await eventually {
                var done = 0
                for run in runs { done += await workshop.events(run, .attemptDone).count }
                return done == 1
            }
            released.strike()
            #expect(isWritten)
            for run in runs { try await workshop.reaches(.succeeded, run) }
        }
        for run in runs { #expect(await workshop.events(run, .attemptStarted).count == 2) }
        #expect(workshop.server.requests.count == 4)
    }

    @Test("Draining while runs wait for a place: they are given back unsent, and the request under way is finished")
    func drain() async throws {
        let (arrived, released) = (Gong(), Gong())
        let workshop = try await Workshop { request in
            arrived.strike()
            await released.wait()
            return TinyServer.good(request)
        }
        await workshop.store.healthy.setService(
            ServiceRecord(
                name: "wpp", baseURL: workshop.server.origin, allowedAddresses: ["loopback"], concurrentRequests: 1))
        var runs: [Identifier] = []
        for number in 1...5 { runs.append(try await workshop.enqueue("\(number)")) }
        let releasing = Task {
            // The shutdown has reached the four that wait when they have given their leases back.
            let isDrained = await eventually { workshop.store.count("release") == 4 }
            released.strike()
            return isDrained
        }
        try await workshop.withWorker {
            await arrived.wait()
            // All five are in hand: none is due for anybody else.
            #expect(
                await eventually {
                    await workshop.store.healthy.claim(worker: "worker:probe", limit: 9, leaseMilliseconds: 1).isEmpty
                })
        }
        #expect(await releasing.value)
        var stories: [[String]] = []
        for run in runs { stories.append(try await workshop.types(run)) }
        #expect(stories.count { $0 == ["run.requested"] } == 4)
        #expect(stories.count { $0 == ["run.requested", "attempt.started", "attempt.done"] } == 1)
        #expect(workshop.server.requests.count == 1)
        for run in runs {
            let task = try #require(await workshop.store.healthy.run(run)?.task)
            #expect(task.leaseOwner == nil, "a lease was kept")
        }
        let taken = await workshop.store.healthy.claim(worker: "worker:next", limit: 9, leaseMilliseconds: 1000)
        #expect(taken.count == 5, "another worker would have to wait for them")
    }

    @Test("A definition or an event that cannot be read parks its run; the worker goes on with the others")
    func unreadable() async throws {
        let workshop = try await Workshop()
        try await workshop.publish(
            #"{"dsl":99,"workflow":"new","version":1,"key":"${input.number}","start":"a","input":{"number":{"type":"string"}},"states":{}}"#,
            workflow: "new")
        let newer = try await workshop.enqueue("1", workflow: "new")
        let strange = try await workshop.enqueue("2")
        await workshop.store.healthy.appendUnknownType(strange)
        try await workshop.withWorker {
            for run in [newer, strange] {
                #expect(
                    await eventually {
                        let task = await workshop.store.healthy.run(run)?.task
                        return task?.waiting == "worker_error" && task?.leaseOwner == nil
                    })
            }
            let other = try await workshop.enqueue("3")
            try await workshop.reaches(.succeeded, other)
        }
        #expect(workshop.log.count("could not be advanced") == 2)
        #expect(workshop.server.requests.count == 2)
    }

    @Test("A run that met an outage between its calls is given back at once, not when its lease is over")
    func interrupted() async throws {
        let workshop = try await Workshop()
        let reads = Mutex(0)
        workshop.store.set {
            $0.service = {
                let isFirst = reads.withLock { count in
                    count += 1
                    return count == 1
                }
                if isFirst { throw StoreError(.unavailable, "the database is away") }
            }
        }
        let run = try await workshop.enqueue()
        // Its lease is longer than the test looks.
        try await workshop.withWorker { try await workshop.reaches(.succeeded, run) }
        #expect(reads.withLock { $0 } >= 2)
        #expect(workshop.store.count("release") == 1)
    }

    @Test("Every way out gives the place at the platform back: refusals, outages, takeovers and lost answers")
    func placesComeBack() async throws {
        let number = Mutex(0)
        let workshop = try await Workshop { request in
            let mine = number.withLock { count in
                count += 1
                return count
            }
            switch mine % 4 {
            case 0: return nil
            case 1: return TinyServer.json("400 Bad Request", #"{"error":"no"}"#)
            default: return TinyServer.good(request)
            }
        }
        await workshop.store.healthy.setService(
            ServiceRecord(
                name: "wpp", baseURL: workshop.server.origin, allowedAddresses: ["loopback"], concurrentRequests: 2))
        let faults = Mutex(0)
        workshop.store.set { [store = workshop.store] in
            $0.commit = { call, commits, forward in
                let isIntent = commits.count == 1 && commits[0].events.last?.type == .attemptStarted
                guard isIntent, call % 3 != 0, faults.withLock({ $0 < 12 }) else { return try await forward() }
                let fault = faults.withLock { count in
                    count += 1
                    return count
                }
                switch fault % 4 {
                case 0: throw StoreError(.unavailable, "the database is away")
                case 1: throw StoreError(.broken, "a fault of the store")
                case 2: await store.healthy.steal(commits[0].runId)
                default:
                    _ = try await store.healthy.append(
                        AppendRequest(
                            runId: commits[0].runId, expectedSeq: nil,
                            event: NewEvent(.cancelRequested, ["reason": "x"]),
                            actor: "person:ana"))
                }
                return try await forward()
            }
        }
        try await workshop.withWorker {
            for index in 0..<40 { _ = try await workshop.enqueue("\(index)") }
            #expect(await eventually { faults.withLock { $0 } == 12 })
            workshop.store.set { $0.commit = nil }
            // A leaked place would leave one of two, two none.
            let last = [try await workshop.enqueue("last 1"), try await workshop.enqueue("last 2")]
            for run in last {
                #expect(await eventually { await workshop.store.healthy.run(run)?.status != .live })
            }
            #expect(await eventually { await workshop.store.healthy.leased == 0 })
        }
    }

    @Test("Runs that are due but held by somebody's lock are asked for less and less often, not in a circle")
    func noSpinning() async throws {
        var workshop = try await Workshop()
        workshop.configuration.pollMilliseconds = 60_000
        let isHidden = Mutex(true)
        let claims = Mutex<[ContinuousClock.Instant]>([])
        workshop.store.set {
            $0.claim = { runs in
                claims.withLock { $0.append(.now) }
                return isHidden.withLock { $0 } ? [] : runs
            }
            // Due for a second, and yet no claim gets it.
            $0.nextDue = { next in
                guard isHidden.withLock({ $0 }), let next else { return next }
                return NextDue(due: next.now.advanced(byMilliseconds: -1000), now: next.now)
            }
        }
        // Nothing is really claimable: only the outlook says so.
        _ = try await workshop.store.enqueue(
            EnqueueRequest(
                workflow: "w", organisation: "o", input: ["number": "1"],
                due: await workshop.store.healthy.now().advanced(byMilliseconds: 3_600_000), actor: "person:test"))
        try await workshop.withWorker {
            // Pauses of 1, 2, 4 … 512 milliseconds; a loop that spins is through in a fraction of that.
            try #require(await eventually { claims.withLock { $0.count } >= 11 })
            let times = claims.withLock { $0 }
            #expect(times[0].duration(to: times[10]) >= .milliseconds(1000))
            isHidden.withLock { $0 = false }
            let run = try await workshop.enqueue("2")
            try await workshop.reaches(.succeeded, run)
        }
    }

    @Test("Shutdown while the database stays away ends once a lease has passed, although an answer is in hand")
    func shutdownInOutage() async throws {
        let (arrived, released) = (Gong(), Gong())
        var workshop = try await Workshop { request in
            arrived.strike()
            await released.wait()
            return TinyServer.good(request)
        }
        workshop.configuration = WorkerConfiguration(name: "a", leaseMilliseconds: 700, pollMilliseconds: 20)
        _ = try await workshop.enqueue()
        let began = ContinuousClock.now
        let found = workshop
        try await found.withWorker {
            await arrived.wait()
            found.store.set { $0.isAway = true }
            released.strike()
            #expect(await eventually { found.store.count("commit") >= 3 })
        }
        #expect(began.duration(to: .now) < .seconds(30))
        #expect(found.log.count("the answer to an attempt is lost") == 1)
    }

    @Test("Cancelling breaks off the request under way; what is known of it is written, and nothing stays leased")
    func cancellation() async throws {
        let (arrived, released) = (Gong(), Gong())
        let workshop = try await Workshop { request in
            arrived.strike()
            await released.wait()
            return TinyServer.good(request)
        }
        let run = try await workshop.enqueue()
        try await workshop.withCancelledWorker { await arrived.wait() }
        released.strike()
        #expect(
            try await workshop.types(run) == ["run.requested", "attempt.started", "attempt.unknown", "run.held"])
    }

    @Test("A run takes one claim, one commit for each step and one look at the queue's outlook for each claim")
    func roundTrips() async throws {
        let workshop = try await Workshop()
        let run = try await workshop.enqueue()
        try await workshop.withWorker { try await workshop.reaches(.succeeded, run) }
        #expect(workshop.store.count("commit") == 3)
        #expect(workshop.store.count("service") == 1)
        #expect(workshop.store.count("definition") == 1)
        #expect(workshop.store.count("events") == 0)
        #expect(workshop.store.count("secretVersion") == 0, "what was just sealed is in hand")
        #expect(workshop.store.count("nextDue") <= workshop.store.count("claim"))
    }
}
