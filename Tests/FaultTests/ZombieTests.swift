import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import ScenarioTests

/// Workers that are really stopped past their leases, with requests under way, and then go on.
@Suite(.timeLimit(.minutes(20))) struct ZombieTests {
    private static let names = ["w0", "w1", "w2", "w3"]

    /// What is begun together.
    private struct Herd {
        let workflow: String
        let runs: Int

        /// Together the workers have room for a few more, so that most runs are never the heir's.
        var roomOfWorker: Int { runs * 3 / 10 }
    }

    @Test func `200 takeovers from stopped workers: each one that wakes is refused, and what it had learned is kept`()
        async throws
    {
        try await Installation.with { installation in
            try await installation.allowManyRequests()
            // In turns a call that cannot be asked about, and one that may be made again.
            let (takeovers, round) = try await takeOver(
                200, Herd(workflow: "whatsapp-number", runs: 100), [Installation.create, Installation.token],
                installation)
            let late = try await lateAnswers(installation)
            print("\(takeovers) takeovers in \(round) rounds; \(late.all) late answers, \(late.read) with a secret")
            #expect(late.all > 0 && late.read > 0)
            #expect(late.lost == 0, "a secret that came late is not kept")
            try await Invariants.check(installation)
        }
    }

    @Test
    func `30 takeovers where the platform can be asked: the heir finds what a stopped worker made, and each run ends`()
        async throws
    {
        // A busy machine may be late to read what a stopped worker has sent.
        let patient = RegistryDefinitions.adopting.replacingOccurrences(of: "after: 2s", with: "after: 5s")
        try await Installation.withRegisterAlone(patient) { installation in
            try await installation.allowManyRequests()
            let (takeovers, round) = try await takeOver(
                30, Herd(workflow: "registered-number", runs: 20), [.register], installation)
            let late = try await lateAnswers(installation)
            print("\(takeovers) takeovers in \(round) rounds; \(late.read) late answers say what was made")
            #expect(late.read > 0)
            #expect(try await installation.count("status <> 'succeeded'") == 0, "a run did not end by itself")
            let clients = Dictionary(grouping: installation.simulator.clients(), by: \.externalId)
            #expect(Int64(clients.count) == (try await installation.count("true")))
            #expect(clients.values.allSatisfy { $0.count == 1 }, "a run has made two clients")
            try await Invariants.check(installation)
        }
    }

    /// Rounds until so many runs were taken over; then all of them settle, and the workers end.
    private func takeOver(
        _ wanted: Int, _ herd: Herd, _ matches: [RequestMatch], _ installation: Installation
    ) async throws -> (takeovers: Int, rounds: Int) {
        let workers = try Self.names.map {
            try installation.startWorker(named: $0, leaseSeconds: 3, concurrency: herd.roomOfWorker)
        }
        var takeovers = 0
        var round = 0
        do {
            while takeovers < wanted, round < 30 {
                takeovers += try await takeOver(herd, matches[round % matches.count], round, workers, installation)
                round += 1
            }
            _ = try await installation.store.resumeService("wpp")
            try await installation.settles(seconds: 120)
        } catch {
            for worker in workers { await worker.killHard() }
            try? await Invariants.check(installation, settled: false)
            throw error
        }
        for worker in workers {
            worker.send(SIGTERM)
            #expect(await worker.end().exitCode == 0)
        }
        #expect(takeovers >= wanted)
        return (takeovers, round)
    }

    /// Stops all workers but one while their requests are under way, and wakes them when their runs are taken over and
    /// their answers have come. Answers how many runs were taken over from them while they were stopped.
    private func takeOver(
        _ herd: Herd, _ match: RequestMatch, _ round: Int, _ workers: [TurnupProcess], _ installation: Installation
    ) async throws -> Int {
        let simulator = installation.simulator
        _ = simulator.addFaults([
            FaultRule(match: match, trigger: .untilCount(herd.runs), effect: .hold(.after))
        ])
        try await enqueueAtOnce(herd, round, installation)
        // With so short a lease some requests have ended on a busy machine before the last ones begin. They open the
        // breaker, so somebody has to insist.
        let areUnderWay = try await eventually(seconds: 60) {
            _ = try await installation.store.resumeService("wpp")
            return simulator.heldCount() >= herd.runs / 3
        }
        try #require(areUnderWay, "only \(simulator.heldCount()) requests are under way")

        let heir = round % workers.count
        let stopped = workers.indices.filter { $0 != heir }
        for index in stopped { workers[index].send(SIGSTOP) }
        for index in stopped { #expect(await eventually(seconds: 60) { workers[index].isStopped }) }
        let leases = try await leases(of: stopped.map { "worker:\(Self.names[$0])" }, installation)
        // The heir's own requests may open it as well; and they are held for their whole time-outs, with renewed leases, so
        // that its room is free again only then.
        let areTaken = try await eventually(seconds: 300) {
            _ = try await installation.store.resumeService("wpp")
            return try await taken(leases, installation) == leases.count
        }
        try #require(areTaken, "some runs were not taken over")
        let count = try await taken(leases, installation)
        for index in stopped { #expect(workers[index].isStopped, "it went on too early") }

        simulator.removeFaults()
        // Again and again: the heir's request may have met the fault just before it was removed, and be held just after.
        let areAnswered = await eventually(seconds: 60) {
            _ = simulator.release()
            return simulator.heldCount() == 0 && installation.requests(match).allSatisfy { $0.delivery != .pending }
        }
        try #require(areAnswered)
        for index in stopped { workers[index].send(SIGCONT) }
        let areKept = try await eventually(seconds: 60) { try await withoutEvidence(leases, installation) == 0 }
        try #require(areKept, "late answers are lost")
        return count
    }

    /// All runs of a round in one transaction, so that they are begun together.
    private func enqueueAtOnce(_ herd: Herd, _ round: Int, _ installation: Installation) async throws {
        _ = try await installation.database.pool.query(
            """
            select turnup.enqueue(
              $3, 'org-' || $1 || '-' || i, json_build_object('number', '+346' || $1 || (1000000 + i)))
            from generate_series(1, $2::integer) as i
            """, [.text("\(round)"), .int(Int64(herd.runs)), .text(herd.workflow)])
    }

    private struct Lease {
        let run: PostgresUUID
        let epoch: Int64
        /// What was under way.
        let attempt: PostgresUUID?
    }

    private func leases(of owners: [String], _ installation: Installation) async throws -> [Lease] {
        try await installation.database.pool.query(
            """
            select l.run_id as id, l.epoch, case when e.type = 'attempt.started' then e.attempt_id end as attempt
            from turnup.lease l join turnup.head h on h.run_id = l.run_id
              join turnup.event e on e.run_id = h.run_id and e.seq = h.seq
            where l.worker = any($1)
            """, [.textArray(owners)], readOnly: true
        ).map { Lease(run: try $0.uuid("id"), epoch: try $0.int("epoch"), attempt: try $0.uuidOrNil("attempt")) }
    }

    /// How many of the leases have been followed by another claim.
    private func taken(_ leases: [Lease], _ installation: Installation) async throws -> Int {
        let rows = try await installation.database.pool.query(
            """
            select count(*) from unnest($1::uuid[], $2::bigint[]) as l(run, epoch)
              join turnup.head h on h.run_id = l.run and h.epoch > l.epoch
            """, [.uuidArray(leases.map(\.run)), .intArray(leases.map(\.epoch))], readOnly: true)
        return Int(try rows.onlyRow().int(0))
    }

    /// How many of the requests that were under way have left nothing: no late answer, and no outcome that its worker had
    /// handed to the database when it was stopped.
    private func withoutEvidence(_ leases: [Lease], _ installation: Installation) async throws -> Int {
        let open = leases.filter { $0.attempt != nil }
        let rows = try await installation.database.pool.query(
            """
            select count(*) from unnest($1::uuid[], $2::bigint[], $3::uuid[]) as l(run, epoch, attempt)
            where not exists (
              select from turnup.event e where e.run_id = l.run and e.epoch = l.epoch
                and (e.type = 'attempt.late' or e.attempt_id = l.attempt and e.type <> 'attempt.started'))
            """,
            [
                .uuidArray(open.map(\.run)), .intArray(open.map(\.epoch)), .uuidArray(open.compactMap(\.attempt)),
            ], readOnly: true)
        return Int(try rows.onlyRow().int(0))
    }

    private func lateAnswers(_ installation: Installation) async throws -> (all: Int64, read: Int64, lost: Int64) {
        let row = try await installation.database.pool.query(
            """
            select count(*) as all_of_them, count(*) filter (where body ->> 'outcome' = 'done') as read,
              count(*) filter (where body ->> 'outcome' = 'done' and not exists (
                select from turnup.secret s where s.scope = 'run' and s.scope_id = e.run_id::text
                  and s.name like 'late/' || e.attempt_id || '/%' and s.ciphertext is not null)) as lost
            from turnup.event e where type = 'attempt.late'
            """, readOnly: true
        ).onlyRow()
        return (try row.int("all_of_them"), try row.int("read"), try row.int("lost"))
    }
}

extension TurnupProcess {
    /// Whether the system really holds the process.
    var isStopped: Bool {
        let text = try? String(contentsOfFile: "/proc/\(processIdentifier)/stat", encoding: .utf8)
        return text?.split(separator: ")").last?.split(separator: " ").first == "T"
    }
}
