import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Bad input to people's verbs: one clear line, and nothing written.
@Suite(.timeLimit(.minutes(15))) struct VerbInputTests {
    /// `RUN` is a held run, `SECRET` a file with a key, `ENDED` a run that has succeeded.
    static let bad: [(arguments: [String], exitCode: Int32, text: String)] = [
        (["cancel", "RUN"], 2, "--reason"),
        (["cancel", "RUN", "--reason", ""], 2, "--reason is blank"),
        (["retry", "RUN", "--reason", " \t"], 2, "--reason is blank"),
        (["cancel", "--reason", "x"], 2, "name runs"),
        (["cancel", "RUN", "--organisation", "o", "--reason", "x"], 2, "not both"),
        (["cancel", "RUN", "RUN", "--reason", "x"], 2, "named twice"),
        (["cancel", "00000000-0000-7000-8000-000000000000", "--reason", "x"], 2, "there is no run"),
        (["cancel", "nonsense", "--reason", "x"], 2, "not a run's id"),
        (["cancel", "RUN", "--reason", "x", "--actor", "ana"], 2, "--actor"),
        (["cancel", "RUN", "--reason", "x", "--actor", "worker:a"], 2, "cannot be a worker"),
        (["cancel", "RUN", "--reason", "x", "--confirm", "2"], 1, "1 run would change, not 2"),
        (["cancel", "RUN", "--reason", "x", "--expected-seq", "3"], 1, "has moved on"),
        (["cancel", "--organisation", "academy", "--reason", "x", "--expected-seq", "3"], 2, "is for one run"),
        (["cancel", "ENDED", "--reason", "x"], 1, "succeeded already"),
        (["retry", "ENDED", "--reason", "x"], 1, "the run is succeeded"),
        (["retry", "RUN", "--reason", "x"], 1, "retry is no choice here"),
        (["resolve", "RUN", "--reason", "x"], 2, "say one of"),
        (["resolve", "RUN", "--done", "--abandon", "--reason", "x"], 2, "say one of"),
        (["resolve", "ENDED", "--abandon", "--reason", "x"], 1, "nothing to decide"),
        (["resolve", "RUN", "--adopt", "--reason", "x"], 1, "adopt is no choice here"),
        (["resolve", "RUN", "--adopt", "0", "--reason", "x"], 2, "--adopt"),
        (["resolve", "RUN", "--done", "--reason", "x"], 2, "api_key, session as well"),
        (["resolve", "RUN", "--done", "session=s", "--reason", "x"], 2, "would have filled api_key"),
        (["resolve", "RUN", "--done", "sesion=s", "--reason", "x"], 2, "no variable \"sesion\""),
        (["resolve", "RUN", "--done", "session=s", "session=t", "--reason", "x"], 2, "given twice"),
        (["resolve", "RUN", "--done", "token_expires_in=soon", "--reason", "x"], 2, "must be integer or null"),
        (["resolve", "RUN", "--done", "token_expires_in=1.5", "--reason", "x"], 2, "token_expires_in must be"),
        (["resolve", "RUN", "--done", "api_key=hunter2", "--reason", "x"], 2, "api_key is secret"),
        (["resolve", "RUN", "--done", "--secret", "api_key=hunter2", "--reason", "x"], 2, "comes from a file"),
        (["resolve", "RUN", "--done", "--secret", "hunter2", "--reason", "x"], 2, "comes from a file"),
        (["resolve", "RUN", "--done", "--secret", "api_key=@/nonexistent", "--reason", "x"], 2, "cannot be read"),
        (["resolve", "RUN", "--done", "--secret", "api_key=@-", "--reason", "x"], 2, "is empty"),
        (["resolve", "RUN", "--done", "--secret", "session=@SECRET", "--reason", "x"], 2, "session is not secret"),
        (["resolve", "RUN", "--done", "--secret", "other=@SECRET", "--reason", "x"], 2, "no variable \"other\""),
        (["resolve", "RUN", "--abandon", "session=s", "--reason", "x"], 2, "go with --done or --adopt"),
        (["resolve", "--status", "held", "--done", "session=s", "--reason", "x"], 2, "are for one run"),
        (Self.instead(["--instead-of", "RUN"]), 2, "needs --reason"),
        (Self.instead(["--reason", "x"]), 2, "need --instead-of"),
        (Self.instead(["--instead-of", "ENDED", "--reason", "x"]), 1, "its key stays with it"),
        (Self.instead(["--instead-of", "RUN", "--reason", " "]), 2, "--reason is blank"),
        (Self.instead(["--instead-of", "RUN", "--reason", "x"], number: "+34600999888"), 2, "has the key"),
        (Self.instead(["--instead-of", "RUN", "--reason", "x", "--expected-seq", "2"]), 1, "has moved on"),
    ]

    private static func instead(_ more: [String], number: String? = nil) -> [String] {
        let number = number ?? (more.contains("ENDED") ? "+34600333444" : Installation.number)
        return ["enqueue", "whatsapp-number", "number=\(number)", "--organisation", "academy"] + more
    }

    @Test func `bad input gets one clear line, its exit code, and changes nothing`() async throws {
        try await Installation.with { installation in
            var ended: Identifier?
            var held: Identifier?
            try await installation.withWorker { _ in
                held = try await installation.heldRun()
                let other = try await installation.enqueue("+34600333444")
                try await installation.reaches(.succeeded, other)
                ended = other
            }
            let names = [
                "RUN": try #require(held).description, "ENDED": try #require(ended).description,
                "SECRET": try installation.write("hunter2", to: "secret"),
            ]
            let before = try await installation.store.runs(RunFilter())
            for (arguments, exitCode, text) in Self.bad {
                let filled = arguments.map { argument in
                    names.reduce(argument) { $0.replacing($1.key, with: $1.value) }
                }
                let answer = try await TurnupProcess.run(filled, environment: installation.environment)
                #expect(answer.exitCode == exitCode, "\(arguments): \(answer.errors)")
                #expect(answer.errors.contains(text), "\(arguments): \(answer.errors)")
                #expect(answer.output.isEmpty, "\(arguments): \(answer.output)")
                let lines = answer.errors.split(separator: "\n")
                #expect(lines.first?.hasPrefix("turnup: ") == true && lines.count <= 2, "\(answer.errors)")
                #expect(!answer.errors.contains("hunter2") && !answer.errors.contains("Fatal"), "\(answer.errors)")
            }
            #expect(try await installation.store.runs(RunFilter()) == before)
        }
    }
}
