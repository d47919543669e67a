import EventStore
import Testing
import WorkflowCore

@Suite struct RunListTests {
    @Test func `runs are found by age, last error and service`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            var ids: [Identifier] = []
            for number in 1...4 {
                ids.append(try await store.enqueueRun("\(number)"))
                try await fixture.pass(milliseconds: minute)
            }
            for (index, claimed) in try await store.claimed(workerA, 3, leaseMilliseconds: minute)
                .enumerated()
            {
                let attempt = newId()
                let refused = NewEvent(.attemptNotDone, ["error": "timeout"], attemptId: attempt)
                let events: [NewEvent] = [.started(attempt), index == 1 ? .done(attempt) : refused]
                let commit = try claimed.commit(
                    index == 2 ? events + [.held] : events, due: minute, service: index == 0 ? "wpp" : "other")
                #expect(try await store.commitOne(commit).isAccepted)
            }
            func found(_ filter: RunFilter) async throws -> [Int] {
                try await store.runs(filter).compactMap { run in ids.firstIndex(of: run.id).map { $0 + 1 } }
            }
            #expect(try await found(RunFilter(lastError: "timeout")) == [3, 1])
            #expect(try await found(RunFilter(lastError: "other")) == [])
            #expect(try await store.runs(RunFilter(lastError: "timeout")).map(\.lastError) == ["timeout", "timeout"])
            #expect(try await found(RunFilter(service: "wpp")) == [1])
            #expect(try await found(RunFilter(service: "other")) == [2])
            let third = try #require(try await store.runs(RunFilter(key: "3")).first).requestedAt
            #expect(try await found(RunFilter(requestedSince: third)) == [4, 3])
            #expect(try await found(RunFilter(requestedBefore: third)) == [2, 1])
            #expect(
                try await found(RunFilter(status: .live, lastError: "timeout", requestedBefore: third)) == [1])
        }
    }

    @Test func `runs that may have left something are found, also when another one has the key, and no others`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let failed = NewEvent(.runFailed, ["reason": "gave up"])
            // What became of the request, and of the run.
            let lives: [(EventType, [NewEvent])] = [
                (.attemptDone, [failed]), (.attemptNotDone, [failed]), (.attemptUnknown, [failed]),
                (.attemptDone, [NewEvent(.runCancelled, ["reason": "enough"])]), (.attemptDone, [.held]),
                (.attemptDone, [NewEvent(.runSucceeded, [:])]), (.attemptDone, []), (.attemptDone, [.held]),
            ]
            for (index, life) in lives.enumerated() {
                let id = try await store.enqueueRun("\(index + 1)")
                let run = try await store.claimOne()
                let attempt = newId()
                let closing = NewEvent(life.0, ["error": "timeout"], attemptId: attempt)
                let commit = try run.commit([.started(attempt), closing] + life.1, due: 60 * minute)
                #expect(try await store.commitOne(commit).isAccepted && run.id == id)
            }
            func keys(_ filter: RunFilter) async throws -> [String] { try await store.runs(filter).map(\.key) }
            #expect(try await keys(RunFilter(isLeftBehind: true)) == ["4", "3", "1"])
            #expect(try await store.runs(RunFilter(status: .held)).map(\.mayBeLeft) == [true, true])
            for key in ["3", "8"] {
                let old = try #require(try await store.runs(RunFilter(key: key)).first)
                var wanted = request(["number": .string(key)])
                wanted.takeover = Takeover(runId: old.id, reason: "anew", expectedSeq: nil)
                #expect(try await store.enqueue(wanted).isNew)
            }
            #expect(try await keys(RunFilter(isLeftBehind: true)) == ["8", "4", "3", "1"])
            #expect(try await keys(RunFilter(key: "3", isLeftBehind: true)) == ["3"])
            #expect(try await keys(RunFilter(organisation: "o", status: .failed, isLeftBehind: true)) == ["3", "1"])
            #expect(try await keys(RunFilter(organisation: "other", isLeftBehind: true)) == [])
            let page = try await store.runs(RunFilter(isLeftBehind: true, limit: 2))
            #expect(try await keys(RunFilter(isLeftBehind: true, after: page.last?.id)) == ["3", "1"])
            // A person cancels a held run: it is on its way again, and a worker ends it.
            let held = try #require(try await store.runs(RunFilter(key: "5")).first)
            let cancel = try #require(try await store.fold(held.id)).cancelling(reason: "enough")
            _ = try await store.append(
                AppendRequest(
                    runId: held.id, expectedSeq: held.seq, event: cancel.event, actor: "person:test",
                    stateAfter: cancel.after))
            #expect(try await store.run(held.id)?.mayBeLeft == false)
        }
    }

    @Test func `the run that sent a request is found by the attempt's id, and by no other's`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            var attempts: [Identifier] = []
            for number in 1...3 {
                let id = try await store.enqueueRun("\(number)")
                let claimed = try await store.claimOne()
                #expect(claimed.id == id)
                let (first, second) = (newId(), newId())
                let commit = try claimed.commit(
                    [.started(first), .done(first), .started(second)], due: 60 * minute)
                #expect(try await store.commitOne(commit).isAccepted)
                attempts += [first, second]
            }
            for (index, attempt) in attempts.enumerated() {
                let found = try await store.runs(RunFilter(attemptId: attempt))
                #expect(found.map(\.key) == ["\(index / 2 + 1)"])
            }
            #expect(try await store.runs(RunFilter(attemptId: newId())).isEmpty)
            #expect(try await store.runs(RunFilter(key: "1", attemptId: attempts[2])).isEmpty)
        }
    }

    @Test func `pages give every run once, also while new ones come`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            var expected: [Identifier] = []
            for number in 0..<25 {
                expected.append(try await store.enqueueRun("\(number)"))
                // Some are requested in the same microsecond in memory; the id decides then.
                if number % 3 == 0 { try await fixture.pass(milliseconds: 1) }
            }
            var seen: [Identifier] = []
            var filter = RunFilter(limit: 4)
            var page = try await store.runs(filter)
            var later = 100
            while let last = page.last {
                seen += page.map(\.id)
                try await store.enqueueRun("\(later)")
                later += 1
                filter.after = last.id
                page = try await store.runs(filter)
            }
            #expect(Set(seen).count == seen.count && Set(seen) == Set(expected))
            let unknown = await storeError { _ = try await store.runs(RunFilter(after: newId())) }
            #expect(unknown?.code == .notFound)
        }
    }
}
