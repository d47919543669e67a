import EventStore
import Foundation
import PlatformSimulator
import Testing
import WorkflowCore

/// What a failed or cancelled run takes back, and how it waits for a state to be stable.
@Suite(.timeLimit(.minutes(15))) struct UndoTests {
    private let look = RequestMatch(method: "GET", path: "/clients/*")
    private let delete = RequestMatch(method: "DELETE", path: "/clients/*")

    @Test func `a failure takes back what was made, the last first, and lets go of the key`() async throws {
        try await Installation.withRegister(RegistryDefinitions.twofold) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(name: "look-400", match: look, effect: .status(400, body: #"{"error":"no"}"#))
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            let clients = installation.simulator.clients()
            #expect(clients.count == 2 && clients.allSatisfy { $0.deletedAtMilliseconds != nil })
            let deleted = installation.simulator.ledger().filter { $0.method == "DELETE" }.map { $0.decision?.client }
            #expect(deleted == [2, 1])
            #expect(try await installation.purposes(run) == ["call", "call", "call", "undo", "undo"])
            let again = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(again != run, "the key is not free")
        }
    }

    @Test func `an undo that the platform is too busy for is tried again, one that was done before is done`()
        async throws
    {
        try await Installation.withRegister(RegistryDefinitions.twofold) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(name: "look-400", match: look, effect: .status(400)),
                FaultRule(name: "delete-503", match: delete, trigger: .nth(1), effect: .status(503)),
                FaultRule(name: "delete-lost", match: delete, trigger: .nth(2), effect: .close(.after)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.failed, run)
            #expect(installation.simulator.clients().allSatisfy { $0.deletedAtMilliseconds != nil })
            #expect(installation.simulator.ledger().contains { $0.method == "DELETE" && $0.status == 404 })
        }
    }

    @Test func `an undo that is refused holds the run, which keeps its key`() async throws {
        try await Installation.withRegister(RegistryDefinitions.twofold) { installation in
            _ = installation.simulator.addFaults([
                FaultRule(name: "look-400", match: look, effect: .status(400)),
                FaultRule(name: "delete-403", match: delete, effect: .status(403, body: #"{"error":"not yours"}"#)),
            ])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.held, run)
            let held = try #require(try await installation.events(run, .runHeld).last)
            #expect("\(held.body)".contains("undo_failed"), "\(held.body)")
            #expect(installation.simulator.clients().allSatisfy { $0.deletedAtMilliseconds == nil })
            let again = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(again == run, "the key is free")
        }
    }

    @Test func `a cancelled run takes back what it made`() async throws {
        try await Installation.withRegister(RegistryDefinitions.replacing, activation: .never) { _ in
        } _: { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let isWaiting = try await eventually(seconds: 30) {
                try await !installation.events(run, .attemptNotDone).isEmpty
            }
            #expect(isWaiting, "the key was never refused")
            try await installation.cancel(run, reason: "wrong number")
            try await installation.reaches(.cancelled, run)
            let client = try #require(installation.simulator.clients().first)
            #expect(client.deletedAtMilliseconds != nil && installation.simulator.clients().count == 1)
            let again = try await installation.enqueue("+1", workflow: "registered-number")
            #expect(again != run, "the key is not free")
            try await installation.cancel(again, reason: "the test is over")
            try await installation.reaches(.cancelled, again)
        }
    }

    @Test func `a cancel while a lost create is being looked for takes back what the look-up finds`() async throws {
        try await Installation.withRegister(RegistryDefinitions.replacing) { installation in
            _ = installation.simulator.addFaults([.lostCreate])
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let isUnknown = try await eventually(seconds: 30) {
                try await !installation.events(run, .attemptUnknown).isEmpty
            }
            #expect(isUnknown, "the answer was not lost")
            try await installation.cancel(run, reason: "wrong number")
            try await installation.reaches(.cancelled, run)
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
        }
    }

    @Test func `replicas that disagree must agree three times in a row before the run goes on`() async throws {
        try await Installation.withRegister(RegistryDefinitions.replacing) {
            $0.replicaLagMilliseconds = [0, 4000, 0]
        } _: { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            try await installation.reaches(.succeeded, run)
            let statuses = installation.simulator.ledger().filter { $0.path.hasSuffix("/status") }.map { $0.status }
            #expect(statuses.contains(403), "the replicas agreed: \(statuses)")
            // As the worker saw it: on a busy machine an answer may come after its timeout.
            let events = try await installation.events(run)
            let asked = Set(
                events.filter { $0.type == EventType.attemptStarted.rawValue && $0.body["state"] == "settling" }
                    .compactMap(\.attemptId))
            let endings = events.filter {
                $0.type != EventType.attemptStarted.rawValue && $0.attemptId.map(asked.contains) == true
            }.map(\.type)
            let agreement = Array(repeating: EventType.attemptDone.rawValue, count: 3)
            #expect(Array(endings.suffix(3)) == agreement, "\(endings)")
            #expect(
                !endings.indices.dropLast(3).contains { Array(endings[$0...].prefix(3)) == agreement },
                "it went on before, or asked once more than needed: \(endings)")
        }
    }

    @Test func `a state that does not get stable by its deadline fails the run, which takes back what it made`()
        async throws
    {
        let definition = RegistryDefinitions.replacing.replacingOccurrences(
            of: "stable: {times: 3, every: 1s}", with: "stable: {times: 3, every: 1s}\n    deadline: 6s"
        )
        .replacingOccurrences(of: "within: 5m", with: "max_attempts: 1000")
        try await Installation.withRegister(definition) {
            $0.replicaLagMilliseconds = [0, 3_600_000]
        } _: { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let failed = try await installation.reaches(.failed, run)
            #expect(failed.reason?.contains("deadline") == true, "\(failed.reason ?? "")")
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
        }
    }

    @Test func `a run that does not end by its deadline fails and takes back what it made`() async throws {
        let definition = RegistryDefinitions.replacing.replacingOccurrences(of: "deadline: 10m", with: "deadline: 6s")
            .replacingOccurrences(of: "within: 5m", with: "max_attempts: 1000")
        try await Installation.withRegister(definition, activation: .never) { _ in
        } _: { installation in
            let run = try await installation.enqueue("+1", workflow: "registered-number")
            let failed = try await installation.reaches(.failed, run)
            #expect(failed.reason?.contains("deadline") == true, "\(failed.reason ?? "")")
            #expect(installation.simulator.clients().map { $0.deletedAtMilliseconds != nil } == [true])
            let requested = try #require(try await installation.events(run, .runRequested).first)
            let ended = try #require(try await installation.events(run, .runFailed).first)
            #expect(ended.recordedAt.milliseconds(since: requested.recordedAt) >= 6000)
        }
    }
}
