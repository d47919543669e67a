import Postgres
import Testing

@Suite("Pipelines", .timeLimit(.minutes(5)))
struct PipelineTests {
    @Test("More than 16,000 results come back in order")
    func manyResults() async throws {
        try await withConnection { connection in
            let count = 20_000
            let requests = (0..<count).map { ("SELECT $1::int8", [PostgresValue.int(Int64($0))]) }
            for _ in 0..<2 {
                let results = try await connection.pipeline(requests.map { (sql: $0.0, parameters: $0.1) })
                let numbers = try results.map { try $0.get().onlyRow().int(0) }
                #expect(numbers == (0..<Int64(count)).map { $0 })
            }
            try await expectUsable(connection)
        }
    }

    @Test("Large statements and large answers at the same time do not block each other")
    func bothDirectionsFull() async throws {
        try await withConnection { connection in
            let text = String(repeating: "0123456789abcdef", count: 1 << 14)
            let requests = (0..<100).map { _ in (sql: "SELECT $1::text || $1", parameters: [PostgresValue.text(text)]) }
            let results = try await connection.pipeline(requests, timeout: .seconds(60))
            for result in results {
                let length = try result.get().onlyRow().utf8(0).count
                #expect(length == 2 * text.utf8.count)
            }
        }
    }

    @Test("One failure undoes all, and every statement says what became of it")
    func failure() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int PRIMARY KEY)")
            let insert = "INSERT INTO t VALUES ($1::int)"
            let results = try await connection.pipeline([
                (insert, [1]), (insert, [2]), (insert, [1]), (insert, [4]),
            ])
            let kinds = results.map { result -> PostgresError.Kind? in
                guard case .failure(let error) = result else { return nil }
                return error.kind
            }
            #expect(kinds == [.transactionAborted, .transactionAborted, .server, .transactionAborted])
            guard case .failure(let culprit) = results[2] else { return }
            #expect(culprit.sqlState == "23505")
            #expect(culprit.statement?.hasPrefix("statement 3 of 4") == true)
            let count = try await connection.query("SELECT count(*) FROM t").onlyRow().int(0)
            #expect(count == 0)
        }
    }

    @Test("A failure among reads keeps the answers before it")
    func failedReads() async throws {
        try await withConnection { connection in
            let results = try await connection.pipeline(
                [("SELECT 1", []), ("SELECT 1 / $1::int", [0]), ("SELECT 3", [])], readOnly: true)
            #expect(try results[0].get().onlyRow().int(0) == 1)
            #expect(throws: PostgresError.self) { try results[1].get() }
            #expect(throws: PostgresError.self) { try results[2].get() }
            try await expectUsable(connection)
        }
    }

    @Test("A cancelled pipeline is undone and leaves the connection usable")
    func cancelled() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            let processID = await connection.backendProcessID
            let task = Task {
                await postgresError {
                    try await connection.pipeline([("INSERT INTO t VALUES (1)", []), ("SELECT pg_sleep(60)", [])])
                }
            }
            try await waitUntilRunning("pg_sleep(60)", on: processID)
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            let count = try await connection.query("SELECT count(*) FROM t").onlyRow().int(0)
            #expect(count == 0)
        }
    }

    @Test("A connection lost in a pipeline is thrown, with an unknown outcome")
    func lost() async throws {
        try await withConnection { connection in
            let processID = await connection.backendProcessID
            let task = Task {
                await postgresError {
                    try await connection.pipeline([("SELECT 1", []), ("SELECT pg_sleep(60)", []), ("SELECT 2", [])])
                }
            }
            try await waitUntilRunning("pg_sleep(60)", on: processID)
            try await terminate(processID)
            let error = await task.value
            #expect(error?.kind == .outcomeUnknown)
            #expect(error?.sqlState == "57P01")
            #expect(!connection.isOpen)
        }
    }

    @Test("A pipeline works inside a transaction, and refuses bad parameters before sending anything")
    func insideTransaction() async throws {
        try await withConnection { connection in
            let sum = try await connection.withTransaction { connection in
                let results = try connection.pipelineSync([("SELECT 1", []), ("SELECT 2", [])])
                return try results.reduce(Int64(0)) { try $0 + $1.get().onlyRow().int(0) }
            }
            #expect(sum == 3)
            let error = await postgresError {
                try await connection.pipeline([("SELECT 1", []), ("SELECT $1", ["\0"])])
            }
            #expect(error?.kind == .invalidParameter)
            try await expectUsable(connection)
        }
    }
}
