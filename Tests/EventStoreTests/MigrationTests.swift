import EventStore
import Postgres
import TestSupport
import Testing
import Vault
import WorkflowCore

@Suite struct MigrationTests {
    @Test func `a commit of nothing shows whether another version's migration has taken the function away`()
        async throws
    {
        try await TestDatabase.withDatabase { database in
            #expect(try await database.store.commit([], worker: workerA, leaseMilliseconds: 60_000).isEmpty)
            try await database.pool.execute("alter function turnup.commit rename to commit_2")
            let error = await storeError {
                _ = try await database.store.commit([], worker: workerA, leaseMilliseconds: 60_000)
            }
            #expect(error?.code == .notMigrated, "\(error?.message ?? "no error")")
        }
    }

    @Test func `an empty database shows all that is pending, and nothing once it is migrated`() async throws {
        try await TestDatabase.withDatabase(migrated: false) { database in
            let migrator = Migrator(pool: database.pool)
            let pending = try await migrator.pending()
            #expect(pending.first?.name == "bootstrap")
            #expect(pending.contains { $0.name == "0001_base" } && pending.contains { $0.name == "commit" })
            #expect(pending.allSatisfy { !$0.text.isEmpty })
            let error = await storeError { try await database.store.enqueueRun() }
            #expect(error?.code == .notMigrated)
            let applied = try await migrator.migrate()
            #expect(applied == Array(pending.dropFirst()))
            #expect(try await migrator.pending().isEmpty)
        }
    }

    @Test func `migrating again changes nothing, and a fresh database is the same`() async throws {
        let fresh = try await TestDatabase.withDatabase(migrated: false) { database in
            let migrator = Migrator(pool: database.pool)
            _ = try await migrator.migrate()
            let before = try await schema(of: database)
            #expect(try await migrator.migrate().isEmpty)
            #expect(try await schema(of: database) == before)
            return before
        }
        #expect(fresh.count > 100)
        #expect(try await TestDatabase.withDatabase { try await schema(of: $0) } == fresh)
    }

    @Test func `a function whose text has changed is applied again, whatever its parameters were`() async throws {
        try await TestDatabase.withDatabase { database in
            let before = try await schema(of: database)
            _ = try await database.pool.execute(
                """
                update turnup.function_file set checksum = sha256('old') where name in ('commit', 'make_partitions', 'now');
                grant execute on function turnup.now() to public;
                insert into turnup.function_file (name, checksum) values ('removed', sha256('old'));
                create function turnup.removed() returns integer language sql as 'select 1';
                create function turnup.commit(old_shape integer) returns integer language sql as 'select 1';
                drop function turnup.make_partitions(integer);
                create function turnup.make_partitions() returns text language sql as 'select ''other''';
                """)
            let migrator = Migrator(pool: database.pool)
            #expect(try await migrator.pending().map(\.name) == ["commit", "make_partitions", "now"])
            #expect(try await migrator.migrate().map(\.name) == ["commit", "make_partitions", "now"])
            #expect(try await schema(of: database) == before)
            // Only what had to go was dropped: a replaced function keeps its grants.
            #expect(try await database.count("select count(proacl) from pg_proc where proname = 'now'") == 1)
        }
    }

    @Test func `a database of a newer program is refused`() async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await database.pool.query(
                "insert into turnup.migration (number, name, checksum) values (9999, '9999_future', sha256('x'))")
            let migrator = Migrator(pool: database.pool)
            let errors = [
                await storeError { _ = try await migrator.pending() },
                await storeError { _ = try await migrator.migrate() },
            ]
            for error in errors {
                #expect(error?.code == .newerSchema && error?.message.contains("9999_future") == true)
            }
        }
    }

    @Test func `a migration that was applied with another text is refused`() async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await database.pool.query("update turnup.migration set checksum = sha256('x') where number = 1")
            let error = await storeError { _ = try await Migrator(pool: database.pool).migrate() }
            #expect(error?.code == .changedMigration && error?.message.contains("0001_base") == true)
        }
    }

    @Test func `migrators that run at once take turns`() async throws {
        try await TestDatabase.withDatabase(migrated: false) { database in
            let steps = try await together(4) { _ in try await Migrator(pool: database.pool).migrate() }
            #expect(steps.flatMap { $0 }.count { $0.name == "0001_base" } == 1)
            #expect(steps.flatMap { $0 }.count { $0.name == "commit" } == 1)
            #expect(try await Migrator(pool: database.pool).pending().isEmpty)
        }
    }

    @Test func `a database in another encoding than UTF8 is refused with the remedy`() async throws {
        try await TestDatabase.withDatabase { database in
            let name = "\(database.name)_latin"
            try await database.withSuperuser {
                try await $0.execute(
                    "create database \(name) owner turnup encoding 'LATIN1' locale 'C' template template0")
            }
            let pool = PostgresPool(
                PostgresConfiguration(connectionString: database.url, overrides: ["dbname": name]))
            let error = await storeError { _ = try await Migrator(pool: pool).migrate() }
            #expect(error?.code == .unsuitableDatabase && error?.message.contains("LATIN1") == true)
            #expect(error?.hint?.contains("encoding 'UTF8'") == true)
            await pool.close()
            try await database.withSuperuser { try await $0.execute("drop database \(name) with (force)") }
        }
    }

    @Test func `an installation is made once, takes the first key ring and refuses another`() async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await Migrator(pool: database.pool).migrate()
            #expect(try await database.count("select count(*) from turnup.installation") == 1)
            let ring = database.vault.keyRing
            try await database.store.adopt(keyRing: ring)
            try await database.store.adopt(keyRing: ring)
            try await database.store.adopt(keyRing: ring.rotated())
            let error = await storeError { try await database.store.adopt(keyRing: .generate()) }
            #expect(error?.code == .wrongKeyRing && error?.message.contains(ring.id) == true)
            try await database.store.adopt(keyRing: ring)
        }
    }

    /// All that makes the schema, as text: functions, columns, constraints, indexes, triggers and table settings.
    private func schema(of database: TestDatabase) async throws -> [String] {
        try await database.pool.query(
            """
            select pg_get_functiondef(oid) as line from pg_proc where pronamespace = 'turnup'::regnamespace
            union all
            select format('%s.%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
              attnotnull, attstorage, (select pg_get_expr(adbin, adrelid) from pg_attrdef
                where adrelid = attrelid and adnum = attnum))
            from pg_attribute where attnum > 0 and not attisdropped
              and attrelid in (select oid from pg_class where relnamespace = 'turnup'::regnamespace and relkind = 'r')
            union all
            select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
            from pg_constraint where connamespace = 'turnup'::regnamespace
            union all
            select indexdef from pg_indexes where schemaname = 'turnup'
            union all
            select format('%s %s', pg_get_triggerdef(t.oid), t.tgenabled) from pg_trigger t join pg_class c on c.oid = t.tgrelid
            where c.relnamespace = 'turnup'::regnamespace and not t.tgisinternal
            union all
            select format('%s %s', relname, reloptions) from pg_class where relnamespace = 'turnup'::regnamespace
            order by 1
            """
        ).map { try $0.string("line") }
    }
}
