import Testing

@testable import Postgres

@Suite("Prepared statements", .timeLimit(.minutes(5)))
struct PreparedStatementTests {
    private func preparedCount(_ connection: PostgresConnection) async throws -> Int64 {
        // A script, so that counting prepares nothing.
        let answers = try await connection.execute("SELECT count(*) FROM pg_prepared_statements")
        return try answers[0][0].int(0)
    }

    @Test("A statement is prepared when it comes again, once for each set of parameter types")
    func preparedOnSecondUse() async throws {
        try await withConnection { connection in
            try await connection.query("SELECT $1::text", ["a"])
            #expect(try await preparedCount(connection) == 0)
            for value in [PostgresValue.text("b"), .text("c"), .null, .bool(true), .bool(false)] {
                let row = try await connection.query("SELECT $1::text", [value])
                #expect(row.columnNames == ["text"])
            }
            #expect(try await preparedCount(connection) == 2)
        }
    }

    @Test("Statements the server has forgotten or outgrown are run all the same")
    func recovery() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)")
            for _ in 0..<3 { try await connection.query("SELECT * FROM t") }
            #expect(try await preparedCount(connection) == 1)
            try await connection.execute("ALTER TABLE t ADD COLUMN b text DEFAULT 'new'")
            let widened = try await connection.query("SELECT * FROM t").onlyRow()
            #expect(try widened.string("b") == "new")
            for _ in 0..<3 { try await connection.query("SELECT * FROM t") }
            try await connection.execute("DEALLOCATE ALL")
            let again = try await connection.query("SELECT * FROM t").onlyRow()
            #expect(try again.string("b") == "new")
        }
    }

    @Test("In a transaction a forgotten statement is an error once, and works when the transaction is done again")
    func recoveryInTransaction() async throws {
        try await withConnection { connection in
            for _ in 0..<2 { try await connection.query("SELECT 5") }
            try await connection.execute("DEALLOCATE ALL")
            let work: @Sendable (isolated PostgresConnection) throws -> Int64 = { connection in
                try connection.querySync("SELECT 5").onlyRow().int(0)
            }
            let error = await postgresError { try await connection.withTransaction(work) }
            #expect(error?.sqlState == "26000")
            #expect(try await connection.withTransaction(work) == 5)
        }
    }

    @Test("No more statements are kept than the limit says, and none when it is zero")
    func bounded() async throws {
        for limit in [0, 3] {
            try await withConnection(try configured { $0.preparedStatementLimit = limit }) { connection in
                for number in 0..<10 {
                    for _ in 0..<3 { try await connection.query("SELECT \(number)") }
                }
                let count = try await preparedCount(connection)
                #expect(count <= Int64(limit) + 1)
                #expect((count > 0) == (limit > 0))
            }
        }
    }

    @Test("The least recently used statement makes room")
    func leastRecentlyUsedGoes() {
        var cache = StatementCache(limit: 2)
        let keys = ["a", "b", "c"].map { StatementCache.Key(sql: $0, types: []) }
        for key in keys.prefix(2) {
            #expect(cache.plan(key) == .unnamed)
            guard case .prepare(let name) = cache.plan(key) else {
                Issue.record("not prepared the second time")
                return
            }
            cache.prepared(key, name: name)
        }
        #expect(cache.plan(keys[0]) == .prepared(name: "turnup_1"))
        #expect(cache.plan(keys[2]) == .unnamed)
        #expect(cache.preparedName(keys[0]) == "turnup_1")
        #expect(cache.preparedName(keys[1]) == nil)
        #expect(cache.count == 2)
        #expect(cache.takeForgotten() == ["turnup_2"])
        #expect(cache.takeForgotten().isEmpty)
    }
}
