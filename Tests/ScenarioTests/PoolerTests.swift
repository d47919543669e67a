import EventStore
import Foundation
import PlatformSimulator
import TestSupport
import Testing
import Vault
import WorkflowCore

/// Everything as on a session of one's own, although three server sessions are shared by all.
@Suite(.timeLimit(.minutes(10))) struct PoolerTests {
    @Test func `three workers make 200 numbers through PgBouncer with three sessions, each once, and meet no other`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.database.withPooler(sessions: 3) { pooler, pooled in
                let environment = installation.environment.merging(["TURNUP_DATABASE_URL": pooled.url]) { $1 }
                let workers = try (1...3).map { _ in
                    try TurnupProcess(["worker", "--poll-milliseconds", "200"], environment: environment)
                }
                let file = "\(installation.folder)/numbers.csv"
                let numbers = (1...199).map { "+346\(10_000_000 + $0)" }
                try (["number"] + numbers).joined(separator: "\n").write(
                    toFile: file, atomically: true, encoding: .utf8)
                for command in [
                    ["enqueue", "whatsapp-number", "--organisation", "academy", "number=+34699000000"],
                    ["enqueue", "whatsapp-number", "--organisation", "academy", "--from", file],
                ] {
                    let answer = try await TurnupProcess.run(command, environment: environment)
                    #expect(answer.exitCode == 0, "\(answer.errors)")
                }
                let succeeded = RunFilter(status: .succeeded, limit: 1000)
                _ = try await eventually(seconds: 240) {
                    try await installation.store.runs(succeeded).count == 200
                }
                #expect(try await installation.store.runs(succeeded).count == 200)
                for command in [["runs"], ["service", "list"], ["workflow", "list"], ["verify"]] {
                    let answer = try await TurnupProcess.run(command, environment: environment)
                    #expect(answer.exitCode == 0, "\(command): \(answer.errors)")
                }
                for worker in workers {
                    worker.send(SIGTERM)
                    let answer = await worker.end()
                    #expect(answer.exitCode == 0)
                    let said = answer.output + answer.errors
                    #expect(
                        said.components(separatedBy: "a connection pooler lets no wake-up through").count == 2,
                        "\(said)")
                    for trouble in ["42P05", "08P01", "26000", "error", "away"] {
                        #expect(!said.contains(trouble), "\(said)")
                    }
                }
                #expect(installation.requests(Installation.create).count == 200)
                #expect(!pooler.log.contains("ERROR"), "\(pooler.log)")
            }
        }
    }
}
