import Foundation
import Postgres

/// What the server has counted so far; differences are what something cost.
struct Counters {
    var transactions: Int64 = 0
    /// Row versions by table: inserted, updated, deleted.
    var rows: [String: [Int64]] = [:]
    var walBytes: Int64 = 0
    var walRecords: Int64 = 0
    var walPosition = ""

    static func - (after: Counters, before: Counters) -> Counters {
        var difference = Counters()
        difference.transactions = after.transactions - before.transactions
        for (table, counts) in after.rows {
            difference.rows[table] = zip(counts, before.rows[table] ?? [0, 0, 0]).map { $0 - $1 }
        }
        difference.walBytes = after.walBytes - before.walBytes
        difference.walRecords = after.walRecords - before.walRecords
        return difference
    }

    func inserted(_ table: String) -> Int64 { rows[table]?[0] ?? 0 }
    func updated(_ table: String) -> Int64 { rows[table]?[1] ?? 0 }
    func deleted(_ table: String) -> Int64 { rows[table]?[2] ?? 0 }
}

extension Scene {
    /// Exact when no worker is connected: sessions tell what they have done at the latest when they end.
    func counters() async throws -> Counters {
        try await connection.execute("select pg_stat_force_next_flush()")
        var counters = Counters()
        let row = try await connection.query(
            """
            select xact_commit, wal_bytes::bigint, wal_records, pg_current_wal_insert_lsn()::text as position
            from pg_stat_database, pg_stat_wal where datname = current_database()
            """
        ).onlyRow()
        counters.transactions = try row.int("xact_commit")
        counters.walBytes = try row.int("wal_bytes")
        counters.walRecords = try row.int("wal_records")
        counters.walPosition = try row.string("position")
        let tables = try await connection.query(
            """
            select case when relname like 'event\\_%' then 'event' else relname end as name,
              sum(n_tup_ins)::bigint as inserted, sum(n_tup_upd)::bigint as updated, sum(n_tup_del)::bigint as deleted
            from pg_stat_user_tables where schemaname = 'turnup' group by 1
            """)
        for table in tables {
            counters.rows[try table.string("name")] = [
                try table.int("inserted"), try table.int("updated"), try table.int("deleted"),
            ]
        }
        return counters
    }

    /// Bytes of full-page images between two positions; a server that is not durable writes none.
    func imageBytes(from start: String, to end: String) async throws -> Int64 {
        let place = try await bench.administrator.query("select setting from pg_settings where name = 'data_directory'")
            .onlyRow().string("setting")
        // Named, because the first file it finds may be one that is not in use yet.
        let files = try await bench.administrator.query(
            "select pg_walfile_name($1::pg_lsn) as first, pg_walfile_name($2::pg_lsn) as last",
            [.text(start), .text(end)]
        ).onlyRow()
        try await bench.administrator.execute("checkpoint")
        let text = try await bench.serverProgram(
            "pg_waldump",
            [
                "--path", "\(place)/pg_wal", "--stats", "--start", start, "--end", end, try files.string("first"),
                try files.string("last"),
            ]
        ).end()
        // Total, records, bytes of records, their share, bytes of images, their share, both, ...
        guard let total = text.split(separator: "\n").last(where: { $0.hasPrefix("Total") }) else {
            throw Failure("pg_waldump said no total:\n\(text)")
        }
        let numbers = total.split(separator: " ").compactMap { Int64($0) }
        guard numbers.count >= 3 else { throw Failure("pg_waldump said: \(total)") }
        return numbers[2]
    }
}
