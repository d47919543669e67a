import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// What is sent under an idempotency key is sent again as it was, or not at all.
@Suite(.timeLimit(.minutes(15))) struct FrozenBytesTests {
    /// The create sends a credential in its body.
    private static var definition: String {
        RegistryDefinitions.keyed
            .replacingOccurrences(of: "secrets: [wpp_master]", with: "secrets: [wpp_master, pin]")
            .replacingOccurrences(of: "body: {", with: "body: {pin: '${secrets.pin}', ")
            .replacingOccurrences(of: "[connection_lost, http.5xx]", with: "[connection_lost, http.5xx, http.401]")
    }

    /// The answer to the first create is lost while a worker runs; then there is none.
    private func lost(_ installation: Installation) async throws -> Identifier {
        try await setPin("pin-number-one", installation)
        _ = installation.simulator.addFaults([.lostCreate])
        let run = try await installation.enqueue("+1", workflow: "registered-number")
        try await installation.withWorker { _ in
            try #require(
                try await eventually(seconds: 60) { try await !installation.events(run, .attemptUnknown).isEmpty })
        }
        #expect(installation.decisions == [.clientCreated], "the create was not lost")
        return run
    }

    private func setPin(_ value: String, _ installation: Installation) async throws {
        try await installation.command("secret", "set", "pin", "--from-env", "PIN", variables: ["PIN": value])
    }

    @Test
    func `a credential that is rotated before the resend: the platform gets the same bytes, with the newest auth`()
        async throws
    {
        try await Installation.withRegisterAlone(Self.definition) { installation in
            let run = try await lost(installation)
            try await setPin("pin-number-two", installation)
            // The platform does not take this one, so it shows which auth was sent.
            try await installation.command(
                "secret", "set", "wpp_master", "--from-env", "WRONG", variables: ["WRONG": "not-the-master"])
            try await installation.withWorker { _ in
                try #require(
                    try await eventually(seconds: 60) { try await !installation.events(run, .attemptNotDone).isEmpty })
            }
            try await installation.command("secret", "set", "wpp_master", "--from-env", "MASTER")
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }

            let requests = installation.requests(.register)
            #expect(requests.count == 3)
            #expect(Set(requests.map(\.bodyHash)).count == 1, "another body under the same key")
            #expect(Set(requests.map(\.idempotencyKey)).count == 1)
            #expect(installation.decisions == [.clientCreated, .refused, .replayed])
            #expect(installation.simulator.clients().count == 1)

            let intents = try await installation.events(run, .attemptStarted)
            let frozen = try #require(intents.first?.body["frozen"])
            #expect(intents.dropFirst().allSatisfy { $0.body["frozen"] == nil })
            #expect(frozen["secrets"] == [["owner": "installation", "name": "pin", "version": 1]])
            #expect(frozen["digests"]?["body.pin"]?.stringValue?.utf8.count == 32)
            let history = try await installation.command("history", run.description, "--json")
            #expect(history.contains("body.pin") && !history.contains("pin-number"))
            try await Checker.check(installation)
        }
    }

    @Test
    func `a path that has changed meanwhile is not sent: the run is held with its name, and goes on when it is back`()
        async throws
    {
        try await Installation.withRegisterAlone(Self.definition) { installation in
            let run = try await lost(installation)
            let url = "http://127.0.0.1:\(installation.ports.port)"
            try await installation.command("service", "set", "wpp", "--base-url", url + "/v2", "--allow", "loopback")
            try await installation.withWorker { _ in
                let held = try await installation.reaches(.held, run)
                #expect(held.reason?.contains("would now differ in path") == true, "\(held.reason ?? "")")
                #expect(installation.requests(.register).count == 1)
                #expect(try await installation.events(run, .attemptStarted).count == 1)
                let page = try await installation.command("show", run.description)
                #expect(page.contains("request_changed") || page.contains("differ in path"))
                #expect(page.contains("new idempotency key"), "\(page)")

                try await installation.command("service", "set", "wpp", "--base-url", url, "--allow", "loopback")
                try await installation.command("retry", run.description, "--reason", "put back")
                try await installation.reaches(.succeeded, run)
            }
            #expect(installation.decisions == [.clientCreated, .replayed])
            #expect(installation.simulator.clients().count == 1)
            try await Checker.check(installation)
        }
    }

    @Test func `a credential that a run may have to send again is not removed before the run has gone on`()
        async throws
    {
        try await Installation.withRegisterAlone(Self.definition) { installation in
            let run = try await lost(installation)
            try await setPin("pin-number-two", installation)
            let refused = try await TurnupProcess.run(
                ["secret", "remove", "pin"], environment: installation.environment)
            #expect(refused.exitCode == 1)
            #expect(refused.errors.contains("\"pin\" is in use: run \(run)"), "\(refused.errors)")
            #expect(refused.errors.contains("turnup show \(run)"))
            // Auth is always the newest, so nobody waits for an old one.
            let answer = try await TurnupProcess.run(
                ["secret", "remove", "wpp_master"], environment: installation.environment)
            #expect(answer.exitCode == 0, "\(answer.errors)")
            try await installation.command("secret", "set", "wpp_master", "--from-env", "MASTER")

            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            #expect(Set(installation.requests(.register).map(\.bodyHash)).count == 1)
            #expect(try await installation.command("secret", "remove", "pin").contains("2 versions"))
            try await Checker.check(installation)
        }
    }

    @Test func `a version that is gone holds the run; sent all the same, the call goes under a new key`() async throws {
        try await Installation.withRegisterAlone(Self.definition) { installation in
            let run = try await lost(installation)
            try await setPin("pin-number-two", installation)
            // As an owner of the tables may do, or a command that came between a worker's look and its intent.
            _ = try await installation.database.pool.query(
                """
                update turnup.secret set nonce = null, ciphertext = null, forgotten_at = turnup.now()
                where name = 'pin' and version = 1
                """)
            try await installation.withWorker { _ in
                let held = try await installation.reaches(.held, run)
                #expect(held.reason?.contains("secrets.pin, whose version 1 is gone") == true, "\(held.reason ?? "")")
                try await installation.command("resolve", run.description, "--retry-anyway", "--reason", "looked at it")
                try await installation.reaches(.succeeded, run)
            }
            let requests = installation.requests(.register)
            #expect(requests.count == 2 && Set(requests.map(\.idempotencyKey)).count == 2)
            #expect(Set(requests.map(\.bodyHash)).count == 2)
            let history = try await installation.command("history", run.description)
            #expect(history.contains("has it sent under a new idempotency key"), "\(history)")
            try await Checker.check(installation)
        }
    }
}
