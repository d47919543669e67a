import Foundation
import WorkflowCore

/// The rows that did not become runs, with the reason, in the form of the file they came from: corrected, it can be
/// given again.
struct RejectFile: Sendable {
    let path: String
    private let format: FileFormat
    private let columns: [String]
    /// Positions of the columns that are written; those of an earlier reject file are not.
    private let kept: [Int]
    private(set) var bytes: Int64

    /// `bytes` is what an earlier, interrupted enqueue has left; anything behind it is cut off.
    init(path: String, format: FileFormat, columns: [String], keeping bytes: Int64 = 0) throws {
        self.path = path
        self.format = format
        self.columns = columns
        kept = columns.indices.filter { !BulkRules.rejectColumns.contains(columns[$0]) }
        self.bytes = bytes
        guard bytes > 0 else { return }
        let handle = try Self.opened(path)
        defer { try? handle.close() }
        guard try handle.seekToEnd() >= UInt64(bytes) else {
            throw EnqueueTexts.shorterThanBefore(path)
        }
        try handle.truncate(atOffset: UInt64(bytes))
    }

    /// What stands under this path is written over, so it must be neither the rows that are still to be read nor a device.
    static func requireApart(_ path: String, from input: BulkInput) throws {
        var facts = stat()
        var own = stat()
        guard stat(path, &facts) == 0, facts.st_mode & S_IFMT != S_IFDIR else { return }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw EnqueueTexts.rejectsNotThere(path) }
        guard fstat(input.descriptor, &own) == 0, facts.st_dev == own.st_dev, facts.st_ino == own.st_ino else { return }
        throw EnqueueTexts.rejectsOverRows(path)
    }

    /// Reports a path that cannot be written before the first row, not at the first bad row.
    static func requireWritable(_ path: String) throws {
        var facts = stat()
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        var reason: String?
        if stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR {
            reason = TerminalTexts.isFolder
        } else if access(stat(path, &facts) == 0 ? path : folder, W_OK) != 0 {
            reason = TerminalTexts.systemReason
        }
        guard let reason else { return }
        throw CommandFailure.badInput(TerminalTexts.unwritable(path, reason))
    }

    private static func opened(_ path: String) throws -> FileHandle {
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw CommandFailure.failed(TerminalTexts.unwritable(path))
        }
        return handle
    }

    /// The file is made with its first row.
    mutating func add(_ rows: [(record: FileRecord, rejection: BulkRejection)]) throws {
        guard !rows.isEmpty else { return }
        var text: [UInt8] = []
        if bytes == 0 {
            guard FileManager.default.createFile(atPath: path, contents: nil) else {
                throw CommandFailure.failed(TerminalTexts.unwritable(path))
            }
            if format == .csv { appendCSV((kept.map { columns[$0] } + BulkRules.rejectColumns).map(plain), to: &text) }
        }
        for row in rows {
            switch format {
            case .csv: appendCSV(row.record, row.rejection, to: &text)
            case .jsonl: appendJSON(row.record, row.rejection, to: &text)
            }
        }
        let handle = try Self.opened(path)
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text))
        bytes += Int64(text.count)
    }

    private func appendCSV(_ record: FileRecord, _ rejection: BulkRejection, to text: inout [UInt8]) {
        var cells = kept.map { _ in plain("") }
        var unread = ""
        if case .fields(let fields) = record.content, fields.count == columns.count {
            cells = kept.map { fields[$0] }
        } else {
            unread = String(decoding: record.raw, as: UTF8.self).trimmingCharacters(in: .newlines)
        }
        appendCSV(cells + ["\(record.line)", rejection.code, rejection.reason, unread].map(plain), to: &text)
    }

    private func plain(_ text: String) -> CSVField { CSVField(text: text, isQuoted: false) }

    private func appendCSV(_ cells: [CSVField], to text: inout [UInt8]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            let isPlain = cell.text.utf8.allSatisfy {
                $0 >= 0x20 && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "\"")
            }
            guard !isPlain || cell.isQuoted else {
                text.append(contentsOf: cell.text.utf8)
                continue
            }
            text.append(UInt8(ascii: "\""))
            for byte in cell.text.utf8 {
                if byte == UInt8(ascii: "\"") { text.append(byte) }
                text.append(byte)
            }
            text.append(UInt8(ascii: "\""))
        }
        text.append(contentsOf: "\r\n".utf8)
    }

    private func appendJSON(_ record: FileRecord, _ rejection: BulkRejection, to text: inout [UInt8]) {
        var rejected: JSONObject = [
            "line": .integer(record.line), "code": .string(rejection.code), "reason": .string(rejection.reason),
        ]
        var row = JSONObject()
        if case .line(let bytes) = record.content, let object = (try? JSONValue.parse(bytes))?.objectValue {
            if object["input"]?.objectValue == nil { row["input"] = .object(object) } else { row = object }
        } else {
            rejected["text"] = .string(String(decoding: record.raw, as: UTF8.self))
        }
        row["rejected"] = .object(rejected)
        JSONValue.object(row).serialized(into: &text)
        text.append(UInt8(ascii: "\n"))
    }
}
