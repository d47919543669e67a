import EventStore
import Logging
import ServiceLifecycle
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Worker

@Suite struct SelfCheckTests {
    @Test func `a violation is logged once, stays in the metric while it stands, and is said to be gone`() async throws
    {
        try await Self.with { database, run in
            let log = LogBook()
            let check = SelfCheck(verifier: Verifier(store: database.store), logger: log.logger)
            #expect(await check.check())
            #expect(check.record.violations == 0 && log.lines.isEmpty)

            try await database.tamper("update turnup.run set state = 'other' where id = '\(run)'")
            for _ in 0..<3 { #expect(await check.check()) }
            #expect(check.record.violations == 1 && check.record.foundInAll == 1 && check.record.checks == 4)
            let errors = log.lines.filter { $0.contains("row_state") }
            #expect(errors.count == 1 && errors.first?.contains("\(run)") == true, "\(log.lines)")

            try await database.tamper("update turnup.run set state = 'requested' where id = '\(run)'")
            #expect(await check.check())
            #expect(check.record.violations == 0 && check.record.foundInAll == 1)
            #expect(log.lines.contains { $0.contains("violations are gone") })
        }
    }

    /// The sample holds no run here, so the queue alone must tell.
    @Test func `the queue rows of all runs are checked in turn, and a known violation is not forgotten`() async throws {
        try await Self.with { database, first in
            var runs = [first]
            for number in 2...7 {
                runs.append(
                    try await database.store.enqueue(
                        EnqueueRequest(
                            workflow: "w", organisation: "o", input: ["number": .string("\(number)")],
                            actor: "person:test")
                    ).runId)
            }
            let last = try #require(runs.max())
            try await database.tamper("delete from turnup.task where run_id = '\(last)'")
            let check = SelfCheck(
                verifier: Verifier(store: database.store), look: VerifyLook(recent: 0, random: 0, queueRuns: 3),
                logger: LogBook().logger)
            var counts: [Int] = []
            for _ in 0..<5 {
                #expect(await check.check())
                counts.append(check.record.violations)
            }
            #expect(counts == [0, 0, 1, 1, 1])
        }
    }

    @Test func `as a service it looks soon after the start, again and again, and ends when told to`() async throws {
        try await Self.with { database, _ in
            let record = SelfCheckRecord()
            let check = SelfCheck(
                verifier: Verifier(store: database.store), record: record, firstMilliseconds: 0,
                intervalMilliseconds: 100, logger: LogBook().logger)
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [.init(service: check)], logger: LogBook().logger))
            let running = Task { try await group.run() }
            let deadline = ContinuousClock.now + .seconds(60)
            while record.checks < 3, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
            #expect(record.checks >= 3 && record.lastMilliseconds != nil)
            await group.triggerGracefulShutdown()
            try await running.value
        }
    }

    private static func with(_ body: (TestDatabase, Identifier) async throws -> Void) async throws {
        try await TestDatabase.withDatabase { database in
            let digest = ContentDigest.hex(ContentDigest.sha256(Array(Sample.canonical.utf8)))
            _ = try await database.store.publish(
                PublishedDefinition(
                    workflow: "w", version: 1, digest: digest, source: "", canonical: Sample.canonical),
                keyParts: [["input": "number"]], by: "person:test")
            let run = try await database.store.enqueue(
                EnqueueRequest(workflow: "w", organisation: "o", input: ["number": "1"], actor: "person:test")
            ).runId
            try await body(database, run)
        }
    }
}
