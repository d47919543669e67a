import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

/// Events lie in partitions by the month in the run's id. With a generic plan (the worst) a read that is given ids must
/// touch the partitions of these ids alone, however many there are.
@Suite struct PartitionReadTests {
    struct Read: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let make: @Sendable (PostgresStore, [Identifier]) async throws -> Void
    }

    static let reads = [
        Read(testDescription: "the events of a run") { store, ids in
            for id in ids { _ = try await store.events(of: id, after: 0) }
        },
        Read(testDescription: "verify of named runs") { store, ids in
            _ = try await Verifier(store: store).verify(.runs(ids)) { _ in }
        },
        Read(testDescription: "a claim, whose runs have events that their snapshots do not know") { store, ids in
            for id in ids {
                _ = try await store.append(
                    AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:t"))
            }
            let claimed = try await store.claimed()
            #expect(claimed.count == ids.count)
        },
        Read(testDescription: "a commit that had landed") { store, ids in
            let commits = try await store.claimed().map { try $0.commit([.entered("x")], due: minute) }
            #expect(commits.count == ids.count)
            for _ in 0..<2 { _ = try await store.commit(commits, worker: workerA, leaseMilliseconds: minute) }
        },
        Read(testDescription: "an enqueue of what is there already") { store, _ in
            let receipt = try await store.enqueue(request(["number": "1"]))
            #expect(!receipt.isNew)
        },
        Read(testDescription: "a page of live runs") { store, ids in
            let live = try await store.liveRuns(workflow: "w", after: nil, limit: 100)
            #expect(live.count == ids.count)
        },
        Read(testDescription: "what a diagnosis reads of others") { store, ids in
            let run = try #require(try await store.run(ids[0]))
            let siblings = try await store.siblings(of: run)
            #expect(siblings.map(\.run.id) == [ids[1]])
            _ = try await store.fleet(workflow: "w", key: "api_key")
        },
    ]

    @Test(arguments: reads) func `a read that is given ids touches their partitions alone`(_ read: Read) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let lastMonth = newId(ago: .seconds(31 * 86400 - 60))
            let ids = [
                try await database.store.enqueueRun("1"), try await database.store.enqueueRun("2", id: lastMonth),
            ]
            let pool = PostgresPool(
                PostgresConfiguration(
                    connectionString: database.url,
                    overrides: ["options": "-c plan_cache_mode=force_generic_plan"]),
                limits: PostgresPoolLimits(maximum: 1))
            let store = PostgresStore(pool: pool)
            do {
                // Here, so that what making them reads is counted before.
                _ = try await pool.query("select turnup.make_partitions(30)")
                _ = try await pool.query("select pg_stat_force_next_flush()")
                let before = try await scans(database)
                try await read.make(store, ids)
                _ = try await pool.query("select pg_stat_force_next_flush()")
                let after = try await scans(database)
                let touched = after.filter { $0.value > before[$0.key, default: 0] }.map(\.key).sorted()
                #expect(!touched.isEmpty && touched.count <= 2, "\(touched) of \(after.count)")
                #expect(after.count > 30)
                await pool.close()
            } catch {
                await pool.close()
                throw error
            }
        }
    }

    private func scans(_ database: TestDatabase) async throws -> [String: Int64] {
        let rows = try await database.pool.query(
            """
            select relname, (coalesce(seq_scan, 0) + coalesce(idx_scan, 0))::bigint as scans from pg_stat_user_tables
            where schemaname = 'turnup' and relname like 'event\\_2%'
            """)
        return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.string("relname"), try $0.int("scans")) })
    }
}
