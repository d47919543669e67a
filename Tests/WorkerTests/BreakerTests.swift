import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

@Suite("Breaker", .timeLimit(.minutes(15)))
struct BreakerTests {
    enum Outage: CaseIterable { case refuses, answers503 }

    @Test(arguments: Outage.allCases)
    func
        `four workers and a platform that is down: one request for each half-open window in all, and all go on when it is back`(
            _ outage: Outage
        ) async throws
    {
        let isDown = Mutex(true)
        let refusals = Mutex(0)
        let server = try TinyServer(isListening: outage != .refuses) { request in
            guard isDown.withLock({ $0 }) else { return TinyServer.good(request) }
            refusals.withLock { $0 += 1 }
            return TinyServer.json("503 Service Unavailable", "{}")
        }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            // So many that their fate opens the breaker; the others come when it is open.
            let first = 3
            _ = try await fleet.enqueue(1...first)
            try #require(try await eventually { try await fleet.breaker().consecutiveFailures > 0 })
            _ = try await fleet.enqueue(101...140)
            try #require(try await eventually { try await fleet.breaker().consecutiveFailures >= 4 })
            if outage == .refuses { try server.open() }
            isDown.withLock { $0 = false }
            let failures = try await fleet.breaker().consecutiveFailures
            try await fleet.allEnded()
            // The last trial was answered; every other one failed, at most one of them when the platform was back.
            let refused = try await fleet.events(.attemptNotDone) + fleet.events(.attemptUnknown)
            let failed = refused.count - first
            #expect((failures - 1...failures).contains(failed), "\(failed) trials of \(failures) failures")
            if outage != .refuses { #expect(refusals.withLock { $0 } == refused.count) }
            // A 503 to a call that must not be sent again leaves its run to a person; the others went on.
            let succeeded = try await fleet.store.runs(RunFilter(status: .succeeded, limit: 1000)).count
            #expect(succeeded == (outage == .answers503 ? 40 - failed : 40 + first))
            if outage != .answers503 {
                #expect(refused.allSatisfy { $0.type == "attempt.not_done" && $0.body["counted"] == false })
            }
            #expect(try await fleet.breaker() == Breaker())
            // Each worker says it once, those that saw it shut.
            #expect((1...4).contains(fleet.log.count("a service answers again")))
        }
    }

    @Test func `accounts whose calls get an empty reply shut the service for nobody else`() async throws {
        let server = try TinyServer { request in
            request.path.hasSuffix("/broken") ? nil : TinyServer.json("201 Created", #"{"session":"s-1"}"#)
        }
        try await Fleet.with(cooldown: "60s", server, path: "create/${run.organisation}") { fleet in
            for round in 0..<5 {
                _ = try await fleet.enqueue(round * 100 + 1...round * 100 + 4, organisation: "broken")
                _ = try await fleet.enqueue(round * 100 + 11...round * 100 + 18, organisation: "sound")
                try await fleet.allEnded()
            }
            let succeeded = try await fleet.store.runs(RunFilter(status: .succeeded, limit: 1000))
            // On a busy machine one of them may time out, too, and is then held for a person.
            #expect(succeeded.count >= 30)
            #expect(succeeded.allSatisfy { $0.organisation == "sound" })
            #expect(server.requests.count == 60)
            #expect(try await fleet.breaker().consecutiveFailures == 0)
            #expect(fleet.log.count("a service is paused") == 0)
        }
    }

    @Test func `a 429 with Retry-After: no worker calls before that time is over, and the breaker has no part in it`()
        async throws
    {
        let number = Mutex(0)
        let server = try TinyServer { request in
            let mine = number.withLock { count in
                count += 1
                return count
            }
            return mine == 1
                ? TinyServer.json("429 Too Many Requests", "{}", headers: "Retry-After: 3\r\n")
                : TinyServer.good(request)
        }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            _ = try await fleet.enqueue(1...1)
            try #require(try await eventually { try await !fleet.events(.attemptNotDone).isEmpty })
            _ = try await fleet.enqueue(2...30)
            try await fleet.allEnded()
            let starts = try await fleet.events(.attemptStarted).map(\.recordedAt)
            #expect(starts.count == 31)
            let refused = try #require(try await fleet.events(.attemptNotDone).first?.recordedAt)
            #expect(starts.dropFirst().allSatisfy { $0 >= refused.advanced(byMilliseconds: 3000) })
            #expect(try await fleet.breaker() == Breaker())
        }
    }

    @Test func `the worker that has the trial dies: nobody else sends before the trial expires, and then one does`()
        async throws
    {
        let isAnswered = Gong()
        let server = try TinyServer { request in
            await isAnswered.wait()
            return TinyServer.good(request)
        }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            _ = try await fleet.database.pool.query(
                """
                update turnup.service_state set consecutive_failures = 1, trial_token = gen_random_uuid(),
                  trial_expires = turnup.now() + interval '1500 milliseconds' where name = 'wpp'
                """)
            let expires = try #require(try await fleet.breaker().trialExpires)
            _ = try await fleet.enqueue(1...20)
            try #require(await server.bell.eventually { !server.requests.isEmpty })
            // As many looks as all four workers make in a while find it shut.
            try #require(await fleet.log.bell.eventually { fleet.log.count("a service is paused") == 4 })
            #expect(server.requests.count == 1)
            isAnswered.strike()
            try await fleet.allEnded()
            let starts = try await fleet.events(.attemptStarted).map(\.recordedAt)
            #expect(starts.count == 20)
            #expect(starts.allSatisfy { $0 >= expires })
            let answered = try #require(try await fleet.events(.attemptDone).first?.recordedAt)
            #expect(starts.dropFirst().allSatisfy { $0 >= answered })
        }
    }

    @Test func `a person's pause is seen by all workers, and a resume lets all go on`() async throws {
        let server = try TinyServer { TinyServer.good($0) }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            _ = try await fleet.store.pauseService("wpp", milliseconds: nil, reason: "maintenance", by: "person:ana")
            _ = try await fleet.enqueue(1...20)
            #expect(await fleet.log.bell.eventually { fleet.log.count("a service is paused") == 4 })
            #expect(fleet.log.count("maintenance") == 4)
            #expect(server.requests.isEmpty)
            #expect(try await fleet.database.pool.query("select from turnup.lease").isEmpty)
            #expect(try await fleet.store.resumeService("wpp"))
            try await fleet.allEnded()
            #expect(server.requests.count == 20)
        }
    }

    @Test func `a run whose service is paused for good still ends at its deadline`() async throws {
        let workshop = try await Workshop()
        try await workshop.publish(
            """
            {"dsl":1,"workflow":"short","version":1,"key":"${input.number}","start":"requested","deadline":"1s",
             "input":{"number":{"type":"string"}},"services":{"wpp":{}},
             "states":{"requested":{"call":{"request":"POST wpp:/create"},"next":"active"},
               "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
            """, workflow: "short")
        _ = try await workshop.store.healthy.pauseService("wpp", milliseconds: nil, reason: "gone", by: "person:ana")
        let run = try await workshop.enqueue(workflow: "short")
        try await workshop.withWorker { try await workshop.reaches(.failed, run) }
        #expect(workshop.server.requests.isEmpty)
        let types = try await workshop.types(run)
        #expect(types.last == "run.failed" && !types.contains("attempt.started"), "\(types)")
    }

    @Test
    func `a slow platform with one place and a full queue does not keep the runs of a fast one waiting`() async throws {
        let isReleased = Gong()
        let fast = try TinyServer { TinyServer.good($0) }
        var workshop = try await Workshop { request in
            await isReleased.wait()
            return TinyServer.good(request)
        }
        workshop.configuration.concurrentRuns = 8
        try await workshop.store.healthy.setService(
            ServiceRecord(
                name: "wpp", baseURL: workshop.server.origin, allowedAddresses: ["loopback"],
                limits: ServiceLimits(concurrent: 1)))
        try await workshop.store.healthy.setService(
            ServiceRecord(name: "fast", baseURL: fast.origin, allowedAddresses: ["loopback"]))
        for (workflow, service) in [("slow", "wpp"), ("quick", "fast")] {
            try await workshop.publish(
                """
                {"dsl":1,"workflow":"\(workflow)","version":1,"key":"${input.number}","start":"requested",
                 "input":{"number":{"type":"string"}},"services":{"\(service)":{"timeout":"15s"}},
                 "states":{"requested":{"call":{"request":"POST \(service):/create"},"next":"active"},
                   "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
                """, workflow: workflow)
        }
        var slow: [Identifier] = []
        for number in 1...200 { slow.append(try await workshop.enqueue("\(number)", workflow: "slow")) }
        var quick: [Identifier] = []
        for number in 1...50 { quick.append(try await workshop.enqueue("\(number)", workflow: "quick")) }
        let shop = workshop
        try await shop.withWorker {
            defer { isReleased.strike() }
            for run in quick { try await shop.reaches(.succeeded, run) }
            // All the while the slow one has answered nobody, and has all but one wait.
            #expect(shop.server.requests.count == 1)
            #expect(try await shop.store.healthy.run(slow[0])?.status == .live)
            isReleased.strike()
            for run in slow { try await shop.reaches(.succeeded, run) }
        }
        #expect(shop.server.requests.count == 200)
        #expect(shop.store.count("release") == 0)
        #expect(shop.store.count("claim") < 1000)
    }
}
