import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

/// A role that may not, and a server that cannot.
@Suite(.timeLimit(.minutes(15))) struct RightsTests {
    private func withRole(
        _ grants: String, in database: TestDatabase, _ body: (PostgresStore) async throws -> Void
    ) async throws {
        let role = "clerk_\(database.name)"
        try await database.tamper("create role \"\(role)\" login; " + grants.replacing("ROLE", with: "\"\(role)\""))
        let pool = PostgresPool(PostgresConfiguration(connectionString: database.url, overrides: ["user": role]))
        do { try await body(PostgresStore(pool: pool)) } catch {
            await pool.close()
            throw error
        }
        await pool.close()
        try await database.tamper("drop owned by \"\(role)\"; drop role \"\(role)\"")
    }

    @Test func `a missing right is told with the role, the thing and the grant, and granting just that is enough`()
        async throws
    {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await withRole("", in: database) { store in
                for _ in 1...4 {
                    let error = await storeError { try await store.enqueueRun() }
                    guard let error else { return }
                    #expect(error.code == .notAllowed)
                    #expect(error.message.contains("the database role \"clerk_\(database.name)\" lacks a right"))
                    #expect(error.message.contains("permission denied for"))
                    // Just as it is printed.
                    let hint = try #require(error.hint)
                    #expect(hint.hasPrefix("As the owner of the schema: grant "), "\(hint)")
                    try await database.tamper(String(hint.drop { $0 != ":" }.dropFirst()))
                }
                Issue.record("the grants are never enough")
            }
        }
    }

    @Test func `a right to a table alone that is missing asks for the tables alone`() async throws {
        try await TestDatabase.withDatabase { database in
            try await withRole("grant usage on schema turnup to ROLE;", in: database) { store in
                let error = await storeError { _ = try await store.secrets() }
                #expect(
                    error?.code == .notAllowed && error?.message.contains("permission denied for table secret") == true)
                #expect(
                    error?.hint == """
                        As the owner of the schema: grant select, insert, update, delete on all tables in schema turnup \
                        to "clerk_\(database.name)";
                        """)
            }
        }
    }

    @Test func `a server that only reads is told as that, and is left for the one that writes`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.tamper("alter database \(database.name) set default_transaction_read_only = on")
            let pool = PostgresPool(database.pool.configuration, limits: PostgresPoolLimits(maximum: 1))
            let store = PostgresStore(pool: pool)
            let error = await storeError { try await store.enqueueRun() }
            #expect(error?.code == .readOnly && error?.message.contains("this server only reads") == true)
            #expect(error?.hint?.contains("target_session_attrs=read-write") == true)
            try await database.tamper(
                "begin read write; alter database \(database.name) reset default_transaction_read_only; commit")
            // A session that began before would still only read.
            try await store.enqueueRun()
            #expect(pool.generation == 1)
            await pool.close()
        }
    }
}
