import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// Numbers that have served their time: taken back and let go, or made anew.
@Suite(.timeLimit(.minutes(15))) struct ReleaseTests {
    @Test func `release takes the client back and frees the key: the number can be added again`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            try await installation.command("release", run.description, "--reason", "the customer has left")
            try await installation.reaches(.released, run)
            let clients = installation.simulator.clients()
            #expect(clients.count == 1 && clients[0].deletedAtMilliseconds != nil)
            #expect(try await installation.command("history", run.description).contains("released by"))
            let next = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(next != run)
            try await installation.reaches(.succeeded, next)
        }
    }

    @Test func `redo makes it anew once the old one is taken back, and both runs name each other`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            try await installation.command("redo", run.description, "--reason", "the account is gone")
            try await installation.reaches(.released, run)
            let started = try #require(try await installation.events(run, .redoStarted).first)
            let next = try #require(started.body["run"]?.stringValue.flatMap { Identifier($0) })
            try await installation.reaches(.succeeded, next)
            let requested = try await installation.events(next, .runRequested)
            #expect(requested.first?.body["redo_of"]?.stringValue == run.description)
            let clients = installation.simulator.clients()
            #expect(clients.count == 2 && clients.count { $0.deletedAtMilliseconds == nil } == 1)
        }
    }

    @Test func `a redo whose undo fails is held and starts nothing; given up by a person, it starts`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(
                    name: "delete-refused", match: RequestMatch(method: "DELETE", path: "/clients/*"),
                    effect: .status(400))
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            try await installation.command("redo", run.description, "--reason", "the account is gone")
            try await installation.reaches(.held, run)
            #expect(installation.simulator.clients().count == 1)
            try await installation.command("resolve", run.description, "--abandon", "--reason", "gone by hand")
            try await installation.reaches(.released, run)
            let started = try #require(try await installation.events(run, .redoStarted).first)
            let next = try #require(started.body["run"]?.stringValue.flatMap { Identifier($0) })
            try await installation.reaches(.succeeded, next)
            #expect(try await installation.command("runs", "--left-behind").contains(run.description.prefix(8)))
        }
    }

    @Test func `without an undo nothing is done, and with --leave-behind the run is listed`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111001")
                try await installation.reaches(.succeeded, run)
                let refused = try await TurnupProcess.run(
                    ["release", run.description, "--reason", "gone"], environment: installation.environment)
                #expect(refused.exitCode == 1 && refused.errors.contains("--leave-behind"), "\(refused.errors)")
                #expect(try await installation.store.run(run)?.status == .succeeded)
                try await installation.command("release", run.description, "--leave-behind", "--reason", "gone")
                try await installation.reaches(.released, run)
                #expect(try await installation.command("runs", "--left-behind").contains("+34600111001"))
            }
        }
    }

    @Test func `a redo whose new run could not start is refused before anything is taken back`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            let newer = RegistryDefinitions.adopting.replacingOccurrences(of: "version: 1", with: "version: 2")
                .replacingOccurrences(
                    of: "input: {number: {type: string}}", with: "input: {number: {type: string}, plan: {type: string}}"
                )
                .replacingOccurrences(of: "output: {client:", with: "output: {plan: '${input.plan}', client:")
            let file = installation.folder + "/registered-number.yaml"
            try newer.write(toFile: file, atomically: true, encoding: .utf8)
            try await installation.command("workflow", "publish", file)
            let refused = try await TurnupProcess.run(
                ["redo", run.description, "--reason", "anew"], environment: installation.environment)
            #expect(refused.exitCode == 1 && refused.errors.contains("input \"plan\" is missing"), "\(refused.errors)")
            #expect(try await installation.store.run(run)?.status == .succeeded)
            #expect(installation.simulator.clients().map(\.deletedAtMilliseconds) == [nil])
        }
    }

    @Test func `a held redo says that a run follows; cancelled, it is taken back and none does`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            installation.simulator.addFaults([
                FaultRule(
                    name: "delete-refused", match: RequestMatch(method: "DELETE", path: "/clients/*"), trigger: .nth(1),
                    effect: .status(400))
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            try await installation.command("redo", run.description, "--reason", "anew")
            try await installation.reaches(.held, run)
            let page = try await installation.command("show", run.description)
            #expect(
                page.contains("a run with the same input starts") && page.contains("start no run after it"), "\(page)")
            try await installation.command("cancel", run.description, "--reason", "not anew after all")
            try await installation.reaches(.released, run)
            #expect(try await installation.events(run, .redoStarted).isEmpty)
            #expect(try await installation.command("runs").contains("no run follows it"))
            #expect(installation.simulator.clients().count == 1)
        }
    }
}
