import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// What a run that failed may have left over there is told, and the run is listed for it.
@Suite(.timeLimit(.minutes(15))) struct LeftBehindTests {
    private static func listed(_ installation: Installation, _ more: String...) async throws -> [String] {
        let answer = try await TurnupProcess.run(
            ["runs", "--left-behind", "--json"] + more, environment: installation.environment)
        #expect(answer.exitCode == 0, "\(answer.errors)")
        return try answer.output.split(separator: "\n").compactMap {
            let json = try JSONValue.parse(String($0))
            return json["may_be_left"] == true ? json["run"]?.stringValue : nil
        }
    }

    private static func things(_ run: Identifier, _ installation: Installation) async throws -> [JSONValue] {
        let page = try await installation.command("show", run.description, "--json")
        return try JSONValue.parse(page.trimmingCharacters(in: .newlines))["left_behind"]?.arrayValue ?? []
    }

    @Test
    func
        `a lost create that a person gave up is listed and told, also when another run has the key; a refused one is not`()
        async throws
    {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults([
                FaultRule(match: Installation.create, trigger: .nth(2), effect: .status(400, body: #"{"error":"no"}"#))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.heldRun()
                #expect(try await Self.listed(installation) == [], "a held run is in other lists")
                let text =
                    "may be left behind: what POST wpp:/api/integrations/wpp/create in state requested may have made: "
                    + "the answer was lost (connection_lost)"
                let held = try await installation.command("show", run.description)
                #expect(held.contains("\n\(text)\n"), "\(held)")
                let said = try await installation.command(
                    "resolve", run.description, "--abandon", "--reason", "nobody knows")
                #expect(said.contains("\n  \(text)\n"), "\(said)")
                try await installation.reaches(.failed, run)

                let refused = try await installation.enqueue("+34600111333")
                try await installation.reaches(.failed, refused)
                #expect(try await !installation.command("show", refused.description).contains("left behind"))
                #expect(try await Self.things(refused, installation) == [])

                #expect(try await Self.listed(installation) == [run.description])
                #expect(try await installation.command("show", run.description).contains("\n\(text)\n"))
                let thing = try #require(try await Self.things(run, installation).first)
                #expect(thing["certain"] == false && thing["reason"] == "answer_lost" && thing["saved"] == [:])
                #expect(thing["request"] == "POST wpp:/api/integrations/wpp/create" && thing["state"] == "requested")
                let table = try await installation.command("runs", "--status", "failed").split(separator: "\n")
                let marked = table.filter { $0.hasSuffix("; something may be left behind") }
                #expect(marked.count == 1 && marked[0].hasPrefix(run.description), "\(table)")

                let taken = try await installation.attempt(
                    "enqueue", "whatsapp-number", "number=\(Installation.number)", "--organisation", "academy",
                    "--instead-of", run.description, "--reason", "looked at", "--wait")
                #expect(taken.exitCode == 0, "\(taken.errors)")
                #expect(
                    try await Self.listed(installation, "--organisation", "academy", "--status", "failed") == [
                        run.description
                    ])
                #expect(try await Self.listed(installation, "--organisation", "other") == [])
                #expect(try await installation.command("show", run.description).contains("\n\(text)\n"))
                let wrong = try await installation.attempt("runs", "--left-behind", "--status", "live")
                #expect(wrong.exitCode != 0 && wrong.errors.contains("runs that have ended"), "\(wrong.errors)")
            }
            try await Checker.check(installation)
        }
    }

    @Test func `an undo that a person gave up leaves what it was for and what was to be taken back after it`()
        async throws
    {
        try await Installation.withRegister(RegistryDefinitions.twofold) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(
                    name: "look-400", match: RequestMatch(method: "GET", path: "/clients/*"), effect: .status(400)),
                FaultRule(
                    name: "delete-403", match: RequestMatch(method: "DELETE", path: "/clients/*"), effect: .status(403)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.held, run)
            let held = try await installation.command("show", run.description)
            #expect(held.contains("to be taken back: what POST wpp:/clients in state requested made (client_id="))
            #expect(held.contains("may be left behind: what POST wpp:/clients in state line-requested made (line_id="))
            #expect(held.contains("taking it back failed"), "\(held)")
            let said = try await installation.command("resolve", run.description, "--abandon", "--reason", "by hand")
            #expect(said.split(separator: "\n").filter { $0.hasSuffix("a person gave up taking it back") }.count == 2)
            try await installation.reaches(.failed, run)
            #expect(try await Self.listed(installation) == [run.description])
            let things = try await Self.things(run, installation)
            #expect(things.map { $0["state"] } == ["requested", "line-requested"])
            #expect(things.allSatisfy { $0["certain"] == true && $0["reason"] == "undo_given_up" })
            let ids = installation.simulator.clients().map { JSONValue.string($0.session) }
            #expect(
                [things.first?["saved"]?["client_id"], things.last?["saved"]?["line_id"]] == ids.map { Optional($0) })
        }
    }
}
