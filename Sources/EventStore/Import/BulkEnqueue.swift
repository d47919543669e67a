import Foundation
import Postgres
import WorkflowCore

/// Starts many runs of one workflow: COPY into a table of the session's own, then one function for the batch.
///
/// One bad line fails alone. Workers are not woken before `wake()`. Errors are `StoreError`.
public struct BulkEnqueue: Sendable {
    private let pool: PostgresPool
    private let workflow: String
    private let organisation: String?
    private let version: Int?
    private let actor: String

    /// How often a batch is tried when it meets a deadlock, a lost connection or the like.
    private static let tries = 4

    public init(store: PostgresStore, workflow: String, organisation: String?, version: Int?, actor: String) {
        pool = store.pool
        self.workflow = workflow
        self.organisation = organisation
        self.version = version
        self.actor = actor
    }

    /// One batch in a transaction of its own; an answer for each line, in no particular order.
    ///
    /// A batch that was lost on its way is tried again if every line has its own id.
    public func enqueue(_ lines: [BulkLine]) async throws -> [BulkAnswer] {
        let isRepeatable = lines.allSatisfy { $0.id != nil }
        var tried = 1
        while true {
            do {
                return try await transaction { connection in try batch(lines, connection) }
            } catch let error as StoreError
                where isRepeatable && tried < Self.tries && [.unavailable, .outcomeUnknown].contains(error.code)
            {
                try await Task.sleep(for: .milliseconds(100 << tried))
                tried += 1
            }
        }
    }

    /// All batches in one transaction. `next` gives them until nil; an error of either closure undoes everything.
    public func enqueueTogether(
        next: @Sendable () throws -> [BulkLine]?, answered: @Sendable ([BulkAnswer]) throws -> Void
    ) async throws {
        try await transaction { connection in
            while let lines = try next() { try answered(try batch(lines, connection)) }
        }
    }

    /// Tells idle workers to look; once, when all is done.
    public func wake() async throws {
        do { _ = try await pool.query("select turnup.wake()", label: "wake workers") } catch { throw StoreError(error) }
    }

    private func transaction<Value: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws -> Value
    ) async throws -> Value {
        do { return try await pool.withTransaction(label: "bulk enqueue", body) } catch let error as PostgresError {
            throw StoreError(error)
        }
    }

    /// A line that the database will not take in at all is found by halving the batch.
    private func batch(_ lines: [BulkLine], _ connection: isolated PostgresConnection) throws -> [BulkAnswer] {
        guard let first = lines.first else { return [] }
        do {
            return try connection.withSavepointSync { try stageAndEnqueue(lines, connection) }
        } catch let error as PostgresError {
            let translated = StoreError(error)
            guard translated.code == .refused else { throw error }
            if lines.count == 1 { return [BulkAnswer(number: first.number, outcome: .refused(translated))] }
            let half = lines.count / 2
            return try batch(Array(lines[..<half]), connection) + batch(Array(lines[half...]), connection)
        }
    }

    private func stageAndEnqueue(_ lines: [BulkLine], _ connection: isolated PostgresConnection) throws -> [BulkAnswer]
    {
        _ = try connection.querySync("select turnup.stage()", label: "stage")
        var text = CopyText(lines)
        _ = try connection.copyInSync(
            "copy pg_temp.turnup_staged (line, organisation, input, version, due, id) from stdin",
            label: "stage runs"
        ) { text.nextChunk() }
        let rows = try connection.querySync(
            """
            select line, outcome, run_id, code, message, hint, detail
            from turnup.enqueue_staged($1, $2, $3::integer, 'return', $4, false)
            """,
            [.text(workflow), .optional(organisation), .optional(version.map { Int64($0) }), .text(actor)],
            label: "enqueue staged runs")
        return try rows.map { try BulkAnswer(row: $0) }
    }
}

extension BulkAnswer {
    fileprivate init(row: PostgresRow) throws(PostgresError) {
        number = try row.int(0)
        let run = try row.uuidOrNil(2).map { Identifier($0) }
        switch (try row.string(1), run) {
        case ("created", let run?): outcome = .created(run)
        case ("existing", let run?): outcome = .existing(run)
        default:
            let (message, hint) = (try row.string(4), try row.stringOrNil(5))
            outcome = .refused(
                StoreError(
                    state: try row.stringOrNil(3), message, hint: hint, ErrorFacts(try row.stringOrNil(6)))
                    ?? StoreError(.refused, message, hint: hint))
        }
    }
}

/// Lines in COPY's text form.
private struct CopyText {
    private var lines: ArraySlice<BulkLine>

    private static let chunkBytes = 256 << 10
    private static let null = Array(#"\N"#.utf8)

    init(_ lines: [BulkLine]) { self.lines = lines[...] }

    mutating func nextChunk() -> [UInt8]? {
        guard !lines.isEmpty else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.chunkBytes + 4096)
        while bytes.count < Self.chunkBytes, let line = lines.popFirst() { Self.append(line, to: &bytes) }
        return bytes
    }

    private static func append(_ line: BulkLine, to bytes: inout [UInt8]) {
        let tab = UInt8(ascii: "\t")
        bytes.append(contentsOf: String(line.number).utf8)
        bytes.append(tab)
        if let organisation = line.organisation { escape(organisation.utf8, to: &bytes) } else { bytes += null }
        bytes.append(tab)
        escape(line.input, to: &bytes)
        bytes.append(tab)
        if let version = line.version { bytes.append(contentsOf: String(version).utf8) } else { bytes += null }
        bytes.append(tab)
        if let due = line.due { bytes.append(contentsOf: timestamp(due).utf8) } else { bytes += null }
        bytes.append(tab)
        if let id = line.id { bytes.append(contentsOf: id.description.utf8) } else { bytes += null }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// ISO 8601 in UTC, to the microsecond.
    private static func timestamp(_ time: Instant) -> String {
        let second: Int64 = 1_000_000
        let microseconds = ((time.microseconds % second) + second) % second
        let date = Date(timeIntervalSince1970: Double((time.microseconds - microseconds) / second))
        let digits = String(microseconds)
        return date.formatted(.iso8601).dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits
            + "Z"
    }

    private static func escape(_ text: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        for byte in text {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: #"\t"#.utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: #"\n"#.utf8)
            case UInt8(ascii: "\r"): bytes.append(contentsOf: #"\r"#.utf8)
            default: bytes.append(byte)
            }
        }
    }
}
