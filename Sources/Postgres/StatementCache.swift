/// The prepared statements of one connection, by SQL text and parameter types; the least recently used go first.
///
/// A statement is prepared the second time it is seen, because preparing costs a round trip of its own.
struct StatementCache {
    struct Key: Hashable {
        let sql: String
        let types: [UInt32]
    }

    enum Plan: Equatable {
        case unnamed
        case prepare(name: String)
        case prepared(name: String)
    }

    private struct Entry {
        var name: String?
        var columns: RowColumns?
        var lastUse: Int
    }

    private let limit: Int
    private var entries: [Key: Entry] = [:]
    private var uses = 0
    private var names = 0
    /// Names the server still knows and we no longer use.
    private var forgotten: [String] = []

    init(limit: Int) {
        self.limit = max(0, limit)
    }

    var count: Int { entries.count }

    /// How to run the statement now.
    mutating func plan(_ key: Key) -> Plan {
        guard limit > 0 else { return .unnamed }
        uses += 1
        guard var entry = entries[key] else {
            makeRoom()
            entries[key] = Entry(lastUse: uses)
            return .unnamed
        }
        entry.lastUse = uses
        entries[key] = entry
        if let name = entry.name { return .prepared(name: name) }
        names += 1
        return .prepare(name: "turnup_\(names)")
    }

    /// The statement's name, if it is prepared; changes nothing.
    func preparedName(_ key: Key) -> String? { entries[key]?.name }

    func columns(_ key: Key) -> RowColumns? { entries[key]?.columns }

    mutating func remember(_ key: Key, columns: RowColumns) {
        guard entries[key]?.columns !== columns else { return }
        entries[key]?.columns = columns
    }

    mutating func prepared(_ key: Key, name: String) {
        entries[key]?.name = name
    }

    /// The server no longer knows the statement, or not as it was.
    mutating func forget(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key), let name = entry.name else { return }
        forgotten.append(name)
    }

    /// Names to deallocate before the next statement is prepared.
    mutating func takeForgotten() -> [String] {
        defer { forgotten.removeAll() }
        return forgotten
    }

    private mutating func makeRoom() {
        guard entries.count >= limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) else {
            return
        }
        forget(oldest.key)
    }
}
