import EventStore
import Foundation
import HTTPActions
import Logging
import Postgres
import Synchronization
import Vault
import Worker
import WorkflowCore

/// The program's worker with its defaults, whose calls succeed at once without any request: what the engine and its database
/// can do. `turnup-bench-calls DATABASE-URL RUNS` ends when so many calls of the state `third` have been made, and
/// prints runs a second between the tenth and the ninetieth of a hundred of them.
@main
enum Main {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let runs = Int(arguments[2]), runs >= 10 else {
            FileHandle.standardError.write(Data("usage: turnup-bench-calls DATABASE-URL RUNS\n".utf8))
            exit(2)
        }
        let logger = Logger(label: "worker") { _ in SwiftLogNoOpLogHandler() }
        let pool = PostgresPool(
            PostgresConfiguration(connectionString: arguments[1], applicationName: "turnup", logger: logger),
            limits: PostgresPoolLimits(maximum: 8, reservedForCommits: 2))
        let ends = Mutex<[ContinuousClock.Instant]>([])
        let isOver = AsyncStream.makeStream(of: Void.self)
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json").path
        let worker = Worker(
            store: PostgresStore(pool: pool), vault: Vault(keyRing: try KeyRing.create(path: path)),
            prepare: { _ in nil },
            perform: { action in
                if action.scope.stateName == "third" {
                    let count = ends.withLock { list in
                        list.append(.now)
                        return list.count
                    }
                    if count == runs { isOver.continuation.finish() }
                }
                return ActionOutcome(result: AttemptResult(outcome: .done, status: 200))
            },
            configuration: WorkerConfiguration(name: "calls"), logger: logger)
        let running = Task { try await worker.run() }
        for await _ in isOver.stream {}
        let times = ends.withLock { $0 }
        let span = times[runs * 9 / 10 - 1] - times[runs / 10]
        print(
            Double(runs * 9 / 10 - 1 - runs / 10)
                / (Double(span.components.attoseconds) / 1e18 + Double(span.components.seconds)))
        // The last ones' commits go with it: only the rate counts.
        running.cancel()
        try await running.value
        await pool.close()
        try FileManager.default.removeItem(atPath: path)
    }
}
