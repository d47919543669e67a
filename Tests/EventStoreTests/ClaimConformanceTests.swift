import EventStore
import Testing
import WorkflowCore

@Suite struct ClaimConformanceTests {
    @Test func `runs are claimed in order of due time, up to the limit, none before it is due`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let now = try await store.now()
            for (number, minutes) in [("3", -1), ("1", -3), ("later", 30), ("2", -2)] as [(String, Int64)] {
                try await store.enqueueRun(number, due: now.advanced(byMilliseconds: minutes * minute))
            }
            #expect(try await store.claimed(workerA, 0, leaseMilliseconds: minute).isEmpty)
            #expect(try await store.claimed(workerA, -1, leaseMilliseconds: minute).isEmpty)
            let first = try await store.claimed(workerA, 2, leaseMilliseconds: minute)
            #expect(try first.map { try $0.state.get().key } == ["1", "2"])
            let second = try await store.claimed(workerB, 9, leaseMilliseconds: minute)
            #expect(try second.map { try $0.state.get().key } == ["3"])
        }
    }

    @Test func `a lease keeps others away until it ends, and each claim raises the epoch`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            #expect(try await store.claimOne(workerA).epoch == 1)
            let task = try #require(try await store.run(id)?.task)
            #expect(task.leaseOwner == workerA)
            #expect(try await store.claimed(workerB, 1, leaseMilliseconds: minute).isEmpty)
            try await fixture.pass(milliseconds: minute + 1)
            let again = try await store.claimOne(workerB)
            #expect(again.id == id && again.epoch == 2)
            #expect(try await store.run(id)?.task?.leaseOwner == workerB)
        }
    }

    @Test func `a claim hands over the fold of all events, what people appended included`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let fresh = try await store.claimOne()
            #expect(try await fresh.state.get() == store.fold(id))

            let attempt = newId()
            let retry: JSONObject = ["retry": ["entry": 0, "delay_milliseconds": 5], "saved": ["name": "née"]]
            let closed = NewEvent(.attemptNotDone, retry, attemptId: attempt)
            #expect(try await store.commitOne(fresh.commit([.started(attempt), closed])).isAccepted)
            let second = try await store.claimOne()
            let state = try second.state.get()
            #expect(try await state == store.fold(id))
            #expect(state.counters.count == 1 && state.wait?.milliseconds == 5 && state.seq == 3)

            let open = newId()
            #expect(try await store.commitOne(second.commit([.entered("later"), .started(open)])).isAccepted)
            _ = try await store.append(
                AppendRequest(runId: id, expectedSeq: 5, event: .cancel, actor: "person:p"))
            let third = try await store.claimOne()
            #expect(try await third.state.get() == store.fold(id))
            #expect(try third.state.get().cancel == CancelRequest(actor: "person:p", reason: "a test"))
            #expect(try third.state.get().openAttempt?.id == open)
            #expect(third.epoch == 3)
        }
    }

    @Test func `a line is asked again when its next run is due, whatever is leased before it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            #expect(try await store.line("").next == nil)
            try await store.publishWorkflow()
            for number in 0..<120 { try await store.enqueueRun("\(number)") }
            #expect(try await store.claimed(workerA, 200, leaseMilliseconds: 60 * minute).count == 120)
            let due = try await store.now().advanced(byMilliseconds: 10 * minute)
            try await store.enqueueRun("later", due: due)
            #expect(try await store.line("").next == due)
            try await fixture.pass(milliseconds: 11 * minute)
            #expect(try await store.claimedKeys() == ["later"])
        }
    }

    @Test func `a released run is due when the worker said, and only its holder can release it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            try await store.release([LeaseRelease(runId: id, token: newId())])
            #expect(try await store.run(id)?.task?.leaseOwner == workerA)
            let before = try await store.now()
            try await store.release([run.release(due: 5 * minute, waitReason: .noSecret)])
            let task = try #require(try await store.run(id)?.task)
            #expect(task.leaseOwner == nil && task.leaseExpires == nil)
            #expect(task.waitReason == .noSecret)
            #expect(task.due >= before.advanced(byMilliseconds: 5 * minute))
            #expect(task.due < before.advanced(byMilliseconds: 6 * minute))
            #expect(try await store.run(id)?.seq == 1)
            try await fixture.pass(milliseconds: 6 * minute)
            #expect(try await store.claimOne().epoch == 2)
        }
    }

    @Test func `what a person appended during a lease does not wait behind the worker's release`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = try await store.enqueueRun()
            let run = try await store.claimOne()
            _ = try await store.append(AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:p"))
            try await store.release([run.release(due: 60 * minute)])
            let again = try await store.claimOne()
            #expect(try again.state.get().cancel != nil)
            // Now it has been seen, and the wait holds.
            try await store.release([again.release(due: 60 * minute)])
            #expect(try await store.claimed(workerA, 1, leaseMilliseconds: minute).isEmpty)
        }
    }
}
