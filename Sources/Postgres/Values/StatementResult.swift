import CLibpq
import Glibc

/// One libpq result; cleared when its scope ends.
struct StatementResult: ~Copyable {
    let handle: OpaquePointer

    deinit { PQclear(handle) }

    var status: ExecStatusType { PQresultStatus(handle) }

    /// Copies everything out. `known` are the columns of an earlier answer to the same statement.
    func rows(known: RowColumns?) -> PostgresRows {
        let rowCount = Int(PQntuples(handle))
        let columnCount = Int(PQnfields(handle))
        var cells: [Int] = []
        cells.reserveCapacity(rowCount * columnCount + 1)
        var size = 0
        for row in 0..<Int32(rowCount) {
            for column in 0..<Int32(columnCount) {
                cells.append(size << 1 | (PQgetisnull(handle, row, column) == 1 ? 1 : 0))
                size += Int(PQgetlength(handle, row, column))
            }
        }
        cells.append(size << 1)
        // The empty array is shared by all threads; making one with no capacity would write to it.
        let bytes = size == 0 ? [] : copyCells(cells, size: size, rowCount: rowCount, columnCount: columnCount)
        let affected = PQcmdTuples(handle).flatMap { Int(String(cString: $0)) } ?? 0
        return PostgresRows(
            storage: RowStorage(
                columns: columns(known: known), rowCount: rowCount, affectedRows: affected, bytes: bytes, cells: cells))
    }

    private func copyCells(_ cells: [Int], size: Int, rowCount: Int, columnCount: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            var index = 0
            for row in 0..<Int32(rowCount) {
                for column in 0..<Int32(columnCount) {
                    let length = (cells[index + 1] >> 1) - (cells[index] >> 1)
                    if length > 0, let target = buffer.baseAddress, let source = PQgetvalue(handle, row, column) {
                        memcpy(target + (cells[index] >> 1), source, length)
                    }
                    index += 1
                }
            }
            count = size
        }
    }

    private func columns(known: RowColumns?) -> RowColumns {
        let count = PQnfields(handle)
        if let known, known.names.count == Int(count) {
            let isSame = known.names.indices.allSatisfy { index in
                guard let name = PQfname(handle, Int32(index)) else { return false }
                return strcmp(name, known.names[index]) == 0
            }
            if isSame { return known }
        }
        return RowColumns(names: (0..<count).map { PQfname(handle, $0).map { String(cString: $0) } ?? "" })
    }

    /// The server's error with all its fields.
    func error(_ kind: PostgresError.Kind, statement: String, on wire: Wire) -> PostgresError {
        let message = field(DiagnosticField.message) ?? trimmed(PQresultErrorMessage(handle))
        var error = PostgresError(kind, message, statement: statement, server: wire.server)
        error.sqlState = field(DiagnosticField.sqlState)
        if error.isMissingRight { error.role = wire.user }
        error.detail = field(DiagnosticField.detail)
        error.hint = field(DiagnosticField.hint)
        error.context = field(DiagnosticField.context)
        error.schema = field(DiagnosticField.schema)
        error.table = field(DiagnosticField.table)
        error.column = field(DiagnosticField.column)
        error.constraint = field(DiagnosticField.constraint)
        error.position = field(DiagnosticField.position).flatMap { Int($0) }
        return error
    }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(handle, code).map { String(cString: $0) }
    }
}

/// The field codes of `PQresultErrorField`, which the header gives as characters.
private enum DiagnosticField {
    static let sqlState = Int32(UInt8(ascii: "C"))
    static let message = Int32(UInt8(ascii: "M"))
    static let detail = Int32(UInt8(ascii: "D"))
    static let hint = Int32(UInt8(ascii: "H"))
    static let position = Int32(UInt8(ascii: "P"))
    static let context = Int32(UInt8(ascii: "W"))
    static let schema = Int32(UInt8(ascii: "s"))
    static let table = Int32(UInt8(ascii: "t"))
    static let column = Int32(UInt8(ascii: "c"))
    static let constraint = Int32(UInt8(ascii: "n"))
}

/// libpq's multi-line texts as one line without the trailing newline.
func trimmed(_ text: UnsafePointer<CChar>?) -> String {
    guard let text else { return "" }
    let lines = String(cString: text).split(whereSeparator: \.isNewline)
    return lines.map { $0.drop(while: \.isWhitespace) }.joined(separator: " ")
}
