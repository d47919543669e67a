import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import EventStore
@testable import Worker

@Suite("Sending", .timeLimit(.minutes(15)))
struct SendingTests {
    /// Lets a server find the workshop that it is part of.
    final class Link: Sendable {
        private let store = Mutex<FaultyStore?>(nil)
        let gong = Gong()
        let second = Gong()
        let isTold = Mutex(false)
        var healthy: PostgresStore? { store.withLock { $0?.healthy } }
        func connect(_ workshop: Workshop) { store.withLock { $0 = workshop.store } }
    }

    @Test func `when a request arrives, its intent is in the stream already`() async throws {
        let link = Link()
        let seen = Mutex<[String: Bool]>([:])
        let workshop = try await Workshop { request in
            let runs = (try? await link.healthy?.runs(RunFilter())) ?? []
            var isThere = false
            for run in runs {
                let events = (try? await link.healthy?.events(of: run.id, after: 0)) ?? []
                isThere =
                    isThere
                    || events.contains {
                        $0.type == "attempt.started" && $0.attemptId?.description == request.attempt
                    }
            }
            let wasThere = isThere
            seen.withLock { $0[request.attempt, default: true] = $0[request.attempt, default: true] && wasThere }
            return TinyServer.good(request)
        }
        link.connect(workshop)
        try await workshop.withWorker {
            for number in 1...10 { _ = try await workshop.enqueue("\(number)") }
            for run in try await workshop.store.healthy.runs(RunFilter()) {
                try await workshop.reaches(.succeeded, run.id)
                #expect(try await workshop.types(run.id) == Sample.wholeStory)
            }
        }
        #expect(seen.withLock { $0.count } == 20)
        #expect(workshop.server.requests.count == 20)
        #expect(seen.withLock { $0.values.allSatisfy { $0 } }, "a request came before its intent")
    }

    @Test func `an intent whose commit is fenced is never sent`() async throws {
        let workshop = try await Workshop()
        let isFenced = Mutex(false)
        workshop.store.set { [store = workshop.store] in
            $0.commit = { _, commits, forward in
                let isFirst = isFenced.withLock { flag in
                    defer { flag = true }
                    return !flag
                }
                guard isFirst, let id = commits.first?.runId else { return try await forward() }
                // Another worker takes the run over, as if the lease had ended.
                await store.healthy.steal(id)
                return try await forward()
            }
        }
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            #expect(await workshop.store.bell.eventually { isFenced.withLock { $0 } })
            let other = try await workshop.enqueue("2")
            try await workshop.reaches(.succeeded, other)
        }
        #expect(try await workshop.types(run) == ["run.requested"])
        #expect(workshop.sent("/create").count == 1, "only the other run's request may have gone out")
    }

    @Test
    func `when the answer of every commit is lost on its way, each request still goes out once and nothing is doubled`()
        async throws
    {
        let workshop = try await Workshop()
        let lost = Mutex(0)
        workshop.store.set {
            $0.commit = { call, _, forward in
                let answers = try await forward()
                if call % 2 == 1 {
                    lost.withLock { $0 += 1 }
                    throw StoreError(.outcomeUnknown, "the connection broke")
                }
                return answers
            }
        }
        let run = try await workshop.enqueue()
        try await workshop.withWorker { try await workshop.reaches(.succeeded, run) }
        #expect(lost.withLock { $0 } == 3)
        #expect(try await workshop.types(run) == Sample.wholeStory)
        #expect(workshop.server.requests.map(\.path) == ["/create", "/token"])
    }

    @Test
    func
        `with an answer in hand and newer events in the stream, the answer is written on top, and nothing is sent again`()
        async throws
    {
        let link = Link()
        let workshop = try await Workshop { request in
            guard request.path == "/create" else { return TinyServer.good(request) }
            for run in (try? await link.healthy?.runs(RunFilter())) ?? [] {
                _ = try? await link.healthy?.append(
                    AppendRequest(
                        runId: run.id, expectedSeq: nil, event: NewEvent(.cancelRequested, ["reason": "a test"]),
                        actor: "person:ana"))
            }
            return TinyServer.good(request)
        }
        link.connect(workshop)
        let run = try await workshop.enqueue()
        try await workshop.withWorker { try await workshop.reaches(.cancelled, run) }
        #expect(
            try await workshop.types(run) == [
                "run.requested", "attempt.started", "cancel.requested", "attempt.done", "run.cancelled",
            ])
        #expect(workshop.server.requests.count == 1)
        let done = try #require(try await workshop.events(run, .attemptDone).first)
        #expect(done.body["saved"]?["session"] == "s-1")
        #expect(done.attemptId?.description == workshop.sent("/create").first)
    }

    @Test func `a worker that lost its run while the platform answered keeps the answer and its key as evidence`()
        async throws
    {
        let link = Link()
        let workshop = try await Workshop { request in
            for run in (try? await link.healthy?.runs(RunFilter())) ?? [] { await link.healthy?.steal(run.id) }
            return TinyServer.good(request)
        }
        link.connect(workshop)
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            try #require(
                try await workshop.store.bell.eventually { try await !workshop.events(run, .attemptLate).isEmpty })
        }
        #expect(try await workshop.types(run) == ["run.requested", "attempt.started", "attempt.late"])
        let late = try #require(try await workshop.events(run, .attemptLate).first)
        #expect(late.body["outcome"] == "done")
        #expect(late.body["saved"]?["session"] == "s-1")
        try await expectKey(workshop, run, late)
        #expect(workshop.server.requests.count == 1)
    }

    /// The late key is stored under a name of its own and can be opened.
    private func expectKey(_ workshop: Workshop, _ run: Identifier, _ late: RecordedEvent) async throws {
        let attempt = try #require(late.attemptId)
        #expect(late.body["sealed"]?.arrayValue?.count == 1)
        let sealed = try #require(
            try await workshop.store.healthy.secret(
                scope: .run, scopeId: run.description, name: "late/\(attempt)/api_key"))
        #expect(try workshop.vault.open(sealed).revealText() == "the-secret-key")
    }

    @Test func `evidence that the store cannot keep as it is does not take the key down with it`() async throws {
        let link = Link()
        let workshop = try await Workshop { request in
            for run in (try? await link.healthy?.runs(RunFilter())) ?? [] { await link.healthy?.steal(run.id) }
            return TinyServer.good(request)
        }
        link.connect(workshop)
        let refusals = Mutex(0)
        workshop.store.set {
            $0.appendLate = { evidence in
                guard evidence.body["evidence"] != nil else { return }
                refusals.withLock { $0 += 1 }
                throw StoreError(.refused, "not these values")
            }
        }
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            try #require(
                try await workshop.store.bell.eventually { try await !workshop.events(run, .attemptLate).isEmpty })
        }
        #expect(refusals.withLock { $0 } == 1)
        try await expectKey(workshop, run, try #require(try await workshop.events(run, .attemptLate).first))
    }

    @Test
    func
        `a result that the store refuses is closed as unknown, the key is kept, and the next intent is neither written nor sent`()
        async throws
    {
        let workshop = try await Workshop()
        let refusals = Mutex(0)
        workshop.store.set {
            $0.commit = { _, commits, forward in
                let holdsSession = commits.contains { $0.events.contains { $0.body["saved"]?["session"] != nil } }
                guard holdsSession else { return try await forward() }
                refusals.withLock { $0 += 1 }
                throw StoreError(.refused, "not this value")
            }
        }
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            try await workshop.reaches(.held, run)
            // A request that should not be would come now; the worker is still there.
            let other = try await workshop.enqueue("2")
            try await workshop.reaches(.held, other)
        }
        #expect(refusals.withLock { $0 } == 2)
        #expect(
            try await workshop.types(run) == ["run.requested", "attempt.started", "attempt.unknown", "run.held"])
        #expect(try await workshop.events(run, .attemptUnknown).first?.body["error"] == "bad_answer")
        #expect(workshop.sent("/token").isEmpty, "a request without a committed intent")
        let key = try await workshop.store.healthy.secret(scope: .run, scopeId: run.description, name: "api_key")
        #expect(try workshop.vault.open(try #require(key)).revealText() == "the-secret-key")
    }

    @Test
    func `a lease that no longer outlasts the request after a slow commit of the intent means: not sent, not charged`()
        async throws
    {
        var workshop = try await Workshop()
        // A request that takes longer than the lease leaves with more than half of it.
        workshop.configuration = WorkerConfiguration(name: "a", leaseMilliseconds: 600, pollMilliseconds: 20)
        let isSlow = Mutex(true)
        workshop.store.set {
            $0.commit = { _, commits, forward in
                let answers = try await forward()
                let isFirst = isSlow.withLock { slow in
                    defer { slow = false }
                    return slow
                }
                if isFirst { try await Task.sleep(for: .milliseconds(400)) }
                return answers
            }
        }
        let run = try await workshop.enqueue()
        let found = workshop
        try await found.withWorker {
            try #require(
                try await found.store.bell.eventually { try await !found.events(run, .attemptNotDone).isEmpty })
        }
        let unsent = try #require(try await found.events(run, .attemptNotDone).first)
        #expect(unsent.body["error"] == "lease_too_short")
        #expect(unsent.body["counted"] == false)
        let attempt = try #require(unsent.attemptId)
        #expect(!found.sent("/create").contains(attempt.description))
    }

    @Test
    func `with the database away when the answer comes, the answer lands once it is back, and is not asked for again`()
        async throws
    {
        let link = Link()
        let workshop = try await Workshop { request in
            if request.path == "/create", !link.gong.isStruck {
                link.gong.strike()
                await link.second.wait()
            }
            return TinyServer.good(request)
        }
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            await link.gong.wait()
            workshop.store.set { $0.isAway = true }
            link.second.strike()
            #expect(await workshop.store.bell.eventually { workshop.store.count("refused") >= 6 })
            workshop.store.set { $0.isAway = false }
            try await workshop.reaches(.succeeded, run)
        }
        #expect(try await workshop.types(run) == Sample.wholeStory)
        #expect(workshop.sent("/create").count == 1)
        // One line however many calls find it so; a claim that was refused before may say so after the return.
        #expect((1...2).contains(workshop.log.count("the database is away")))
    }

    @Test
    func
        `a database of another version: the answer is kept, no more runs are taken but one now and then, and all go on when it fits again`()
        async throws
    {
        let link = Link()
        var workshop = try await Workshop { request in
            if request.path == "/create", !link.gong.isStruck {
                link.gong.strike()
                await link.second.wait()
            }
            return TinyServer.good(request)
        }
        workshop.configuration.otherVersionPauseMilliseconds = 3_600_000
        let run = try await workshop.enqueue("1")
        let found = workshop
        try await found.withWorker {
            await link.gong.wait()
            found.store.set { $0.commit = { _, _, _ in throw StoreError(.notMigrated, "turnup.commit has changed") } }
            link.second.strike()
            try #require(try await found.store.bell.eventually { try await !found.events(run, .attemptLate).isEmpty })
            let late = try #require(try await found.events(run, .attemptLate).first)
            #expect(late.body["outcome"] == "done" && late.body["sealed"] != nil, "its key may be shown only once")
            try #require(
                await found.log.bell.eventually { found.log.count("restart this worker with that version") == 1 })
            let (claims, batches) = (found.store.count("claim"), found.store.batches.count)
            let second = try await found.enqueue("2")
            // By the claims' own clock: they looked many times, and asked for nothing.
            let polls = ContinuousClock.now + .milliseconds(20 * Int(found.configuration.pollMilliseconds))
            #expect(await eventually { ContinuousClock.now > polls })
            #expect(found.store.count("claim") <= claims + 1 && found.store.batches.count == batches)
            #expect(try await found.types(second) == ["run.requested"])
        }
        #expect(found.sent("/create").count == 1)
        #expect(found.log.count("the database is away") == 0 && found.log.count("could not be advanced") == 0)
    }

    @Test func `a worker whose version does not fit looks with one run at a time, and goes on when it fits again`()
        async throws
    {
        var workshop = try await Workshop()
        workshop.configuration.otherVersionPauseMilliseconds = 20
        workshop.store.set { $0.commit = { _, _, _ in throw StoreError(.notMigrated, "turnup.commit has changed") } }
        var runs: [Identifier] = []
        for number in 0..<4 { runs.append(try await workshop.enqueue("\(number)")) }
        let found = workshop
        try await found.withWorker {
            #expect(await found.store.bell.eventually { found.store.batches.count >= 6 })
            // The first claim took all; from then on one went at a time.
            #expect(found.store.batches.reversed().prefix(2).allSatisfy { $0.count <= 1 })
            found.store.set { $0.commit = nil }
            for run in runs { try await found.reaches(.succeeded, run) }
        }
        for run in runs { #expect(try await found.types(run) == Sample.wholeStory) }
        #expect(found.log.count("fits this worker again") >= 1)
    }

    @Test func `a run whose calls do not fit while others' commits do is no circle without a pause`() async throws {
        var workshop = try await Workshop()
        // As if some other run's commit had shown each time that all is well.
        workshop.configuration.otherVersionPauseMilliseconds = 0
        workshop.store.set { $0.service = { throw StoreError(.notMigrated, "turnup.service has changed") } }
        _ = try await workshop.enqueue()
        let found = workshop
        let began = ContinuousClock.now
        try await found.withWorker {
            #expect(await found.store.bell.eventually { found.store.count("service") >= 4 })
        }
        #expect(began.duration(to: .now) >= .seconds(2), "it spins")
    }

    @Test func `a worker without a run to try notices, too, that the database fits again`() async throws {
        var workshop = try await Workshop()
        workshop.configuration.otherVersionPauseMilliseconds = 20
        workshop.store.set { $0.commit = { _, _, _ in throw StoreError(.notMigrated, "turnup.commit has changed") } }
        _ = try await workshop.enqueue()
        let found = workshop
        let monitor = WorkerMonitor(configuration: found.configuration, logger: found.log.logger)
        try await found.withWorker(monitor: monitor) {
            try #require(await eventually { monitor.condition().trouble == .otherVersion })
            // Others take the runs.
            found.store.set { $0.claim = { _ in ClaimAnswer(runs: [], lines: []) } }
            try #require(await found.store.bell.eventually { found.store.batches.count { $0.isEmpty } >= 2 })
            #expect(monitor.condition().trouble == .otherVersion)
            found.store.set { $0.commit = nil }
            #expect(await eventually { monitor.condition().isReady })
        }
    }

    @Test func `an outage longer than the lease: the worker writes its answer before it claims its own run again`()
        async throws
    {
        let link = Link()
        var workshop = try await Workshop { request in
            if request.path == "/create", !link.gong.isStruck {
                link.gong.strike()
                await link.second.wait()
            }
            return TinyServer.good(request)
        }
        workshop.configuration = WorkerConfiguration(name: "a", leaseMilliseconds: 2000, pollMilliseconds: 10)
        let run = try await workshop.enqueue()
        let found = workshop
        try await found.withWorker {
            await link.gong.wait()
            found.store.set { $0.isAway = true }
            link.second.strike()
            let lease = try #require(try await found.store.healthy.run(run)?.task?.leaseExpires)
            try #require(
                try await eventually { try await found.store.healthy.now() > lease.advanced(byMilliseconds: 200) })
            found.store.set { $0.isAway = false }
            try await found.reaches(.succeeded, run)
        }
        #expect(found.sent("/create").count == 1)
        // Of the create alone: with so short a lease, a machine that stands still may lose the token's answer.
        #expect(try await found.events(run, .attemptDone).count { $0.body["state"] == "requested" } == 1)
        #expect(try await found.events(run, .attemptUnknown).allSatisfy { $0.body["state"] != "requested" })
    }

    @Test
    func `an event of a newer version comes while the platform answers: the answer and its key are kept as evidence`()
        async throws
    {
        let link = Link()
        let workshop = try await Workshop { request in
            for run in (try? await link.healthy?.runs(RunFilter())) ?? [] {
                await link.healthy?.appendUnknownType(run.id)
            }
            return TinyServer.good(request)
        }
        link.connect(workshop)
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            try #require(
                try await workshop.store.bell.eventually { try await !workshop.events(run, .attemptLate).isEmpty })
            try #require(
                try await workshop.store.bell.eventually {
                    try await workshop.store.healthy.run(run)?.task?.waitReason == .workerError
                })
        }
        try await expectKey(workshop, run, try #require(try await workshop.events(run, .attemptLate).first))
        #expect(workshop.server.requests.count == 1)
    }

    @Test
    func `a secret that cannot be opened makes the run wait before the intent: nothing is tried, nothing is sent`()
        async throws
    {
        let link = Link()
        let workshop = try await Workshop { request in
            guard request.path == "/token" else { return TinyServer.good(request) }
            for run in (try? await link.healthy?.runs(RunFilter())) ?? [] {
                _ = try? await link.healthy?.forgetSecret(scope: .run, scopeId: run.id.description, name: "api_key")
            }
            return TinyServer.json("503 Service Unavailable", "{}")
        }
        link.connect(workshop)
        let run = try await workshop.enqueue()
        try await workshop.withWorker {
            try #require(
                try await workshop.store.bell.eventually {
                    try await workshop.store.healthy.run(run)?.task?.waitReason == .secretUnreadable
                }
            )
        }
        #expect(workshop.sent("/token").count == 1, "the first token call needs no look-up: the key is in hand")
        #expect(try await workshop.events(run, .attemptStarted).count == 2)
        #expect(try await workshop.events(run, .attemptNotDone).isEmpty)
    }
}
