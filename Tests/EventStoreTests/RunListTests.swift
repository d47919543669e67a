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
