import EventStore
import Testing
import WorkflowCore

@Suite struct EnqueueConformanceTests {
    @Test func `a new run stands in the queue with its first event`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let receipt = try await store.enqueue(request(["number": "+34"]))
            #expect(receipt.isNew)
            let run = try #require(try await store.run(receipt.runId))
            #expect(run.key == "+34" && run.organisation == "o" && run.state == "requested" && run.status == .live)
            #expect(run.seq == 1 && run.task?.due == run.requestedAt && run.task?.leaseOwner == nil)
            let events = try await store.events(of: receipt.runId, after: 0)
            #expect(events.map(\.type) == ["run.requested"])
            #expect(events.first?.actor == "person:test" && events.first?.recordedAt == run.requestedAt)
            #expect(events.first?.body["input"] == ["number": "+34"])
            #expect(try await store.fold(receipt.runId)?.input == ["number": "+34"])
        }
    }

    @Test func `the same key and input is the same run, other input is a conflict that names it`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(input: #"{"number":{"type":"string"},"label":{"type":"string"}}"#)
            let first = try await store.enqueue(request(["number": "1", "label": "a"]))
            let again = try await store.enqueue(request(["label": "a", "number": "1"]))
            #expect(again == EnqueueReceipt(runId: first.runId, isNew: false))
            let other = await storeError { _ = try await store.enqueue(request(["number": "1", "label": "b"])) }
            #expect(other?.code == .keyConflict && other?.runId == first.runId.description)
            let refused = await storeError {
                _ = try await store.enqueue(request(["number": "1", "label": "a"], refusesExisting: true))
            }
            #expect(refused?.code == .keyConflict && refused?.runId == first.runId.description)
            let elsewhere = try await store.enqueue(request(["number": "1", "label": "b"], organisation: "p"))
            #expect(elsewhere.isNew)
        }
    }

    @Test func `the same input is the same run also after a version with other defaults was published`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(version: 1)
            let first = try await store.enqueueRun("1")
            try await store.publishWorkflow(
                version: 2, input: #"{"number":{"type":"string"},"label":{"type":"string","default":"x"}}"#)
            #expect(try await store.enqueue(request(["number": "1"])) == EnqueueReceipt(runId: first, isNew: false))
            let error = await storeError { _ = try await store.enqueue(request(["number": "1", "label": "y"])) }
            #expect(error?.code == .keyConflict)
        }
    }

    @Test func `a failed run keeps its key while something may exist over there, and lets go of it otherwise`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let first = try await store.enqueueRun("1")
            let run = try await store.claimOne()
            let attempt = newId()
            let events: [NewEvent] = [.started(attempt), .done(attempt), NewEvent(.runFailed, ["reason": "x"])]
            #expect(try await store.commitOne(run.commit(events)).isAccepted)
            let error = await storeError { try await store.enqueueRun("1") }
            #expect(error?.code == .keyConflict && error?.runId == first.description)

            try await store.enqueueRun("2")
            let harmless = try await store.claimOne()
            #expect(try await store.commitOne(harmless.commit([NewEvent(.runFailed, [:])])).isAccepted)
            #expect(try await store.enqueueRun("2") != harmless.id)
        }
    }

    @Test func `an unknown workflow or version is refused`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let none = await storeError { try await store.enqueueRun() }
            #expect(none?.code == .unknownWorkflow && none?.message == "workflow \"w\" is not published")
            try await store.publishWorkflow()
            let version = await storeError { _ = try await store.enqueue(request(["number": "1"], version: 2)) }
            #expect(
                version?.code == .unknownWorkflow && version?.message == "workflow \"w\" version 2 is not published")
        }
    }

    static let badInputs: [(JSONObject, String)] = [
        (["number": "1", "count": 1], #"input "label" is missing"#),
        (["number": "1", "label": "a", "count": 1, "extra": 1], #"input "extra" is not declared by the workflow"#),
        (["number": 1, "label": "a", "count": 1], #"input "number" must be string, not number"#),
        (["number": "1", "label": .null, "count": 1], #"input "label" must be string or boolean, not null"#),
        (
            ["number": "1", "label": "a", "count": .number(JSONNumber(text: "1.5") ?? JSONNumber(1))],
            #"input "count" must be integer, not number"#
        ),
        (["number": "", "label": "a"], "the key of the run would be empty"),
        (
            ["number": .string(String(repeating: "n", count: 1025)), "label": "a"],
            "the key of the run has 1025 bytes; it may have 1024"
        ),
        (["number": "1", "label": "a\u{0}"], "the input is not JSON that can be kept"),
    ]

    @Test(arguments: badInputs)
    func `input that does not fit is refused, with the reason`(
        _ bad: (input: JSONObject, message: String)
    ) async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(
                input: """
                    {"number":{"type":"string"},"label":{"type":["string","boolean"]},
                     "count":{"type":"integer","default":7}}
                    """)
            let error = await storeError { _ = try await store.enqueue(request(bad.input)) }
            #expect(error?.code == .badInput)
            #expect(error?.message.hasPrefix(bad.message) == true, "\(error?.message ?? "no error")")
            #expect(try await store.runs(RunFilter()).isEmpty)
            // What was left out or may take either kind is fine.
            let run = try await store.enqueue(request(["number": "1", "label": true])).runId
            #expect(try await store.fold(run)?.input == ["number": "1", "label": true, "count": 7])
        }
    }

    @Test func `a missing organisation and a secret input are refused`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow(input: #"{"number":{"type":"string","secret":true}}"#)
            for organisation in ["", String(repeating: "o", count: 256)] {
                let error = await storeError { try await store.enqueueRun(organisation: organisation) }
                #expect(error?.code == .badInput && error?.message.contains("organisation") == true)
            }
            let secret = await storeError { try await store.enqueueRun() }
            #expect(secret?.code == .badInput && secret?.message.contains("is secret") == true)
        }
    }

    @Test func `a run enqueued for later is due then, to the microsecond`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let due = Instant(microseconds: try await store.now().microseconds / 1_000_000 * 1_000_000 + 3_600_123_457)
            let run = try await store.enqueueRun(due: due)
            #expect(try await store.run(run)?.task?.due == due)
            #expect(try await store.line("").next == due)
            try await fixture.pass(milliseconds: 3_602_000)
            #expect(try await store.claimOne().due == due)
        }
    }

    @Test func `the same id again is the same run whatever became of it, and other input is a conflict`() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            try await store.publishWorkflow()
            let id = newId()
            let first = try await store.enqueue(request(["number": "1"], id: id, refusesExisting: true))
            #expect(first == EnqueueReceipt(runId: id, isNew: true))
            let again = try await store.enqueue(request(["number": "1"], id: id, refusesExisting: true))
            #expect(again == EnqueueReceipt(runId: id, isNew: false))
            let run = try await store.claimOne()
            #expect(try await store.commitOne(run.commit([NewEvent(.runFailed, [:])])).isAccepted)
            #expect(try await store.enqueue(request(["number": "1"], id: id)).runId == id)
            let other = await storeError { _ = try await store.enqueue(request(["number": "2"], id: id)) }
            #expect(other?.code == .keyConflict && other?.runId == id.description)
        }
    }
}
