import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Workers that are really killed, stopped and drained.
@Suite(.timeLimit(.minutes(15))) struct CrashTests {
    @Test func `kill -9 during a retry wait: a new worker goes on at the due time, no attempt lost or repeated`()
        async throws
    {
        try await Installation.with(activation: .fixed(milliseconds: 3500), firstClientToo: true) { installation in
            let doomed = try installation.startWorker()
            let run = try await installation.enqueue("+34600111222")
            let isWaiting = try await eventually(seconds: 30) {
                try await installation.events(run, .attemptNotDone).count >= 2
            }
            #expect(isWaiting, "it never waited")
            await doomed.killHard()
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            let events = try await installation.events(run)
            #expect(!events.contains { $0.type == EventType.attemptUnknown.rawValue })
            var due: Instant?
            for event in events {
                if let delay = event.body["retry"]?["delay_milliseconds"]?.integerValue {
                    due = event.recordedAt.advanced(byMilliseconds: delay)
                } else if event.type == EventType.attemptStarted.rawValue, let planned = due {
                    #expect(event.recordedAt >= planned, "a try came before its time")
                    due = nil
                }
            }
            let tokens = installation.requests(Installation.token).count
            let attempts = events.count { $0.type == EventType.attemptStarted.rawValue }
            #expect(tokens == attempts - 1)
            try await Checker.check(installation)
        }
    }

    @Test func `kill -9 in the middle of a token call: the run goes on`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.token, trigger: .nth(1), effect: .hold(.after))
            ])
            let doomed = try installation.startWorker(leaseSeconds: 2)
            let run = try await installation.enqueue("+34600111222")
            #expect(await installation.simulator.wait(for: Installation.token, phase: .held), "never held")
            await doomed.killHard()
            #expect(await installation.simulator.wait(for: Installation.token, phase: .left))
            try await installation.withWorker(leaseSeconds: 2) { _ in
                try await installation.reaches(.succeeded, run)
            }
            let unknown = try await installation.events(run, .attemptUnknown)
            // On a busy machine the next worker's request may run into its own time limit besides.
            #expect(unknown.first?.body["error"] == "unknown_outcome")
            #expect(installation.simulator.clients().count == 1)
            try await Checker.check(installation)
        }
    }

    @Test func `kill -9 in the middle of a create: held as unknown, one client, never a second create`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(1), effect: .hold(.after))
            ])
            let doomed = try installation.startWorker(leaseSeconds: 2)
            let run = try await installation.enqueue("+34600111222")
            #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
            await doomed.killHard()
            try await installation.withWorker(leaseSeconds: 2) { _ in
                let held = try await installation.reaches(.held, run)
                #expect(held.reason?.contains("not safe to send twice") == true)
            }
            #expect(installation.requests(Installation.create).count == 1)
            #expect(installation.simulator.clients().count == 1)
            try await Checker.check(installation)
        }
    }

    @Test func `a worker stopped past its lease is fenced when it wakes, and the key it was given is kept as evidence`()
        async throws
    {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(1), effect: .hold(.after))
            ])
            let zombie = try installation.startWorker(leaseSeconds: 2)
            let run = try await installation.enqueue("+34600111222")
            #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
            zombie.send(SIGSTOP)
            try await installation.withWorker(leaseSeconds: 2) { _ in
                try await installation.reaches(.held, run)
                #expect(installation.simulator.release() == 1)
                #expect(
                    await installation.simulator.wait(for: Installation.create, phase: .ended), "no answer was sent")
                zombie.send(SIGCONT)
                let isKept = try await eventually(seconds: 30) {
                    try await !installation.events(run, .attemptLate).isEmpty
                }
                #expect(isKept, "the late answer is lost: \(zombie.spoken)")
                // With the sealed key of the late answer a token is fetched: nobody had to decide.
                try await installation.reaches(.succeeded, run)
            }
            let late = try #require(try await installation.events(run, .attemptLate).first)
            let unknown = try #require(try await installation.events(run, .attemptUnknown).first)
            #expect(late.epoch < unknown.epoch)
            #expect(late.body["outcome"] == "done" && late.body["sealed"]?.arrayValue?.count == 1)
            let settled = try #require(try await installation.events(run, .attemptSettled).first)
            #expect(settled.attemptId == late.attemptId && settled.body["saved"] == late.body["saved"])
            let client = try #require(installation.simulator.clients().first)
            #expect(installation.requests(Installation.create).count == 1, "one account")
            #expect(settled.body["saved"]?["session"] == .string(client.session))
            zombie.send(SIGTERM)
            _ = await zombie.end()
            try await Checker.check(installation)
        }
    }

    @Test func `SIGTERM lets a request under way end, writes its answer and gives the rest back at once`() async throws
    {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(1), effect: .hold(.after))
            ])
            let worker = try installation.startWorker()
            let run = try await installation.enqueue("+34600111222")
            #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
            worker.send(SIGTERM)
            // It must still be there to take the answer.
            #expect(await eventually(seconds: 0.3) { kill(worker.processIdentifier, 0) != 0 } == false)
            #expect(installation.simulator.release() == 1)
            let answer = await worker.end()
            #expect(answer.exitCode == 0)
            #expect(try await installation.types(run).contains("attempt.done"))
            let task = try #require(try await installation.store.run(run)?.task)
            #expect(task.leaseOwner == nil, "the lease was not given back")
            try await Checker.check(installation)
        }
    }

    @Test func `200 runs of 200 organisations on four workers, one of them killed: at most one client a run`()
        async throws
    {
        try await Installation.with(
            activation: .uniform(minimumMilliseconds: 200, maximumMilliseconds: 4000), firstClientToo: true
        ) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .always, effect: .delay(milliseconds: 150))
            ])
            // Requests end well within a lease, and a busy machine is slow.
            var workers = try (0..<4).map { _ in try installation.startWorker(leaseSeconds: 15) }
            var runs: [Identifier] = []
            for index in 0..<200 {
                runs.append(try await installation.enqueue("+346001\(10_000 + index)", organisation: "org-\(index)"))
            }
            #expect(
                await installation.simulator.wait(for: Installation.create, phase: .received, count: 60),
                "the platform was hardly asked")
            let victim = workers.removeFirst()
            await victim.killHard()
            var held = 0
            for run in runs {
                _ = try await eventually(seconds: 90) { try await installation.store.run(run)?.status != .live }
                let found = try #require(try await installation.store.run(run))
                if found.status == .held {
                    held += 1
                    let unknown = try await installation.events(run, .attemptUnknown).last
                    #expect(
                        unknown?.body["error"] == "unknown_outcome", "held for another reason: \(found.reason ?? "")")
                    #expect(unknown?.body["state"] == "requested")
                } else {
                    #expect(found.status == .succeeded, "\(found.state): \(found.reason ?? "")")
                }
            }
            let owners = Dictionary(grouping: installation.simulator.clients(), by: \.organisation)
            #expect(owners.values.allSatisfy { $0.count == 1 }, "an organisation has two clients")
            print("200 runs, \(held) held for a create that was in flight in the killed worker")
            for worker in workers {
                worker.send(SIGTERM)
                #expect(await worker.end().exitCode == 0)
            }
            try await Checker.check(installation)
        }
    }
}
