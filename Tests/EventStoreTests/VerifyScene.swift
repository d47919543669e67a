import Postgres
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import EventStore

/// Runs of every kind, made by the store's own calls.
struct VerifyScene {
    let database: TestDatabase
    /// Succeeded after two attempts, with a sealed secret and late evidence of an earlier worker.
    let ended: Identifier
    /// Live, leased, with an open attempt; its intent stands in the lease alone.
    let live: Identifier
    /// Live, in no worker's hands, with a snapshot, due in an hour.
    let waiting: Identifier
    let held: Identifier
    /// Failed before anything was sent, so that it lets go of its key.
    let failed: Identifier
    /// Only enqueued.
    let fresh: Identifier

    static func with(_ body: (VerifyScene) async throws -> Void) async throws {
        try await TestDatabase.withDatabase { database in try await body(try await make(database)) }
    }

    private static func make(_ database: TestDatabase) async throws -> VerifyScene {
        let store = database.store
        try await store.publishWorkflow()
        let ended = try await store.enqueueRun("1")
        let first = newId()
        let second = newId()
        let stale = try await store.claimOne()
        _ = try await store.commitOne(stale.commit([.started(first)]))
        let claim = try await store.claimOne(workerB)
        let sealed = try [(1, "key"), (2, "late/key")].map { number, name in
            try database.vault.seal(
                Secret("s\(number)"),
                at: SecretPlace(scope: .run, scopeId: ended.description, name: name, version: number))
        }
        let references = sealed.map(\.reference.json)
        _ = try await store.commitOne(
            claim.commit(
                [
                    NewEvent(.attemptUnknown, ["error": "unknown_outcome"], attemptId: first),
                    .started(second),
                ], keepsLease: true), workerB)
        _ = try await store.appendLate(
            LateEvidence(
                runId: ended, epoch: stale.epoch, attemptId: first, body: ["sealed": .array([references[1]])],
                sealed: [sealed[1]]), worker: workerA)
        let folded = try #require(try await store.fold(ended))
        let answer: JSONObject = [
            "entered": "active", "saved": ["a": 1], "sealed": .array([references[0]]),
            "thing": ["service": "s", "identity": "session-1"],
        ]
        _ = try await store.commitOne(
            claim.commit(
                [NewEvent(.attemptDone, answer, attemptId: second), NewEvent(.runSucceeded, ["state": "active"])],
                on: folded, sealed: [sealed[0]]), workerB)

        let live = try await store.enqueueRun("2")
        _ = try await store.commitOne(store.claimOne().commit([.started(newId())], keepsLease: true))
        let held = try await store.enqueueRun("3")
        let lost = newId()
        _ = try await store.commitOne(
            store.claimOne().commit([.started(lost), NewEvent(.attemptUnknown, [:], attemptId: lost), .held]))
        let failed = try await store.enqueueRun("4")
        _ = try await store.commitOne(
            store.claimOne().commit(
                [.entered("failed"), NewEvent(.runFailed, ["state": "failed", "reason": "a test"])]))
        let waiting = try await store.enqueueRun("5")
        _ = try await store.commitOne(store.claimOne().commit([.entered("x")], due: 60 * minute))
        return VerifyScene(
            database: database, ended: ended, live: live, waiting: waiting, held: held, failed: failed,
            fresh: try await store.enqueueRun("6"))
    }

    func named(_ name: String) -> Identifier? {
        let runs = [
            "ended": ended, "live": live, "waiting": waiting, "held": held, "failed": failed, "fresh": fresh,
            "nobody": Self.nobody,
        ]
        return runs[name]
    }

    static let nobody = Identifier(unixMilliseconds: 1, random: (1, 1))

    /// Runs SQL as somebody who can do anything, and leaves the guards as they were. `{ended}` and the like stand for ids;
    /// `pg_temp.forge` appends an event with a chain that holds.
    func tamper(_ sql: String, keepsGuards: Bool = true) async throws {
        var text = sql
        for name in ["ended", "live", "waiting", "held", "failed", "fresh", "nobody"] {
            text = text.replacing("{\(name)}", with: "'\(named(name)?.description ?? "")'::uuid")
        }
        let script = text
        let tables = ["event": "refuse_change", "definition": "refuse_change", "secret": "only_forgetting"]
        try await database.withSuperuser { connection in
            try await connection.execute(Self.forge)
            for (table, trigger) in tables {
                try await connection.execute("alter table turnup.\(table) disable trigger \(trigger)")
            }
            try await connection.execute(script)
            guard keepsGuards else { return }
            for (table, trigger) in tables {
                try await connection.execute("alter table turnup.\(table) enable always trigger \(trigger)")
            }
        }
    }

    private static let forge = """
        create function pg_temp.rechain(target uuid) returns void language plpgsql as $$
        declare e turnup.event; last bytea := turnup.first_hash(); top bigint;
        begin
          for e in select * from turnup.event where run_id = target order by seq loop
            last := turnup.event_hash(last, target, e.seq, turnup.microseconds(e.recorded_at), e.epoch, e.type, e.actor,
              e.attempt_id, e.body::text);
            update turnup.event set hash = last where run_id = target and seq = e.seq;
            top := e.seq;
          end loop;
          update turnup.task set seq = top, hash = last where run_id = target;
          if found then
            update turnup.lease set seq = top, hash = last where run_id = target;
            update turnup.run r set hash = (select v.hash from turnup.event v where v.run_id = target and v.seq = r.seq)
            where r.id = target;
          else
            update turnup.run set seq = top, hash = last where id = target;
          end if;
        end $$;
        create function pg_temp.forge(
          target uuid, new_type text, new_body text, attempt uuid default null, new_epoch bigint default 9
        ) returns void language plpgsql as $$
        begin
          insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
          select target, max(e.seq) + 1, new_type, new_body::json, new_epoch, attempt, 'worker:x', turnup.now(),
            turnup.first_hash()
          from turnup.event e where e.run_id = target;
          update turnup.run set epoch = greatest(epoch, new_epoch) where id = target;
          update turnup.lease set epoch = greatest(epoch, new_epoch) where run_id = target;
          perform pg_temp.rechain(target);
        end $$
        """

    func violations(_ scope: VerifyScope = .everything, pageRuns: Int64 = 500) async throws -> [Violation] {
        let found = Found()
        let tally = try await Verifier(store: database.store, pageRuns: pageRuns).verify(scope) { found.add($0) }
        #expect(tally.violations + tally.warnings == found.all.count)
        return found.all
    }

    func expect(_ damage: Damage, pageRuns: Int64) async throws {
        let found = try await violations(pageRuns: pageRuns)
        let run = damage.run.flatMap { named($0) }
        let codes = Set(found.filter { $0.runId == run }.map(\.code))
        #expect(codes.isSuperset(of: damage.codes), "\(damage.codes) among \(found)")
        // Others than the damaged run are not blamed; guards that had to go for the damage are.
        let others = found.filter { $0.runId != run && $0.code != .guardMissing }
        #expect(others == [] || damage.touchesAll, "\(others)")
    }
}
