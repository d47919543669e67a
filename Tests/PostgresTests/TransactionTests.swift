import Postgres
import Testing

@Suite("Transactions", .timeLimit(.minutes(15)))
struct TransactionTests {
    private struct Unrelated: Error, Equatable {}

    @Test func `a body that throws leaves nothing behind, and its error comes out`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            await #expect(throws: Unrelated.self) {
                try await connection.withTransaction { connection in
                    try connection.querySync("INSERT INTO t VALUES (1)")
                    throw Unrelated()
                }
            }
            let kept = try await connection.withTransaction { connection in
                try connection.querySync("INSERT INTO t VALUES (2), (3)").affectedRows
            }
            #expect(kept == 2)
            let rows = try await connection.query("SELECT a FROM t ORDER BY a").map { try $0.int(0) }
            #expect(rows == [2, 3])
        }
    }

    @Test func `a swallowed error does not let the transaction look committed`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            let error = await postgresError {
                try await connection.withTransaction { connection in
                    try connection.querySync("INSERT INTO t VALUES (1)")
                    _ = try? connection.querySync("SELECT nonsense")
                }
            }
            #expect(error?.kind == .transactionAborted)
            let count = try await connection.query("SELECT count(*) FROM t").onlyRow().int(0)
            #expect(count == 0)
        }
    }

    @Test func `a savepoint undoes only its own part, also when nested`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int PRIMARY KEY)")
            try await connection.withTransaction { connection in
                try connection.querySync("INSERT INTO t VALUES (1)")
                try connection.withSavepointSync {
                    try connection.querySync("INSERT INTO t VALUES (2)")
                    #expect(throws: PostgresError.self) {
                        try connection.withSavepointSync {
                            try connection.querySync("INSERT INTO t VALUES (3)")
                            try connection.querySync("INSERT INTO t VALUES (1)")
                        }
                    }
                }
            }
            let rows = try await connection.query("SELECT a FROM t ORDER BY a").map { try $0.int(0) }
            #expect(rows == [1, 2])
        }
    }

    @Test func `a constraint checked at COMMIT fails the transaction with its SQLSTATE`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let error = await postgresError {
                try await connection.withTransaction { _ = try $0.querySync("INSERT INTO t VALUES (1), (1)") }
            }
            #expect(error?.sqlState == "23505")
            try await expectUsable(connection)
        }
    }

    @Test
    func `isolation and read-only are what was asked for, and a write in a read-only one is told apart`() async throws {
        try await withConnection { connection in
            let level = try await connection.withTransaction(isolation: .serializable, readOnly: true) { connection in
                try connection.querySync("SHOW transaction_isolation").onlyRow().string(0)
            }
            #expect(level == "serializable")
            let error = await postgresError {
                try await connection.withTransaction(readOnly: true) { connection in
                    _ = try connection.querySync("CREATE TABLE never (a int)")
                }
            }
            #expect(error?.isReadOnlyServer == true)
        }
    }

    @Test func `two transactions that contradict each other end in one retryable error`() async throws {
        try await withConnection { first in
            try await withConnection { second in
                try await first.execute("CREATE TABLE contradiction (a int); INSERT INTO contradiction VALUES (0)")
                try await first.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM contradiction")
                try await second.query("UPDATE contradiction SET a = 1")
                let error = await postgresError { try await first.query("UPDATE contradiction SET a = 2") }
                #expect(error?.isRetryable == true)
                #expect(error?.sqlState == "40001")
            }
        }
    }

    @Test func `a transaction inside one that is open is refused, and so is a body that ends its transaction itself`()
        async throws
    {
        try await withConnection { connection in
            try await connection.execute("BEGIN")
            let nested = await postgresError { try await connection.withTransaction { _ in } }
            #expect(nested?.kind == .misuse)
            try await connection.execute("ROLLBACK")
            let ended = await postgresError {
                try await connection.withTransaction { _ = try $0.executeSync("COMMIT") }
            }
            #expect(ended?.kind == .misuse)
            try await expectUsable(connection)
        }
    }
}
