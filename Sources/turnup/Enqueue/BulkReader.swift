import EventStore
import Foundation
import Synchronization
import WorkflowCore

/// Some rows of a file: those for the database, and those that are out already.
struct BulkBatch: Sendable {
    var lines: [BulkLine] = []
    /// By line, for the reject file.
    var records: [Int64: FileRecord] = [:]
    var rejected: [(record: FileRecord, rejection: BulkRejection)] = []
    /// Where the next batch begins.
    var offset: Int64 = 0
    var line: Int64 = 1
    var rows: Int { lines.count + rejected.count }

    /// The rejected rows in the file's order, those that the database refused among them.
    func rejections(_ answers: [BulkAnswer]) -> [(record: FileRecord, rejection: BulkRejection)] {
        var all = rejected
        for answer in answers {
            if case .refused(let error) = answer.outcome, let record = records[answer.number] {
                all.append((record, BulkRejection(error)))
            }
        }
        return all.sorted { $0.record.line < $1.record.line }
    }
}

/// Cuts a file into batches. It may be read while the batch before is on its way to the database.
final class BulkReader: Sendable {
    private struct State {
        var records: RecordReader
        var row: Int64
    }

    let rules: BulkRules
    private let state: Mutex<State>
    private let rowsPerBatch: Int
    private let id: @Sendable (Int64) -> Identifier

    /// A batch of long rows ends here. Several are in memory at once, and in the database one is a transaction.
    static let bytesPerBatch: Int64 = 16 << 20

    init(
        _ records: RecordReader, rules: BulkRules, row: Int64, rowsPerBatch: Int,
        id: @escaping @Sendable (Int64) -> Identifier
    ) {
        self.rules = rules
        self.rowsPerBatch = rowsPerBatch
        self.id = id
        state = Mutex(State(records: records, row: row))
    }

    /// Nil at the end.
    func next() throws -> BulkBatch? {
        try state.withLock { state in
            var batch = BulkBatch()
            let start = state.records.buffer.offset
            while batch.rows < rowsPerBatch, state.records.buffer.offset - start < Self.bytesPerBatch,
                let record = try state.records.next()
            {
                state.row += 1
                do throws(BulkRejection) {
                    batch.lines.append(try rules.line(record, id: id(state.row)))
                    batch.records[record.line] = record
                } catch {
                    batch.rejected.append((record, error))
                }
            }
            batch.offset = state.records.buffer.offset
            batch.line = state.records.buffer.line
            return batch.rows == 0 ? nil : batch
        }
    }
}

/// A file or stdin, opened for reading once or twice.
struct BulkInput: Sendable {
    /// As it was named.
    let name: String
    let descriptor: Int32
    /// A pipe cannot be read twice, and nobody knows its size.
    let isFile: Bool
    let bytes: Int64?

    init(_ name: String) throws {
        self.name = name
        // Opening does not wait for the writer of a named pipe, because that wait would be deaf to Ctrl-C; reading
        // waits for it.
        descriptor = name == "-" ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw CommandFailure.badInput(TerminalTexts.unreadable(name))
        }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else {
            throw CommandFailure.badInput(TerminalTexts.unreadable(name))
        }
        guard facts.st_mode & S_IFMT != S_IFDIR else { throw EnqueueTexts.isFolder(name) }
        isFile = name != "-" && facts.st_mode & S_IFMT == S_IFREG
        bytes = isFile ? Int64(facts.st_size) : nil
    }

    func seek(_ offset: Int64) throws {
        guard lseek(descriptor, off_t(offset), SEEK_SET) >= 0 else {
            throw EnqueueTexts.notFromThere(name, TerminalTexts.systemReason)
        }
    }

    /// A piece of the file; nil at its end.
    func piece() throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw CommandFailure.failed(TerminalTexts.unreadable(name)) }
        return count == 0 ? nil : Array(bytes[..<count])
    }
}
