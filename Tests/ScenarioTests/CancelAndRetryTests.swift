import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

@Suite(.timeLimit(.minutes(15))) struct CancelAndRetryTests {
    /// Waits until the run's next try is far away.
    private static func waits(_ run: Identifier, _ installation: Installation) async throws {
        let isWaiting = try await eventually(seconds: 60) {
            guard let task = try await installation.store.run(run)?.task, task.leaseOwner == nil else { return false }
            return try await task.due.milliseconds(since: installation.store.now()) > 60_000
        }
        #expect(isWaiting, "the run never waited")
    }

    /// The key is refused once, to be tried again in an hour.
    private static let refusal = FaultRule(
        match: Installation.token, trigger: .nth(1),
        effect: .status(403, headers: ["Retry-After": "3600"], body: #"{"error":"Invalid API key"}"#))

    @Test func `a run that waits is cancelled at once`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([Self.refusal])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue(Installation.number)
                try await Self.waits(run, installation)
                let dry = try await installation.attempt(
                    "cancel", run.description, "--reason", "left", "--dry-run", "--json")
                #expect(dry.exitCode == 0 && dry.output.contains("would_be_accepted"))
                #expect(dry.output.contains(#""reason":"no_undo""#), "\(dry.output)")
                #expect(try await installation.events(run, .cancelRequested).isEmpty)
                let said = try await installation.command(
                    "cancel", run.description, "--reason", "the customer has left")
                #expect(
                    said.contains(
                        "may be left behind: what POST wpp:/api/integrations/wpp/create in state requested made (")
                        && said.contains("session="), "\(said)")
                let ended = try await installation.reaches(.cancelled, run)
                #expect(ended.reason == "the customer has left")
                let again = try await installation.attempt("cancel", run.description, "--reason", "twice")
                #expect(again.exitCode == 1 && again.errors.contains("the run is cancelled already"))
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a held run is cancelled without a decision, and keeps its key`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.heldRun()
                let offer = try #require(try await installation.offers(run).first { $0.contains("turnup cancel") })
                let answer = try await installation.copied(offer, ["TEXT": "enough"])
                #expect(answer.exitCode == 0, "\(answer.errors)")
                try await installation.reaches(.cancelled, run)
                #expect(try await installation.store.fold(run)?.ownsKey == true)
                #expect(installation.requests(Installation.create).count == 1)
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a run whose request is under way is cancelled when the answer has come`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .always, effect: .hold())
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue(Installation.number)
                #expect(await installation.simulator.wait(for: Installation.create, phase: .held), "never held")
                let said = try await installation.command("cancel", run.description, "--reason", "wrong number")
                #expect(said.contains("cancel taken: live") && said.contains("A request is under way"))
                #expect(installation.simulator.release() == 1)
                try await installation.reaches(.cancelled, run)
                let types = try await installation.types(run)
                #expect(Array(types.suffix(3)) == ["cancel.requested", "attempt.done", "run.cancelled"])
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a run that waits for an hour tries now when a person asks`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([Self.refusal])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue(Installation.number)
                try await Self.waits(run, installation)
                try await installation.command("retry", run.description, "--reason", "they have activated it")
                try await installation.reaches(.succeeded, run)
                let history = try await installation.command("history", run.description)
                #expect(history.contains("asked to try now: they have activated it"))
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a failed run goes on in the state where it failed, with its data and fresh counters`() async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(
                    match: Installation.token, trigger: .nth(1), effect: .status(403, body: #"{"error":"Blocked"}"#))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue(Installation.number)
                try await installation.reaches(.failed, run)
                let offer = try #require(try await installation.offers(run).first)
                let answer = try await installation.copied(offer, ["TEXT": "'they have unblocked us'"])
                #expect(answer.exitCode == 0 && answer.output.contains("state token-pending"), "\(answer.errors)")
                try await installation.reaches(.succeeded, run)
                #expect(installation.requests(Installation.create).count == 1)
                let reopened = try #require(try await installation.events(run, .runReopened).first)
                #expect(reopened.body["state"] == "token-pending")
                let next = try await installation.events(run, .attemptStarted).first { $0.seq > reopened.seq }
                #expect(next?.body["attempt"] == 1)
            }
            try await Checker.check(installation)
        }
    }
}
