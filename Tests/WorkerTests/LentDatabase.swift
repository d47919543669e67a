import Postgres
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

/// A database of a test's own, dropped when the last who holds this lets go of it.
final class LentDatabase: Sendable {
    let database: TestDatabase
    private let isOver: Gong

    var store: PostgresStore { database.store }

    init(connections: Int = 8) async throws {
        let isOver = Gong()
        self.isOver = isOver
        database = try await withCheckedThrowingContinuation { continuation in
            let isLent = Mutex(false)
            Task {
                do {
                    try await TestDatabase.withDatabase(connections: connections) { database in
                        isLent.withLock { $0 = true }
                        continuation.resume(returning: database)
                        await isOver.wait()
                    }
                } catch {
                    // Later errors are the drop's, which the server's own end makes good.
                    if !isLent.withLock({ $0 }) { continuation.resume(throwing: error) }
                }
            }
        }
    }

    deinit { isOver.strike() }
}

extension PostgresStore {
    /// Another worker has the run from now on, as after the end of a lease, and keeps it.
    func steal(_ id: Identifier) async {
        await tamper(
            """
            with taken as (
              update turnup.lease l
              set epoch = l.epoch + 1, token = gen_random_uuid(), worker = 'worker:other', service = '',
                expires = turnup.now() + interval '1 hour'
              where l.run_id = '\(id)' returning l.organisation
            )
            insert into turnup.note (service, organisation, is_freed, worker)
            select 'wpp', organisation, true, '' from taken
            """)
    }

    /// An event that only a newer version of the program can write.
    func appendUnknownType(_ id: Identifier) async {
        await tamper("select turnup.append('\(id)', null, 'run.teleported', '{}', 'person:ana')")
    }

    /// How many runs a worker of the test still has in hand.
    func leasedCount() async throws -> Int {
        Int(
            try await pool.query("select count(*) from turnup.lease where worker <> 'worker:other'", readOnly: true)
                .onlyRow().int(0))
    }

    private func tamper(_ sql: String) async {
        do { _ = try await pool.query(sql) } catch { Issue.record("\(error)") }
    }
}
