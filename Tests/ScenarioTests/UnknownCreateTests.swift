import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// A create whose answer is lost, on a platform that can be asked, and what the definition declares for that.
@Suite(.timeLimit(.minutes(15))) struct UnknownCreateTests {
    @Test func `one is found and adopted: the run goes on with it and creates nothing more`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let found = try await installation.reaches(.succeeded, run)
            #expect(found.state == "active")
            let client = try #require(installation.simulator.clients().first)
            #expect(installation.simulator.clients().count == 1 && client.deletedAtMilliseconds == nil)
            #expect(installation.decisions == [.clientCreated, .clientsListed, .clientRead])
            let ended = try #require(try await installation.events(run, .runSucceeded).first)
            #expect(ended.body["output"]?["client"] == .string(client.session))
            #expect(try await installation.purposes(run) == ["call", "lookup", "call"])
            let lookUp = try #require(
                try await installation.events(run, .attemptStarted).first { $0.body["purpose"] == "lookup" })
            let unknown = try #require(try await installation.events(run, .attemptUnknown).first)
            #expect(lookUp.recordedAt.milliseconds(since: unknown.recordedAt) >= 2000, "it looked before its time")
        }
    }

    @Test func `one is found and replaced, because its key was shown once: deleted first, then created again`()
        async throws
    {
        try await Installation.withRegister(RegistryDefinitions.replacing) { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            let clients = installation.simulator.clients()
            #expect(clients.map { $0.deletedAtMilliseconds == nil } == [false, true])
            #expect(
                installation.decisions.prefix(5) == [
                    .clientCreated, .clientsListed, .clientDeleted, .clientCreated, .tokenIssued,
                ])
            #expect(try await installation.purposes(run).prefix(4) == ["call", "lookup", "replace", "call"])
            let history = try await installation.command("history", run.description)
            try await Checker.checkSecrets(installation, in: [history])
        }
    }

    @Test func `none is found: it never arrived, and is sent again`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(name: "create-503", match: .register, trigger: .nth(1), effect: .status(503))
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            // One look-up comes too early to prove anything, and one alone does not.
            let looks = Array(repeating: PlatformDecision.Kind.clientsListed, count: 3)
            #expect(installation.decisions == [.notAttempted] + looks + [.clientCreated, .clientRead])
            #expect(installation.simulator.clients().count == 1)
        }
    }

    @Test func `none is found where the definition says hold: a person decides`() async throws {
        let definition = RegistryDefinitions.adopting.replacingOccurrences(
            of: "none: resend", with: "none: hold")
        try await Installation.withRegister(definition) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(name: "create-503", match: .register, trigger: .nth(1), effect: .status(503))
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.held, run)
            let looks = Array(repeating: PlatformDecision.Kind.clientsListed, count: 3)
            #expect(installation.decisions == [.notAttempted] + looks)
        }
    }

    @Test func `several are found: nothing is adopted, nothing deleted, a person decides`() async throws {
        try await Installation.withRegister(RegistryDefinitions.replacing) { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(await installation.simulator.wait(for: .register, phase: .ended), "nothing was created")
            installation.simulator.addClient(externalId: run.description, organisation: "academy")
            let held = try await installation.reaches(.held, run)
            #expect(held.reason?.contains("2") == true, "\(held.reason ?? "")")
            #expect(installation.decisions == [.clientCreated, .clientsListed])
            #expect(installation.simulator.clients().allSatisfy { $0.deletedAtMilliseconds == nil })
            let choices = try await installation.events(run, .runHeld).first?.body["choices"]?.arrayValue ?? []
            #expect(choices.contains("retry") && choices.contains("abandon"))
        }
    }

    @Test
    func `a conflict after an unknown is looked up: the list was later than the definition says, and it is our own`()
        async throws
    {
        let definition = RegistryDefinitions.adopting.replacingOccurrences(of: "after: 2s", with: "after: 1s")
        try await Installation.withRegister(definition) {
            $0.existing = .conflict
            $0.listLagMilliseconds = 8000
        } _: { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let found = try await installation.reaches(.succeeded, run)
            #expect(found.state == "active")
            let decisions = installation.decisions
            #expect(decisions.first == .clientCreated && decisions.contains(.refused), "\(decisions)")
            #expect(Array(decisions.suffix(2)) == [.clientsListed, .clientRead])
            #expect(installation.simulator.clients().count == 1)
        }
    }

    @Test func `a conflict that is the first answer fails: nothing of ours can be there`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) {
            $0.existing = .conflict
        } _: { installation in
            let run = Identifier(
                unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000),
                random: (.random(in: .min ... .max), .random(in: .min ... .max)))
            installation.simulator.addClient(externalId: run.description, organisation: "academy")
            #expect(try await installation.enqueue("+1", as: run) == run)
            try await installation.reaches(.failed, run)
            #expect(installation.decisions == [.refused])
            #expect(installation.simulator.clients().count == 1)
        }
    }

    @Test func `a key that the platform honours makes a lost create safe to send again`() async throws {
        try await Installation.withRegister(RegistryDefinitions.keyed) { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            #expect(installation.decisions == [.clientCreated, .replayed])
            let keys = installation.requests(.register).map(\.idempotencyKey)
            #expect(keys.count == 2 && keys[0] != nil && Set(keys).count == 1)
            #expect(Set(installation.requests(.register).map(\.bodyHash)).count == 1, "another body under the same key")
            #expect(installation.simulator.clients().count == 1)
        }
    }

    @Test func `an error that the platform keeps under its key is not asked for for ever`() async throws {
        try await Installation.withRegister(RegistryDefinitions.keyed) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(
                    name: "create-500-saved", match: .register, trigger: .nth(1), effect: .status(500, moment: .after))
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.held, run)
            #expect(installation.decisions == [.clientCreated, .replayed, .replayed])
            #expect(installation.simulator.clients().count == 1)
        }
    }

    @Test func `a look-up whose answer is lost is asked again; it never makes anything`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            let list = RequestMatch(method: "GET", path: "/clients")
            _ = installation.simulator.addFaults([
                .lostCreate, FaultRule(name: "list-cut", match: list, trigger: .nth(1), effect: .truncatedBody),
                FaultRule(name: "list-503", match: list, trigger: .nth(2), effect: .status(503)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            #expect(installation.simulator.clients().count == 1)
            #expect(
                installation.decisions == [
                    .clientCreated, .clientsListed, .notAttempted, .clientsListed, .clientRead,
                ])
        }
    }
}
