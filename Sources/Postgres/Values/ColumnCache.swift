/// The column names of statements seen before, so that an answer need not copy them again.
///
/// Statements are never prepared under a name: a pooler gives the next statement another session, where the name is
/// unknown or, worse, means another statement. `docs/internals/postgres.md` has what this costs.
struct ColumnCache {
    /// Statements whose text is made at run time must not fill the memory.
    static let limit = 256

    private var columns: [String: RowColumns] = [:]

    var count: Int { columns.count }

    subscript(sql: String) -> RowColumns? { columns[sql] }

    mutating func remember(_ sql: String, _ found: RowColumns) {
        guard columns[sql] !== found else { return }
        if columns.count >= Self.limit { columns.removeAll(keepingCapacity: true) }
        columns[sql] = found
    }
}
