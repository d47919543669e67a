import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// A worker is stopped while its create is under way, its run is taken over and held, and then the worker goes on: its
/// answer, with the id and the key that is shown only once, comes late.
@Suite(.timeLimit(.minutes(15))) struct LateAnswerTests {
    /// Lets `decide` do something with the held run; then the first worker goes on and keeps its answer as evidence.
    private func late(
        _ installation: Installation, decide: (Identifier) async throws -> Void,
        then: (Identifier) async throws -> Void
    ) async throws {
        _ = installation.simulator.addFaults([
            FaultRule(name: "hold", match: Installation.create, trigger: .nth(1), effect: .hold(.after)),
            FaultRule(name: "reset", match: Installation.create, trigger: .nth(2), effect: .reset(.after)),
        ])
        let zombie = try installation.startWorker(leaseSeconds: 2)
        let run = try await installation.enqueue("+34600111222")
        #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
        zombie.send(SIGSTOP)
        try await installation.withWorker(leaseSeconds: 2) { _ in
            try await installation.reaches(.held, run)
            try await decide(run)
            #expect(installation.simulator.release() == 1)
            #expect(await installation.simulator.wait(for: Installation.create, phase: .ended), "no answer was sent")
            zombie.send(SIGCONT)
            let isKept = try await eventually(seconds: 30) {
                try await !installation.events(run, .attemptLate).isEmpty
            }
            #expect(isKept, "the late answer is lost: \(zombie.spoken)")
            try await then(run)
        }
        zombie.send(SIGTERM)
        _ = await zombie.end()
        try await Checker.check(installation)
    }

    @Test
    func `when the call was sent again since, the first choice is to take the late answer: its id and its sealed key`()
        async throws
    {
        try await Installation.with { installation in
            try await late(installation) { run in
                let again = try await installation.attempt(
                    "resolve", run.description, "--retry-anyway", "--reason", "the console shows none")
                #expect(again.exitCode == 0, "\(again.errors)")
                try #require(
                    try await eventually(seconds: 30) { try await installation.events(run, .runHeld).count == 2 })
            } then: { run in
                #expect(try await installation.store.run(run)?.status == .held, "it settled by itself")
                let late = try #require(try await installation.events(run, .attemptLate).first)
                let session = try #require(late.body["saved"]?["session"]?.stringValue)
                let offer = try #require(try await installation.offers(run).first)
                #expect(offer.contains("--late-answer"), "\(offer)")
                #expect(try await installation.command("show", run.description).contains("session=\(session)"))
                let answer = try await installation.copied(offer, ["TEXT": "'the first one is ours'"])
                #expect(answer.exitCode == 0, "\(answer.errors)")
                let found = try await installation.reaches(.succeeded, run)
                #expect(found.state == "active")
                let state = try #require(try await installation.store.fold(run))
                #expect(state.data["session"] == .string(session))
                let history = try await installation.command("history", run.description)
                #expect(history.contains("late answer"))
                try await Checker.checkSecrets(installation, in: [history, answer.output, answer.errors])
            }
        }
    }

    @Test func `on a run that another one has replaced, it says what may be left, and both runs name each other`()
        async throws
    {
        try await Installation.with { installation in
            var heir: Identifier?
            try await late(installation) { run in
                installation.simulator.removeFaults()
                heir = try await installation.store.enqueue(
                    EnqueueRequest(
                        workflow: "whatsapp-number", organisation: "academy", input: ["number": "+34600111222"],
                        takeover: Takeover(runId: run, reason: "start anew"), actor: "person:test")
                ).runId
                try await installation.reaches(.succeeded, try #require(heir))
            } then: { run in
                let (old, heir) = (try #require(try await installation.store.run(run)), try #require(heir))
                #expect(old.status == .cancelled && old.mayBeLeft)
                let late = try #require(try await installation.events(run, .attemptLate).first)
                #expect(late.body["key_with"] == .string(heir.description))
                #expect(try await installation.store.run(heir)?.status == .succeeded)
                let shown = try await installation.command("show", run.description)
                #expect(shown.contains("may be left behind") && shown.contains("Run \(heir) has its key"), "\(shown)")
                #expect(
                    try await installation.command("show", heir.description)
                        .contains("run \(run) had this key before and may have left something"))
                #expect(try await installation.command("runs", "--left-behind").contains("\(run)".prefix(8)))
            }
        }
    }
}
