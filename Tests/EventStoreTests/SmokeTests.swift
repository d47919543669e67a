import EventStore
import Postgres
import TestSupport
import Testing
import WorkflowCore

@Suite struct SmokeTests {
    @Test func `a run is enqueued, claimed, committed and read back from PostgreSQL`() async throws {
        try await TestDatabase.withDatabase { database in
            let store = database.store
            let canonical =
                #"{"dsl":1,"input":{"number":{"type":"string"}},"key":"${input.number}","start":"requested","states":{"active":{"end":"succeeded"},"requested":{"next":"active"}},"version":1,"workflow":"w"}"#
            let published = PublishedDefinition(
                workflow: "w", version: 1, digest: String(repeating: "ab", count: 32), source: "", canonical: canonical)
            _ = try await store.publish(published, keyParts: [["input": "number"]], by: "person:test")
            let receipt = try await store.enqueue(
                EnqueueRequest(workflow: "w", organisation: "o", input: ["number": "+34"], actor: "person:test"))
            let again = try await store.enqueue(
                EnqueueRequest(workflow: "w", organisation: "o", input: ["number": "+34"], actor: "person:test"))
            #expect(again.runId == receipt.runId && !again.isNew)
            let claimed = try await store.claim(worker: "worker:a", limit: 5, leaseMilliseconds: 1000)
            let run = try #require(claimed.first)
            let state = try run.state.get()
            #expect(state.key == "+34" && state.state == "requested")
            let event = NewEvent(.cancelRequested, ["reason": "x"])
            let answers = try await store.commit(
                [RunCommit(runId: run.id, epoch: run.epoch, baseSeq: 1, events: [event], state: state)],
                worker: "worker:a", leaseMilliseconds: 1000)
            guard case .accepted = answers.first else {
                Issue.record("\(answers)")
                return
            }
            #expect(try await store.events(of: run.id, after: 0).count == 2)
        }
    }
}
