/// One row of an answer; columns are read by name or by index from 0.
public struct PostgresRow: Sendable {
    let storage: RowStorage
    let row: Int
}

/// What can name a column: its name or its index.
public protocol PostgresColumnKey: Sendable {
    /// The index of the column among `names`; an error when there is none.
    func columnIndex(in row: PostgresRow) throws(PostgresError) -> Int
}

extension Int: PostgresColumnKey {
    public func columnIndex(in row: PostgresRow) throws(PostgresError) -> Int { self }
}

extension String: PostgresColumnKey {
    public func columnIndex(in row: PostgresRow) throws(PostgresError) -> Int {
        try row.storage.columns.index(of: self)
    }
}

extension PostgresRow {
    /// The text as the server sent it, without a copy; nil for NULL.
    public func utf8OrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> ArraySlice<UInt8>? {
        try storage.cell(row: row, column: column.columnIndex(in: self))
    }

    /// The text as the server sent it, without a copy.
    public func utf8(_ column: some PostgresColumnKey) throws(PostgresError) -> ArraySlice<UInt8> {
        try required(column, utf8OrNil(column))
    }

    public func stringOrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> String? {
        try utf8OrNil(column).map { String(decoding: $0, as: UTF8.self) }
    }

    public func string(_ column: some PostgresColumnKey) throws(PostgresError) -> String {
        try required(column, stringOrNil(column))
    }

    public func intOrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> Int64? {
        try decoded(column, "a whole number", CellText.int)
    }

    public func int(_ column: some PostgresColumnKey) throws(PostgresError) -> Int64 {
        try required(column, intOrNil(column))
    }

    public func doubleOrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> Double? {
        try decoded(column, "a number", CellText.double)
    }

    public func double(_ column: some PostgresColumnKey) throws(PostgresError) -> Double {
        try required(column, doubleOrNil(column))
    }

    public func boolOrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> Bool? {
        try decoded(column, "a boolean", CellText.bool)
    }

    public func bool(_ column: some PostgresColumnKey) throws(PostgresError) -> Bool {
        try required(column, boolOrNil(column))
    }

    /// A `bytea` column.
    public func bytesOrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> [UInt8]? {
        try decoded(column, "bytes in hexadecimal form", CellText.bytes)
    }

    /// A `bytea` column.
    public func bytes(_ column: some PostgresColumnKey) throws(PostgresError) -> [UInt8] {
        try required(column, bytesOrNil(column))
    }

    public func uuidOrNil(_ column: some PostgresColumnKey) throws(PostgresError) -> PostgresUUID? {
        try decoded(column, "a UUID") { PostgresUUID(text: $0) }
    }

    public func uuid(_ column: some PostgresColumnKey) throws(PostgresError) -> PostgresUUID {
        try required(column, uuidOrNil(column))
    }

    public func isNull(_ column: some PostgresColumnKey) throws(PostgresError) -> Bool {
        try utf8OrNil(column) == nil
    }

    private func decoded<Value>(
        _ column: some PostgresColumnKey, _ expected: String, _ decode: (ArraySlice<UInt8>) -> Value?
    ) throws(PostgresError) -> Value? {
        guard let cell = try utf8OrNil(column) else { return nil }
        guard let value = decode(cell) else {
            throw .decoding("Column \(name(of: column)) in row \(row) does not hold \(expected) (\(cell.count) bytes).")
        }
        return value
    }

    private func required<Value>(
        _ column: some PostgresColumnKey, _ value: Value?
    ) throws(PostgresError) -> Value {
        guard let value else { throw .decoding("Column \(name(of: column)) in row \(row) is NULL.") }
        return value
    }

    private func name(of column: some PostgresColumnKey) -> String {
        if let name = column as? String { return "“\(name)”" }
        if let index = column as? Int, storage.columns.names.indices.contains(index) {
            return "\(index) (“\(storage.columns.names[index])”)"
        }
        return "\(column)"
    }
}

/// Reads PostgreSQL's text forms; nil means that the text has another form.
enum CellText {
    static func int(_ text: ArraySlice<UInt8>) -> Int64? {
        var digits = text
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative { digits = digits.dropFirst() }
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
            // Counted downwards, because the smallest number has no positive counterpart.
            let (next, overflow) = scaled.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !tooLarge, !overflow else { return nil }
            value = next
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    static func double(_ text: ArraySlice<UInt8>) -> Double? {
        Double(String(decoding: text, as: UTF8.self))
    }

    static func bool(_ text: ArraySlice<UInt8>) -> Bool? {
        switch (text.count, text.first) {
        case (1, UInt8(ascii: "t")): true
        case (1, UInt8(ascii: "f")): false
        default: nil
        }
    }

    static func bytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count >= 2, text.count % 2 == 0, text.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "x")]) else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2 - 1)
        var index = text.startIndex + 2
        while index < text.endIndex {
            guard let high = hexadecimalDigit(text[index]), let low = hexadecimalDigit(text[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
            index += 2
        }
        return bytes
    }
}
