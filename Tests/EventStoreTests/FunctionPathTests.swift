import Postgres
import TestSupport
import Testing

@Suite struct FunctionPathTests {
    /// A function runs with the search path of whoever calls it, unless it has one of its own, or a body in standard SQL,
    /// whose names were looked up when it was made.
    @Test func `no function of ours looks names up where its caller says`() async throws {
        try await TestDatabase.withDatabase { database in
            let loose = try await database.pool.query(
                """
                select p.oid::regprocedure::text as name from pg_proc p
                where p.pronamespace = 'turnup'::regnamespace and p.prosqlbody is null
                  and not exists (select from unnest(p.proconfig) as s where s like 'search_path=%')
                order by 1
                """, readOnly: true
            ).map { try $0.string("name") }
            #expect(loose.isEmpty, "without a fixed search_path: \(loose.joined(separator: ", "))")
        }
    }

    /// A path of its own that begins elsewhere would be no protection.
    @Test func `every fixed path begins with the catalogue and holds nothing that others can write to`() async throws {
        try await TestDatabase.withDatabase { database in
            let odd = try await database.pool.query(
                """
                select p.oid::regprocedure::text || ': ' || s as name from pg_proc p, unnest(p.proconfig) as s
                where p.pronamespace = 'turnup'::regnamespace and s like 'search_path=%'
                  and s not in ('search_path=pg_catalog', 'search_path=pg_catalog, pg_temp',
                    'search_path=pg_catalog, turnup, pg_temp')
                """, readOnly: true
            ).map { try $0.string("name") }
            #expect(odd.isEmpty, "\(odd.joined(separator: ", "))")
        }
    }
}
