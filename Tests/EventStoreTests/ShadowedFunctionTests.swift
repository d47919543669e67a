import EventStore
import Postgres
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

/// Everybody with CREATE on `public` can make a function or an operator that fits better than the built-in one, which
/// takes any type. Who then calls it by its bare name lends it all rights.
@Suite(.timeLimit(.minutes(15))) struct ShadowedFunctionTests {
    /// Beside every built-in function that takes any type, one for each type that Turnup uses; calling it is an error.
    private static let traps = """
        do $role$ begin create role trapper; exception when duplicate_object then null; end $role$;
        grant create, usage on schema public to trapper;
        set role trapper;
        set search_path = pg_catalog;
        do $traps$
        declare
          built_in record;
          element text;
          arguments text;
          count integer := 0;
        begin
          for built_in in
            select p.oid, p.proname, p.proargtypes from pg_proc p
            where p.pronamespace = 'pg_catalog'::regnamespace and p.pronargs between 1 and 3
              and p.proargtypes::oid[] && array['anyelement', 'anyarray', 'anynonarray', 'anycompatible',
                'anycompatiblearray', 'anycompatiblenonarray', '"any"']::regtype[]::oid[]
          loop
            foreach element in array array['text', 'uuid', 'bigint', 'integer', 'bytea', 'boolean', 'timestamptz', 'json',
              'jsonb', 'void']
            loop
              select string_agg(
                  case t.kind::regtype::text
                    when 'anyarray' then element || '[]' when 'anycompatiblearray' then element || '[]'
                    when 'anyelement' then element when 'anynonarray' then element when '"any"' then element
                    when 'anycompatible' then element when 'anycompatiblenonarray' then element
                    else t.kind::regtype::text end, ', ' order by t.place)
                into arguments from unnest(built_in.proargtypes) with ordinality as t(kind, place);
              begin
                execute format(
                  'create function public.%I(%s) returns text language plpgsql as %L', built_in.proname, arguments,
                  format('begin raise exception ''trapped by %s''; end', built_in.proname));
                count := count + 1;
              exception when others then null;
              end;
            end loop;
          end loop;
          foreach element in array array['text', 'uuid', 'bigint', 'boolean', 'bytea'] loop
            execute format($f$
              create function public.trapped(%1$s[], %1$s[]) returns boolean language plpgsql as
                'begin raise exception ''trapped by an operator''; end';
              create operator public.= (leftarg = %1$s[], rightarg = %1$s[], function = public.trapped);
              create operator public.<> (leftarg = %1$s[], rightarg = %1$s[], function = public.trapped);
              create operator public.|| (leftarg = %1$s[], rightarg = %1$s[], function = public.trapped)
              $f$, element);
          end loop;
          if count < 300 then raise exception 'only % traps could be set', count; end if;
        end $traps$;
        reset role;
        """

    @Test func `no statement that this program sends ever calls what another role put into public`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.tamper(Self.traps)
            // A session like anybody's falls into them, or the test shows nothing.
            var naive = PostgresConfiguration(connectionString: database.url)
            naive.searchPath = nil
            let victim = try await PostgresConnection.connect(naive)
            for statement in ["select array_fill(null::text, array[1])", "select '{a}'::text[] || '{b}'::text[]"] {
                let error = await postgresError { try await victim.query(statement) }
                #expect(error?.message.hasPrefix("trapped by") == true, "\(statement): \(String(describing: error))")
            }
            await victim.close()
            try await Self.useEverything(database)
            _ = try await Migrator(pool: database.pool).pending()
        }
    }

    private static func useEverything(_ database: TestDatabase) async throws {
        let store = database.store
        try await store.adopt(keyRing: .generate())
        try await store.publishWorkflow()
        let id = try await store.enqueueRun()
        let run = try await store.claimOne()
        let place = SecretPlace(scope: .run, scopeId: id.description, name: "key", version: 1)
        let attempt = newId()
        let commit = try run.commit(
            [.started(attempt), .done(attempt)], due: minute,
            sealed: [try database.vault.seal(Secret("value"), at: place)])
        #expect(try await store.commitOne(commit).isAccepted)
        #expect(try await store.commitOne(commit).isAlready)
        _ = try await store.append(AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: person))
        #expect(try await store.events(of: id, after: 0).count == 4)
        #expect(try await store.runs(RunFilter(organisation: "o", key: "1", limit: 10)).count == 1)
        #expect(try await store.runs(beginningWith: String(id.description.prefix(8))).count == 1)
        #expect(try await store.fold(id) != nil)
        #expect(try await store.secretVersion(place) != nil)
        _ = try await (store.secrets(), store.services(), store.definitions(), store.line(""), store.now())
        let answers = try await BulkEnqueue(
            store: store, workflow: "w", organisation: "o", version: nil, actor: person
        ).enqueue([
            BulkLine(
                number: 1, organisation: nil, input: Array(#"{"number":"2"}"#.utf8), version: nil, due: nil, id: nil)
        ])
        #expect(answers.count == 1)
        let violations = Mutex<[Violation]>([])
        _ = try await Verifier(store: store).verify(.everything) { violation in
            violations.withLock { $0.append(violation) }
        }
        // No event here names its secret, which is none of this test\'s business.
        let found = violations.withLock { $0.filter { $0.code != .secretUnmentioned } }
        #expect(found.isEmpty, "\(found)")
    }
}
