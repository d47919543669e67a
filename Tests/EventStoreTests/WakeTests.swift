import EventStore
import TestSupport
import Testing
import WorkflowCore

@testable import Postgres

@Suite(.timeLimit(.minutes(15))) struct WakeTests {
    /// Every notification of the channel, in order: a listener that keeps only the newest would hide one.
    @Test func `an enqueue and a person's verb wake workers, a worker's own doings never do`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            try await store.publishWorkflow(calls: "s")
            try await store.publishWorkflow("v", calls: "t")
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
            func enqueue(_ call: String) async throws -> Int {
                try await wakes { _ = try await database.pool.query("select turnup.enqueue(\(call))") }
            }
            #expect(try await wakes { try await store.enqueueRun("1") } == 1)
            // That has not been read yet; another service's line is another matter.
            #expect(try await wakes { try await store.enqueueRun("2") } == 0)
            #expect(try await wakes { try await store.enqueueRun("1", workflow: "v") } == 1)
            #expect(try await store.claimed().count == 3)
            // Two runs of one transaction are one wake-up, and bulk work may leave it out. What nobody was told of does
            // not keep the next one from being told.
            #expect(
                try await enqueue(
                    """
                    'w', 'o', '{"number":"3"}'), turnup.enqueue('w', 'o', '{"number":"4"}'
                    """) == 1)
            #expect(try await store.claimed().count == 2)
            #expect(try await enqueue("'w', 'o', '{\"number\":\"5\"}', wake => false") == 0)
            #expect(try await enqueue("'w', 'o', '{\"number\":\"6\"}', due => now() + interval '1 hour'") == 0)
            #expect(try await wakes { try await store.enqueueRun("7") } == 1)
            let worker = try await wakes {
                let runs = try await store.claimed(workerA, 9)
                #expect(runs.count == 2)
                #expect(try await store.commitOne(runs[0].commit([.entered("x")], service: "s")).isAccepted)
                try await store.release([runs[1].release()])
                _ = try await store.appendLate(
                    LateEvidence(runId: runs[1].id, epoch: 1, attemptId: newId(), body: [:]), worker: workerA)
                _ = try await store.pauseService("t", milliseconds: 1, reason: "down", by: person)
            }
            #expect(worker == 0)
            #expect(try await wakes { try await store.enqueueRun("8") } == 1)
            // Somebody is ready, and stays so: workers are at it, or have no room.
            #expect(try await store.claimed(workerA, 1).count == 1)
            #expect(try await wakes { try await store.enqueueRun("9") } == 0)
            let last = try #require(try await store.runs(RunFilter()).first)
            let verb = AppendRequest(runId: last.id, expectedSeq: nil, event: .cancel, actor: person)
            #expect(try await wakes { _ = try await store.append(verb) } == 1)
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
            let run = try #require(try await store.claimed().first)
            #expect(try await store.commitOne(run.commit([.entered("x")])).isAccepted)
            try await store.enqueueRun("2")
            #expect(await events.next() == .notification(channel: "turnup_wake", payload: ""))
            listener.close()
            try await listening
        }
    }
}
