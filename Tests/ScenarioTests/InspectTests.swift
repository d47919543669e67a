import EventStore
import Foundation
import FoundationNetworking
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// Numbers that work once, and are looked at again: still there, gone, or nobody can tell.
@Suite(.timeLimit(.minutes(15))) struct InspectTests {
    /// Looked up by the list, once a day and on request.
    private static let looking = RegistryDefinitions.adopting.replacingOccurrences(
        of: "active: {end: succeeded}",
        with: """
            active:
                end: succeeded
                inspect:
                  look_up:
                    call: list_clients
                    items: response.body
                    where: item.id == data.client_id
                    pages: whole
                    effect_within: 300ms
                    looks: {times: 2, every: 300ms}
                    within: 20s
                  every: 1d
            """)

    private static let refusedKey = FaultRule(
        name: "key-refused", match: Installation.token, effect: .status(403, body: #"{"error":"Invalid API key"}"#))

    private func fired(_ name: String, _ installation: Installation) -> Int? {
        installation.simulator.faults().first { $0.rule.name == name }?.fired
    }

    /// Until an inspection that nobody waits for has come to a verdict.
    private func isInspected(_ run: Identifier, _ installation: Installation) async throws {
        try #require(try await eventually(seconds: 60) { try await !installation.events(run, .runInspected).isEmpty })
    }

    private func inspect(
        _ run: Identifier, _ installation: Installation, expecting verdict: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> TurnupProcess.Answer {
        let answer = try await TurnupProcess.run(
            ["inspect", run.description, "--wait"], environment: installation.environment)
        #expect(
            answer.exitCode == (verdict == "present" ? 0 : 1) && answer.output.contains("inspected: \(verdict)"),
            "\(answer.output)\(answer.errors)", sourceLocation: sourceLocation)
        return answer
    }

    private func delete(_ id: String, at installation: Installation) async throws {
        var request = URLRequest(
            url: try #require(URL(string: "http://127.0.0.1:\(installation.ports.port)/clients/\(id)")))
        request.httpMethod = "DELETE"
        request.setValue("Bearer \(SimulatorConfiguration.defaultMasterSecret)", forHTTPHeaderField: "Authorization")
        let (_, response) = try await URLSession.shared.data(for: request)
        try #require(
            (response as? HTTPURLResponse)?.statusCode == 204 || (response as? HTTPURLResponse)?.statusCode == 200)
    }

    @Test func `the shipped number: present, drifted while its key is refused, and present again`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111001")
                try await installation.reaches(.succeeded, run)
                #expect(
                    try await installation.command("show", run.description).contains("inspected     not yet; next in"))
                _ = try await inspect(run, installation, expecting: "present")
                #expect(try await installation.command("runs", "--drifted").contains("+34600111001") == false)
                installation.simulator.addFaults([Self.refusedKey])
                _ = try await inspect(run, installation, expecting: "drifted")
                #expect(fired("key-refused", installation) == 3, "one refusal is no drift yet")
                let drifted = try await installation.command("runs", "--drifted", "--json")
                #expect(drifted.contains(run.description) && drifted.contains(#""inspection":"drifted""#))
                #expect(drifted.contains(#""status":"succeeded""#))
                installation.simulator.removeFaults()
                _ = try await inspect(run, installation, expecting: "present")
                #expect(try await installation.command("runs", "--drifted").contains("+34600111001") == false)
                let verdicts = try await installation.events(run, .runInspected).map { $0.body["verdict"] }
                #expect(verdicts == ["present", "drifted", "present"])
                #expect(try await installation.command("verify").contains(" 0 violations"))
            }
            try await Checker.check(installation)
        }
    }

    @Test func `an outage is not drift: after six tries nobody can tell`() async throws {
        try await Installation.with { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111001")
                try await installation.reaches(.succeeded, run)
                installation.simulator.addFaults([
                    FaultRule(name: "outage", match: Installation.token, effect: .status(503))
                ])
                _ = try await inspect(run, installation, expecting: "unknown")
                #expect(fired("outage", installation) == 6)
                #expect(try await installation.store.run(run)?.status == .succeeded)
            }
        }
    }

    @Test func `what somebody deleted over there is seen by two look-ups, is mended by nobody, and redo makes it anew`()
        async throws
    {
        // The ledger's checker takes a deletion by others for a mistake, so it is not asked.
        try await Installation.withRegisterAlone(Self.looking) { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+1", workflow: "registered-number")
                try await installation.reaches(.succeeded, run)
                _ = try await inspect(run, installation, expecting: "present")
                let client = try await installation.store.fold(run)?.data["client_id"]?.stringValue
                try await delete(try #require(client), at: installation)
                _ = try await inspect(run, installation, expecting: "drifted")
                let looks = try await installation.events(run, .attemptStarted).filter {
                    $0.body["purpose"] == "inspect"
                }
                #expect(looks.count == 3, "one that found it, two that did not")
                #expect(installation.simulator.clients().count == 1)
                try await installation.command("redo", run.description, "--reason", "gone over there")
                try await installation.reaches(.released, run)
                // By now others may have something under its name, and this undo cannot look first.
                #expect(try await !installation.purposes(run).contains("undo"))
                #expect(try await installation.command("runs", "--left-behind").contains(run.description.prefix(8)))
                let next = try #require(
                    try await installation.events(run, .redoStarted).first?.body["run"]?.stringValue.flatMap {
                        Identifier($0)
                    })
                try await installation.reaches(.succeeded, next)
            }
        }
    }

    @Test func `a schedule brings it about without anybody asking, by the clock put ahead`() async throws {
        try await Installation.withRegister(Self.looking) { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            #expect(try await installation.events(run, .runInspected).isEmpty)
            try await installation.database.shiftClock(seconds: 86_400)
            try await isInspected(run, installation)
            #expect(try await installation.events(run, .inspectionRequested).isEmpty)
            let task = try #require(try await installation.store.run(run)?.task)
            let now = try await installation.store.now()
            #expect(task.due > now.advanced(byMilliseconds: 80_000_000), "the next one comes in a day")
        }
    }

    @Test func `a worker that is killed in the middle of an inspection loses none of it`() async throws {
        try await Installation.withRegisterAlone(Self.looking) { installation in
            let first = try installation.startWorker(leaseSeconds: 2)
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            installation.simulator.addFaults([
                FaultRule(
                    name: "slow-list", match: RequestMatch(method: "GET", path: "/clients"), trigger: .nth(1),
                    effect: .hang())
            ])
            try await installation.command("inspect", run.description)
            let list = RequestMatch(method: "GET", path: "/clients")
            #expect(await installation.simulator.wait(for: list, phase: .received))
            await first.killHard()
            try await installation.withWorker(leaseSeconds: 2) { _ in
                try await isInspected(run, installation)
            }
            #expect(try await installation.events(run, .runInspected).first?.body["verdict"] == "present")
            #expect(try await installation.command("verify").contains(" 0 violations"))
        }
    }

    @Test func `all that say how are asked, the others are left out`() async throws {
        try await Installation.withRegister(RegistryDefinitions.adopting) { installation in
            let without = try await installation.enqueue("+1", workflow: "registered-number")
            let first = try await installation.enqueue("+34600111001")
            let second = try await installation.enqueue("+34600111002", organisation: "school")
            for run in [without, first, second] { try await installation.reaches(.succeeded, run) }
            let answer = try await TurnupProcess.run(["inspect", "--all"], environment: installation.environment)
            #expect(
                answer.exitCode == 0 && answer.errors.contains("1 run left out"), "\(answer.output)\(answer.errors)")
            for run in [first, second] {
                try await isInspected(run, installation)
            }
        }
    }

    @Test func `Ctrl-C while waiting ends the waiting, and the inspection stays asked for`() async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600111001")
            try await installation.withWorker { _ in try await installation.reaches(.succeeded, run) }
            let waiting = try TurnupProcess(
                ["inspect", run.description, "--wait"], environment: installation.environment)
            try #require(
                try await eventually(seconds: 60) {
                    try await !installation.events(run, .inspectionRequested).isEmpty
                })
            waiting.send(SIGINT)
            #expect(await waiting.end().exitCode == 130)
            #expect(try await installation.store.run(run)?.task != nil)
        }
    }

    @Test(arguments: [
        (["inspect"], 2, "name runs"), (["inspect", "RUN", "--all"], 2, "not both"),
        (["inspect", "--all", "--wait"], 2, "--wait is for one run"), (["inspect", "ffffffff"], 2, "there is no run"),
        (["inspect", "RUN"], 1, "the run is held"), (["inspect", "RUN", "--reason", " "], 2, "blank"),
        (["runs", "--drifted", "--left-behind"], 2, "--drifted lists succeeded runs"),
        (["runs", "--drifted", "--status", "failed"], 2, "--drifted lists succeeded runs"),
    ])
    func `wrong words and runs that have not succeeded get one clear line`(
        _ words: [String], _ code: Int32, _ text: String
    ) async throws {
        try await Installation.with { installation in
            let run = try await installation.enqueue("+34600111001")
            installation.simulator.addFaults([
                FaultRule(name: "lost", match: Installation.create, effect: .close(.after))
            ])
            try await installation.withWorker { _ in try await installation.reaches(.held, run) }
            let answer = try await TurnupProcess.run(
                words.map { $0 == "RUN" ? run.description : $0 }, environment: installation.environment)
            #expect(answer.exitCode == code && answer.errors.contains(text), "\(answer.exitCode) \(answer.errors)")
        }
    }
}
