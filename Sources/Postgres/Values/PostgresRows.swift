/// The answer to one statement, copied out of libpq: one buffer of bytes and one table of offsets.
public struct PostgresRows: Sendable, RandomAccessCollection {
    let storage: RowStorage

    public var startIndex: Int { 0 }
    public var endIndex: Int { storage.rowCount }

    /// Rows inserted, updated, deleted or returned, as the server counts them.
    public var affectedRows: Int { storage.affectedRows }

    public subscript(position: Int) -> PostgresRow { PostgresRow(storage: storage, row: position) }

    /// The only row of an answer that must have exactly one.
    public func onlyRow() throws(PostgresError) -> PostgresRow {
        guard count == 1 else { throw .decoding("Exactly one row was expected, there are \(count).") }
        return self[0]
    }
}

/// Immutable cells shared by the rows of one answer.
final class RowStorage: Sendable {
    let columns: RowColumns
    let rowCount: Int
    let affectedRows: Int
    let bytes: [UInt8]
    /// Per cell its start in `bytes`, shifted left by one; the lowest bit says NULL. One closing entry follows.
    let cells: [Int]

    init(columns: RowColumns, rowCount: Int, affectedRows: Int, bytes: [UInt8], cells: [Int]) {
        self.columns = columns
        self.rowCount = rowCount
        self.affectedRows = affectedRows
        self.bytes = bytes
        self.cells = cells
    }

    /// The bytes of a cell, or nil for NULL.
    func cell(row: Int, column: Int) throws(PostgresError) -> ArraySlice<UInt8>? {
        guard row >= 0, row < rowCount else {
            throw .decoding("There is no row \(row); the answer has \(rowCount) rows.")
        }
        guard column >= 0, column < columns.names.count else {
            throw .decoding("There is no column \(column); the answer has \(columns.names.count) columns.")
        }
        let index = row * columns.names.count + column
        if cells[index] & 1 == 1 { return nil }
        return bytes[(cells[index] >> 1)..<(cells[index + 1] >> 1)]
    }
}

/// The names of an answer's columns; kept with the statement, so that a repeated statement makes no new strings.
final class RowColumns: Sendable {
    let names: [String]

    init(names: [String]) {
        self.names = names
    }

    func index(of name: String) throws(PostgresError) -> Int {
        if let index = names.firstIndex(of: name) { return index }
        let known = names.joined(separator: ", ")
        throw .decoding("There is no column “\(name)”; the answer has: \(known).")
    }
}
