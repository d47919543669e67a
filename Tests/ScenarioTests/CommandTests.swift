import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Bad input, and what programs read.
@Suite(.timeLimit(.minutes(15))) struct CommandTests {
    @Test(arguments: [
        ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", ""],
        ["enqueue", "whatsapp-number", "number=+34600111222"], ["show", "nonsense"],
        ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy", "--from", "x.csv"],
        ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy", "--strict"],
        ["runs", "--status", "lively"], ["runs", "--limit", "0"], ["runs", "--older-than", "soon"],
        ["runs", "--watch", "--json"], ["runs", "--every", "1s"], ["service", "set", "wpp", "--base-url", "ftp://x"],
        ["service", "set", "wpp", "--allow", "10.0.0.0/64"], ["service", "set", "wpp", "--concurrent", "0"],
        ["service", "set", "wpp", "--concurrent", "many"], ["service", "set", "wpp", "--concurrent", "1000001"],
        ["service", "set", "wpp", "--rate", "30"], ["service", "set", "wpp", "--rate", "0/1m"],
        ["service", "set", "wpp", "--rate", "30/2d"], ["service", "set", "wpp", "--per", "customer"],
        ["service", "set", "wpp", "--retry-after-cap", "0s"], ["service", "set", "wpp", "--retry-after-cap", "8d"],
        ["service", "set", "wpp", "--retry-after-cap", "none"], ["runs", "--request-id", "0192f0c1"],
        ["service", "set", "wpp", "--base-url", "https://user:secret@host"], ["service", "pause", "wpp"],
        ["service", "pause", "wpp", "--for", "0s", "--reason", "x"], ["service", "pause", "wpp", "--reason", " "],
        ["secret", "set", "x", "--from-file", "/nonexistent"], ["secret", "set", "x", "--from-env", "NOT_SET"],
        ["secret", "set", "x"], ["secret", "set", "x", "value-on-the-command-line"],
        ["secret", "set", "x=value-on-the-command-line"], ["secret", "set", "a b", "--from-env", "HOME"],
        ["workflow", "check", "/nonexistent.yaml"], ["workflow", "publish", "whatsap-number"],
        ["workflow", "import", "/etc"], ["simulate", "--ledger", "/etc"], ["worker", "--lease-seconds", "0"],
        ["simulate", "--preset", "sunny"], ["nonsense"], ["runs", "--nonsense"],
    ])
    func `bad input gets a clear line and exit code 2 before any database is asked`(_ arguments: [String]) async throws
    {
        let answer = try await TurnupProcess.run(
            arguments,
            environment: [
                "TURNUP_DATABASE_URL": "postgresql://127.0.0.1:1/none?connect_timeout=2",
                "TURNUP_STATE_DIR": "/nonexistent",
            ])
        expectRefusal(answer, arguments)
    }

    @Test func `bad input that only the database shows gets a clear line and exit code 2`() async throws {
        try await Installation.with { installation in
            for arguments in [
                ["enqueue", "whatsapp-number", "number=34600", "--organisation", "academy"],
                ["enqueue", "whatsapp-number", "number", "--organisation", "academy"],
                ["enqueue", "whatsapp-number", "numbr=+34600111222", "--organisation", "academy"],
                ["enqueue", "whatsapp-number", "--organisation", "academy"],
                ["enqueue", "no-such-workflow", "number=+34600111222", "--organisation", "academy"],
                ["show", "00000000-0000-7000-8000-000000000000"], ["history", "ffff"],
                ["enqueue", "whatsapp-number", "--organisation", "academy", "--from", "/nonexistent.csv"],
                ["enqueue", "whatsapp-number", "--organisation", "academy", "--from", "/etc"],
                ["enqueue", "whatsapp-number", "--organisation", "academy", "--from", "/etc/passwd"],
                ["enqueue", "whatsapp-number", "--organisation", "academy", "--from", "-"],
                ["runs", "--after", "ffff"], ["service", "check", "nothing"], ["service", "show", "nothing"],
                ["service", "pause", "nothing", "--reason", "x"], ["service", "resume", "nothing"],
                ["secret", "remove", "x"], ["workflow", "show", "nothing"],
                ["workflow", "show", "whatsapp-number", "--version", "99999999999"],
                [
                    "enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "a", "--version",
                    "99999999999",
                ],
            ] {
                let answer = try await TurnupProcess.run(arguments, environment: installation.environment)
                expectRefusal(answer, arguments)
            }
        }
    }

    private func expectRefusal(_ answer: TurnupProcess.Answer, _ arguments: [String]) {
        #expect(answer.exitCode == 2, "\(arguments): \(answer.errors)")
        #expect(answer.output.isEmpty)
        let lines = answer.errors.split(separator: "\n")
        #expect(lines.first?.hasPrefix("turnup: ") == true, "\(answer.errors)")
        #expect((1...3).contains(lines.count), "\(answer.errors)")
        #expect(!answer.errors.contains("Fatal") && !answer.errors.contains("NSCocoa"))
        #expect(!answer.errors.contains("value-on-the-command-line"))
    }

    @Test(arguments: [
        (["workflow", "lst"], "workflow list"), (["service", "sett", "wpp"], "service set"),
        (["secret", "add", "x"], "secret remove"), (["database", "restart"], "database stop"),
    ])
    func `a word that is no command of its group is named, with those that are`(
        _ arguments: [String], _ known: String
    ) async throws {
        let answer = try await TurnupProcess.run(arguments, environment: [:])
        #expect(answer.exitCode == 2)
        let wrong = arguments.prefix(2).joined(separator: " ")
        #expect(answer.errors.hasPrefix("turnup: there is no command \"\(wrong)\"\n  There are: "), "\(answer.errors)")
        #expect(answer.errors.contains(known), "\(answer.errors)")
    }

    @Test func `a service may be at an IPv6 address: it is called there, if that is allowed`() async throws {
        try await Installation.with { installation in
            let closed = try await installation.attempt("service", "set", "six", "--base-url", "http://[::1]:1")
            #expect(closed.exitCode == 0 && closed.errors.contains("--allow loopback"), "\(closed.errors)")
            let refused = try await installation.attempt("service", "check", "six")
            #expect(refused.exitCode == 1 && refused.errors.contains("address_refused"), "\(refused.errors)")
            try await installation.command("service", "set", "six", "--allow", "loopback")
            // Nobody listens there, and the system's own word for that is the sign that it was called.
            let called = try await installation.attempt("service", "check", "six")
            #expect(called.exitCode == 1 && called.errors.contains("unreachable"), "\(called.errors)")
            #expect(!called.errors.contains("two ways"), "\(called.errors)")
        }
    }

    @Test func `check tells of every file: one that cannot be read hides nothing about the others`() async throws {
        try await Installation.with { installation in
            let broken = try installation.write("dsl: 1\nstates: [", to: "broken.yaml")
            let answer = try await installation.attempt(
                "workflow", "check", "/nonexistent.yaml", broken, "/etc", Installation.shipped("whatsapp-number"))
            #expect(answer.exitCode == 2)
            #expect(answer.errors.contains("/nonexistent.yaml cannot be read: No such file"), "\(answer.errors)")
            #expect(answer.errors.contains("/etc cannot be read: it is a folder"))
            #expect(answer.output.contains("broken.yaml:") && answer.output.contains("whatsapp-number.yaml:"))
            let alone = try await installation.attempt(
                "workflow", "check", "--json", Installation.shipped("whatsapp-number"), "/nonexistent.yaml")
            #expect(alone.exitCode == 2 && alone.errors.contains("/nonexistent.yaml"), "only a warning besides")
            #expect(try JSONValue.parse(alone.output.trimmingCharacters(in: .newlines)).arrayValue?.isEmpty == false)
        }
    }

    @Test func `a place for rejected rows that cannot be written is said before the first row`() async throws {
        try await Installation.with { installation in
            let rows = try installation.write("number\n+34600111222\nbad\n", to: "rows.csv")
            func enqueue(_ rejected: String) async throws -> TurnupProcess.Answer {
                try await installation.attempt(
                    "enqueue", "whatsapp-number", "--organisation", "academy", "--from", rows, "--rejected", rejected)
            }
            for place in ["/nonexistent/x.csv", installation.folder] {
                let refused = try await enqueue(place)
                #expect(refused.exitCode == 2 && refused.errors.contains("\(place) cannot be written: "))
            }
            let taken = try await enqueue("\(installation.folder)/bad.csv")
            #expect(taken.exitCode == 1 && taken.output.contains("1 created, 0 there already, 1 rejected"), "\(taken)")
        }
    }

    @Test func `a database that cannot be reached is named, with the reason and exit code 3, and never the password`()
        async throws
    {
        let answer = try await TurnupProcess.run(
            ["runs"], environment: ["TURNUP_DATABASE_URL": "postgresql://someone:hunter2@127.0.0.1:1/nowhere"])
        #expect(answer.exitCode == 3)
        #expect(answer.errors.contains("127.0.0.1") && answer.errors.contains("refused"), "\(answer.errors)")
        #expect(answer.errors.contains("\n  Check --database-url"), "what to do is not said")
        #expect(!answer.errors.contains("hunter2"))
    }

    @Test func `a worker without a named database refuses`() async throws {
        let answer = try await TurnupProcess.run(["worker"], environment: [:])
        #expect(answer.exitCode == 2)
        #expect(answer.errors.contains("no database is named"))
    }

    @Test func `a service paused by hand says until when and why, its runs too, and a resume lets them go on`()
        async throws
    {
        try await Installation.with { installation in
            let paused = try await installation.command("service", "pause", "wpp", "--reason", "maintenance")
            #expect(paused.contains("until it is resumed"))
            let listed = try await installation.command("service", "list")
            #expect(listed.contains("open until it is resumed: maintenance, by "))
            #expect(try await installation.command("service", "show", "wpp", "--json").contains(#""breaker":"open""#))
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                let isSaid = try await eventually(seconds: 60) {
                    try await installation.command("show", run.description)
                        .contains("service wpp is paused (open until it is resumed: maintenance, by ")
                }
                #expect(isSaid)
                #expect(try await installation.command("runs").contains("service wpp is paused"))
                #expect(try await installation.events(run, .attemptStarted).isEmpty)
                #expect(try await installation.command("service", "resume", "wpp").contains("wpp is resumed"))
                try await installation.reaches(.succeeded, run)
                #expect(try await installation.command("service", "resume", "wpp").contains("was not paused"))
                #expect(try await installation.command("service", "show", "wpp").contains("breaker       closed"))
            }
        }
    }

    @Test func `enqueue waits with progress, says the same run again, and refuses other input`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let said = try await installation.command(
                    "enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy", "--wait")
                #expect(said.contains("sending POST wpp:/auth/token") && said.contains("succeeded"))
                let again = try await TurnupProcess.run(
                    ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy", "--json"],
                    environment: installation.environment)
                #expect(again.exitCode == 0 && again.output.contains(#""created":false"#))
            }
        }
    }

    @Test
    func `a run without base URL and credential waits with that reason, spends nothing, and goes on when they come`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.command("secret", "remove", "wpp_master")
            try await installation.withWorker { _ in
                let enqueued = try await TurnupProcess.run(
                    ["enqueue", "whatsapp-number", "number=+34600111222", "--organisation", "academy"],
                    environment: installation.environment)
                #expect(enqueued.exitCode == 0)
                #expect(enqueued.errors.contains("wpp_master is not set"))
                let name = enqueued.output.trimmingCharacters(in: .whitespacesAndNewlines)
                let run = try #require(Identifier(name))
                let isWaiting = try await eventually(seconds: 60) {
                    try await installation.store.run(run)?.task?.waitReason == .noSecret
                }
                #expect(isWaiting)
                // A worker looks again now and then; meanwhile the run waits for nothing.
                let isSaid = try await eventually(seconds: 60) {
                    try await installation.command("show", name).contains("a credential is not set")
                }
                #expect(isSaid)
                #expect(try await installation.types(run) == ["run.requested"])
                try await installation.command("secret", "set", "wpp_master", "--from-env", "MASTER")
                try await installation.reaches(.succeeded, run)
            }
            try await Checker.check(installation)
        }
    }

    @Test func `a service is removed only when no run can need it, unless forced; then runs wait`() async throws {
        try await Installation.with { installation in
            func remove(_ arguments: String...) async throws -> TurnupProcess.Answer {
                try await TurnupProcess.run(["service", "remove"] + arguments, environment: installation.environment)
            }
            let run = try await installation.enqueue("+34600111222")
            let refused = try await remove("wpp")
            #expect(refused.exitCode == 2 && refused.errors.contains("1 live run may need it"), "\(refused.errors)")
            #expect(try await installation.store.service("wpp") != nil)
            #expect(try await remove("nothing").exitCode == 2)
            let forced = try await remove("wpp", "--force")
            #expect(forced.exitCode == 0 && forced.errors.contains("may wait now"), "\(forced.errors)")
            #expect(try await installation.store.service("wpp") == nil)
            try await installation.withWorker { _ in
                let isWaiting = try await eventually(seconds: 60) {
                    try await installation.store.run(run)?.task?.waitReason == .noBaseURL
                }
                #expect(isWaiting)
                try await installation.command(
                    "service", "set", "wpp", "--base-url", "http://127.0.0.1:\(installation.ports.port)", "--allow",
                    "loopback")
                try await installation.reaches(.succeeded, run)
            }
            #expect(try await remove("wpp").exitCode == 0)
        }
    }

    @Test func `history and runs print JSON that programs can read`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, run)
                let history = try await installation.command("history", run.description, "--json")
                let events = try history.split(separator: "\n").map { try JSONValue.parse(String($0)) }
                #expect(events.first?["type"] == "run.requested" && events.last?["type"] == "run.succeeded")
                let runs = try await installation.command("runs", "--json", "--organisation", "academy")
                let line = try JSONValue.parse(runs.trimmingCharacters(in: .newlines))
                #expect(line["status"] == "succeeded" && line["state"] == "active")
                let page = try JSONValue.parse(
                    try await installation.command("show", run.description, "--json").trimmingCharacters(in: .newlines))
                #expect(page["status"] == "succeeded" && page["data"]?["session"]?.stringValue?.isEmpty == false)
                let secrets = page["secrets"]?.arrayValue ?? []
                let kept = secrets.compactMap { $0["name"]?.stringValue }
                #expect(kept.contains("api_key"), "\(page)")
                let state = try #require(try await installation.store.fold(run))
                let fingerprints = secrets.compactMap { $0["fingerprint"]?.stringValue }
                #expect(fingerprints == state.secrets.map(\.reference.fingerprint))
                let names = secrets.first?.objectValue.map { $0.members.map { $0.name } }
                #expect(names == ["name", "version", "fingerprint", "sealed_at"])
            }
        }
    }

    @Test func `every definition in the folder workflows comes with the program and is known by its name alone`()
        async throws
    {
        let folder = Installation.repository.appendingPathComponent("workflows").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
            .map { String($0.dropLast(5)) }.sorted()
        #expect(names.count >= 3)
        try await Installation.with { installation in
            let before = try await TurnupProcess.run(["workflow", "list"], environment: installation.environment)
            let others = names.filter { $0 != "whatsapp-number" }.joined(separator: ", ")
            #expect(before.errors.contains("it comes with the program: \(others)\n"), "\(before.errors)")
            for name in names {
                try await installation.command("workflow", "publish", name)
            }
            let after = try await TurnupProcess.run(["workflow", "list"], environment: installation.environment)
            for name in names { #expect(after.output.contains(name)) }
            #expect(!after.errors.contains("Not published"))
        }
    }
}
