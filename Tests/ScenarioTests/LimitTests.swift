import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

/// A platform that allows one client per organisation, and the two ways round that.
@Suite(.timeLimit(.minutes(15))) struct LimitTests {
    static let start = RequestMatch(path: "/api/accounts/start")
    private static let first = "+34600111222"
    private static let second = "+34600333444"

    /// Such a platform, with the first number of the organisation in service through the flagship.
    private func withFirstNumber(
        _ semantics: CreateSemantics, _ body: (Installation, RunOverview) async throws -> Void
    ) async throws {
        var behaviour = Behaviour()
        behaviour.create = semantics
        try await Installation.with(behaviour) { installation in
            try await installation.withWorker { _ in
                let run = try await installation.enqueue(Self.first)
                try await body(installation, try await installation.reaches(.succeeded, run))
            }
            try await Checker.check(installation)
        }
    }

    /// The organisation's key as its people have it from the platform, stored the way the definition's comment says.
    private func storeKey(_ installation: Installation) async throws -> String {
        let key = try #require(installation.simulator.clients().first).apiKey
        try await installation.command(
            "secret", "set", "wpp_api_key", "--organisation", "academy", "--from-env", "KEY", variables: ["KEY": key])
        return key
    }

    @Test func `a limit that the platform names fails the second number of the flagship, and its key is free again`()
        async throws
    {
        try await withFirstNumber(.conflict) { installation, _ in
            let second = try await installation.enqueue(Self.second)
            let failed = try await installation.reaches(.failed, second)
            #expect(failed.reason?.contains("http.409") == true)
            let refused = try #require(try await installation.events(second, .attemptNotDone).first)
            let text = refused.body["evidence"]?["body"]
            #expect("\(String(describing: text))".contains("Only one client per organization"))
            #expect(installation.simulator.clients().count == 1)
            let again = try await installation.enqueue(Self.second)
            #expect(again != second, "the key is not free")
            try await installation.reaches(.failed, again)
        }
    }

    @Test func `a limit that the platform hides keeps the second number waiting for its key and then fails it`()
        async throws
    {
        try await withFirstNumber(.silentDeadKey) { installation, _ in
            let second = try await installation.enqueue(Self.second)
            let isRefused = try await eventually(seconds: 30) {
                try await installation.events(second, .attemptNotDone).count >= 2
            }
            #expect(isRefused, "the dead key was never refused")
            #expect(try await installation.store.run(second)?.state == "token-pending")
            try await installation.database.shiftClock(seconds: 7 * 3600)
            let failed = try await installation.reaches(.failed, second)
            #expect(failed.reason?.contains("key_not_active for the whole window of 6h") == true)
            #expect(installation.simulator.clients().count == 2, "the platform's dead client")
        }
    }

    @Test(arguments: [CreateSemantics.conflict, .silentDeadKey])
    func `the second number comes into service under the organisation's key, without a second client`(
        _ semantics: CreateSemantics
    ) async throws {
        try await withFirstNumber(semantics) { installation, _ in
            try await installation.command("workflow", "publish", Installation.shipped("whatsapp-number-shared-key"))
            let run = try await installation.enqueue(Self.second, workflow: "whatsapp-number-shared-key")
            let isWaiting = try await eventually(seconds: 30) {
                try await installation.store.run(run)?.task?.waitReason == .noSecret
            }
            #expect(isWaiting, "it does not wait for the key")
            let key = try await storeKey(installation)
            let found = try await installation.reaches(.succeeded, run)
            #expect(found.state == "active")
            let started = try #require(installation.requests(Self.start).first)
            let shown = try await installation.command("show", run.description)
            #expect(shown.contains(try #require(started.decision?.session)) && !shown.contains(key))
            #expect(installation.simulator.clients().count == 1)
            #expect(started.decision?.kind == .accountStarted && started.decision?.client == 1)
            try await Checker.checkSecrets(installation, in: [shown])
        }
    }

    @Test func `the second number comes into service as a sub-organisation of its own`() async throws {
        try await withFirstNumber(.conflict) { installation, _ in
            let workflow = "whatsapp-number-sub-organisation"
            try await installation.command("workflow", "publish", Installation.shipped(workflow))
            for number in [Self.second, "+34600555666"] {
                let run = try await installation.enqueue(number, workflow: workflow)
                let found = try await installation.reaches(.succeeded, run)
                #expect(found.state == "active")
                let ended = try #require(try await installation.events(run, .runSucceeded).first)
                #expect(ended.body["output"]?["platform_organisation"] == .string("academy:\(number)"))
            }
            #expect(
                installation.simulator.clients().map(\.organisation)
                    == ["academy", "academy:\(Self.second)", "academy:+34600555666"])
        }
    }

    @Test func `a lost answer of a session's start is asked for again and meets the same session`() async throws {
        try await withFirstNumber(.conflict) { installation, _ in
            try await installation.command("workflow", "publish", Installation.shipped("whatsapp-number-shared-key"))
            _ = try await storeKey(installation)
            _ = installation.simulator.addFaults([
                FaultRule(name: "start-lost", match: Self.start, trigger: .nth(1), effect: .close(.after))
            ])
            let run = try await installation.enqueue(Self.second, workflow: "whatsapp-number-shared-key")
            try await installation.reaches(.succeeded, run)
            let requests = installation.requests(Self.start)
            #expect(requests.compactMap(\.decision?.kind) == [.accountStarted, .accountReturned])
            #expect(requests.first?.faults == ["start-lost"])
            #expect(Set(requests.compactMap(\.decision?.session)).count == 1)
            let unknown = try await installation.events(run, .attemptUnknown)
            #expect(unknown.count == 1 && unknown[0].body["error"] == "connection_lost")
        }
    }

    @Test func `a token that came to its end before the session was started is replaced by another one`() async throws {
        try await withFirstNumber(.conflict) { installation, _ in
            try await installation.command("workflow", "publish", Installation.shipped("whatsapp-number-shared-key"))
            _ = try await storeKey(installation)
            _ = installation.simulator.addFaults([
                FaultRule(name: "start-hold", match: Self.start, trigger: .nth(1), effect: .hold())
            ])
            let run = try await installation.enqueue(Self.second, workflow: "whatsapp-number-shared-key")
            #expect(await installation.simulator.wait(for: Self.start, phase: .held), "never held")
            await installation.simulator.advance(milliseconds: 901_000)
            #expect(installation.simulator.release() == 1)
            try await installation.reaches(.succeeded, run)
            let states = try await installation.events(run).compactMap {
                $0.body["entered"]?.stringValue ?? ($0.type == "state.entered" ? $0.body["state"]?.stringValue : nil)
            }
            #expect(
                states == [
                    "token-pending", "session-starting", "token-stale", "token-pending", "session-starting", "active",
                ])
            #expect(installation.requests(Self.start).compactMap(\.status) == [401, 200])
        }
    }
}
