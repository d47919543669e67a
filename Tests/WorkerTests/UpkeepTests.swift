import EventStore
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Worker

@Suite struct UpkeepTests {
    @Test func `partitions are made, lost lines repaired, and both told once`() async throws {
        try await TestDatabase.withDatabase { database in
            let digest = ContentDigest.hex(ContentDigest.sha256(Array(Sample.canonical.utf8)))
            _ = try await database.store.publish(
                PublishedDefinition(
                    workflow: "w", version: 1, digest: digest, source: "", canonical: Sample.canonical),
                keyParts: [["input": "number"]], by: "person:test")
            let run = try await database.store.enqueue(
                EnqueueRequest(workflow: "w", organisation: "o", input: ["number": "1"], actor: "person:test")
            ).runId
            let log = LogBook()
            let check = SelfCheck(
                verifier: nil, upkeep: Upkeep(store: database.store, logger: log.logger), firstMilliseconds: 0,
                intervalMilliseconds: 100, logger: log.logger)
            try await database.tamper("delete from turnup.note")
            let running = Task { await check.run() }
            try await until { log.lines.contains { $0.contains("put back") && $0.contains("\(run)") } }
            // A month that no look before made.
            try await database.tamper(
                """
                do $body$ begin execute format('drop table turnup.%I',
                  'event_' || to_char((turnup.now() + interval '3 months') at time zone 'UTC', 'YYYY_MM')); end $body$
                """)
            try await until { log.lines.contains { $0.contains("made a partition") } }
            running.cancel()
            await running.value
            #expect(log.lines.count { $0.contains("put back") } == 1)
        }
    }

    private func until(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "waited in vain")
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
