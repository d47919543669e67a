import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite struct ClaimPlanTests {
    static let plans = [
        "set enable_hashjoin = off; set enable_mergejoin = off; set enable_indexscan = off; set enable_bitmapscan = off",
        "set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off; set enable_sort = off",
        "set enable_nestloop = off", "set plan_cache_mode = force_generic_plan",
    ]

    @Test(arguments: plans)
    func `a claim takes no more than its limit, whatever the plan`(_ plan: String) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            _ = try await database.pool.query(
                """
                select count(*) from generate_series(1, 300) as i,
                  turnup.enqueue('w', 'o', json_build_object('number', i::text), wake => false)
                """)
            let connection = try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
            try await connection.execute(plan)
            for _ in 0..<7 {
                let rows = try await connection.query("select run_id from turnup.claim('worker:a', 5, 60000)")
                #expect(rows.count == 5)
            }
            await connection.close()
            let leased = try await database.count("select count(*) from turnup.task where lease_owner is not null")
            #expect(leased == 35)
            #expect(try await database.count("select sum(epoch) from turnup.run") == 35)
        }
    }

    /// Otherwise a claim of a few runs from a long queue reads all of it.
    @Test func `no batch reads a whole table`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            _ = try await database.pool.query(
                """
                select count(*) from generate_series(1, 2000) as i,
                  turnup.enqueue('w', 'o', json_build_object('number', i::text), wake => false)
                """)
            _ = try await database.pool.execute("analyze")
            let scans = """
                select sum(seq_tup_read)::bigint from pg_stat_xact_user_tables
                where schemaname = 'turnup' and relname in ('task', 'run', 'event')
                """
            let read = try await database.pool.withTransaction { connection in
                let rows = try connection.querySync("select * from turnup.claim('worker:a', 200, 60000)")
                let ids = try rows.map { try $0.uuid("run_id") }
                let ones = ids.map { _ in Int64(1) }
                _ = try connection.querySync(
                    "select turnup.release('worker:a', $1, $2, $2, $3, $3, $2)",
                    [.uuidArray(ids), .intArray(ones), .textArray(ids.map { _ in nil })])
                return try connection.querySync(scans).onlyRow().int(0)
            }
            #expect(read == 0)
        }
    }

    @Test func `two claims at once never take the same run`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            for number in 0..<40 { try await database.store.enqueueRun("\(number)") }
            let claimed = try await together(8) { session in
                try await database.store.claim(worker: "worker:\(session)", limit: 10, leaseMilliseconds: minute)
            }.flatMap { $0 }
            #expect(Set(claimed.map(\.id)).count == claimed.count)
            #expect(claimed.allSatisfy { $0.epoch == 1 })
            let rest = try await database.store.claim(worker: workerA, limit: 99, leaseMilliseconds: minute)
            #expect(claimed.count + rest.count == 40)
        }
    }

    @Test func `one run that cannot be read does not keep the others from being claimed`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            let good = try await database.store.enqueueRun("1")
            let bad = try await database.store.enqueueRun("2")
            _ = try await database.pool.query(
                "update turnup.run set snapshot = '{\"a\":1,\"a\":1}', snapshot_seq = 1 where key = '2'")
            let claimed = try await database.store.claim(worker: workerA, limit: 9, leaseMilliseconds: minute)
            #expect(claimed.count == 2)
            #expect(try claimed.first { $0.id == good }?.state.get().key == "1")
            let error = #expect(throws: EvolveError.self) { try claimed.first { $0.id == bad }?.state.get() }
            #expect(error != nil)
        }
    }
}
