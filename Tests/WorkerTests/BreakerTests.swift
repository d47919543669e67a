import EventStore
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

@Suite("Breaker", .timeLimit(.minutes(5)))
struct BreakerTests {
    enum Outage: CaseIterable { case refuses, saysLater, answers503 }

    @Test(
        "Four workers and a platform that is down: one request for each half-open window in all, no attempt is spent, and all go on when it is back",
        arguments: Outage.allCases)
    func oneCanary(_ outage: Outage) async throws {
        let isDown = Mutex(true)
        let refusals = Mutex(0)
        let server = try TinyServer(isListening: outage != .refuses) { request in
            guard isDown.withLock({ $0 }) else { return TinyServer.good(request) }
            refusals.withLock { $0 += 1 }
            return outage == .saysLater
                ? TinyServer.json("429 Too Many Requests", "{}") : TinyServer.json("503 Service Unavailable", "{}")
        }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            // So many that their fate opens the breaker; the others come when it is open.
            let first = outage == .answers503 ? ServiceGate.silentInARow : 1
            _ = try await fleet.enqueue(1...first)
            try #require(try await eventually { try await fleet.breaker().consecutiveFailures > 0 })
            // A worker that has just looked may trust the open breaker's row for a second.
            let opened = try await fleet.store.now()
            try #require(try await eventually { try await fleet.store.now().milliseconds(since: opened) > 1100 })
            _ = try await fleet.enqueue(101...140)
            try #require(try await eventually { try await fleet.breaker().consecutiveFailures >= 5 })
            if outage == .refuses { try server.open() }
            isDown.withLock { $0 = false }
            let failures = try await fleet.breaker().consecutiveFailures
            try await fleet.allEnded()
            // The last canary was answered; every other one failed, at most one of them when the platform was back.
            let failed = try await fleet.canaries() - 1
            #expect(failed >= 4 && failed <= failures)
            let refused = try await fleet.events(.attemptNotDone) + fleet.events(.attemptUnknown)
            #expect(refused.count == first + Int(failed))
            if outage != .refuses { #expect(refusals.withLock { $0 } == first + Int(failed)) }
            // A 503 to a call that must not be sent again leaves its run to a person; the others went on.
            let succeeded = try await fleet.store.runs(RunFilter(status: .succeeded, limit: 1000)).count
            #expect(succeeded == (outage == .answers503 ? 40 - Int(failed) : 41))
            if outage != .answers503 {
                #expect(refused.allSatisfy { $0.type == "attempt.not_done" && $0.body["counted"] == false })
            }
            #expect(try await fleet.breaker() == Breaker())
            #expect(fleet.log.count("a service answers again") == 1)
        }
    }

    @Test("A 429 with Retry-After: no worker calls before that time is over")
    func retryAfter() async throws {
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
            try #require(try await eventually { try await fleet.breaker().pausedUntil != nil })
            let ends = try #require(try await fleet.breaker().pausedUntil)
            _ = try await fleet.enqueue(2...30)
            try await fleet.allEnded()
            let starts = try await fleet.events(.attemptStarted).map(\.recordedAt)
            #expect(starts.count == 31)
            let refused = try #require(try await fleet.events(.attemptNotDone).first?.recordedAt)
            // Until the row was read the pause began a little earlier than its event.
            #expect(ends.milliseconds(since: refused) > 2500)
            #expect(starts.dropFirst().allSatisfy { $0 >= ends })
        }
    }

    @Test("The worker that has the canary dies: nobody else sends before the canary expires, and then one does")
    func deadCanary() async throws {
        let server = try TinyServer { TinyServer.good($0) }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            _ = try await fleet.store.serviceFailed(
                ServiceFailure(service: "wpp", reason: "unreachable", firstMilliseconds: 1), worker: "worker:dead")
            var taken: Int64 = 0
            #expect(
                try await eventually {
                    taken = try await fleet.store.takeCanary("wpp", worker: "worker:dead", milliseconds: 1500) ?? 0
                    return taken == 1
                })
            let expires = try #require(try await fleet.breaker().canaryExpires)
            _ = try await fleet.enqueue(1...20)
            try await fleet.allEnded()
            let starts = try await fleet.events(.attemptStarted).map(\.recordedAt)
            #expect(starts.count == 20)
            #expect(starts.allSatisfy { $0 >= expires })
            #expect(try await fleet.canaries() == 2)
            #expect(try await !fleet.store.serviceAnswered("wpp", canary: taken))
        }
    }

    @Test("A person's pause is seen by all workers, and a resume lets all go on")
    func byHand() async throws {
        let server = try TinyServer { TinyServer.good($0) }
        try await Fleet.with(cooldown: "100ms", server) { fleet in
            _ = try await fleet.store.pauseService("wpp", milliseconds: nil, reason: "maintenance", by: "person:ana")
            let runs = try await fleet.enqueue(1...20)
            #expect(
                try await eventually {
                    var waiting = 0
                    for run in runs where try await fleet.store.run(run)?.task?.waiting == "service_paused" {
                        waiting += 1
                    }
                    return waiting == 20
                })
            #expect(server.requests.isEmpty)
            #expect(try await fleet.store.resumeService("wpp"))
            try await fleet.allEnded()
            #expect(try await fleet.canaries() == 0)
        }
    }

    @Test("A run whose service is paused for good still ends at its deadline")
    func deadline() async throws {
        let workshop = try await Workshop()
        try await workshop.publish(
            """
            {"dsl":1,"workflow":"short","version":1,"key":"${input.number}","start":"requested","deadline":"1s",
             "input":{"number":{"type":"string"}},"services":{"wpp":{}},
             "states":{"requested":{"call":{"request":"POST wpp:/create"},"next":"active"},
               "active":{"end":"succeeded"},"failed":{"end":"failed"}}}
            """, workflow: "short")
        _ = await workshop.store.healthy.pauseService("wpp", milliseconds: nil, reason: "gone", by: "person:ana")
        let run = try await workshop.enqueue(workflow: "short")
        try await workshop.withWorker { try await workshop.reaches(.failed, run) }
        #expect(workshop.server.requests.isEmpty)
        let types = try await workshop.types(run)
        #expect(types.last == "run.failed" && !types.contains("attempt.started"), "\(types)")
    }

    @Test("A slow platform with one place and a full queue does not keep the runs of a fast one waiting")
    func fairShare() async throws {
        let isReleased = Gong()
        let fast = try TinyServer { TinyServer.good($0) }
        var workshop = try await Workshop { request in
            await isReleased.wait()
            return TinyServer.good(request)
        }
        workshop.configuration.concurrentRuns = 8
        await workshop.store.healthy.setService(
            ServiceRecord(
                name: "wpp", baseURL: workshop.server.origin, allowedAddresses: ["loopback"], concurrentRequests: 1))
        await workshop.store.healthy.setService(
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
            #expect(await shop.store.healthy.run(slow[0])?.status == .live)
            isReleased.strike()
            for run in slow { try await shop.reaches(.succeeded, run) }
        }
        #expect(shop.server.requests.count == 200)
        #expect(shop.store.count("wakeBusy") > 10)
        #expect(shop.store.count("claim") < 1000)
    }
}
