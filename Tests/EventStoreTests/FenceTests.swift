import EventStore
import TestSupport
import Testing
import WorkflowCore

/// A commit lands only with its lease's token and on the very stream that it was decided on, whatever the epoch says.
@Suite struct FenceTests {
    @Test func `the right epoch with another token is fenced, and writes nothing`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            var stranger = try run.intent()
            stranger.token = newId()
            #expect(try await store.commitOne(stranger) == .fenced)
            #expect(try await store.events(of: id, after: 0).count == 1)
            #expect(try await store.commitOne(run.intent()).isAccepted)
        }
    }

    @Test func `the right token on another stream is fenced, however long that is`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let first = try run.intent()
            #expect(try await store.commitOne(first).isAccepted)
            let attempt = try #require(first.events.last?.attemptId)
            for _ in 0..<2 {
                var other = try run.commit([.done(attempt)], on: first.state)
                other.baseHash = run.hash.map { $0 ^ 1 }
                #expect(try await store.commitOne(other) == .fenced)
                // Also when the database has more than it was decided on: that goes on from another beginning.
                _ = try await store.append(AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: person))
            }
            #expect(try await store.commitOne(run.commit([.done(attempt)], on: first.state)) == .behind)
            #expect(try await store.events(of: id, after: 0).count == 4)
        }
    }

    @Test
    func `what was decided on events that the database has lost is fenced, though epoch and numbers are given again`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let id = try await store.enqueueRun()
            let copy = try await Copy.take(of: id, in: fixture)
            let lost = try await store.claimOne()
            let intent = try lost.intent()
            let answer = try await store.commitOne(intent)
            guard case .accepted(_, let hash) = answer else { throw StoreError(.broken, "\(answer)") }
            try await copy.putBack(in: fixture)
            let again = try await store.claimOne(workerB)
            #expect(again.epoch == lost.epoch && again.token != lost.token)
            let second = try again.intent()
            #expect(try await store.commitOne(second, workerB).isAccepted)
            let attempt = try #require(intent.events.last?.attemptId)
            var outcome = try lost.commit([.done(attempt)], on: intent.state)
            outcome.baseHash = hash
            #expect(try await store.commitOne(outcome) == .fenced)
            #expect(try await store.commitOne(intent) == .fenced)
            let other = try #require(second.events.last?.attemptId)
            #expect(try await store.commitOne(again.commit([.done(other)], on: second.state), workerB).isAccepted)
            #expect(try await store.events(of: id, after: 0).count == 3)
        }
    }

    /// The rows of a run as they stood, to be put in the place of newer ones.
    private struct Copy {
        let id: Identifier

        static func take(of id: Identifier, in fixture: StoreFixture) async throws -> Copy {
            try await fixture.database.tamper(
                """
                create table public.copy_event as select * from turnup.event;
                create table public.copy_task as select * from turnup.task;
                """)
            return Copy(id: id)
        }

        func putBack(in fixture: StoreFixture) async throws {
            try await fixture.database.tamper(
                """
                begin;
                do $$ declare p regclass; begin
                  for p in select inhrelid::regclass from pg_inherits where inhparent = 'turnup.event'::regclass loop
                    execute format('alter table %s disable trigger user', p);
                  end loop;
                end $$;
                alter table turnup.event disable trigger user;
                delete from turnup.event; delete from turnup.task; delete from turnup.lease;
                insert into turnup.event select * from public.copy_event;
                insert into turnup.task select * from public.copy_task;
                update turnup.line set bound_due = '-infinity', next_due = '-infinity', ready_at = turnup.now();
                do $$ declare p regclass; begin
                  for p in select inhrelid::regclass from pg_inherits where inhparent = 'turnup.event'::regclass loop
                    execute format('alter table %s enable always trigger refuse_change', p);
                  end loop;
                end $$;
                commit;
                """)
        }
    }

    @Test func `a move of a run needs the lease too, and does not go past what was appended meanwhile`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            try await store.publishWorkflow("v", calls: "t")
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            var stranger = try run.commit([], due: minute, service: "t")
            stranger.token = newId()
            #expect(try await store.commitOne(stranger) == .fenced)
            _ = try await store.append(AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: person))
            #expect(try await store.commitOne(run.commit([], due: minute, service: "t")) == .behind)
            let folded = try #require(try await store.fold(id))
            #expect(
                try await store.commitOne(run.commit([], on: folded, due: minute, service: "t", waitReason: .noSecret))
                    .isAccepted)
            let row = try #require(try await store.run(id))
            #expect(row.seq == 2 && row.task?.service == "t" && row.task?.waitReason == .noSecret)
            #expect(row.task?.leaseOwner == nil)
            #expect(try await store.claimed().isEmpty)
            try await fixture.pass(milliseconds: minute + 100)
            let again = try await store.claimOne()
            #expect(again.service == "t" && again.epoch == 2)
            #expect(try again.state.get() == folded)
        }
    }

    @Test func `an intent alone is found by whoever takes the lease over`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(calls: "s")
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let before = try await fixture.taskVersions("s")
            let intent = try run.intent()
            #expect(try await store.commitOne(intent).isAccepted)
            #expect(try await fixture.taskVersions("s") == before)
            #expect(try await store.run(id)?.seq == 2)
            try await fixture.pass(milliseconds: minute + 100)
            for worker in [workerB, workerA] {
                let taken = try await store.claimOne(worker)
                #expect(try taken.state.get().openAttempt?.id == intent.events.last?.attemptId)
                #expect(try await taken.state.get() == store.fold(id))
                #expect(try await taken.hash == store.hash(of: id, seq: 2))
                // Given back, too, it is the task's.
                try await store.release([taken.release()])
            }
            let last = try await store.claimOne(workerB)
            #expect(last.epoch == 4)
            let lost = NewEvent(.attemptUnknown, ["error": "unknown_outcome"], attemptId: intent.events.last?.attemptId)
            #expect(try await store.commitOne(last.commit([lost], due: minute, service: "s"), workerB).isAccepted)
            #expect(try await brokenLinks(in: fixture.database) == [])
        }
    }
}
