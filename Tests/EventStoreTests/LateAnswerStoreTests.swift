import EventStore
import TestSupport
import Testing
import WorkflowCore

/// What `turnup.append_late` does with an answer beside keeping it: in the event's own transaction, as the fold has it.
@Suite struct LateAnswerStoreTests {
    private static let answer: JSONObject = ["outcome": "done", "state": "requested", "saved": ["session": "s"]]

    private func evidence(_ run: Identifier, _ attempt: Identifier, _ body: JSONObject = answer) -> LateEvidence {
        LateEvidence(runId: run, epoch: 1, attemptId: attempt, body: body)
    }

    /// A run that is held because of this attempt's lost answer.
    private func heldRun(_ fixture: StoreFixture, then events: [NewEvent] = []) async throws
        -> (run: Identifier, attempt: Identifier)
    {
        let store = fixture.store
        let id = try await store.enqueueRun()
        let attempt = newId()
        #expect(
            try await store.commitOne(store.claimOne(workerA).commit([.started(attempt)], keepsLease: true)).isAccepted)
        try await fixture.pass(milliseconds: 2 * minute)
        let lost = NewEvent(.attemptUnknown, ["error": "unknown_outcome"], attemptId: attempt)
        let held = NewEvent(
            .runHeld,
            [
                "code": "unknown_outcome", "error": "unknown_outcome", "text": "a person decides",
                "attempt": .string(attempt.description), "choices": ["done"],
            ])
        let claim = try await store.claimOne(workerB)
        #expect(try await store.commitOne(claim.commit([lost] + events + [held]), workerB).isAccepted)
        #expect(try await store.run(id)?.status == .held)
        return (id, attempt)
    }

    private func expectSound(_ store: PostgresStore, _ run: Identifier) async throws {
        let (row, fold) = (try #require(try await store.run(run)), try #require(try await store.fold(run)))
        #expect(row.status == fold.status && row.mayBeLeft == fold.mayBeLeft && row.reason == fold.reason)
        #expect((row.task != nil) == fold.hasTask)
        let found = Found()
        _ = try await Verifier(store: store).verify(.everything) { found.add($0) }
        #expect(found.all == [], "\(found.all.prefix(3))")
    }

    @Test(arguments: ["done", "not_done"])
    func `a complete answer to the one lost request makes the held run live again, and it is claimed at once`(
        _ outcome: String
    ) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let (run, attempt) = try await heldRun(fixture)
            #expect(try await store.appendLate(evidence(run, attempt, ["outcome": .string(outcome)]), worker: workerA))
            #expect(try await store.run(run)?.status == .live)
            try await expectSound(store, run)
            let claim = try await store.claimOne(workerB)
            let state = try claim.state.get()
            #expect(claim.id == run && state.lateAnswerSettles && claim.epoch == 3)
        }
    }

    @Test func `no answer, an answer without its values, and one after which something was sent leave the run held`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for body in [
                ["outcome": "unknown"], ["outcome": "done", "incomplete": true],
                ["outcome": "done", "repeatable": true],
                ["outcome": "done", "purpose": "undo"],
            ] as [JSONObject] {
                let (run, attempt) = try await heldRun(fixture)
                #expect(try await store.appendLate(evidence(run, attempt, body), worker: workerA))
                #expect(try await store.run(run)?.status == .held, "\(body)")
                try await expectSound(store, run)
                _ = try await store.enqueue(
                    EnqueueRequest(
                        workflow: "w", organisation: "o", input: ["number": "1"],
                        takeover: Takeover(runId: run, reason: "the next case"), actor: "person:t"))
                let next = try await store.claimOne(workerA)
                #expect(
                    try await store.commitOne(next.commit([NewEvent(.runCancelled, ["reason": "over"])])).isAccepted)
            }
            let second = newId()
            let (run, first) = try await heldRun(
                fixture,
                then: [.started(second), NewEvent(.attemptUnknown, ["error": "timeout"], attemptId: second)])
            #expect(try await store.appendLate(evidence(run, first), worker: workerA))
            #expect(try await store.run(run)?.status == .held)
            try await expectSound(store, run)
        }
    }

    @Test
    func `a success of a failed run says that something may be left; the key is the run's again, or stays another's`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for isTaken in [false, true] {
                let key = isTaken ? "2" : "1"
                let id = try await store.enqueueRun(key)
                let attempt = newId()
                let claim = try await store.claimOne(workerA)
                let events = [
                    NewEvent.started(attempt), NewEvent(.attemptNotDone, ["error": "http.400"], attemptId: attempt),
                    NewEvent(.runFailed, ["reason": "refused"]),
                ]
                #expect(try await store.commitOne(claim.commit(events)).isAccepted)
                #expect(try await store.fold(id)?.ownsKey == false)
                let heir = isTaken ? try await store.enqueueRun(key) : nil
                #expect(try await store.appendLate(evidence(id, attempt), worker: workerA))
                let (row, fold) = (try #require(try await store.run(id)), try #require(try await store.fold(id)))
                #expect(row.status == .failed && row.mayBeLeft)
                #expect(fold.ownsKey == !isTaken && fold.keyWith == heir?.description)
                try await expectSound(store, id)
                if let heir {
                    let other = try #require(try await store.run(heir))
                    #expect(other.status == .live && other.seq == 1, "it was touched")
                    #expect(try await store.runsThatMayHaveLeft(beside: other) == [id])
                }
            }
        }
    }

    @Test(arguments: [nil, 3_600_000] as [Int64?])
    func `a success that names another thing than a run that succeeded has is listed, and one that it has named is not`(
        inspects: Int64?
    ) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let (first, second) = (newId(), newId())
            let done: JSONObject = ["state": "requested", "entered": "active", "saved": ["session": "two"]]
            let claim = try await store.claimOne(workerA)
            let events = [
                NewEvent.started(first), NewEvent(.attemptUnknown, ["error": "timeout"], attemptId: first),
                NewEvent.started(second), NewEvent(.attemptDone, done, attemptId: second),
                NewEvent(.runSucceeded, inspects.map { ["inspect_milliseconds": .integer($0)] } ?? [:]),
            ]
            #expect(try await store.commitOne(claim.commit(events, due: inspects ?? 0)).isAccepted)
            let same: JSONObject = ["outcome": "done", "state": "requested", "saved": ["session": "two"]]
            #expect(try await store.appendLate(evidence(id, second, same), worker: workerA))
            #expect(try await store.run(id)?.mayBeLeft == false)
            try await expectSound(store, id)
            let another: JSONObject = ["outcome": "done", "state": "requested", "saved": ["session": "one"]]
            #expect(try await store.appendLate(evidence(id, first, another), worker: workerB))
            #expect(try await store.run(id)?.mayBeLeft == true)
            #expect(try await store.runs(RunFilter(isLeftBehind: true)).map(\.id) == [id])
            try await expectSound(store, id)
            let late = try await store.events(of: id, after: 0).filter { $0.type == "attempt.late" }
            #expect(late.map { $0.body["known"] } == [true, nil])
        }
    }

    @Test func `the kept success of a held run counts, whether the run is taken over or goes on with another thing`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for isTakenOver in [false, true] {
                // The first request was proven not to have worked, and the second one is refused: nothing is in doubt.
                let (first, look, second) = (newId(), newId(), newId())
                let id = try await store.enqueueRun(isTakenOver ? "1" : "2")
                let claim = try await store.claimOne(workerA)
                let lookUp = NewEvent(
                    .attemptStarted, ["state": "requested", "attempt": 2, "purpose": "lookup", "repeatable": true],
                    attemptId: look)
                let events = [
                    NewEvent.started(first),
                    NewEvent(
                        .attemptUnknown, ["error": "timeout", "look_up_after_milliseconds": 0], attemptId: first),
                    lookUp, NewEvent(.attemptDone, ["settled": "resend", "found": 0], attemptId: look),
                    NewEvent.started(second), NewEvent(.attemptNotDone, ["error": "http.400"], attemptId: second),
                    .held,
                ]
                #expect(try await store.commitOne(claim.commit(events)).isAccepted)
                #expect(try await store.run(id)?.mayBeLeft == false)
                let late: JSONObject = [
                    "outcome": "done", "state": "requested", "stay": 1, "saved": ["session": "one"],
                ]
                #expect(try await store.appendLate(evidence(id, first, late), worker: workerA))
                #expect(try await store.run(id)?.mayBeLeft == true)
                try await expectSound(store, id)
                if isTakenOver {
                    _ = try await store.enqueue(
                        EnqueueRequest(
                            workflow: "w", organisation: "o", input: ["number": "1"],
                            takeover: Takeover(runId: id, reason: "the next case"), actor: "person:t"))
                } else {
                    let before = try #require(try await store.fold(id))
                    let done = NewEvent(
                        .runResolved,
                        [
                            "choice": "done", "reason": "a test", "state": "requested", "entered": "active",
                            "saved": ["session": "two"],
                        ])
                    let recorded = RecordedEvent(
                        seq: before.seq + 1, type: done.type.rawValue, body: done.body, epoch: 0, attemptId: nil,
                        actor: person, recordedAt: .ofThisCommit)
                    let after = try evolve(before, run: id, recorded)
                    _ = try await store.append(
                        AppendRequest(runId: id, expectedSeq: nil, event: done, actor: person, stateAfter: after))
                    let next = try await store.claimOne(workerA)
                    #expect(try await store.commitOne(next.commit([NewEvent(.runSucceeded, [:])])).isAccepted)
                }
                #expect(try await store.run(id)?.mayBeLeft == true)
                try await expectSound(store, id)
            }
        }
    }
}
