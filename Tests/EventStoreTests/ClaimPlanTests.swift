import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

@Suite struct ClaimPlanTests {
    static let plans = [
        "set enable_hashjoin = off; set enable_mergejoin = off; set enable_indexscan = off; set enable_bitmapscan = off",
        "set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off; set enable_sort = off",
        "set enable_nestloop = off", "set plan_cache_mode = force_generic_plan",
    ]

    @Test(arguments: plans)
    func `a claim takes no more than its room, whatever the plan`(_ plan: String) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            _ = try await database.pool.query(
                """
                select count(*) from generate_series(1, 300) as i,
                  turnup.enqueue('w', 'o' || i % 3, json_build_object('number', i::text), wake => false)
                """)
            let connection = try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
            try await connection.execute(plan)
            for _ in 0..<7 {
                let rows = try await connection.query(
                    "select run_id from turnup.claim('worker:a', 60000, 5, 5) where run_id is not null")
                #expect(rows.count == 5)
            }
            await connection.close()
            #expect(try await database.count("select count(*) from turnup.lease") == 35)
            #expect(try await database.count("select sum(epoch)::bigint from turnup.lease") == 35)
        }
    }

    /// Tasks of one organisation behind 200 of others, and what the next claim reads.
    private func blocks(ofClaimBeside count: Int) async throws -> Int {
        try await TestDatabase.withDatabase { database in
            _ = try await database.pool.execute(
                """
                insert into turnup.task (run_id, due, seq, snapshot_seq, service, organisation, hash, times, snapshot)
                select turnup.new_id(), turnup.now() - interval '1 hour', 1, 1, '',
                  case when i <= 200 then 'o' || i % 20 else 'large' end, sha256('x'), '{}', repeat('x', 300)
                from generate_series(1, 200 + \(count)) as i;
                insert into turnup.note (service, organisation, due)
                select service, organisation, min(due) from turnup.task group by 1, 2;
                """)
            _ = try await database.pool.execute("vacuum analyze turnup.task")
            let connection = try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
            var plan = ""
            // The first ones read the notes and warm the session up.
            for _ in 0..<4 {
                plan = try await connection.query(
                    "explain (analyze, buffers, format json) select * from turnup.claim('worker:a', 60000, 40, 40)"
                ).map { try $0.string(0) }.joined()
            }
            await connection.close()
            #expect(try await database.count("select count(*) from turnup.lease") == 160)
            func number(_ name: String) -> Int {
                guard let found = plan.range(of: "\"\(name)\": ") else { return 0 }
                return Int(plan[found.upperBound...].prefix { $0.isNumber }) ?? 0
            }
            return number("Shared Hit Blocks") + number("Shared Read Blocks")
        }
    }

    @Test func `what a claim reads does not grow with the line`() async throws {
        let short = try await blocks(ofClaimBeside: 500)
        let long = try await blocks(ofClaimBeside: 50_000)
        #expect(long < short * 3 / 2, "\(short) blocks beside 500, \(long) beside 50,000")
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
                select coalesce(sum(seq_tup_read), 0)::bigint from pg_stat_xact_user_tables
                where schemaname = 'turnup' and (relname in ('task', 'run', 'lease', 'line') or relname like 'event%')
                """
            let read = try await database.pool.withTransaction { connection in
                let rows = try connection.querySync(
                    "select run_id, token from turnup.claim('worker:a', 60000, 200, 200) where run_id is not null")
                #expect(rows.count == 200)
                let ids = try rows.map { try $0.uuid("run_id") }
                let released = try connection.querySync(
                    "select turnup.release($1, $2, $3, $4) as count",
                    [
                        .uuidArray(ids), .uuidArray(try rows.map { try $0.uuid("token") }),
                        .intArray(ids.map { _ in Int64(1) }), .textArray(ids.map { _ in nil }),
                    ])
                #expect(try released.onlyRow().int("count") == 200)
                return try connection.querySync(scans).onlyRow().int(0)
            }
            #expect(read == 0)
        }
    }

    @Test func `two claims at once never take the same run`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            for number in 0..<40 { try await database.store.enqueueRun("\(number)", organisation: "o\(number % 3)") }
            let claimed = try await together(8) { session in
                try await database.store.claimed("worker:\(session)", 10)
            }.flatMap { $0 }
            #expect(Set(claimed.map(\.id)).count == claimed.count)
            #expect(claimed.allSatisfy { $0.epoch == 1 })
            let rest = try await database.store.claimed()
            #expect(claimed.count + rest.count == 40)
        }
    }

    @Test func `one run that cannot be read does not keep the others from being claimed`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            let good = try await store.enqueueRun("1")
            let bad = try await store.enqueueRun("2")
            try await database.tamper(
                "update turnup.task set snapshot = '{\"a\":1,\"a\":1}' where run_id = '\(bad)'")
            let claimed = try await store.claimed()
            #expect(claimed.count == 2)
            #expect(try claimed.first { $0.id == good }?.state.get().key == "1")
            let error = #expect(throws: EvolveError.self) { try claimed.first { $0.id == bad }?.state.get() }
            #expect(error != nil)
        }
    }
}
