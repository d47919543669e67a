import EventStore
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Postgres

/// Through PgBouncer in transaction mode with three server sessions, and nothing set for it on our side.
@Suite(.timeLimit(.minutes(15))) struct PoolerStoreTests {
    @Test func `three workers' operations over three shared sessions all work, and nothing stays in the sessions`()
        async throws
    {
        try await TestDatabase.withDatabase { direct in
            try await direct.withPooler(sessions: 3) { pooler, pooled in
                let store = pooled.store
                try await store.publishWorkflow()
                _ = try await store.services()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 1...3 {
                        group.addTask { try await Self.work(worker, pooled) }
                    }
                    try await group.waitForAll()
                }
                #expect(try await store.runs(RunFilter(organisation: "bulk", limit: 1000)).count == 60)
                let violations = Mutex<[Violation]>([])
                _ = try await Verifier(store: store).verify(.everything) { violation in
                    violations.withLock { $0.append(violation) }
                }
                // No event here names its secret, which is none of this test\'s business.
                let found = violations.withLock { $0.filter { $0.code != .secretUnmentioned } }
                #expect(found.isEmpty, "\(found)")
                try await Self.expectNothingLeft(pooled)
                #expect(!pooler.log.contains("ERROR"), "\(pooler.log)")
            }
        }
    }

    /// What a worker and the commands beside it do, ten times.
    private static func work(_ number: Int, _ database: TestDatabase) async throws {
        let store = database.store
        let worker = "worker:\(number)"
        for round in 1...10 {
            let organisation = "\(worker)-\(round)"
            let id = try await store.enqueueRun("\(round)", organisation: organisation)
            let run = try await store.claimOne(worker)
            let place = SecretPlace(
                scope: .run, scopeId: run.id.description, name: "key", version: 100 * number + round)
            let sealed = try database.vault.seal(Secret("value"), at: place)
            let attempt = newId()
            let answer = try await store.commitOne(
                run.commit([.started(attempt), .done(attempt), .entered("next")], due: minute, sealed: [sealed]), worker
            )
            #expect(answer.isAccepted)
            #expect(try await store.secretVersion(place) == sealed)
            _ = try await store.append(
                AppendRequest(runId: run.id, expectedSeq: nil, event: .cancel, actor: "person:p"))
            #expect(try await store.events(of: run.id, after: 0).count >= 5)
            #expect(try await store.run(id) != nil)
            // With room it would take what another worker has just enqueued for itself.
            _ = try await store.claim(worker: worker, ClaimDemand(room: 0), leaseMilliseconds: minute)
            let bulk = BulkEnqueue(
                store: store, workflow: "w", organisation: "bulk", version: nil, actor: "person:test")
            let answers = try await bulk.enqueue(
                (1...2).map { line in
                    BulkLine(
                        number: Int64(line), organisation: nil,
                        input: Array(#"{"number":"\#(worker) \#(round) \#(line)"}"#.utf8), version: nil,
                        due: Instant(microseconds: 4_000_000_000_000_000), id: nil)
                })
            #expect(answers.count == 2)
            try await bulk.wake()
        }
    }

    /// Takes all sessions of the server at once, as a client that sets nothing, and looks at each.
    private static func expectNothingLeft(_ database: TestDatabase) async throws {
        var clients: [PostgresConnection] = []
        for _ in 1...3 {
            let client = try await PostgresConnection.connect(database.pool.configuration)
            #expect(await client.isPooled)
            await client.setNothing()
            try await client.execute("BEGIN")
            clients.append(client)
        }
        var sessions: Set<Int64> = []
        for client in clients {
            // The first five belong to each client, and the pooler sets them for the next one itself.
            let row = try await client.execute(
                """
                select pg_backend_pid() as session,
                  (select string_agg(name || '=' || setting, ' ') from pg_settings where source = 'session' and name not in
                    ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')) as settings,
                  (select string_agg(name, ' ') from pg_prepared_statements) as statements,
                  (select string_agg(relname, ' ') from pg_class where relnamespace = pg_my_temp_schema()) as tables,
                  (select string_agg(channel, ' ') from pg_listening_channels() as channel) as channels,
                  (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks
                """)[0].onlyRow()
            sessions.insert(try row.int("session"))
            for name in ["settings", "statements", "tables", "channels"] {
                #expect(try row.stringOrNil(name) == nil, "\(name)")
            }
            #expect(try row.int("locks") == 0)
        }
        #expect(sessions.count == 3)
        for client in clients { await client.close() }
    }

    @Test func `an empty database is set up through the pooler, by two at once`() async throws {
        try await TestDatabase.withDatabase(migrated: false) { direct in
            try await direct.withPooler(sessions: 2) { _, pooled in
                async let first = Migrator(pool: pooled.pool).migrate()
                async let second = Migrator(pool: pooled.pool).migrate()
                let steps = try await (first.count, second.count)
                #expect(steps.0 + steps.1 == Migrator.everything.count - 1, "\(steps)")
                #expect(try await Migrator(pool: pooled.pool).pending().isEmpty)
            }
        }
    }
}

extension PostgresConnection {
    fileprivate func setNothing() { prelude = nil }
}
