/// One record of a file: what stands in it, or why it cannot be read.
struct FileRecord: Sendable {
    enum Content: Sendable {
        case fields([CSVField])
        case line([UInt8])
        case unreadable(String)
    }

    /// The line on which it begins, from 1.
    let line: Int64
    let content: Content
    /// Its beginning as it stood there, for the reject file.
    let raw: [UInt8]
}

struct CSVField: Sendable, Equatable {
    var text: String
    /// An empty field without quotes counts as not given.
    var isQuoted: Bool

    var isGiven: Bool { isQuoted || !text.isEmpty }
}

enum FileFormat: String, Sendable, CaseIterable {
    case csv, jsonl
}

/// Reads records one by one, whatever the size of the file. A record that cannot be read costs its first line only.
struct RecordReader: Sendable {
    private(set) var buffer: LineBuffer
    private let format: FileFormat

    /// The longest record that is read, in bytes.
    static let limit = 1 << 20
    private static let rawLimit = 1000
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    init(_ buffer: LineBuffer, format: FileFormat) {
        self.buffer = buffer
        self.format = format
    }

    /// Skips a byte order mark, which spreadsheets write.
    mutating func skipMark() throws {
        for (ahead, byte) in Self.mark.enumerated() where try buffer.byte(ahead) != byte { return }
        _ = buffer.take(Self.mark.count)
    }

    /// The next record that is not an empty line; nil at the end.
    mutating func next() throws -> FileRecord? {
        while try buffer.byte(0) != nil {
            if let length = try buffer.lineLength(limit: Self.limit), isBlank(try first(length)) {
                _ = buffer.take(length)
                continue
            }
            return try format == .csv ? nextCSV() : nextLine()
        }
        return nil
    }

    /// The first two bytes are enough to tell an empty line.
    private mutating func first(_ length: Int) throws -> [UInt8] {
        guard length <= 2 else { return [0] }
        return try (0..<length).compactMap { try buffer.byte($0) }
    }

    private func isBlank(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
    }

    private mutating func nextLine() throws -> FileRecord {
        let line = buffer.line
        guard let length = try buffer.lineLength(limit: Self.limit) else { return try unreadable(Self.tooLong) }
        var bytes = buffer.take(length)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return FileRecord(line: line, content: .line(Array(bytes)), raw: Array(bytes.prefix(Self.rawLimit)))
    }

    private static let tooLong = EnqueueTexts.tooLong(kibibytes: limit >> 10)

    /// RFC 4180, strictly: a quote may stand only around a field, and doubled inside it.
    private mutating func nextCSV() throws -> FileRecord {
        let line = buffer.line
        var fields: [CSVField] = []
        var field: [UInt8] = []
        var state = State.fieldStart
        var ahead = 0

        func finished() -> Bool {
            guard !field.contains(0), let text = String(validating: field, as: UTF8.self) else { return false }
            fields.append(CSVField(text: text, isQuoted: state == .afterQuote))
            field.removeAll(keepingCapacity: true)
            return true
        }

        while let byte = try buffer.byte(ahead) {
            ahead += 1
            guard ahead <= Self.limit else {
                return try unreadable(state == .quoted ? EnqueueTexts.openQuote : Self.tooLong)
            }
            switch (state, byte) {
            case (.quoted, UInt8(ascii: "\"")): state = .afterQuote
            case (.quoted, _): field.append(byte)
            case (.afterQuote, UInt8(ascii: "\"")):
                field.append(byte)
                state = .quoted
            case (_, UInt8(ascii: ",")):
                guard finished() else { return try unreadable(EnqueueTexts.notText) }
                state = .fieldStart
            case (_, UInt8(ascii: "\r")):
                guard try buffer.byte(ahead) == UInt8(ascii: "\n") else {
                    return try unreadable(EnqueueTexts.loneReturn)
                }
            case (_, UInt8(ascii: "\n")):
                guard finished() else { return try unreadable(EnqueueTexts.notText) }
                return record(line, fields, ahead)
            case (.fieldStart, UInt8(ascii: "\"")): state = .quoted
            case (.afterQuote, _): return try unreadable(EnqueueTexts.behindQuote)
            case (_, UInt8(ascii: "\"")): return try unreadable(EnqueueTexts.quoteInside)
            default:
                field.append(byte)
                state = .plain
            }
        }
        if state == .quoted { return try unreadable(EnqueueTexts.openQuote) }
        guard finished() else { return try unreadable(EnqueueTexts.notText) }
        return record(line, fields, ahead)
    }

    private enum State { case fieldStart, plain, quoted, afterQuote }

    private mutating func record(_ line: Int64, _ fields: [CSVField], _ length: Int) -> FileRecord {
        FileRecord(line: line, content: .fields(fields), raw: Array(buffer.take(length).prefix(Self.rawLimit)))
    }

    /// Goes on after the first line, because what begins there may be good.
    private mutating func unreadable(_ reason: String) throws -> FileRecord {
        let line = buffer.line
        let length = try buffer.lineLength(limit: Self.rawLimit) ?? Self.rawLimit
        var raw: [UInt8] = []
        for ahead in 0..<min(length, Self.rawLimit) { if let byte = try buffer.byte(ahead) { raw.append(byte) } }
        try buffer.dropLine()
        return FileRecord(line: line, content: .unreadable(reason), raw: raw)
    }
}
