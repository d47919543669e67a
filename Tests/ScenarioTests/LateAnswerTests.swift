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

    @Test func `what the late answer of a cancelled run names stays that run's: the next create that names it is held`()
        async throws
    {
        try await Installation.with(Preset.oldKey.behaviour) { installation in
            try await late(installation) { run in
                installation.simulator.removeFaults()
                try await installation.command("cancel", run.description, "--reason", "not wanted any more")
                try await installation.reaches(.cancelled, run)
            } then: { run in
                let late = try #require(try await installation.events(run, .attemptLate).first)
                let session = try #require(late.body["saved"]?["session"]?.stringValue)
                #expect(late.body["thing"]?["identity"] == .string(session) && late.body["held_by"] == nil)
                // The platform answers a second create with the first client.
                let second = try await installation.enqueue("+34600111333")
                let held = try await installation.reaches(.held, second)
                #expect(held.reason?.contains("\(session)\", which run \(run) has") == true, "\(held.reason ?? "")")
                #expect(held.reason?.contains("it can be adopted") == true)
                let shown = try await installation.command("show", run.description)
                #expect(shown.contains("made (session=\(session)"), "\(shown)")
                #expect(shown.components(separatedBy: "may be left behind: ").count == 2, "said twice: \(shown)")
            }
        }
    }

    @Test func `a run that succeeded with another thing says what its late answer named, and no release forgets it`()
        async throws
    {
        try await Installation.with { installation in
            try await late(installation) { run in
                installation.simulator.removeFaults()
                try await installation.command("resolve", run.description, "--retry-anyway", "--reason", "none there")
                try await installation.reaches(.succeeded, run)
            } then: { run in
                let id = run.description
                let late = try #require(try await installation.events(run, .attemptLate).first)
                let session = try #require(late.body["saved"]?["session"]?.stringValue)
                #expect(try await installation.store.fold(run)?.data["session"] != .string(session))
                let text =
                    "may be left behind: what POST wpp:/api/integrations/wpp/create in state requested made "
                    + "(session=\(session)"
                #expect(try await installation.command("show", id).contains(text))
                let page = try await installation.command("show", id, "--json")
                let left = try JSONValue.parse(page.trimmingCharacters(in: .newlines))["left_behind"]?.arrayValue ?? []
                #expect(left.map { $0["reason"] } == ["late_answer"] && left.first?["certain"] == true)
                #expect(try await installation.command("runs", "--left-behind").contains(id.prefix(8)))
                let refused = try await installation.attempt("release", id, "--reason", "the customer has left")
                #expect(refused.exitCode != 0 && refused.errors.contains("beside what it goes on with"))
                #expect(refused.errors.contains("turnup show \(id)"), "\(refused.errors)")
                try await installation.command("release", id, "--leave-behind", "--reason", "seen to by hand")
                try await installation.reaches(.released, run)
                #expect(try await installation.command("runs", "--left-behind").contains(id.prefix(8)))
            }
        }
    }
}
