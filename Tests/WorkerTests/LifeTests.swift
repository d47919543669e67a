import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore
@testable import Worker

@Suite("Worker", .timeLimit(.minutes(15)))
struct LifeTests {
    @Test
    func
        `a database that has lost what it had acknowledged is no reason to decide in a circle: the run waits, and it is said`()
        async throws
    {
        let workshop = try await Workshop()
        let run = try await workshop.enqueue()
        // What a replica answers that took over without the last commits: the epoch is right, and nothing newer is there.
        workshop.store.set { $0.commit = { _, commits, _ in commits.map { _ in .behind } } }
        try await workshop.withWorker {
            #expect(await workshop.log.bell.eventually { workshop.log.count("fewer events") == 1 })
            #expect(workshop.store.batches.count == 1)
            try #require(
                try await workshop.store.bell.eventually {
                    try await workshop.store.healthy.run(run)?.task?.waitReason == .workerError
                })
        }
        #expect(workshop.sent("/create").isEmpty)
    }

    /// One request at a time, of all workers together.
    private func limit(_ workshop: Workshop, to concurrent: Int?) async throws {
        try await workshop.store.healthy.setService(
            ServiceRecord(
                name: "wpp", baseURL: workshop.server.origin, allowedAddresses: ["loopback"],
                limits: ServiceLimits(concurrent: concurrent)))
    }

    @Test
    func `with one request allowed at a time, a run goes on with its own permit, and no request begins beside another`()
        async throws
    {
        let underWay = Mutex(0)
        let most = Mutex(0)
        let workshop = try await Workshop { request in
            let now = underWay.withLock { count in
                count += 1
                return count
            }
            most.withLock { $0 = max($0, now) }
            try? await Task.sleep(for: .milliseconds(5))
            underWay.withLock { $0 -= 1 }
            return TinyServer.good(request)
        }
        try await limit(workshop, to: 1)
        var runs: [Identifier] = []
        for number in 1...4 { runs.append(try await workshop.enqueue("\(number)")) }
        try await workshop.withWorker {
            for run in runs { try await workshop.reaches(.succeeded, run) }
        }
        for run in runs { #expect(try await workshop.types(run) == Sample.wholeStory) }
        #expect(most.withLock { $0 } == 1)
        let paths = workshop.server.requests.map(\.path)
        #expect(paths == Array(repeating: ["/create", "/token"], count: 4).flatMap { $0 })
        // Neither a claim nor a commit more than without a limit.
        #expect(workshop.store.batches.flatMap { $0 }.count == 12)
        #expect(workshop.store.count("release") == 0)
    }

    @Test func `draining: the request under way is finished and written, and whoever waits in the line is nobody's`()
        async throws
    {
        let (arrived, released) = (Gong(), Gong())
        let workshop = try await Workshop { request in
            arrived.strike()
            await released.wait()
            return TinyServer.good(request)
        }
        try await limit(workshop, to: 1)
        var runs: [Identifier] = []
        for number in 1...5 { runs.append(try await workshop.enqueue("\(number)")) }
        let monitor = WorkerMonitor(configuration: workshop.configuration, logger: workshop.log.logger)
        let releasing = Task {
            let isDraining = await eventually { monitor.condition().phase == .stopping }
            released.strike()
            return isDraining
        }
        try await workshop.withWorker(monitor: monitor) {
            await arrived.wait()
            let leased = try await workshop.store.healthy.leasedCount()
            #expect(leased == 1)
        }
        #expect(await releasing.value)
        var stories: [[String]] = []
        for run in runs { stories.append(try await workshop.types(run)) }
        #expect(stories.count { $0 == ["run.requested"] } == 4)
        #expect(stories.count { $0 == ["run.requested", "attempt.started", "attempt.done"] } == 1)
        #expect(workshop.server.requests.count == 1)
        #expect(try await workshop.store.healthy.leasedCount() == 0, "a lease was kept")
        try await limit(workshop, to: nil)
        let taken = try await workshop.store.healthy.claim(
            worker: "worker:next", ClaimDemand(room: 9), leaseMilliseconds: 1000)
        #expect(taken.runs.count == 5, "another worker would have to wait for them")
    }

    @Test
    func `a definition or an event that cannot be read parks its run; the worker goes on with the others`() async throws
    {
        let workshop = try await Workshop()
        try await workshop.publish(
            #"{"dsl":99,"workflow":"new","version":1,"key":"${input.number}","start":"a","input":{"number":{"type":"string"}},"states":{}}"#,
            workflow: "new")
        let newer = try await workshop.enqueue("1", workflow: "new")
        let strange = try await workshop.enqueue("2")
        await workshop.store.healthy.appendUnknownType(strange)
        try await workshop.withWorker {
            for run in [newer, strange] {
                try #require(
                    try await workshop.store.bell.eventually {
                        let task = try await workshop.store.healthy.run(run)?.task
                        return task?.waitReason == .workerError && task?.leaseOwner == nil
                    })
            }
            let other = try await workshop.enqueue("3")
            try await workshop.reaches(.succeeded, other)
        }
        #expect(workshop.log.count("could not be advanced") == 2)
        #expect(workshop.server.requests.count == 2)
    }

    @Test
    func `a run that met an outage between its calls is given back at once, not when its lease is over`() async throws {
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

    @Test func `every way out gives the place at the platform back: refusals, outages, takeovers and lost answers`()
        async throws
    {
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
        try await limit(workshop, to: 2)
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
            #expect(await workshop.store.bell.eventually { faults.withLock { $0 } == 12 })
            workshop.store.set { $0.commit = nil }
            // A leaked place would leave one of two, two none.
            let last = [try await workshop.enqueue("last 1"), try await workshop.enqueue("last 2")]
            for run in last {
                try #require(
                    try await workshop.store.bell.eventually {
                        try await workshop.store.healthy.run(run)?.status != .live
                    })
            }
            try #require(
                try await workshop.store.bell.eventually { try await workshop.store.healthy.leasedCount() == 0 })
        }
    }

    @Test func `runs that are due but held by somebody's lock are asked for less and less often, not in a circle`()
        async throws
    {
        var workshop = try await Workshop()
        workshop.configuration.pollMilliseconds = 60_000
        let isHidden = Mutex(true)
        let claims = Mutex<[ContinuousClock.Instant]>([])
        workshop.store.set {
            $0.claim = { answer in
                claims.withLock { $0.append(.now) }
                guard isHidden.withLock({ $0 }) else { return answer }
                // Somebody is ready, and yet no claim gets them.
                let lines = answer.lines.map { line in
                    LineAnswer(
                        service: line.service, next: line.now.advanced(byMilliseconds: -1000), shutUntil: nil,
                        pauseReason: nil, now: line.now, bounds: line.bounds)
                }
                return ClaimAnswer(runs: [], lines: lines)
            }
        }
        try await workshop.withWorker {
            // Pauses of 1, 2, 4 … 512 milliseconds; a loop that spins is through in a fraction of that.
            try #require(await workshop.store.bell.eventually { claims.withLock { $0.count } >= 11 })
            let times = claims.withLock { $0 }
            #expect(times[0].duration(to: times[10]) >= .milliseconds(1000))
            isHidden.withLock { $0 = false }
            let run = try await workshop.enqueue("2")
            try await workshop.reaches(.succeeded, run)
        }
    }

    @Test func `shutdown while the database stays away ends once a lease has passed, although an answer is in hand`()
        async throws
    {
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
            #expect(await found.store.bell.eventually { found.store.count("commit") >= 3 })
        }
        #expect(began.duration(to: .now) < .seconds(30))
        #expect(found.log.count("the answer to an attempt is lost") == 1)
    }

    @Test func `cancelling breaks off the request under way; what is known of it is written, and nothing stays leased`()
        async throws
    {
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

    @Test func `a run takes one claim and one commit for each step`() async throws {
        let workshop = try await Workshop()
        let run = try await workshop.enqueue()
        try await workshop.withWorker { try await workshop.reaches(.succeeded, run) }
        #expect(workshop.store.count("commit") == 3)
        #expect(workshop.store.count("service") == 1)
        #expect(workshop.store.count("definition") == 1)
        #expect(workshop.store.count("events") == 0)
        #expect(workshop.store.count("secretVersion") == 0, "what was just sealed is in hand")
    }
}
