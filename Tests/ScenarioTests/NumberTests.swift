import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// The main job, through the real program, a real platform over HTTP and a real PostgreSQL.
@Suite(.timeLimit(.minutes(15))) struct NumberTests {
    @Test func `two numbers of one organisation become active, the second one after its key was refused for a while`()
        async throws
    {
        try await Installation.with(activation: .fixed(milliseconds: 3000)) { installation in
            try await installation.withWorker { worker in
                let first = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600333444")
                let run = try await installation.reaches(.succeeded, second)
                #expect(run.state == "active")
                let refusals = try await installation.events(second, .attemptNotDone)
                #expect(refusals.count >= 2)
                for refusal in refusals {
                    #expect(refusal.body["error"] == "key_not_active")
                    #expect(refusal.body["evidence"]?["status"] == 403)
                    #expect(refusal.body["evidence"]?["body"] != nil)
                    #expect(refusal.body["retry"]?["policy"] == "activation")
                }
                #expect(installation.simulator.clients().count == 2)
                // The first call with the key is in the commit that seals it.
                for run in [first, second] {
                    var ages: [Int] = []
                    for event in try await installation.events(run) where event.type != "attempt.started" {
                        let used: [JSONValue] = event.body["evidence"]?["credentials_used"]?.arrayValue ?? []
                        for item in used where item["name"]?.stringValue == "api_key" {
                            ages.append(Int(item["age_milliseconds"]?.integerValue ?? -1))
                        }
                    }
                    #expect(!ages.isEmpty && ages.allSatisfy { (0..<60_000).contains($0) }, "the key's ages: \(ages)")
                }
                let history = try await installation.command("history", second.description)
                #expect(history.contains("key_not_active") && history.contains("next try at"))
                let shown = try await installation.command("show", second.description)
                try await Checker.checkSecrets(installation, in: [history, shown, worker.spoken])
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a create that answers 503 is held, and is never sent again`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .always, effect: .status(503))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                let held = try await installation.reaches(.held, run)
                #expect(held.reason?.contains("may have worked") == true)
                let unknown = try await installation.events(run, .attemptUnknown)
                #expect(unknown.first?.body["evidence"]?["status"] == 503)
                #expect(try await installation.events(run, .runHeld).first?.body["choices"] != nil)
                #expect(installation.requests(Installation.create).count == 1)
            }
            try await Checker.check(installation)
        }
    }

    @Test
    func `a platform that refuses connections makes runs wait without spending an attempt, and they finish after it`()
        async throws
    {
        try await Installation.with { installation in
            await installation.simulator.setOutage(refuse: true)
            try await installation.withWorker { _ in
                var runs: [Identifier] = []
                for index in 0..<5 {
                    runs.append(try await installation.enqueue("+3460011122\(index)", organisation: "o\(index)"))
                }
                let first = runs[0]
                let isPaused = try await eventually(seconds: 60) {
                    let refused = try await installation.events(first, .attemptNotDone).count
                    let service = try await installation.store.service("wpp")
                    return refused >= 1 || service?.breaker.consecutiveFailures ?? 0 >= 2
                }
                #expect(isPaused, "the outage was never met")
                // The next claim reads what the outcomes say of the service.
                let isShut = try await eventually(seconds: 60) {
                    try await installation.store.service("wpp")?.breaker.pausedUntil != nil
                }
                #expect(isShut)
                let opened = try #require(try await installation.store.service("wpp")).breaker.failuresByRun
                #expect(Set(opened.map(\.organisation)).count >= 3)
                let page = try await installation.command("service", "show", "wpp")
                let json = try await installation.command("service", "show", "wpp", "--json")
                #expect(page.contains("\nopened by     "))
                for failure in opened {
                    let (run, organisation) = (failure.runId, failure.organisation)
                    #expect(page.contains(" \(run) of \(organisation), unreachable at "), "\(page)")
                    #expect(json.contains(#"{"run":"\#(run)","organisation":"\#(organisation)","at":"#), "\(json)")
                }
                await installation.simulator.setOutage(refuse: false)
                for run in runs {
                    try await installation.reaches(.succeeded, run)
                    for refused in try await installation.events(run, .attemptNotDone) {
                        #expect(refused.body["error"] == "unreachable")
                        #expect(refused.body["counted"] == false)
                        #expect(refused.body["evidence"]?["request_head_sent"] == false)
                    }
                }
                #expect(try await installation.store.service("wpp")?.breaker.consecutiveFailures == 0)
            }
            try await Checker.check(installation)
        }
    }

    @Test func `token calls that answer 503 are tried again and do not use up the key's window`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.token, trigger: .untilCount(2), effect: .status(503))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, run)
                let unknown = try await installation.events(run, .attemptUnknown)
                #expect(unknown.count == 2)
                #expect(unknown.allSatisfy { $0.body["retry"]?["policy"] == "outage" })
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a rate limit is waited for as long as the platform asks, and costs no attempt`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(
                    match: Installation.token, trigger: .nth(1),
                    effect: .status(429, headers: ["Retry-After": "2"], body: #"{"error":"slow down"}"#))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, run)
                let limited = try #require(try await installation.events(run, .attemptNotDone).first)
                #expect(limited.body["counted"] == false)
                #expect(limited.body["retry"]?["delay_milliseconds"]?.integerValue ?? 0 >= 2000)
                let next = try #require(
                    try await installation.events(run, .attemptStarted).first { $0.seq > limited.seq })
                #expect(next.recordedAt.milliseconds(since: limited.recordedAt) >= 2000)
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a cancel while a create is in flight does not lose the answer`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(1), effect: .hold(.after))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
                let append = try await installation.store.append(
                    AppendRequest(
                        runId: run, expectedSeq: nil, event: NewEvent(.cancelRequested, ["reason": "wrong number"]),
                        actor: "person:test"))
                #expect(append == .accepted(seq: 3))
                #expect(installation.simulator.release() == 1)
                try await installation.reaches(.cancelled, run)
                #expect(
                    try await installation.types(run) == [
                        "run.requested", "attempt.started", "cancel.requested", "attempt.done", "run.cancelled",
                    ])
                let done = try #require(try await installation.events(run, .attemptDone).first)
                #expect(done.body["sealed"]?.arrayValue?.first?["name"] == "api_key")
                #expect(installation.requests(Installation.token).isEmpty)
            }
            try await Checker.check(installation)
        }
    }
}
