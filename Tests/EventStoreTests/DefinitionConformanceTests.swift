import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite struct DefinitionConformanceTests {
    @Test func `a version is published once and never with other content`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let first = workflow(input: #"{"number":{"type":"string"}}"#)
            let answer = try await store.publish(first, keyParts: numberKey, by: "person:a")
            let again = try await store.publish(first, keyParts: numberKey, by: "person:b")
            #expect(answer == .published && again == .unchanged)
            let other = workflow(input: "{}")
            let error = await storeError { _ = try await store.publish(other, keyParts: numberKey, by: "person:b") }
            #expect(error?.code == .alreadyPublished)
            #expect(try await store.definition(workflow: "w", version: 1) == first)
        }
    }

    @Test func `the newest version is found unless one is named, and live runs are counted`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(version: 2)
            try await store.publishWorkflow(version: 1)
            #expect(try await store.definition(workflow: "w", version: nil)?.version == 2)
            #expect(try await store.definition(workflow: "w", version: 1)?.version == 1)
            #expect(try await store.definition(workflow: "w", version: 3) == nil)
            #expect(try await store.definition(workflow: "x", version: nil) == nil)
            try await store.enqueueRun("1")
            try await store.enqueueRun("2")
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([NewEvent(.runFailed, [:])])).isAccepted)
            let list = try await store.definitions()
            #expect(list.map(\.version) == [1, 2])
            #expect(try await store.liveRunCounts() == [LiveRunCount(workflow: "w", version: 2, runs: 1)])
        }
    }

    @Test func `publishing and listing read no run, by a table of runs that somebody keeps locked`() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.store.publishWorkflow()
            try await database.store.enqueueRun()
            var configuration = PostgresConfiguration(connectionString: database.url)
            let holder = try await PostgresConnection.connect(configuration)
            configuration.lockTimeout = .milliseconds(200)
            let pool = PostgresPool(configuration)
            let store = PostgresStore(pool: pool)
            try await holder.execute("begin; lock table turnup.run in access exclusive mode")
            try await store.publishWorkflow(version: 2)
            try await store.publishWorkflow(version: 2)
            #expect(try await store.definitions().map(\.version) == [1, 2])
            let counting = await storeError { _ = try await store.liveRunCounts() }
            #expect(counting?.code == .busy, "the lock does not hold, so this test proves nothing")
            try await holder.execute("rollback")
            await holder.close()
            await pool.close()
        }
    }
}
