import Foundation
import WorkflowCore

/// How far an enqueue from a file has come; kept beside the file until it is done, so that `--resume` can go on.
///
/// It is written before the first batch and after each one. A batch whose record was lost is enqueued again with the
/// same ids, which changes nothing.
struct BulkProgress: Sendable, Equatable {
    /// What the file is enqueued as; resuming as something else is refused.
    let purpose: String
    /// SHA-256 of the file, in hex.
    let digest: String
    /// Makes the ids of this enqueue: when it began, and 34 random bits.
    let startedMilliseconds: Int64
    let random: UInt64
    /// Where to go on.
    var offset: Int64 = 0
    var line: Int64 = 1
    var tally = BulkTally()
    /// Length of the reject file.
    var rejectedBytes: Int64 = 0

    init(purpose: String, digest: String, startedMilliseconds: Int64) {
        self.purpose = purpose
        self.digest = digest
        self.startedMilliseconds = startedMilliseconds
        random = .random(in: 0..<(1 << 34))
    }

    /// A version 7 UUID of this enqueue's own for each row, rising with the rows.
    func id(row: Int64) -> Identifier {
        let number = UInt64(truncatingIfNeeded: row)
        return Identifier(
            unixMilliseconds: startedMilliseconds, random: (number >> 28, (number & 0xFFF_FFFF) << 34 | random))
    }

    // MARK: The file

    /// Nil when there is none.
    static func load(_ path: String) throws -> BulkProgress? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        let json = try? JSONValue.parse(Array(data))
        guard let json, let progress = BulkProgress(json: json) else {
            throw EnqueueTexts.noRecord(path)
        }
        return progress
    }

    /// Replaces the file in one step.
    func save(_ path: String) throws {
        do { try Data(json.serialized().utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            throw EnqueueTexts.recordNotWritten(path, error.localizedDescription)
        }
    }

    private var json: JSONValue {
        [
            "purpose": .string(purpose), "sha256": .string(digest), "started_ms": .integer(startedMilliseconds),
            "random": .integer(Int64(random)), "offset": .integer(offset), "line": .integer(line),
            "rejected_bytes": .integer(rejectedBytes), "created": .integer(tally.created),
            "existing": .integer(tally.existing), "rejected": .integer(tally.rejected),
        ]
    }

    private init?(json: JSONValue) {
        guard let purpose = json["purpose"]?.stringValue, let digest = json["sha256"]?.stringValue,
            let started = json["started_ms"]?.integerValue, let random = json["random"]?.integerValue, random >= 0,
            let offset = json["offset"]?.integerValue, let line = json["line"]?.integerValue, offset >= 0, line > 0,
            let rejectedBytes = json["rejected_bytes"]?.integerValue, let created = json["created"]?.integerValue,
            let existing = json["existing"]?.integerValue, let rejected = json["rejected"]?.integerValue
        else { return nil }
        self.purpose = purpose
        self.digest = digest
        startedMilliseconds = started
        self.random = UInt64(random)
        self.offset = offset
        self.line = line
        self.rejectedBytes = rejectedBytes
        tally = BulkTally(created: created, existing: existing, rejected: rejected)
    }
}

struct BulkTally: Sendable, Equatable {
    var created: Int64 = 0
    var existing: Int64 = 0
    var rejected: Int64 = 0

    var rows: Int64 { created + existing + rejected }

    var text: String { EnqueueTexts.tally(created: created, existing: existing, rejected: rejected) }
}
