import EventStore
import TestSupport
import Testing
import WorkflowCore

@testable import Postgres

@Suite(.timeLimit(.minutes(5))) struct WakeTests {
    /// Every notification of the channel, in order: a listener that keeps only the newest would hide one.
    @Test func `an enqueue and a person's verb wake workers, a worker's own doings never do`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            let listener = try await PostgresConnection.connect(PostgresConfiguration(connectionString: database.url))
            try await listener.execute("listen turnup_wake")
            func wakes(_ work: () async throws -> Void) async throws -> Int {
                try await work()
                // A marker of our own ends the wait: whatever was sent before it has arrived with it.
                _ = try await database.pool.query("select pg_notify('turnup_wake', 'marker')")
                var count = 0
                while true {
                    for (_, payload) in try await listener.notifications(within: .seconds(10)) {
                        if payload == "marker" { return count }
                        count += 1
                    }
                }
            }
            #expect(try await wakes { try await store.enqueueRun("1") } == 1)
            // Two runs of one transaction are one wake-up, and bulk work may leave it out.
            #expect(
                try await wakes {
                    _ = try await database.pool.query(
                        """
                        select turnup.enqueue('w', 'o', '{"number":"2"}'), turnup.enqueue('w', 'o', '{"number":"3"}')
                        """)
                } == 1)
            #expect(
                try await wakes {
                    _ = try await database.pool.query(
                        "select turnup.enqueue('w', 'o', '{\"number\":\"4\"}', wake => false)")
                } == 0)
            let worker = try await wakes {
                let runs = try await store.claim(worker: workerA, limit: 9, leaseMilliseconds: minute)
                #expect(runs.count == 4)
                let commits = try runs.dropFirst().map { try $0.commit([.entered("x")]) }
                let answers = try await store.commit(Array(commits), worker: workerA, leaseMilliseconds: minute)
                #expect(answers.allSatisfy { $0.isAccepted })
                let last = try #require(runs.first)
                try await store.release([LeaseRelease(runId: last.id, epoch: last.epoch)], worker: workerA)
                _ = try await store.appendLate(
                    LateEvidence(runId: last.id, epoch: 1, attemptId: newId(), body: [:]), worker: workerA)
                _ = try await store.pauseService("s", milliseconds: 1, reason: "down", by: person)
            }
            #expect(worker == 0)
            let verb = try await wakes {
                let id = try #require(try await store.runs(RunFilter()).first?.id)
                _ = try await store.append(
                    AppendRequest(runId: id, expectedSeq: nil, event: .cancel, actor: "person:p"))
            }
            #expect(verb == 1)
            await listener.close()
        }
    }

    @Test func `a listener hears of the enqueue that follows a commit`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow()
            try await store.enqueueRun("1")
            let listener = PostgresListener(
                PostgresConfiguration(connectionString: database.url), channels: ["turnup_wake"])
            async let listening: Void = listener.run()
            var events = listener.events.makeAsyncIterator()
            #expect(await events.next() == .listening)
            #expect(try await store.commitOne(store.claimOne().commit([.entered("x")])).isAccepted)
            try await store.enqueueRun("2")
            #expect(await events.next() == .notification(channel: "turnup_wake", payload: ""))
            listener.close()
            try await listening
        }
    }
}
