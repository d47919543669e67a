import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// Probes through the real program, a worker and a platform over HTTP.
@Suite(.timeLimit(.minutes(15))) struct ProbeTests {
    /// The shipped number, and after its token a call whose answer may be lost.
    private static func pairing() throws -> String {
        let text = try String(contentsOfFile: Installation.shipped("whatsapp-number"), encoding: .utf8)
        return text.replacingOccurrences(of: "workflow: whatsapp-number ", with: "workflow: paired-number ")
            .replacingOccurrences(
                of: "    next: active\n",
                with: """
                        next: pairing

                      pairing:
                        call:
                          request: POST wpp:/api/accounts/start
                          auth: {bearer: '${data.token}'}
                          body: {number: '${input.number}'}
                        next: active

                    """)
    }

    /// A first number that works, and a second one whose key is never accepted.
    private func withTwo(
        _ create: CreateSemantics = .silentDeadKey,
        _ body: (Installation, _ first: Identifier, _ second: Identifier) async throws -> Void
    ) async throws {
        var behaviour = Behaviour()
        behaviour.create = create
        try await Installation.with(behaviour) { installation in
            try await installation.withWorker { _ in
                let first = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600333444")
                let isRefused = try await eventually(seconds: 60) {
                    try await !installation.events(second, .attemptNotDone).isEmpty
                }
                try #require(isRefused)
                try await body(installation, first, second)
                #expect(try await installation.command("verify").contains(" 0 violations"))
            }
            try await Checker.check(installation)
        }
    }

    private func probe(_ name: String, _ run: Identifier, _ installation: Installation, _ more: String...) async throws
        -> TurnupProcess.Answer
    {
        try await TurnupProcess.run(
            ["diagnose", run.description, "--probe", name] + more, environment: installation.environment)
    }

    private func probes(_ run: Identifier, _ installation: Installation) async throws -> [RecordedEvent] {
        try await installation.events(run).filter { $0.body["purpose"] == "probe" || $0.body["probe"] != nil }
    }

    @Test func `the older key works since this create, a made-up one is refused alike, and both stand in the history`()
        async throws
    {
        try await withTwo { installation, first, second in
            let asked = installation.requests(Installation.token).count
            let older = try await probe("older-key", second, installation, "--yes")
            #expect(older.exitCode == 0, "\(older.output)\(older.errors)")
            #expect(older.output.contains("the key of +34600111222 works, also since this create"))
            #expect(!older.output.contains("(P2)") && older.output.contains("--probe random-key"))
            let random = try await probe("random-key", second, installation, "--yes", "--json")
            let verdict = try JSONValue.parse(random.output)
            #expect(random.exitCode == 0 && verdict["probed"]?["status"] == 403)
            let supporting = (verdict["supporting"]?.arrayValue ?? []).compactMap { $0["text"]?.stringValue }
            #expect(supporting.contains("a key that is made up is refused with the same words"), "\(supporting)")
            // The platform's own book: one of them with the first number's key, one with a key that it does not know.
            #expect(installation.requests(Installation.token).count >= asked + 2)
            let closings = try await installation.events(second).filter {
                $0.body["probe"] != nil && $0.body["evidence"] != nil
            }
            #expect(closings.map(\.type) == ["attempt.done", "attempt.not_done"])
            let marks = closings.compactMap {
                $0.body["evidence"]?["credentials_used"]?.arrayValue?.first?["fingerprint"]?.stringValue
            }
            let key = try #require(try await installation.store.fold(first)?.secret("api_key")?.reference)
            let mine = try #require(try await installation.store.fold(second)?.secret("api_key")?.reference)
            #expect(marks.count == 2 && marks[0] == key.fingerprint && !marks.contains(mine.fingerprint))
            #expect(closings[0].body["evidence"]?["credentials_returned"] != nil, "the token's fingerprint is evidence")
            #expect(closings.allSatisfy { $0.body["saved"] == nil && $0.body["sealed"] == nil })
            for (run, other) in [(first, "by_run"), (second, "of_run")] {
                let read = try await installation.events(run, .secretRead)
                #expect(read.count == 1 && read.first?.body["fingerprint"]?.stringValue == key.fingerprint)
                #expect(read.first?.body[other] != nil && read.first?.actor.hasPrefix("person:") == true)
            }
            #expect(
                try await installation.command("history", second.description).contains("probe: POST wpp:/auth/token"))
            let shown = try await installation.command("show", second.description)
            #expect(shown.contains("probe         random-key: not done: 403 key_not_active"), "\(shown)")
            try await Checker.checkSecrets(installation, in: [shown, older.output, random.output, older.errors])
        }
    }

    @Test func `a probe leaves a run that waits as it is: the same counters, and its next try when it was to be`()
        async throws
    {
        try await Installation.with(activation: .fixed(milliseconds: 86_400_000)) { installation in
            let run = try await installation.enqueue("+34600111222")
            try await installation.withWorker { _ in
                _ = try await eventually(seconds: 60) {
                    try await installation.events(run, .attemptNotDone).count >= 3
                }
            }
            let before = try #require(try await installation.store.fold(run))
            let due = try await installation.store.run(run)?.task?.due
            // Between two tries: the clock stands before the next one.
            try await installation.database.shiftClock(seconds: -3600)
            try await installation.withWorker { _ in
                let answer = try await probe("same-key", run, installation, "--yes")
                #expect(answer.exitCode == 0, "\(answer.output)\(answer.errors)")
            }
            let after = try #require(try await installation.store.fold(run))
            #expect(after.counters == before.counters && after.wait == before.wait && after.attempts == before.attempts)
            #expect(after.lastError == before.lastError && after.probe == nil)
            let now = try await installation.store.run(run)?.task?.due
            #expect(abs((now ?? Instant(microseconds: 0)).milliseconds(since: due ?? Instant(microseconds: 0))) < 1000)
            #expect(try await installation.command("verify").contains(" 0 violations"))
        }
    }

    @Test func `a run that has ended is probed, and has ended as it had`() async throws {
        try await withTwo { installation, first, second in
            try await installation.command("cancel", second.description, "--reason", "no longer wanted")
            let ended = try await installation.reaches(.cancelled, second)
            let answer = try await probe("older-key", second, installation, "--yes")
            #expect(answer.exitCode == 0, "\(answer.output)\(answer.errors)")
            let run = try #require(try await installation.store.run(second))
            #expect(run.status == .cancelled && run.task == nil && run.endedAt == ended.endedAt)
            #expect(run.mayBeLeft == ended.mayBeLeft && run.reason == ended.reason)
            // One that succeeded keeps its schedule of inspections.
            let due = try await installation.store.run(first)?.task?.due
            #expect(try await probe("same-key", first, installation, "--yes").exitCode == 0)
            #expect(try await installation.store.run(first)?.status == .succeeded)
            let now = try await installation.store.run(first)?.task?.due
            let moved = try #require(now).milliseconds(since: try #require(due))
            #expect(abs(moved) < 1000, "the next inspection comes when it was to come")
        }
    }

    @Test func `a held run with an open unknown stays as it is, and its late answer would still settle it`()
        async throws
    {
        try await Installation.with { installation in
            let file = installation.folder + "/paired-number.yaml"
            try Self.pairing().write(toFile: file, atomically: true, encoding: .utf8)
            try await installation.command("workflow", "publish", file)
            installation.simulator.addFaults([
                FaultRule(name: "lost", match: RequestMatch(path: "/api/accounts/start"), effect: .close(.after))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222", workflow: "paired-number")
                try await installation.reaches(.held, run)
                let before = try #require(try await installation.store.fold(run))
                #expect(before.unknown != nil)
                let answer = try await probe("same-key", run, installation, "--yes")
                #expect(answer.exitCode == 0, "\(answer.output)\(answer.errors)")
                let after = try #require(try await installation.store.fold(run))
                #expect(after.status == .held && after.unknown == before.unknown && after.hold == before.hold)
                #expect(after.unknown?.isFollowed == false && after.undoList == before.undoList)
                #expect(try await installation.store.run(run)?.task == nil)
                try await installation.command(
                    "resolve", run.description, "--done", "--reason", "it is there")
                try await installation.reaches(.succeeded, run)
                #expect(try await installation.command("verify").contains(" 0 violations"))
            }
        }
    }

    @Test func `a worker that is killed in the middle of a probe: it is unknown, and not sent again`() async throws {
        try await Installation.with { installation in
            let first = try installation.startWorker(leaseSeconds: 2)
            let run = try await installation.enqueue("+34600111222")
            try await installation.reaches(.succeeded, run)
            installation.simulator.addFaults([
                FaultRule(name: "slow", match: Installation.token, trigger: .always, effect: .hang())
            ])
            let count = installation.requests(Installation.token).count
            let waiting = try TurnupProcess(
                ["diagnose", run.description, "--probe", "same-key", "--yes"], environment: installation.environment)
            let isSent = try await eventually(seconds: 60) {
                try await installation.events(run, .attemptStarted).last?.body["purpose"] == "probe"
            }
            try #require(isSent)
            _ = await installation.simulator.wait(for: Installation.token, phase: .received)
            await first.killHard()
            installation.simulator.removeFaults()
            try await installation.withWorker(leaseSeconds: 2) { _ in
                let answer = await waiting.end()
                #expect(answer.exitCode == 1 && answer.errors.contains("got no answer"), "\(answer.errors)")
            }
            #expect(try await probes(run, installation).last?.type == "attempt.unknown")
            #expect(installation.requests(Installation.token).count <= count + 1)
            #expect(try await installation.store.run(run)?.status == .succeeded)
            #expect(try await installation.command("verify").contains(" 0 violations"))
        }
    }

    @Test func `three for a run and ten for an organisation in a day, whoever asks at the same time`() async throws {
        try await Installation.with { installation in
            var runs: [Identifier] = []
            try await installation.withWorker { _ in
                for index in 0..<5 { runs.append(try await installation.enqueue("+3460011122\(index)")) }
                for run in runs { try await installation.reaches(.succeeded, run) }
            }
            func ask(_ run: Identifier) async throws -> TurnupProcess.Answer {
                try await probe("same-key", run, installation, "--yes", "--no-wait")
            }
            // Without a worker a probe stays under way, so each has to be answered before the next.
            try await installation.withWorker { _ in
                for run in runs.prefix(3) {
                    for _ in 0..<3 {
                        let answer = try await probe("same-key", run, installation, "--yes")
                        #expect(answer.exitCode == 0, "\(answer.errors)")
                    }
                    let fourth = try await ask(run)
                    #expect(fourth.exitCode == 2 && fourth.errors.contains("3 probes of this run"), "\(fourth.errors)")
                }
            }
            let (fourth, fifth) = (runs[3], runs[4])
            async let one = ask(fourth)
            async let other = ask(fifth)
            let answers = try await [one, other]
            #expect(answers.map(\.exitCode).sorted() == [0, 2], "\(answers.map(\.errors))")
            #expect(answers.contains { $0.errors.contains("10 probes of organisation academy") })
            try await installation.withWorker { _ in
                let school = try await installation.enqueue("+34600999000", organisation: "school")
                try await installation.reaches(.succeeded, school)
                #expect(try await probe("same-key", school, installation, "--yes").exitCode == 0)
                try await installation.database.shiftClock(seconds: 86_500)
                #expect(try await probe("same-key", runs[0], installation, "--yes").exitCode == 0, "a day later")
            }
        }
    }

    @Test func `bad input is one line and exit code 2, and nothing is sent or written`() async throws {
        try await withTwo { installation, first, second in
            let other = try await installation.enqueue("+34600999000", organisation: "school")
            try await installation.reaches(.succeeded, other)
            let sent = installation.simulator.ledger().count
            let before = [try await installation.events(first).count, try await installation.events(other).count]
            func refuses(_ words: [String], _ text: String) async throws {
                let answer = try await TurnupProcess.run(
                    ["diagnose"] + words, environment: installation.environment)
                #expect(answer.exitCode == 2 && answer.errors.contains(text), "\(answer.exitCode) \(answer.errors)")
                #expect(answer.output.isEmpty)
            }
            let run = first.description
            try await refuses([run, "--probe", "oldest", "--yes"], "has no probe \"oldest\"")
            try await refuses([run, "--probe", "same-key"], "there is no terminal to ask")
            try await refuses([run, "--probe", "older-key", "--yes"], "no older run of organisation academy")
            try await refuses(
                [other.description, "--probe", "older-key", "--yes"], "no older run of organisation school")
            try await refuses(["--organisation", "academy", "--probe", "same-key"], "--probe is for one run")
            try await refuses([run, "--yes"], "go with --probe")
            try await refuses([run, "--probe", "same-key", "--reason", " "], "blank")
            try await installation.command("service", "pause", "wpp", "--reason", "maintenance")
            try await refuses([run, "--probe", "same-key", "--yes"], "service wpp is paused (maintenance)")
            let waiting = try await installation.enqueue("+34600777888")
            try await refuses(
                [waiting.description, "--probe", "random-key", "--yes"], "the run has no data.api_key yet")
            #expect(try await installation.events(first).count == before[0])
            #expect(try await installation.events(other).count == before[1])
            #expect(try await probes(second, installation).isEmpty)
            #expect(installation.simulator.ledger().filter { $0.path == "/auth/token" }.count >= 2 && sent > 0)
            try await installation.command("service", "resume", "wpp")
            try await installation.command("cancel", waiting.description, "--reason", "enough")
            try await installation.reaches(.cancelled, waiting)
        }
    }

    @Test func `Ctrl-C while waiting ends the waiting; the probe is sent once a worker comes`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600111222")
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            let waiting = try TurnupProcess(
                ["diagnose", run.description, "--probe", "same-key", "--yes"], environment: installation.environment)
            try #require(
                try await eventually(seconds: 60) { try await !installation.events(run, .probeAsked).isEmpty })
            waiting.send(SIGINT)
            #expect(await waiting.end().exitCode == 130)
            let again = try await probe("same-key", run, installation, "--yes")
            #expect(again.exitCode == 2 && again.errors.contains("still under way"), "\(again.errors)")
            try await installation.withWorker { _ in
                let isAnswered = try await eventually(seconds: 60) {
                    try await installation.events(run, .attemptDone).last?.body["probe"] == "same-key"
                }
                #expect(isAnswered)
            }
        }
    }

    @Test func `a forgotten older key is not sent, and one that no worker could send in time is dropped`() async throws
    {
        try await withTwo { installation, first, second in
            try await installation.database.store.forgetKey(of: first)
            let answer = try await probe("older-key", second, installation, "--yes")
            #expect(answer.exitCode == 2 && answer.errors.contains("no older run"), "\(answer.errors)")
        }
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600111222")
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            #expect(try await probe("same-key", run, installation, "--yes", "--no-wait").exitCode == 0)
            let count = installation.requests(Installation.token).count
            try await installation.database.shiftClock(seconds: 660)
            try await installation.withWorker { _ in
                let isDropped = try await eventually(seconds: 60) {
                    try await !installation.events(run, .probeDropped).isEmpty
                }
                #expect(isDropped)
            }
            #expect(installation.requests(Installation.token).count == count)
            #expect(try await installation.command("verify").contains(" 0 violations"))
        }
    }
}

extension PostgresStore {
    fileprivate func forgetKey(of run: Identifier) async throws {
        _ = try await forgetSecret(scope: .run, scopeId: run.description, name: "api_key")
    }
}
