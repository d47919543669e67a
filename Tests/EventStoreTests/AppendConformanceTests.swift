import EventStore
import Testing
import Vault
import WorkflowCore

@Suite struct AppendConformanceTests {
    @Test func `a person's event is appended at the place it was decided on, and makes the run due`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let due = try await store.now().advanced(byMilliseconds: 60 * minute)
            let id = try await store.enqueueRun(due: due)
            let stale = AppendRequest(runId: id, expectedSeq: 7, event: .cancel, actor: "person:p")
            #expect(try await store.append(stale) == .behind(seq: 1))
            let right = AppendRequest(runId: id, expectedSeq: 1, event: .cancel, actor: "person:p")
            #expect(try await store.append(right) == .accepted(seq: 2))
            #expect(try await store.append(right) == .behind(seq: 2))
            let anywhere = AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:q")
            #expect(try await store.append(anywhere) == .accepted(seq: 3))
            let events = try await store.events(of: id, after: 1)
            #expect(events.map(\.actor) == ["person:p", "person:q"])
            let row = try #require(try await store.run(id))
            #expect(row.seq == 3)
            #expect(try #require(row.task).due < due)
            #expect(try await store.claimOne().id == id)
        }
    }

    @Test func `an append that changes the status takes the run off the queue and puts it back`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let before = try #require(try await store.fold(id))
            func append(_ events: [NewEvent], status: RunState) async throws {
                for event in events {
                    _ = try await store.append(
                        AppendRequest(
                            runId: id, expectedSeq: nil, event: event, actor: "person:p", stateAfter: status))
                }
            }
            try await append([.held], status: before.after([.held]))
            let held = try #require(try await store.run(id))
            #expect(held.status == .held && held.task == nil && held.endedAt == nil)
            #expect(held.reason == "a person decides")
            try await append([.cancel], status: before)
            let live = try #require(try await store.run(id))
            #expect(live.status == .live && live.task != nil && live.reason == nil)
            let end = NewEvent(.runCancelled, ["reason": "enough"])
            try await append([end], status: before.after([end]))
            let ended = try #require(try await store.run(id))
            #expect(ended.status == .cancelled && ended.task == nil && ended.reason == "enough")
            #expect(ended.endedAt == ended.changedAt)
            // Evidence after the end does not move the end.
            _ = try await store.append(AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:p"))
            #expect(try await store.run(id)?.endedAt == ended.endedAt)
            #expect(try await store.run(id)?.status == .cancelled)
        }
    }

    @Test func `a run cannot be reopened while another one has its key`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let first = try await store.enqueueRun("1")
            let open = try #require(try await store.fold(first))
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([NewEvent(.runFailed, [:])])).isAccepted)
            let second = try await store.enqueueRun("1")
            let reopen = AppendRequest(
                runId: first, expectedSeq: nil, event: .cancel, actor: "person:p", stateAfter: open)
            let error = await storeError { _ = try await store.append(reopen) }
            #expect(error?.code == .keyConflict && error?.runId == second.description)
            #expect(try await store.run(first)?.seq == 2)
        }
    }

    @Test
    func `a secret that comes with a person's event is sealed under the run with the next version, or not at all`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            func resolve(_ text: String, expectedSeq: Int64?, version: Int? = nil) async throws -> SealedSecret {
                let state = try #require(try await store.fold(id))
                let place = SecretPlace(
                    scope: .run, scopeId: id.description, name: "api_key",
                    version: version ?? state.nextVersion(ofSecret: "api_key"))
                let sealed = try fixture.vault.seal(Secret(text), at: place)
                let event = NewEvent(
                    .runResolved,
                    ["choice": "done", "reason": "seen", "sealed": .array([sealed.reference.json]), "entered": "x"])
                let after = try state.after([event])
                let answer = try await store.append(
                    AppendRequest(
                        runId: id, expectedSeq: expectedSeq ?? state.seq, event: event, actor: "person:p",
                        stateAfter: after, sealed: [sealed]))
                if answer == .behind(seq: state.seq) { throw StoreError(.behind, "behind") }
                return sealed
            }
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([.held])).isAccepted)
            // Behind: neither the event nor the secret.
            let behind = await storeError { _ = try await resolve("early", expectedSeq: 1) }
            #expect(behind?.code == .behind)
            #expect(try await store.secret(scope: .run, scopeId: id.description, name: "api_key") == nil)
            let first = try await resolve("first-key", expectedSeq: nil)
            #expect(first.place.version == 1)
            let stored = try #require(try await store.secretVersion(first.place))
            #expect(try fixture.vault.open(stored).revealText() == "first-key")
            let live = try #require(try await store.run(id))
            #expect(live.status == .live && live.state == "x" && live.task != nil)
            // The next one counts on.
            let claimed = try await store.claimOne()
            #expect(try await store.commitOne(claimed.commit([.held])).isAccepted)
            let second = try await resolve("second-key", expectedSeq: nil)
            #expect(second.place.version == 2)
            let newest = try #require(try await store.secret(scope: .run, scopeId: id.description, name: "api_key"))
            #expect(try fixture.vault.open(newest).revealText() == "second-key")
            // A version that is there is refused, with its event.
            let third = try await store.claimOne()
            #expect(try await store.commitOne(third.commit([.held])).isAccepted)
            let before = try #require(try await store.run(id))
            let twice = await storeError { _ = try await resolve("other", expectedSeq: nil, version: 2) }
            #expect(twice?.code == .refused)
            #expect(try await store.run(id) == before)
            let kept = try #require(try await store.secretVersion(second.place))
            #expect(try fixture.vault.open(kept).revealText() == "second-key")
        }
    }

    @Test func `an append to no run is an error`() async throws {
        try await StoreFixture.with { fixture in
            let id = newId()
            let error = await storeError {
                _ = try await fixture.store.append(
                    AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:p"))
            }
            #expect(error?.code == .notFound && error?.message == "there is no run \(id)")
            let late = await storeError {
                _ = try await fixture.store.appendLate(
                    LateEvidence(runId: id, epoch: 1, attemptId: newId(), body: [:]), worker: workerA)
            }
            #expect(late?.code == .notFound)
            let run = try await fixture.store.run(id)
            let events = try await fixture.store.events(of: id, after: 0)
            #expect(run == nil && events.isEmpty)
        }
    }

    @Test func `a zombie's evidence is kept once, with its epoch and its secrets, and changes nothing else`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let zombie = try await store.claimOne(workerA)
            let attempt = newId()
            #expect(try await store.commitOne(zombie.commit([.started(attempt)], keepsLease: true)).isAccepted)
            try await fixture.pass(milliseconds: 2 * minute)
            let holder = try await store.claimOne(workerB)
            let before = try #require(try await store.run(id))

            let place = SecretPlace(scope: .run, scopeId: id.description, name: "late/key", version: 2)
            let sealed = try fixture.vault.seal(Secret("one"), at: place)
            let evidence = LateEvidence(
                runId: id, epoch: 1, attemptId: attempt, body: ["outcome": "done"], sealed: [sealed])
            #expect(try await store.appendLate(evidence, worker: workerA))
            #expect(try await !store.appendLate(evidence, worker: workerA))
            let late = try #require(try await store.events(of: id, after: 2).first)
            #expect(late.type == "attempt.late" && late.epoch == 1 && late.attemptId == attempt && late.seq == 3)
            #expect(late.actor == workerA)
            #expect(try await store.secretVersion(place) == sealed)
            #expect(try fixture.vault.open(sealed).revealText() == "one")
            let after = try #require(try await store.run(id))
            #expect(after.task == before.task && after.state == before.state && after.status == .live)
            #expect(after.seq == 3)
            // The holder folds it and goes on.
            let lost = NewEvent(.attemptUnknown, ["error": "unknown_outcome"], attemptId: attempt)
            #expect(try await store.commitOne(holder.commit([lost]), workerB) == .behind)
            let folded = try #require(try await store.fold(id))
            #expect(try await store.commitOne(holder.commit([lost], on: folded), workerB).isAccepted)
        }
    }

    @Test func `a cancel makes a held run live again though the caller says nothing of a status`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun("1")
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([.held])).isAccepted)
            #expect(try await store.run(id)?.status == .held)
            let cancel = AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:p")
            #expect(try await store.append(cancel) == .accepted(seq: 3))
            let row = try #require(try await store.run(id))
            let fold = try #require(try await store.fold(id))
            #expect(row.status == .live && row.reason == nil && row.task != nil)
            #expect(fold.status == row.status && fold.state == row.state)
        }
    }

    @Test func `runs are listed newest first and by every filter`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            try await store.publishWorkflow("v")
            let first = try await store.enqueueRun("1")
            try await fixture.pass(milliseconds: 1000)
            let second = try await store.enqueueRun("2", organisation: "p")
            try await fixture.pass(milliseconds: 1000)
            let third = try await store.enqueue(request(["number": "1"], workflow: "v")).runId
            let run = try await store.claimOne()
            #expect(run.id == first)
            #expect(try await store.commitOne(run.commit([.entered("next"), .held])).isAccepted)
            func ids(_ filter: RunFilter) async throws -> [Identifier] { try await store.runs(filter).map(\.id) }
            #expect(try await ids(RunFilter()) == [third, second, first])
            #expect(try await ids(RunFilter(limit: 2)) == [third, second])
            #expect(try await ids(RunFilter(limit: -1)).isEmpty)
            #expect(try await ids(RunFilter(workflow: "w")) == [second, first])
            #expect(try await ids(RunFilter(organisation: "o")) == [third, first])
            #expect(try await ids(RunFilter(key: "2")) == [second])
            #expect(try await ids(RunFilter(state: "next")) == [first])
            #expect(try await ids(RunFilter(status: .live)) == [third, second])
        }
    }
}
