public import Postgres

/// Brings a database to the schema of this binary.
public struct Migrator: Sendable {
    /// One file that would be, or was, applied.
    public struct Step: Sendable, Equatable {
        public let name: String
        public let text: String
    }

    /// Any number will do, as long as every migrator takes the same.
    private static let lockNumber: Int64 = 0x7475_726e_7570

    private let pool: PostgresPool

    public init(pool: PostgresPool) { self.pool = pool }

    /// All that a new database gets.
    public static var everything: [Step] {
        ([SQLFiles.bootstrap] + SQLFiles.migrations + SQLFiles.functions).map(\.step)
    }

    /// What `migrate` would run now. Changes nothing.
    public func pending() async throws -> [Step] {
        try await translated {
            try await pool.withTransaction(readOnly: true, label: "look at the schema") { connection in
                let known = try connection.querySync(
                    "select to_regclass('turnup.migration') is not null as known", readOnly: true)
                guard try known.first?.bool("known") == true else {
                    return Self.everything
                }
                return try Self.missing(connection).map(\.step)
            }
        }
    }

    /// Migrations that this binary relies on and the database lacks; functions may be another version's. Changes nothing.
    public func pendingMigrations() async throws -> [Step] {
        let names = Set(SQLFiles.migrations.map(\.name))
        return try await pending().filter { names.contains($0.name) }
    }

    /// Applies what is missing: each migration in a transaction of its own, all functions in one.
    /// Migrators that run at once take turns.
    public func migrate() async throws -> [Step] {
        try await translated {
            try await pool.withConnection { connection in
                try await connection.withTransaction(label: "bootstrap") { connection in
                    try Self.lock(connection)
                    try connection.executeSync(SQLFiles.bootstrap.text, label: "bootstrap")
                }
                var applied: [Step] = []
                for migration in SQLFiles.migrations {
                    let isNew = try await connection.withTransaction(label: "migration \(migration.name)") {
                        connection in
                        try Self.lock(connection)
                        guard try Self.missing(connection).contains(where: { $0.name == migration.name }) else {
                            return false
                        }
                        try connection.executeSync(migration.text, label: "migration \(migration.name)")
                        _ = try connection.querySync(
                            "insert into turnup.migration (number, name, checksum) values ($1, $2, $3)",
                            [.int(Self.number(migration)), .text(migration.name), .bytes(migration.checksum)])
                        return true
                    }
                    if isNew { applied.append(migration.step) }
                }
                let functions = try await connection.withTransaction(label: "functions") { connection in
                    try Self.lock(connection)
                    let changed = try Self.missing(connection)
                    // A function may call one that comes later in the alphabet.
                    try connection.executeSync("set local check_function_bodies = off", label: "functions")
                    for name in try Self.removed(connection) { try Self.drop(name, connection) }
                    for file in changed {
                        try Self.replace(file, connection)
                        _ = try connection.querySync(
                            """
                            insert into turnup.function_file (name, checksum) values ($1, $2)
                            on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()
                            """, [.text(file.name), .bytes(file.checksum)])
                    }
                    _ = try connection.querySync(
                        "insert into turnup.installation (id) values (turnup.new_id()) on conflict do nothing")
                    _ = try connection.querySync("select turnup.make_partitions()")
                    return changed
                }
                return applied + functions.map(\.step)
            }
        }
    }

    private static func lock(_ connection: isolated PostgresConnection) throws {
        _ = try connection.querySync("select pg_advisory_xact_lock($1::bigint)", [.int(lockNumber)])
    }

    /// What this binary has and the database has not. A changed migration, or one from a newer binary, is an error.
    private static func missing(_ connection: isolated PostgresConnection) throws -> [SQLFile] {
        var applied: [String: [UInt8]] = [:]
        for row in try connection.querySync("select name, checksum from turnup.migration", readOnly: true) {
            applied[try row.string("name")] = try row.bytes("checksum")
        }
        var functions: [String: [UInt8]] = [:]
        for row in try connection.querySync("select name, checksum from turnup.function_file", readOnly: true) {
            functions[try row.string("name")] = try row.bytes("checksum")
        }
        let known = Set(SQLFiles.migrations.map(\.name))
        if let newer = applied.keys.filter({ !known.contains($0) }).max() {
            throw StoreError(
                .newerSchema, "the database has migration \(newer), which this turnup does not know",
                hint: "It was migrated by a newer turnup. Install that version here.")
        }
        for migration in SQLFiles.migrations {
            if let checksum = applied[migration.name], checksum != migration.checksum {
                throw StoreError(
                    .changedMigration, "migration \(migration.name) was applied with another text",
                    hint: "An applied migration never changes. This binary was built from altered sources.")
            }
        }
        return SQLFiles.migrations.filter { applied[$0.name] == nil }
            + SQLFiles.functions.filter { functions[$0.name] != $0.checksum }
    }

    /// Functions that an older binary had and this one has not.
    private static func removed(_ connection: isolated PostgresConnection) throws -> [String] {
        let current = Set(SQLFiles.functions.map(\.name))
        return try connection.querySync("select name from turnup.function_file order by name")
            .map { try $0.string("name") }.filter { !current.contains($0) }
    }

    private struct LeavesAnOldOne: Error {}

    /// `create or replace` keeps the grants, and whatever depends on the function. But with other parameters it would
    /// leave the old function beside the new one, and it refuses another result type (42P13): in these cases the old
    /// function is dropped first.
    private static func replace(_ file: SQLFile, _ connection: isolated PostgresConnection) throws {
        func create() throws { try connection.executeSync(file.text, label: "function \(file.name)") }
        do {
            try connection.withSavepointSync {
                try create()
                if try signatures(file.name, connection).count > 1 { throw LeavesAnOldOne() }
            }
        } catch let error where error is LeavesAnOldOne || (error as? PostgresError)?.sqlState == "42P13" {
            try drop(file.name, connection)
            try create()
        }
    }

    private static func signatures(_ name: String, _ connection: isolated PostgresConnection) throws -> [String] {
        try connection.querySync(
            """
            select oid::regprocedure as signature from pg_proc
            where pronamespace = 'turnup'::regnamespace and proname = $1
            """, [.text(name)]
        ).map { try $0.string("signature") }
    }

    private static func drop(_ name: String, _ connection: isolated PostgresConnection) throws {
        for signature in try signatures(name, connection) {
            try connection.executeSync("drop function \(signature)", label: "old function \(name)")
        }
        _ = try connection.querySync("delete from turnup.function_file where name = $1", [.text(name)])
    }

    private static func number(_ file: SQLFile) -> Int64 { Int64(file.name.prefix(4)) ?? 0 }

    private func translated<Value>(_ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as PostgresError { throw StoreError(error) }
    }
}

extension SQLFile {
    var step: Migrator.Step { Migrator.Step(name: name, text: text) }
}
