import EventStore
import Testing
import WorkflowCore

@Suite struct DefinitionConformanceTests {
    @Test(arguments: StoreFixture.Kind.allCases)
    func `a version is published once and never with other content`(_ kind: StoreFixture.Kind) async throws {
        try await StoreFixture.with(kind) { fixture in
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

    @Test(arguments: StoreFixture.Kind.allCases)
    func `the newest version is found unless one is named, and the list counts runs`(
        _ kind: StoreFixture.Kind
    ) async throws {
        try await StoreFixture.with(kind) { fixture in
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
            #expect(list.map(\.allRuns) == [0, 2])
            #expect(list.map(\.liveRuns) == [0, 1])
        }
    }
}
