import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// Why does the second number fail? Through the real program and a platform over HTTP, whose ledger knows the truth.
@Suite(.timeLimit(.minutes(15))) struct DiagnoseTests {
    private func verdict(_ run: Identifier, _ installation: Installation) async throws -> JSONValue {
        try JSONValue.parse(try await installation.command("diagnose", run.description, "--json"))
    }

    private func rivals(_ verdict: JSONValue) -> [String] {
        (verdict["rivals"]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    /// Does what the verdict says, command by command as it is printed.
    private func follow(_ verdict: JSONValue, _ installation: Installation) async throws {
        let commands = (verdict["action"]?["commands"]?.arrayValue ?? []).compactMap(\.stringValue)
        for command in commands {
            let answer = try await TurnupProcess(
                shell: command.replacingOccurrences(of: "turnup ", with: "\"$TURNUP\" "),
                environment: installation.environment
            ).end()
            #expect(answer.exitCode == 0, "\(command): \(answer.errors)")
        }
        #expect(!commands.isEmpty)
    }

    /// Until the platform has refused the run's key at this age or more.
    private func isRefused(_ run: Identifier, ageSeconds: Int64 = 0, _ installation: Installation) async throws {
        let isRefused = try await eventually(seconds: 120) {
            try await installation.events(run, .attemptNotDone).contains { event in
                (event.body["evidence"]?["credentials_used"]?.arrayValue ?? []).contains {
                    $0["name"]?.stringValue == "api_key"
                        && ($0["age_milliseconds"]?.integerValue ?? -1) >= ageSeconds * 1000
                }
            }
        }
        try #require(isRefused, "the key was never refused at that age")
    }

    @Test func `the ledger says late: open between delay and limit while it waits, settled as a delay once it works`()
        async throws
    {
        try await Installation.with(activation: .fixed(milliseconds: 8000)) { installation in
            try await installation.withWorker { worker in
                let first = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600333444")
                try await isRefused(second, installation)
                let waiting = try await verdict(second, installation)
                #expect(waiting["confidence"] == "open" && rivals(waiting) == ["activation_delay", "single_client"])
                #expect(waiting["decided_at"]?.stringValue != nil)
                let page = try await installation.command("diagnose", second.description)
                #expect(page.contains("open between") && page.contains("missing") && page.contains(first.description))
                try await installation.reaches(.succeeded, second)
                let settled = try await verdict(second, installation)
                #expect(settled["code"] == "activation_delay" && settled["confidence"] == "settled")
                #expect(installation.simulator.clients().count == 2, "the platform made a client for each")
                #expect(try await verdict(first, installation)["code"] == "works")
                let list = try await installation.command("diagnose", "--organisation", "academy")
                #expect(list.contains("activation_delay") && list.contains("works"))
                try await Checker.checkSecrets(installation, in: [page, list, settled.serialized(), worker.spoken])
            }
            try await Checker.check(installation)
        }
    }

    @Test func `the ledger says one client returned twice: settled as the old client`() async throws {
        var behaviour = Behaviour()
        behaviour.create = .oldKey
        try await Installation.with(behaviour) { installation in
            try await installation.withWorker { _ in
                let first = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600333444")
                try await installation.reaches(.held, second)
                let found = try await verdict(second, installation)
                #expect(found["code"] == "old_client_returned" && found["confidence"] == "settled")
                #expect(installation.simulator.clients().count == 1, "the platform made no second client")
                try await follow(found, installation)
            }
        }
    }

    @Test func `the ledger says a rotated key for the old session: no delay and no limit is claimed`() async throws {
        var behaviour = Behaviour()
        behaviour.create = .rotatedKey
        try await Installation.with(behaviour) { installation in
            try await installation.withWorker { _ in
                let first = try await installation.enqueue("+34600111222")
                try await installation.reaches(.succeeded, first)
                let second = try await installation.enqueue("+34600333444")
                try await installation.reaches(.held, second)
                #expect(try await verdict(second, installation)["code"] == "session_reused")
                // The older key is tried, and then the create is the suspect.
                _ = try await TurnupProcess.run(
                    ["inspect", first.description, "--wait"], environment: installation.environment)
                let likely = try await verdict(second, installation)
                #expect(likely["code"] == "key_rotated" && likely["confidence"] == "likely")
                let school = try await installation.enqueue("+34600999000", organisation: "school")
                try await installation.reaches(.succeeded, school)
                let settled = try await verdict(second, installation)
                #expect(settled["code"] == "key_rotated" && settled["confidence"] == "settled")
                #expect(try await verdict(first, installation)["code"] == "key_rotated")
            }
        }
    }

    @Test func `the ledger says dead second clients: open at first, likely one client per organisation with a fleet`()
        async throws
    {
        var behaviour = Behaviour()
        behaviour.create = .silentDeadKey
        try await Installation.with(behaviour) { installation in
            try await installation.withWorker { _ in
                var second: [Identifier] = []
                for index in 0..<3 {
                    let organisation = "org\(index)"
                    let first = try await installation.enqueue("+3460011122\(index)", organisation: organisation)
                    try await installation.reaches(.succeeded, first)
                    second.append(try await installation.enqueue("+3460033344\(index)", organisation: organisation))
                    try await isRefused(second[index], installation)
                }
                for run in second {
                    let open = try await verdict(run, installation)
                    #expect(open["confidence"] == "open" && rivals(open) == ["activation_delay", "single_client"])
                }
                try await installation.database.shiftClock(seconds: 3 * 3600)
                try await isRefused(second[0], ageSeconds: 2 * 3600, installation)
                for run in second { try await isRefused(run, ageSeconds: 2 * 3600, installation) }
                for run in second {
                    let found = try await verdict(run, installation)
                    #expect(found["code"] == "single_client", "\(found.serialized())")
                    #expect(found["confidence"] == "likely", "no random key was tried, so it is not settled")
                    #expect(found["probe"]?["name"] == "P5")
                    let way = found["action"]?["text"]?.stringValue ?? ""
                    for words in ["whatsapp-number-shared-key", "whatsapp-number-sub-organisation", "Still unproven"] {
                        #expect(way.contains(words), "\(way)")
                    }
                }
                #expect(installation.simulator.clients().filter { $0.organisation == "org0" }.count == 2)
                // The way out works from where the run stands, and the number comes into service.
                try await follow(try await verdict(second[0], installation), installation)
                let other = try #require(
                    try await installation.store.runs(
                        RunFilter(workflow: "whatsapp-number-sub-organisation", organisation: "org0")
                    ).first)
                try await installation.reaches(.succeeded, other.id)
            }
        }
    }

    @Test func `token calls answer 503: a failing platform, and settled only when two organisations meet it`()
        async throws
    {
        try await Installation.with { installation in
            installation.simulator.addFaults([
                FaultRule(match: Installation.token, trigger: .always, effect: .status(503))
            ])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                _ = try await eventually(seconds: 60) { try await !installation.events(run, .attemptUnknown).isEmpty }
                let one = try await verdict(run, installation)
                #expect(one["code"] == "platform_failing" && one["confidence"] == "likely", "\(one.serialized())")
                let other = try await installation.enqueue("+34600333444", organisation: "school")
                _ = try await eventually(seconds: 60) { try await !installation.events(other, .attemptUnknown).isEmpty }
                let both = try await verdict(run, installation)
                // Enough failures shut the service; then that is what keeps the run.
                #expect(
                    (both["code"] == "platform_failing" && both["confidence"] == "settled")
                        || both["code"] == "service_paused", "\(both.serialized())")
            }
        }
    }

    @Test func `a wrong master secret: likely with one organisation, settled with two`() async throws {
        try await Installation.with { installation in
            try await installation.command(
                "secret", "set", "wpp_master", "--from-env", "MASTER", variables: ["MASTER": "not-the-master-secret"])
            try await installation.withWorker { _ in
                let run = try await installation.enqueue("+34600111222")
                try await installation.reaches(.failed, run)
                let one = try await verdict(run, installation)
                #expect(one["code"] == "master_secret_refused" && one["confidence"] == "likely", "\(one.serialized())")
                let other = try await installation.enqueue("+34600333444", organisation: "school")
                try await installation.reaches(.failed, other)
                for run in [run, other] {
                    let found = try await verdict(run, installation)
                    #expect(found["code"] == "master_secret_refused" && found["confidence"] == "settled")
                }
                #expect(installation.simulator.clients().isEmpty)
            }
        }
    }

    @Test(arguments: [
        (["diagnose"], "name a run, or give --organisation"),
        (["diagnose", "x", "--organisation", "y"], "one of them"),
        (["diagnose", "zzz"], "is not a run's id"), (["diagnose", "ffffffff"], "there is no run"),
        (["diagnose", "--organisation", "nobody"], "there is no run of organisation nobody"),
    ])
    func `wrong words get one clear line and exit code 2`(_ words: [String], _ text: String) async throws {
        try await TestDatabase.withDatabase { database in
            let answer = try await TurnupProcess.run(words, environment: ["TURNUP_DATABASE_URL": database.url])
            #expect(answer.exitCode == 2 && answer.errors.contains(text), "\(answer.exitCode) \(answer.errors)")
            #expect(answer.output.isEmpty)
        }
    }
}
