import Postgres
import Testing

@Suite("Statements and their answers", .timeLimit(.minutes(15)))
struct QueryTests {
    @Test func `every kind of value comes back as it was sent`() async throws {
        try await withConnection { connection in
            let uuid = try #require(PostgresUUID("0192f0c1-7d2a-7bcd-8ef0-123456789abc"))
            let row = try await connection.query(
                "SELECT $1::text AS t, $2::int8 AS i, $3::float8 AS d, $4 AS b, $5 AS y, $6 AS u, $7::text AS n",
                [
                    .text("Ünï'\"\\ 🐘"), .int(.min), .double(0.1), .bool(true), .bytes([0, 1, 255]), .uuid(uuid),
                    .null,
                ]
            ).onlyRow()
            #expect(try row.string("t") == "Ünï'\"\\ 🐘")
            #expect(try row.int("i") == .min)
            #expect(try row.double("d") == 0.1)
            #expect(try row.bool("b"))
            #expect(try row.bytes("y") == [0, 1, 255])
            #expect(try row.uuid("u") == uuid)
            #expect(try row.stringOrNil("n") == nil)
            #expect(uuid.description == "0192f0c1-7d2a-7bcd-8ef0-123456789abc")
        }
    }

    @Test func `arrays with NULLs, quotes, braces and nothing in them come back as they were sent`() async throws {
        try await withConnection { connection in
            let texts: [String?] = ["", "NULL", nil, "a,b", "{\"x\"}", "it's \\ ", "é🐘"]
            let rows = try await connection.query(
                "SELECT t, i, y, b FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS x (t, i, y, b, n) ORDER BY n",
                [
                    .textArray(texts), .intArray([1, nil, .min, .max]), .bytesArray([[], nil, [0, 255]]),
                    .boolArray([true, nil, false]),
                ])
            #expect(try rows.map { try $0.stringOrNil(0) } == texts)
            #expect(try rows.prefix(4).map { try $0.intOrNil(1) } == [1, nil, .min, .max])
            #expect(try rows.prefix(3).map { try $0.bytesOrNil(2) } == [[], nil, [0, 255]])
            #expect(try rows.prefix(3).map { try $0.boolOrNil(3) } == [true, nil, false])
            let empty = try await connection.query(
                "SELECT cardinality($1) + cardinality($2) + cardinality($3) + cardinality($4) + cardinality($5)",
                [.textArray([]), .intArray([]), .uuidArray([]), .bytesArray([]), .boolArray([])])
            #expect(try empty.onlyRow().int(0) == 0)
            let uuids: [PostgresUUID?] = [PostgresUUID(high: 1, low: .max), nil]
            let back = try await connection.query("SELECT * FROM unnest($1)", [.uuidArray(uuids)])
            #expect(try back.map { try $0.uuidOrNil(0) } == uuids)
        }
    }

    @Test func `empty, long and 64 MiB parameters arrive whole`() async throws {
        try await withConnection { connection in
            for length in [0, 1, 8191, 8192, 1 << 20, 64 << 20] {
                let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                let row = try await connection.query(
                    "SELECT length($1), octet_length($2), md5($2) = md5(convert_to($1, 'UTF8')), $3",
                    [
                        .text(String(decoding: bytes, as: UTF8.self)), .bytes(bytes), .text("end"),
                    ]
                ).onlyRow()
                #expect(try row.int(0) == Int64(length))
                #expect(try row.int(1) == Int64(length))
                #expect(try row.bool(2))
                #expect(try row.string(3) == "end")
            }
        }
    }

    @Test func `a text with U+0000 is refused before anything is sent`() async throws {
        try await withConnection { connection in
            for parameter in [PostgresValue.text("a\0b"), .textArray(["ok", "\0"])] {
                let error = await postgresError { try await connection.query("SELECT $1", [parameter]) }
                #expect(error?.kind == .invalidParameter)
                #expect(error?.message.contains("$1") == true)
            }
            let error = await postgresError { try await connection.query("SELECT 1\0; DROP TABLE x") }
            #expect(error?.kind == .misuse)
            try await expectUsable(connection)
        }
    }

    @Test
    func
        `a violated rule is reported with its SQLSTATE, constraint and table, and without the values in the description`()
        async throws
    {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE number (line text CONSTRAINT one_line PRIMARY KEY)")
            try await connection.query("INSERT INTO number VALUES ($1)", ["+4912345"])
            let error = try #require(
                await postgresError { try await connection.query("INSERT INTO number VALUES ($1)", ["+4912345"]) })
            #expect(error.kind == .server)
            #expect(error.sqlState == "23505")
            #expect(error.sqlState == "23505")
            #expect(error.constraint == "one_line")
            #expect(error.table == "number")
            #expect(error.detail?.contains("+4912345") == true)
            #expect(!error.description.contains("+4912345"))
            #expect(error.description.contains("one_line"))
        }
    }

    @Test func `the description of an unreadable value leaves the value out`() async throws {
        try await withConnection { connection in
            let error = try #require(
                await postgresError { try await connection.query("SELECT $1::int", ["s3cret\"x"]) })
            #expect(error.sqlState == "22P02")
            #expect(!error.description.contains("s3cret"))
        }
    }

    @Test func `absent columns, NULLs and unreadable text are errors and no traps`() async throws {
        try await withConnection { connection in
            let rows = try await connection.query("SELECT 'abc' AS a, NULL AS n, '99999999999999999999' AS big")
            let row = try rows.onlyRow()
            #expect(throws: PostgresError.self) { try row.string("absent") }
            #expect(throws: PostgresError.self) { try row.string(7) }
            #expect(throws: PostgresError.self) { try row.string(-1) }
            #expect(throws: PostgresError.self) { try rows[3].string(0) }
            #expect(throws: PostgresError.self) { try row.string("n") }
            #expect(throws: PostgresError.self) { try row.int("a") }
            #expect(throws: PostgresError.self) { try row.int("big") }
            #expect(throws: PostgresError.self) { try row.bool("a") }
            #expect(throws: PostgresError.self) { try row.bytes("a") }
            #expect(throws: PostgresError.self) { try row.uuid("a") }
            #expect(throws: PostgresError.self) { try row.double("a") }
        }
    }

    @Test func `a script runs all its statements, and a failed one undoes them`() async throws {
        try await withConnection { connection in
            let answers = try await connection.execute("SELECT 1; SELECT 2, 3; CREATE TEMP TABLE t (a int)")
            #expect(answers.count == 3)
            #expect(try answers[1][0].int(1) == 3)
            let error = await postgresError {
                try await connection.execute("INSERT INTO t VALUES (1); SELECT nonsense")
            }
            #expect(error?.sqlState == "42703")
            #expect(error?.position != nil)
            #expect(try await connection.query("SELECT count(*) FROM t").onlyRow().int(0) == 0)
        }
    }

    @Test func `COPY as an ordinary statement is refused and leaves the connection usable`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            for sql in ["COPY t FROM STDIN", "COPY (SELECT generate_series(1, 10000)) TO STDOUT"] {
                let error = await postgresError { try await connection.execute(sql) }
                #expect(error?.kind == .misuse)
                try await expectUsable(connection)
            }
        }
    }

    @Test func `a rule checked only at the end of the statement fails the statement`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            let error = await postgresError { try await connection.query("INSERT INTO t VALUES (1), (1)") }
            #expect(error?.sqlState == "23505")
        }
    }

    @Test func `affected rows are counted`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            let inserted = try await connection.query("INSERT INTO t SELECT generate_series(1, 10)")
            #expect(inserted.affectedRows == 10)
            #expect(inserted.isEmpty)
            #expect(try await connection.query("DELETE FROM t WHERE a > $1", [7]).affectedRows == 3)
        }
    }
}
