import Foundation
import LocalPostgres
import Postgres

/// One database with its answerer, and the programs that work on it.
final class Scene {
    let bench: Bench
    let turnup: String
    let database: String
    let answerer: Answerer
    let connection: PostgresConnection
    let url: String
    private var workers: [Program] = []

    init(bench: Bench, turnup: String, database: String, answerer: Answerer) async throws {
        self.bench = bench
        self.turnup = turnup
        self.database = database
        self.answerer = answerer
        url = bench.server.server.url(database: database)
        connection = try await PostgresConnection.connect(PostgresConfiguration(connectionString: url))
    }

    func setUp(baseURL: String) async throws {
        try await command("migrate")
        for (name, text) in Workflows.all.sorted(by: { $0.key < $1.key }) {
            let path = "\(bench.folder)/\(name).yaml"
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try await command("workflow", "publish", path)
        }
        for service in ["sluggish", "quick"] {
            try await command("service", "set", service, "--base-url", baseURL, "--allow", "loopback")
        }
    }

    func end() async {
        for worker in workers { try? await worker.stop() }
        await connection.close()
    }

    @discardableResult
    func command(_ arguments: String...) async throws -> String {
        try await program(arguments).end()
    }

    func program(_ arguments: [String]) throws -> Program {
        try Program(
            turnup, arguments,
            environment: Bench.environment.merging([
                "TURNUP_DATABASE_URL": url, "TURNUP_KEY_FILE": "\(bench.folder)/keys.json",
                "TURNUP_STATE_DIR": bench.folder,
            ]) { $1 },
            folder: bench.folder)
    }

    /// A worker on the defaults, but that nothing disturbs what is counted.
    func startWorker(_ more: String...) throws {
        workers.append(
            try program(["worker", "--health", "none", "--verify-seconds", "0", "--statistics-seconds", "0"] + more))
    }

    func stopWorkers() async throws {
        for worker in workers { try await worker.stop() }
        workers = []
    }

    var workerSeconds: Double { workers.map(\.processorSeconds).reduce(0, +) }

    func count(_ sql: String) async throws -> Int64 {
        try await connection.query(sql, readOnly: true).onlyRow().int(0)
    }

    /// Runs with a worker until so many requests have come.
    func untilRequests(_ number: Int, within seconds: Double = 600) async throws {
        try await until("\(number) requests", within: seconds) { answerer.requests >= number }
    }

    func until(_ what: String, within seconds: Double, _ condition: () async throws -> Bool) async throws {
        let deadline = Clock.monotonic + UInt64(seconds * 1e9)
        while try await !condition() {
            guard Clock.monotonic < deadline else {
                throw Failure("waited \(seconds) s for \(what) in vain; workers say:\n\(workers.map(\.output))")
            }
            try await Clock.pause(seconds: 0.005)
        }
    }

    /// Starts a probe; answers when that was called, when it returned, and when the first byte of its request came.
    func sendProbe(_ name: String, organisation: String = "prober") async throws
        -> (called: UInt64, returned: UInt64, arrived: UInt64)
    {
        let called = Clock.monotonic
        try await connection.query(
            "select run_id from turnup.enqueue('probe', $1, json_build_object('n', $2::text))",
            [.text(organisation), .text(name)])
        let returned = Clock.monotonic
        return (called, returned, await answerer.arrival(of: name))
    }
}
