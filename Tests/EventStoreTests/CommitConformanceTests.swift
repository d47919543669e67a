import EventStore
import Testing
import Vault
import WorkflowCore

@Suite struct CommitConformanceTests {
    @Test func `a commit's events follow the stream and share one time`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let attempt = newId()
            let time = try #require(
                try await store.commitOne(run.commit([.started(attempt), .done(attempt), .entered("next")])).landedAt)
            let events = try await store.events(of: id, after: 1)
            #expect(events.map(\.seq) == [2, 3, 4])
            #expect(events.map(\.type) == ["attempt.started", "attempt.done", "state.entered"])
            #expect(events.allSatisfy { $0.recordedAt == time && $0.epoch == 1 && $0.actor == workerA })
            #expect(events.map(\.attemptId) == [attempt, attempt, nil])
            let row = try #require(try await store.run(id))
            #expect(row.state == "next" && row.seq == 4 && row.changedAt == time)
            #expect(try await store.fold(id)?.enteredAt == time)
        }
    }

    @Test func `the very same commit again had landed already, another one is behind`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let commit = try run.commit([.entered("next"), .started(newId())], keepsLease: true)
            let time = try #require(try await store.commitOne(commit).landedAt)
            let again = try await store.commitOne(commit)
            #expect(again.isAlready && again.landedAt == time)
            // The same first event, but an attempt whose intent was never written.
            let impostor = try run.commit([.entered("next"), .started(newId())], keepsLease: true)
            #expect(try await store.commitOne(impostor) == .behind)
            let longer = try run.commit(commit.events + [.cancel])
            #expect(try await store.commitOne(longer) == .behind)
            // Another worker with the same lease is no other: the token is what counts.
            #expect(try await store.commitOne(commit, workerB) == .behind)
            #expect(try await store.events(of: id, after: 0).count == 3)
            // Also when somebody has appended, or claimed, since.
            _ = try await store.append(AppendRequest(runId: id, expectedSeq: 3, event: .cancel, actor: "person:p"))
            #expect(try await store.commitOne(commit).isAlready)
            try await fixture.pass(milliseconds: 2 * minute)
            _ = try await store.claimOne(workerB)
            #expect(try await store.commitOne(commit).isAlready)
        }
    }

    @Test func `a commit is behind after an append and lands on top of it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            _ = try await store.append(AppendRequest(runId: id, expectedSeq: 1, event: .cancel, actor: "person:p"))
            #expect(try await store.commitOne(run.commit([.entered("next")])) == .behind)
            #expect(try await store.events(of: id, after: 0).count == 2)
            let folded = try #require(try await store.fold(id))
            #expect(try await store.commitOne(run.commit([.entered("next")], on: folded)).isAccepted)
            #expect(try await store.claimOne().state.get() == store.fold(id))
        }
    }

    @Test func `a commit after another claim is fenced and writes nothing, secrets included`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let zombie = try await store.claimOne(workerA)
            try await fixture.pass(milliseconds: 2 * minute)
            let holder = try await store.claimOne(workerB)
            let place = SecretPlace(scope: .run, scopeId: id.description, name: "key", version: 1)
            let sealed = try fixture.vault.seal(Secret("one"), at: place)
            #expect(try await store.commitOne(zombie.commit([.entered("next")], sealed: [sealed])) == .fenced)
            #expect(try await store.secretVersion(place) == nil)
            #expect(try await store.run(id)?.seq == 1)
            #expect(try await store.run(id)?.task?.leaseOwner == workerB)
            #expect(
                try await store.commitOne(holder.commit([.entered("next")], sealed: [sealed]), workerB).isAccepted)
            #expect(try await store.secretVersion(place) == sealed)
            let stranger = RunCommit(
                runId: newId(), token: holder.token, epoch: 1, baseSeq: 1, baseHash: holder.hash, events: [.cancel],
                state: try holder.state.get())
            #expect(try await store.commitOne(stranger) == .fenced)
        }
    }

    @Test func `many runs in one commit each get their own answer`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for number in ["accepted", "behind", "fenced", "already"] { try await store.enqueueRun(number) }
            let claimed = try await store.claimed(workerA, 9, leaseMilliseconds: minute)
            var runs: [String: ClaimedRun] = [:]
            for run in claimed { runs[try run.state.get().key] = run }
            let (accepted, behind) = (try #require(runs["accepted"]), try #require(runs["behind"]))
            let (fenced, landed) = (try #require(runs["fenced"]), try #require(runs["already"]))
            let already = try landed.commit([.entered("x")], keepsLease: true)
            #expect(try await store.commitOne(already).isAccepted)
            _ = try await store.append(
                AppendRequest(runId: behind.id, expectedSeq: 1, event: .cancel, actor: "person:p"))
            try await store.release([fenced.release()])
            #expect(try await store.claimOne(workerB).id == fenced.id)
            let answers = try await store.commit(
                [
                    behind.commit([.entered("x")]), accepted.commit([.entered("x"), .entered("y")]),
                    already, fenced.commit([.entered("x")]),
                ], worker: workerA, leaseMilliseconds: minute)
            #expect(answers.count == 4)
            #expect(answers[0] == .behind && answers[1].isAccepted && answers[2].isAlready && answers[3] == .fenced)
            #expect(try await store.run(accepted.id)?.seq == 3)
            #expect(try await store.run(accepted.id)?.state == "y")
            #expect(try await store.run(fenced.id)?.seq == 1)
            #expect(try await store.commit([], worker: workerA, leaseMilliseconds: minute).isEmpty)
        }
    }

    @Test func `a live run has one task, an ended or held one has none`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let endings: [(NewEvent, RunStatus)] = [
                (NewEvent(.runSucceeded, [:]), .succeeded), (NewEvent(.runFailed, ["reason": "why"]), .failed),
                (NewEvent(.runCancelled, ["reason": "why"]), .cancelled), (.held, .held),
            ]
            for (event, status) in endings {
                let id = try await store.enqueueRun(status.rawValue)
                let run = try await store.claimOne()
                let time = try #require(try await store.commitOne(run.commit([event])).landedAt)
                let row = try #require(try await store.run(id))
                #expect(row.status == status && row.task == nil)
                #expect(row.endedAt == (status == .held ? nil : time))
                #expect(row.reason == (status == .succeeded ? nil : status == .held ? "a person decides" : "why"))
            }
            #expect(try await store.claimed(workerA, 9, leaseMilliseconds: minute).isEmpty)
        }
    }

    @Test func `a worker whose run a person has held meanwhile has no authority over it any more`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let held = try run.state.get().after([.held])
            _ = try await store.append(
                AppendRequest(runId: id, expectedSeq: 1, event: .held, actor: "person:p", stateAfter: held))
            #expect(try await store.run(id)?.task == nil)
            #expect(try await store.commitOne(run.commit([.entered("x")])) == .fenced)
            #expect(try await store.events(of: id, after: 0).count == 2)
        }
    }

    @Test func `a commit keeps the lease or sets the next due time`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let claimedUntil = try #require(try await store.run(id)?.task?.leaseExpires)
            try await fixture.pass(milliseconds: minute / 2)
            let first = try run.commit([.entered("x")], keepsLease: true, service: "s")
            let kept = try #require(try await store.commitOne(first).landedAt)
            let task = try #require(try await store.run(id)?.task)
            #expect(task.leaseOwner == workerA && task.service == "s")
            #expect(task.leaseExpires == kept.advanced(byMilliseconds: minute))
            #expect(try #require(task.leaseExpires) > claimedUntil)
            let second = try run.commit([.entered("y")], on: first.state, due: 90_001, waitReason: .noSecret)
            let left = try #require(try await store.commitOne(second).landedAt)
            let after = try #require(try await store.run(id)?.task)
            #expect(after.leaseOwner == nil && after.leaseExpires == nil && after.waitReason == .noSecret)
            #expect(after.due == left.advanced(byMilliseconds: 90_001))
        }
    }

    @Test func `a second start or a second end of an attempt is refused, with everything beside it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            try await store.enqueueRun("1")
            try await store.enqueueRun("2")
            let claimed = try await store.claimed(workerA, 2, leaseMilliseconds: minute)
            let run = try #require(claimed.first)
            let beside = try #require(claimed.last)
            let attempt = newId()
            let first = try run.commit([.started(attempt), .done(attempt)], keepsLease: true)
            #expect(try await store.commitOne(first).isAccepted)
            for event in [NewEvent.started(attempt), NewEvent(.attemptUnknown, [:], attemptId: attempt)] {
                // The fold would refuse it before the store does, so the state is not folded here.
                let twice = RunCommit(
                    runId: run.id, token: run.token, epoch: run.epoch, baseSeq: 3,
                    baseHash: try await store.hash(of: run.id, seq: 3), events: [event], state: first.state)
                let error = await storeError {
                    _ = try await store.commit(
                        [beside.commit([.entered("x")]), twice], worker: workerA, leaseMilliseconds: minute)
                }
                #expect(error?.code == .refused)
                #expect(try await store.run(run.id)?.seq == 3)
                #expect(try await store.run(beside.id)?.seq == 1)
            }
        }
    }

    @Test func `an event that could not be read again is refused`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            let poison = NewEvent(.stateEntered, ["state": "x", "set": ["a": ["\u{0}"]]])
            let error = await storeError { _ = try await store.commitOne(run.commit([poison])) }
            #expect(error?.code == .refused)
            let appended = await storeError {
                _ = try await store.append(
                    AppendRequest(runId: id, expectedSeq: 1, event: poison, actor: "person:p"))
            }
            #expect(appended?.code == .refused)
            // A backslash before the same letters is harmless text.
            let text = NewEvent(.stateEntered, ["state": "x", "set": ["a": #"\u0000 \ud800"#]])
            #expect(try await store.commitOne(run.commit([text])).isAccepted)
            #expect(try await store.fold(id)?.data["a"] == #"\u0000 \ud800"#)
        }
    }
}
