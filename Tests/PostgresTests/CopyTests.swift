import Postgres
import Synchronization
import Testing

@Suite("COPY", .timeLimit(.minutes(15)))
struct CopyTests {
    private struct SourceFailed: Error {}

    /// Gives the chunks one after the other.
    private final class Source: Sendable {
        private let left: Mutex<[[UInt8]]>

        init(_ chunks: [[UInt8]]) { left = Mutex(chunks.reversed()) }

        func next() -> [UInt8]? { left.withLock { $0.popLast() } }
    }

    @Test func `100,000 rows arrive, whatever the borders of the chunks`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int, b text)")
            let bytes = Array((0..<100_000).map { "\($0)\tö-\($0)\n" }.joined().utf8)
            let chunks = stride(from: 0, to: bytes.count, by: 77_777).map { start in
                Array(bytes[start..<min(start + 77_777, bytes.count)])
            }
            let source = Source(chunks)
            let rows = try await connection.copyIn("COPY t FROM STDIN") { source.next() }
            #expect(rows == 100_000)
            let row = try await connection.query("SELECT count(*), max(b) FROM t WHERE b = 'ö-' || a").onlyRow()
            #expect(try row.int(0) == 100_000)
            // One piece larger than what is handed to the library at once.
            let whole = Source([bytes])
            let again = try await connection.copyIn("COPY t FROM STDIN") { whole.next() }
            #expect(again == 100_000)
        }
    }

    @Test func `a row the server refuses ends in its error, with nothing kept`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            let source = Source([Array("1\nnonsense\n".utf8)] + Array(repeating: Array("2\n".utf8), count: 10_000))
            let error = await postgresError { try await connection.copyIn("COPY t FROM STDIN") { source.next() } }
            #expect(error?.sqlState == "22P02")
            let count = try await connection.query("SELECT count(*) FROM t").onlyRow().int(0)
            #expect(count == 0)
        }
    }

    @Test func `a source that fails undoes the COPY, and its own error comes out`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            let source = Source([Array("1\n".utf8)])
            await #expect(throws: SourceFailed.self) {
                try await connection.copyIn("COPY t FROM STDIN") {
                    guard let chunk = source.next() else { throw SourceFailed() }
                    return chunk
                }
            }
            let count = try await connection.query("SELECT count(*) FROM t").onlyRow().int(0)
            #expect(count == 0)
        }
    }

    @Test func `a statement that is no COPY FROM STDIN, or none at all, is refused`() async throws {
        try await withConnection { connection in
            let select = await postgresError { try await connection.copyIn("SELECT 1") { nil } }
            #expect(select?.kind == .misuse)
            let out = await postgresError { try await connection.copyIn("COPY (SELECT 1) TO STDOUT") { nil } }
            #expect(out?.kind == .misuse)
            let absent = await postgresError { try await connection.copyIn("COPY absent FROM STDIN") { nil } }
            #expect(absent?.sqlState == "42P01")
            try await expectUsable(connection)
        }
    }

    @Test
    func `a COPY that is blocked by a lock is stopped by its timeout and leaves the connection usable`() async throws {
        try await withConnection { blocker in
            try await blocker.execute("CREATE TABLE copy_target (a int)")
            try await blocker.execute("BEGIN; LOCK TABLE copy_target")
            try await withConnection { connection in
                let error = await postgresError {
                    try await connection.copyIn("COPY copy_target FROM STDIN", timeout: .milliseconds(100)) { nil }
                }
                #expect(error?.kind == .timeout)
                try await expectUsable(connection)
            }
        }
    }
}
