import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Creates and look-ups that name what another run has: it is never taken for the run's own, and never deleted.
@Suite(.timeLimit(.minutes(15))) struct IdentityTests {
    private static func untouched(_ installation: Installation) -> Bool {
        let clients = installation.simulator.clients()
        return clients.count == 1 && clients[0].deletedAtMilliseconds == nil
            && !installation.decisions.contains(.clientDeleted)
    }

    @Test func `a create that is answered with the first run's client: held with that run's id, the client untouched`()
        async throws
    {
        try await Installation.withRegister(RegistryDefinitions.adopting) {
            $0.existing = .first
        } _: { installation in
            let first = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, first)
            let second = try await installation.enqueue("+2", workflow: "registered-number")
            let held = try await installation.reaches(.held, second)
            #expect(installation.decisions.contains(.clientReturned), "the platform made a new one")
            #expect(held.reason?.contains("\(first)") == true, "\(held.reason ?? "")")
            let shown = try await installation.command("show", second.description)
            #expect(shown.contains("\(first)"), "\(shown)")
            try await installation.command("cancel", second.description, "--reason", "the first one's")
            try await installation.reaches(.cancelled, second)
            #expect(Self.untouched(installation))
            // Something may have been made beside it.
            #expect(try await installation.command("runs", "--left-behind").contains("+2"))
        }
    }

    @Test func `a person may share the first run's client: the output says adopted, and a failure leaves it alone`()
        async throws
    {
        let definition = RegistryDefinitions.adopting.replacingOccurrences(
            of: "output: {client: '${data.client_id}'}",
            with: "output: {client: '${data.client_id}', adopted: '${run.adopted}'}")
        try await Installation.withRegister(definition) {
            $0.existing = .first
        } _: { installation in
            let first = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, first)
            let second = try await installation.enqueue("+2", workflow: "registered-number")
            try await installation.reaches(.held, second)
            try await installation.command("resolve", second.description, "--adopt", "--reason", "one for both")
            try await installation.reaches(.succeeded, second)
            let succeeded = try await installation.events(second, .runSucceeded)
            #expect(succeeded.first?.body["output"]?["adopted"] == true)
            #expect(try await installation.command("show", second.description).contains("adopted "))
            #expect(try await installation.command("history", second.description).contains("belongs to run \(first)"))
            let own = try await installation.events(first, .runSucceeded)
            #expect(own.first?.body["output"]?["adopted"] == false)

            _ = installation.simulator.addFaults([
                FaultRule(name: "refused", match: RequestMatch(method: "GET", path: "/clients/*"), effect: .status(400))
            ])
            let third = try await installation.enqueue("+3", workflow: "registered-number")
            try await installation.reaches(.held, third)
            try await installation.command("resolve", third.description, "--adopt", "--reason", "one for all")
            try await installation.reaches(.failed, third)
            #expect(Self.untouched(installation))
        }
    }

    @Test func `a lost create, and a client of that name that another organisation's run has: held, never deleted`()
        async throws
    {
        var definition = RegistryDefinitions.adopting
        for (old, new) in [
            ("externalId: '${run.id}', organizationId", "externalId: '${input.number}', organizationId"),
            ("query: {externalId: '${run.id}'}", "query: {externalId: '${input.number}'}"),
            ("where: item.externalId == run.id", "where: item.externalId == input.number"),
        ] {
            precondition(definition.contains(old))
            definition = definition.replacingOccurrences(of: old, with: new)
        }
        try await Installation.withRegister(definition) { installation in
            let first = try await installation.enqueue("+1", organisation: "other", workflow: "registered-number")
            try await installation.reaches(.succeeded, first)
            _ = installation.simulator.addFaults([
                FaultRule(name: "create-503", match: .register, trigger: .nth(1), effect: .status(503))
            ])
            let second = try await installation.enqueue("+1", workflow: "registered-number")
            let held = try await installation.reaches(.held, second)
            #expect(held.reason?.contains("\(first)") == true, "\(held.reason ?? "")")
            try await installation.command("cancel", second.description, "--reason", "theirs")
            try await installation.reaches(.cancelled, second)
            #expect(Self.untouched(installation))
        }
    }

    @Test func `the shipped definition on a platform that answers a second number with the first one's client: held`()
        async throws
    {
        try await Installation.with(Preset.oldKey.behaviour) { installation in
            try await installation.withWorker { _ in
                let first = try await installation.enqueue("+34600111001")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600111002")
                let held = try await installation.reaches(.held, second)
                #expect(held.reason?.contains("\(first)") == true, "\(held.reason ?? "")")
                // What a person types by hand cannot be the first one's either.
                let session = try #require(
                    try await installation.events(first, .attemptDone).first?.body["saved"]?["session"]?.stringValue)
                let key = installation.folder + "/key"
                try "typed-by-hand".write(toFile: key, atomically: true, encoding: .utf8)
                let answer = try await TurnupProcess.run(
                    [
                        "resolve", second.description, "--done", "session=\(session)", "--secret",
                        "api_key=@\(key)", "--reason", "typed",
                    ], environment: installation.environment)
                #expect(answer.exitCode != 0 && answer.errors.contains("\(first)"), "\(answer.errors)")
            }
        }
    }
}
