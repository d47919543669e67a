import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// What people make of a run whose create was lost, through the real program.
@Suite(.timeLimit(.minutes(15))) struct ResolveTests {
    @Test func `the offered command for a client that is there, with its key from a file, makes the run go on`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.withWorker { worker in
                let run = try await installation.heldRun()
                let client = try #require(installation.simulator.clients().first)
                let shown = try await installation.command("show", run.description)
                #expect(shown.contains("outcome unknown") && shown.contains("may have worked"), "\(shown)")
                let offer = try #require(try await installation.offers(run).first { $0.contains("--done") })
                #expect(offer.contains("session=VALUE --secret api_key=@FILE --expected-seq 4 --reason TEXT"))
                let file = try installation.write(client.apiKey + "\n", to: "api-key")
                let answer = try await installation.copied(
                    offer, ["VALUE": client.session, "FILE": file, "TEXT": "'seen in the console'"])
                #expect(answer.exitCode == 0, "\(answer.errors)")
                try await installation.reaches(.succeeded, run)
                #expect(installation.simulator.clients().count == 1)
                #expect(installation.requests(Installation.create).count == 1)
                let resolved = try #require(try await installation.events(run, .runResolved).first)
                #expect(resolved.actor == "person:\(NSUserName())" && resolved.body["reason"] == "seen in the console")
                #expect(resolved.body["entered"] == "client-created")
                let history = try await installation.command("history", run.description)
                #expect(history.contains("says that it is done with session=\(client.session), api_key sealed"))
                try await Checker.checkSecrets(
                    installation, in: [history, shown, answer.output, answer.errors, worker.spoken])
            }
            try await Checker.check(installation)
        }
    }

    @Test func `sent again on a person's word there are two clients, and the history says whose word it was`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.heldRun()
                let answer = try await installation.attempt(
                    "resolve", run.description, "--retry-anyway", "--reason", "the console shows none", "--actor",
                    "service:desk", "--json")
                #expect(answer.exitCode == 0, "\(answer.errors)")
                let json = try JSONValue.parse(answer.output.trimmingCharacters(in: .newlines))
                #expect(json["answer"] == "accepted" && json["seq"] == 5 && json["status"] == "live")
                try await installation.reaches(.succeeded, run)
                #expect(installation.simulator.clients().count == 2)
                let history = try await installation.command("history", run.description)
                #expect(
                    history.contains(
                        "service:desk has it sent again although it may have worked: the console shows none"))
                #expect(try await installation.store.fold(run)?.mayHaveCreated == true)
            }
            try await Checker.check(installation)
        }
    }

    @Test func `of several finds the one that a person names is adopted, and nothing is created`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(await installation.simulator.wait(for: .register, phase: .ended), "nothing was created")
            installation.simulator.addClient(externalId: run.description, organisation: "academy")
            try await installation.reaches(.held, run)
            let offers = try await installation.offers(run)
            #expect(offers.count { $0.contains("--adopt") } == 2, "\(offers)")
            let unnamed = try await installation.attempt("resolve", run.description, "--adopt", "--reason", "x")
            #expect(unnamed.exitCode == 2 && unnamed.errors.contains("which of the 2 finds"), "\(unnamed.errors)")
            let second = try #require(offers.first { $0.contains("--adopt 2") })
            let answer = try await installation.copied(second, ["TEXT": "'the newer one'"])
            #expect(answer.exitCode == 0, "\(answer.errors)")
            try await installation.reaches(.succeeded, run)
            let finds = try await installation.events(run, .runHeld).first?.body["candidates"]?.arrayValue
            #expect(try await installation.events(run, .runResolved).first?.body["saved"] == finds?.last)
            #expect(installation.simulator.clients().count == 2)
        }
    }

    @Test func `a run that is given up keeps its key until a new one takes its place`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.heldRun()
                try await installation.command("resolve", run.description, "--abandon", "--reason", "not worth it")
                let failed = try await installation.reaches(.failed, run)
                #expect(failed.state == "failed")
                let again = try await installation.attempt(
                    "enqueue", "whatsapp-number", "number=\(Installation.number)", "--organisation", "academy")
                #expect(again.exitCode == 2 && again.errors.contains("belongs to run \(run)"), "\(again.errors)")
                let retried = try await installation.attempt("retry", run.description, "--reason", "try")
                #expect(retried.exitCode == 1 && retried.errors.contains("--instead-of"), "\(retried.errors)")
                let offer = try #require(try await installation.offers(run).last)
                let answer = try await installation.copied(offer, ["TEXT": "'the lost client was deleted'"])
                #expect(answer.exitCode == 0, "\(answer.errors)")
                let new = try #require(Identifier(answer.output.trimmingCharacters(in: .whitespacesAndNewlines)))
                try await installation.reaches(.succeeded, new)
                #expect(try await installation.store.run(run)?.status == .failed)
                #expect(try await installation.command("show", run.description).contains("Run \(new) has its key now"))
                let history = try await installation.command("history", new.description)
                #expect(history.contains("instead of run \(run)"))
                let late = try await installation.attempt("retry", run.description, "--reason", "after all")
                #expect(late.exitCode == 1 && late.errors.contains("run \(new) has its key now"), "\(late.errors)")
                let twice = try await installation.copied(offer, ["TEXT": "again"])
                #expect(twice.exitCode == 1 && twice.errors.contains("has moved on"), "\(twice.errors)")
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a held run is cancelled when a new one takes its place`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.heldRun()
                let answer = try await installation.attempt(
                    "enqueue", "whatsapp-number", "number=\(Installation.number)", "--organisation", "academy",
                    "--instead-of", run.description, "--reason", "deleted over there", "--wait")
                #expect(answer.exitCode == 0, "\(answer.errors)")
                let old = try #require(try await installation.store.run(run))
                #expect(old.status == .cancelled && old.reason == "deleted over there")
            }
            try await Checker.check(installation)
        }
    }

    @Test func `show --json has the hold and the choices with the very commands that show prints, until it is decided`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                func page(_ run: Identifier) async throws -> JSONValue {
                    try JSONValue.parse(
                        try await installation.command("show", run.description, "--json")
                            .trimmingCharacters(in: .newlines))
                }
                func commands(_ page: JSONValue) -> [String] {
                    (page["choices"]?.arrayValue ?? []).flatMap { $0["commands"]?.arrayValue ?? [] }
                        .compactMap(\.stringValue)
                }
                let run = try await installation.heldRun()
                let held = try await page(run)
                #expect(held["hold"]?["code"]?.stringValue?.isEmpty == false && held["hold"]?["found"] == [])
                #expect(held["hold"]?["since"]?.stringValue != nil)
                let choices = (held["choices"]?.arrayValue ?? []).map { $0["choice"]?.stringValue }
                #expect(choices == ["done", "retry_anyway", "abandon", "cancel", "instead"])
                let printed = try await installation.offers(run).map { $0.trimmingCharacters(in: .whitespaces) }
                #expect(!printed.isEmpty && commands(held) == printed)
                let abandon = try #require(commands(held).first { $0.contains("--abandon") })
                #expect(try await installation.copied(abandon, ["TEXT": "no"]).exitCode == 0)
                try await installation.reaches(.failed, run)
                let failed = try await page(run)
                #expect(failed["hold"] == .null)
                #expect(
                    commands(failed)
                        == (try await installation.offers(run)).map { $0.trimmingCharacters(in: .whitespaces) })
                let instead = try #require(commands(failed).first { $0.contains("--instead-of") })
                let new = try await installation.copied(instead, ["TEXT": "anew"])
                #expect(new.exitCode == 0, "\(new.errors)")
                #expect(try await page(run)["choices"] == [], "its key is another run's")
            }
        }
    }

    @Test func `of two people who decide at once one wins and the other is told`() async throws {
        try await Installation.with { installation in
            var held: Identifier?
            try await installation.withWorker { _ in held = try await installation.heldRun() }
            let run = try #require(held)
            let seq = try #require(try await installation.store.run(run)?.seq)
            func decide(_ choice: String) throws -> TurnupProcess {
                try TurnupProcess(
                    ["resolve", run.description, choice, "--expected-seq", "\(seq)", "--reason", "I say so"],
                    environment: installation.environment)
            }
            var people: [TurnupProcess] = []
            // Both have looked at the run and are about to write.
            try await installation.whileLocked(run) {
                people = try [decide("--abandon"), decide("--retry-anyway")]
                try await installation.waiting(2)
            }
            var answers: [TurnupProcess.Answer] = []
            for person in people { answers.append(await person.end()) }
            #expect(answers.map(\.exitCode).sorted() == [0, 1])
            let told = answers.first { $0.exitCode == 1 }
            #expect(told?.errors.contains("has moved on since it was looked at") == true, "\(told?.errors ?? "")")
            #expect(try await installation.events(run, .runResolved).count == 1)
            #expect(try await installation.store.run(run)?.seq == seq + 1)
        }
    }
}
