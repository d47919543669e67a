import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Verbs that meet a run while something else writes to it, as a worker does all the time.
@Suite(.timeLimit(.minutes(15))) struct MovingRunTests {
    /// Runs the command so that the run moves on between its look and its write.
    private static func meet(
        _ installation: Installation, _ run: Identifier, _ arguments: [String], type: String = "retry.requested",
        body: String = #"{"reason": "somebody", "state": "-"}"#
    ) async throws -> TurnupProcess.Answer {
        var process: TurnupProcess?
        try await installation.whileMoving(run, type: type, body: body) {
            process = try TurnupProcess(arguments, environment: installation.environment)
            try await installation.waiting(1)
        }
        return try await #require(process).end()
    }

    @Test(arguments: ["cancel", "retry"])
    func `a live run that moves on under a verb is looked at again, and takes it`(_ verb: String) async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue(Installation.number)
            let answer = try await Self.meet(installation, run, [verb, run.description, "--reason", "enough"])
            #expect(answer.exitCode == 0, "\(answer.errors)")
            #expect(answer.output.contains("\(verb) taken"))
            // The other one's event stands before ours: the run did move on in between.
            let types = try await installation.types(run)
            #expect(types == ["run.requested", "retry.requested", "\(verb).requested"])
            try await installation.withWorker { _ in
                try await installation.reaches(verb == "cancel" ? .cancelled : .succeeded, run)
            }
            try await Checker.check(installation, mayBeIdle: verb == "cancel")
        }
    }

    @Test func `with --expected-seq a run that moves on under a verb is left as it is`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue(Installation.number)
            let answer = try await Self.meet(
                installation, run, ["cancel", run.description, "--reason", "enough", "--expected-seq", "1"])
            #expect(answer.exitCode == 1)
            #expect(answer.errors.contains("it has 2 events now, not 1"), "\(answer.errors)")
            #expect(try await installation.types(run) == ["run.requested", "retry.requested"])
        }
    }

    @Test func `what somebody else has decided meanwhile is not decided again`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue(Installation.number)
            let answer = try await Self.meet(
                installation, run, ["cancel", run.description, "--reason", "enough"], type: "cancel.requested",
                body: #"{"reason": "they were first"}"#)
            #expect(answer.exitCode == 1)
            #expect(answer.errors.contains("person:other has asked for that already"), "\(answer.errors)")
            #expect(try await installation.events(run, .cancelRequested).count == 1)
        }
    }

    @Test func `a run that a worker advances all the time is cancelled at the first try`() async throws {
        try await Installation.with { installation in
            // Refused again and again, without a pause worth the name: hundreds of events while the command runs.
            _ = installation.simulator.addFaults([
                FaultRule(
                    match: Installation.token, trigger: .always,
                    effect: .status(403, body: #"{"error":"Invalid API key"}"#))
            ])
            let path = "\(installation.folder)/whatsapp-number.yaml"
            let text = try String(contentsOfFile: Installation.shipped("whatsapp-number"), encoding: .utf8)
            let busy = text.replacing("version: 1 ", with: "version: 99 ")
                .replacing("delay: 1s, backoff: 1.5, max_delay: 1m", with: "delay: 1ms, backoff: 1, max_delay: 1ms")
            try #require(busy.contains("delay: 1ms"))
            try busy.write(toFile: path, atomically: true, encoding: .utf8)
            try await installation.command("workflow", "publish", path)
            try await installation.withWorker { _ in
                let run = try await installation.enqueue(Installation.number)
                _ = try await eventually(seconds: 60) { try await installation.types(run).count > 6 }
                let before = try #require(try await installation.store.run(run)?.seq)
                let answer = try await installation.attempt("cancel", run.description, "--reason", "enough")
                #expect(answer.exitCode == 0, "\(answer.errors)")
                let asked = try #require(try await installation.events(run, .cancelRequested).first)
                #expect(asked.seq > before + 2, "the run stood still, so nothing was shown")
                try await installation.reaches(.cancelled, run)
            }
        }
    }
}
