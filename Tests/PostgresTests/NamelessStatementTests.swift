import Testing

@testable import Postgres

@Suite("Statements without names", .timeLimit(.minutes(15)))
struct NamelessStatementTests {
    @Test func `no statement gets a name that another session could meet, however often it comes`() async throws {
        try await withConnection { connection in
            for value in [PostgresValue.text("a"), .text("b"), .null, .bool(true), .bool(false)] {
                let row = try await connection.query("SELECT $1::text", [value])
                #expect(row.storage.columns.names == ["text"])
            }
            let answers = try await connection.execute("SELECT count(*) FROM pg_prepared_statements")
            #expect(try answers[0][0].int(0) == 0)
        }
    }

    @Test func `a statement whose table has changed since it last ran reads the table as it is`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)")
            for _ in 0..<3 { try await connection.query("SELECT * FROM t") }
            try await connection.execute("ALTER TABLE t ADD COLUMN b text DEFAULT 'new'")
            let widened = try await connection.query("SELECT * FROM t").onlyRow()
            #expect(try widened.string("b") == "new")
            try await connection.execute("DEALLOCATE ALL")
            let again = try await connection.query("SELECT * FROM t").onlyRow()
            #expect(try again.string("b") == "new")
        }
    }

    @Test func `the names of columns that are remembered are bounded, whatever statements come`() {
        var cache = ColumnCache()
        for number in 0..<3 * ColumnCache.limit {
            cache.remember("SELECT \(number)", RowColumns(names: ["a"]))
            #expect(cache.count <= ColumnCache.limit)
        }
        #expect(cache["SELECT \(3 * ColumnCache.limit - 1)"]?.names == ["a"])
    }
}
