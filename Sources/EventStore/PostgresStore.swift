public import Postgres
public import Vault
public import WorkflowCore

/// The store in PostgreSQL: all data operations are SQL functions in `sql/`.
public struct PostgresStore: EventStore {
    /// The channel that `turnup.wake` notifies.
    public static let wakeChannel = "turnup_wake"

    let pool: PostgresPool

    public init(pool: PostgresPool) { self.pool = pool }

    func query(
        _ sql: String, _ parameters: [PostgresValue] = [], readOnly: Bool = false, label: String,
        lane: PostgresLane = .ordinary
    ) async throws -> PostgresRows {
        do {
            return try await pool.query(sql, parameters, readOnly: readOnly, label: label, lane: lane)
        } catch  where error.sqlState == "55P03" {
            throw StoreError(.busy, [error.description, await tableLocks()].compactMap { $0 }.joined(separator: "; "))
        } catch {
            throw StoreError(error)
        }
    }

    /// The sessions that hold, or wait for, a lock that stops everybody else; a session that waits for such a lock also
    /// stops all that come later. Nil when there is no such session, as when only a row is locked.
    private func tableLocks() async -> String? {
        let rows = try? await pool.query(
            """
            select string_agg(format('turnup.%s %s in %s by session %s of %s%s', c.relname,
              case when l.granted then 'is locked' else 'waits to be locked' end, l.mode, a.pid, a.usename,
              ' (' || nullif(a.application_name, '') || ')'), ', ' order by l.granted desc, a.pid, c.relname) as locks
            from pg_locks l join pg_class c on c.oid = l.relation and c.relkind in ('r', 'p')
              join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'turnup'
              join pg_stat_activity a on a.pid = l.pid and a.pid <> pg_backend_pid()
            where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database())
              and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
            """, readOnly: true, timeout: .seconds(2), label: "look for table locks")
        return rows.flatMap { try? $0.first?.stringOrNil("locks") }
    }

    /// Reads the one row that a function always answers with.
    func one(_ rows: PostgresRows) throws -> PostgresRow {
        guard let row = rows.first else { throw StoreError(.broken, "the database answered no row") }
        return row
    }

    func decoded<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as PostgresError {
            throw StoreError(error)
        } catch let error as JSONError {
            throw StoreError(.broken, "the database holds JSON that cannot be read: \(error)")
        }
    }

    public func now() async throws -> Instant {
        let rows = try await query("select turnup.microseconds(turnup.now()) as now", readOnly: true, label: "now")
        return try decoded { Instant(microseconds: try one(rows).int("now")) }
    }

    /// Whether secrets were, or may have been, sealed for this database.
    public func hasKeyRing() async throws -> Bool {
        let rows = try await query(
            "select key_ring is not null as has from turnup.installation", readOnly: true, label: "look for key ring")
        return try decoded { try rows.first?.bool("has") ?? false }
    }

    /// Refuses a key ring that is not the one this database was first used with; keeps the first one's mark.
    public func adopt(keyRing: KeyRing) async throws {
        _ = try await query(
            "update turnup.installation set key_ring = $1, key_check = $2 where key_ring is null",
            [.text(keyRing.id), .bytes(keyRing.checkValue)], label: "adopt key ring")
        let rows = try await query(
            "select key_ring, key_check from turnup.installation", readOnly: true, label: "check key ring")
        guard let row = rows.first else {
            throw StoreError(.notMigrated, "the database is not set up", hint: "Run \"turnup migrate\".")
        }
        let isOurs = try decoded { try row.bytes("key_check") == keyRing.checkValue }
        guard isOurs else {
            let expected = try decoded { try row.string("key_ring") }
            throw StoreError(
                .wrongKeyRing, "the key file holds ring \(keyRing.id), but this database was set up with \(expected)",
                hint: "Name the right file with TURNUP_KEY_FILE. Without it, sealed secrets cannot be read.")
        }
    }
}

extension PostgresUUID {
    init(_ id: Identifier) { self.init(high: id.high, low: id.low) }
}

extension Identifier {
    init(_ uuid: PostgresUUID) { self.init(high: uuid.high, low: uuid.low) }
}

extension PostgresRow {
    func identifier(_ column: String) throws -> Identifier { Identifier(try uuid(column)) }

    func instant(_ column: String) throws -> Instant { Instant(microseconds: try int(column)) }

    func instantOrNil(_ column: String) throws -> Instant? {
        try intOrNil(column).map { Instant(microseconds: $0) }
    }

    func waitReasonOrNil(_ column: String) throws -> WaitReason? {
        try stringOrNil(column).map { code in
            guard let reason = WaitReason(rawValue: code) else {
                throw StoreError(
                    .broken, "column \(column) holds \(code), which is no wait reason that this version knows")
            }
            return reason
        }
    }

    func object(_ column: String) throws -> JSONObject {
        let value = try JSONValue.parse(Array(try utf8(column)), limits: .stored)
        guard let object = value.objectValue else {
            throw StoreError(.broken, "column \(column) holds \(value.typeName) instead of an object")
        }
        return object
    }
}

extension JSONLimits {
    /// The database's contents were checked when they came in; this limit only guards the process.
    static let stored = JSONLimits(depth: 128, bytes: 64 << 20)
}
