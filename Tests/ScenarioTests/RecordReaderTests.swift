import Foundation
import Testing

@testable import turnup

@Suite struct RecordReaderTests {
    /// Every record as its line and its fields, or "!" and the reason.
    private func read(_ bytes: [UInt8], _ format: FileFormat = .csv) throws -> [String] {
        let path = NSTemporaryDirectory() + "turnup-records-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let handle = try #require(FileHandle(forReadingAtPath: path))
        var reader = RecordReader(LineBuffer(descriptor: handle.fileDescriptor, stop: nil), format: format)
        try reader.skipMark()
        var records: [String] = []
        while let record = try reader.next() {
            switch record.content {
            case .fields(let fields):
                let texts = fields.map { $0.isQuoted ? "<\($0.text)>" : $0.text }
                records.append("\(record.line): " + texts.joined(separator: "|"))
            case .line(let line): records.append("\(record.line): " + String(decoding: line, as: UTF8.self))
            case .unreadable(let reason): records.append("\(record.line)! " + reason)
            }
        }
        #expect(reader.buffer.offset == Int64(bytes.count))
        return records
    }

    private func read(_ text: String, _ format: FileFormat = .csv) throws -> [String] {
        try read(Array(text.utf8), format)
    }

    static let good: [(String, [String])] = [
        ("a,b\r\n1,2\r\n", ["1: a|b", "2: 1|2"]),
        ("a,b\n1,2", ["1: a|b", "2: 1|2"]),
        ("\u{FEFF}a\n", ["1: a"]),
        ("a,,\"\"\n", ["1: a||<>"]),
        ("\"x, \"\"y\"\"\r\nz\",2\n3,4\n", ["1: <x, \"y\"\r\nz>|2", "3: 3|4"]),
        ("a\n\n\r\nb\n", ["1: a", "4: b"]),
        (" a , b \n", ["1:  a | b "]),
        ("né,💡\n", ["1: né|💡"]),
        ("", []), ("\n\n", []), (",\n", ["1: |"]), ("\"a\"", ["1: <a>"]),
    ]

    @Test(arguments: good)
    func `CSV is read as RFC 4180 says`(_ text: String, _ records: [String]) throws {
        #expect(try read(text) == records)
    }

    static let bad: [(String, [String])] = [
        ("5\" pipe,x\ngood\n", ["1! a quote stands inside a field without quotes", "2: good"]),
        ("\"a\"b,c\ngood\n", ["1! something follows a closing quote", "2: good"]),
        ("a\rb\ngood\n", ["1! a carriage return stands alone", "2: good"]),
        ("a\0b\ngood\n", ["1! the row is not UTF-8 text without NUL characters", "2: good"]),
        ("\"a,b\ngood\n", ["1! a quote is opened and not closed", "2: good"]),
        ("\"a\n\"b\",c\ngood\n", ["1! something follows a closing quote", "2: <b>|c", "3: good"]),
    ]

    @Test(arguments: bad)
    func `a row that cannot be read is named and costs its first line only`(_ text: String, _ records: [String]) throws
    {
        #expect(try read(text) == records)
    }

    @Test func `bytes that are not UTF-8 are refused`() throws {
        #expect(
            try read([0x61, 0xFF, 0x0A, 0x62, 0x0A]) == [
                "1! the row is not UTF-8 text without NUL characters", "2: b",
            ])
    }

    @Test(arguments: FileFormat.allCases)
    func `a row that is too long is passed over without being kept`(_ format: FileFormat) throws {
        let long = String(repeating: "x", count: 3 << 20)
        #expect(
            try read("a\n\(long)\nb\n", format) == ["1: a", "2! the row is longer than 1024 KiB", "3: b"])
        #expect(try read("a\n\(long)", format) == ["1: a", "2! the row is longer than 1024 KiB"])
    }

    @Test func `a quote that is never closed does not swallow the file`() throws {
        let rows = (1...200_000).map { "row \($0)" }.joined(separator: "\n")
        let records = try read("\"open\n\(rows)\n")
        #expect(records.count == 200_001)
        #expect(records.first == "1! a quote is opened and not closed" && records.last == "200001: row 200000")
    }

    @Test func `JSON lines are lines, whatever their end`() throws {
        #expect(try read("{}\r\n\n{\"a\":\"\\n\"}", .jsonl) == ["1: {}", "3: {\"a\":\"\\n\"}"])
    }
}
