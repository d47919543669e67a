import EventStore
import Testing
import WorkflowCore

@Suite struct TakeoverConformanceTests {
    /// A run of number 1 that is held, failed or cancelled.
    private static func parked(_ status: RunStatus, in store: PostgresStore) async throws -> Identifier {
        let id = try await store.enqueueRun("1")
        let run = try await store.claimOne()
        let attempt = newId()
        let end: NewEvent =
            switch status {
            case .failed: NewEvent(.runFailed, ["reason": "gave up"])
            case .cancelled: NewEvent(.runCancelled, ["reason": "enough"])
            default: .held
            }
        // The attempt may have created something, so the key stays with the run.
        #expect(try await store.commitOne(run.commit([.started(attempt), .done(attempt), end])).isAccepted)
        let parked = try #require(try await store.run(id))
        #expect(parked.status == status)
        return id
    }

    private static func takeover(
        _ old: Identifier, seq: Int64? = nil, number: String = "1", organisation: String = "o",
        workflow: String = "w", id: Identifier? = nil, reason: String = "a test"
    ) -> EnqueueRequest {
        var wanted = request(["number": .string(number)], workflow: workflow, organisation: organisation, id: id)
        wanted.takeover = Takeover(runId: old, reason: reason, expectedSeq: seq)
        return wanted
    }

    @Test(arguments: [RunStatus.held, .failed, .cancelled])
    func `a new run takes the key of one that is held, failed or cancelled, and both histories say so`(
        _ status: RunStatus
    ) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let old = try await Self.parked(status, in: store)
            let before = try #require(try await store.run(old))
            // Without the word of a person it would be refused, or be the held run again.
            let plain = try? await store.enqueue(request(["number": "1"]))
            #expect(plain?.isNew != true)
            let receipt = try await store.enqueue(Self.takeover(old, seq: before.seq))
            #expect(receipt.isNew && receipt.runId != old)
            let after = try #require(try await store.run(old))
            #expect(after.status == (status == .held ? .cancelled : status))
            #expect(after.reason == (status == .held ? "a test" : before.reason))
            #expect(after.seq == before.seq + 1 && after.endedAt != nil && after.task == nil)
            let fold = try #require(try await store.fold(old))
            #expect(fold.status == after.status && fold.reason == after.reason && !fold.ownsKey)
            // What it may have left is still its own.
            #expect(before.mayBeLeft && after.mayBeLeft && fold.mayBeLeft)
            #expect(fold.takenOverBy == receipt.runId.description)
            let told = try #require(try await store.events(of: old, after: before.seq).first)
            #expect(told.type == "run.taken_over" && told.actor == "person:test")
            #expect(told.body["by"] == .string(receipt.runId.description) && told.body["reason"] == "a test")
            let first = try #require(try await store.events(of: receipt.runId, after: 0).first)
            #expect(first.body["instead_of"] == .string(old.description))
            // The key is the new run's now.
            let again = try await store.enqueue(request(["number": "1"]))
            #expect(again == EnqueueReceipt(runId: receipt.runId, isNew: false))
            #expect(try await store.claimOne().id == receipt.runId)
        }
    }

    @Test func `the new run may be of another workflow, as long as organisation and key are the same`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            try await store.publishWorkflow("v")
            let old = try await Self.parked(.failed, in: store)
            let otherKey = await storeError { _ = try await store.enqueue(Self.takeover(old, number: "2")) }
            #expect(otherKey?.code == .badInput)
            #expect(otherKey?.message == "run \(old) has the key \"1\", and the new run would have \"2\"")
            let other = await storeError { _ = try await store.enqueue(Self.takeover(old, organisation: "p")) }
            #expect(other?.code == .badInput && other?.message.contains("belongs to organisation \"o\"") == true)
            let blank = await storeError { _ = try await store.enqueue(Self.takeover(old, reason: " \n")) }
            #expect(blank?.code == .badInput && blank?.message.contains("a reason is needed") == true)
            let nobody = await storeError { _ = try await store.enqueue(Self.takeover(newId())) }
            #expect(nobody?.code == .notFound)
            #expect(try await store.runs(RunFilter()).count == 1)
            let receipt = try await store.enqueue(Self.takeover(old, workflow: "v"))
            #expect(receipt.isNew)
            #expect(try await store.run(receipt.runId)?.workflow == "v")
            #expect(try await store.enqueueRun("1") != old)
        }
    }

    @Test func `a run that is live, has succeeded, lost its key before or has moved on is not replaced`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let live = try await store.enqueueRun("1")
            let refused = await storeError { _ = try await store.enqueue(Self.takeover(live)) }
            #expect(refused?.code == .notTaken && refused?.runId == live.description)
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([NewEvent(.runSucceeded, ["output": [:]])])).isAccepted)
            let done = await storeError { _ = try await store.enqueue(Self.takeover(live)) }
            #expect(done?.code == .notTaken)
            #expect(try await store.run(live)?.seq == 2)

            let held = try await store.enqueueRun("2")
            let claimed = try await store.claimOne()
            #expect(try await store.commitOne(claimed.commit([.held])).isAccepted)
            let behind = await storeError {
                _ = try await store.enqueue(Self.takeover(held, seq: 1, number: "2"))
            }
            #expect(behind?.code == .behind && behind?.message.contains("has moved on") == true)
            let first = try await store.enqueue(Self.takeover(held, seq: 2, number: "2"))
            let second = await storeError { _ = try await store.enqueue(Self.takeover(held, number: "2")) }
            #expect(second?.code == .notTaken && second?.message.contains("has the key") == true)
            #expect(try await store.runs(RunFilter()).count == 3)
            #expect(try await store.run(first.runId)?.status == .live)
        }
    }

    @Test func `when somebody else has the key meanwhile, the old run is left as it was`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let old = try await store.enqueueRun("1")
            let run = try await store.claimOne()
            // Nothing was sent, so it lets go of its key.
            #expect(try await store.commitOne(run.commit([NewEvent(.runFailed, [:])])).isAccepted)
            let other = try await store.enqueueRun("1")
            let error = await storeError { _ = try await store.enqueue(Self.takeover(old)) }
            #expect(error?.code == .keyConflict && error?.runId == other.description)
            #expect(try await store.run(old)?.seq == 2)
        }
    }

    @Test func `the same takeover again, with the id of its request, gives the run it made`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let old = try await Self.parked(.held, in: store)
            let id = newId()
            let receipts = try await together(8) { _ in try await store.enqueue(Self.takeover(old, seq: 4, id: id)) }
            #expect(receipts.allSatisfy { $0.runId == id } && receipts.count { $0.isNew } == 1)
            // A plain enqueue with that id is another request.
            let plain = await storeError { try await store.enqueueRun("1", id: id) }
            #expect(plain?.code == .keyConflict)
            let own = await storeError { _ = try await store.enqueue(Self.takeover(old, id: old)) }
            #expect(own?.code == .keyConflict)
        }
    }

    @Test func `of several people who replace a run at once one wins, and the others are told`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            for (round, seq) in [Int64(4), nil].enumerated() {
                let old = try await round == 0 ? Self.parked(.held, in: store) : Self.again(in: store)
                let outcomes = try await together(8) { _ -> StoreError? in
                    await storeError { _ = try await store.enqueue(Self.takeover(old, seq: seq)) }
                }
                let errors = outcomes.compactMap { $0 }
                #expect(errors.count == 7)
                #expect(errors.allSatisfy { $0.code == (seq == nil ? .notTaken : .behind) })
                let told = try await store.events(of: old, after: 0).count { $0.type == "run.taken_over" }
                #expect(told == 1)
            }
            #expect(try await store.runs(RunFilter()).count == 3)
        }
    }

    /// The run that took over, held in its turn.
    private static func again(in store: PostgresStore) async throws -> Identifier {
        let run = try await store.claimOne()
        #expect(try await store.commitOne(run.commit([.held])).isAccepted)
        return run.id
    }
}
