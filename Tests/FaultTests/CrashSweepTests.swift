import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import Worker
import WorkflowCore

@testable import ScenarioTests

/// The worker kills itself at every named point, for the first and for the last time that it comes by.
@Suite(.timeLimit(.minutes(20))) struct CrashSweepTests {
    enum Occurrence: CaseIterable { case first, last }

    /// The key is refused twice, so that there are several claims and calls; pieces of answers come one by one.
    private static let faults = [
        FaultRule(
            match: Installation.create, trigger: .always, effect: .trickle(chunkBytes: 60, intervalMilliseconds: 20)),
        FaultRule(
            name: "refused", match: Installation.token, trigger: .untilCount(2),
            effect: .status(403, body: #"{"error":"Invalid API key"}"#)),
        FaultRule(
            match: Installation.token, trigger: .always, effect: .trickle(chunkBytes: 60, intervalMilliseconds: 20)),
    ]

    private static func enqueue(_ count: Int, _ installation: Installation) async throws {
        for index in 0..<count {
            _ = try await installation.enqueue("+3460011\(1000 + index)", organisation: "org-\(index)")
        }
    }

    /// How often a worker that is not killed passes each point.
    private static func passings(runs: Int) async throws -> [String: Int] {
        var found: [String: Int] = [:]
        try await Installation.with { installation in
            _ = installation.simulator.addFaults(Self.faults)
            try await Self.enqueue(runs, installation)
            let worker = try installation.startWorker(
                named: "traced", leaseSeconds: Installation.generousLeaseSeconds, crashPoint: "trace")
            try await installation.settles(seconds: 120)
            worker.send(SIGTERM)
            let said = await worker.end().errors
            for line in said.split(separator: "\n") where line.hasPrefix("crash point: passed ") {
                let parts = line.dropFirst("crash point: passed ".count).split(separator: ":")
                found[String(parts[0])] = Int(parts[1])
            }
            #expect(try await installation.count("status = 'succeeded'") == Int64(runs), "\(said)")
        }
        for point in CrashPoint.allCases {
            #expect(found[point.rawValue, default: 0] > 0, "no run passes \(point.rawValue)")
        }
        return found
    }

    private static let ofOneRun = Task { try await passings(runs: 1) }
    private static let ofManyRuns = Task { try await passings(runs: manyRuns) }
    private static let manyRuns = 10

    /// Kills a worker, lets another one go on, and answers with the installation when all is quiet.
    private func sweep(
        _ point: CrashPoint, passing: Int, runs: Int, _ check: (Installation) async throws -> Void
    ) async throws {
        try await Installation.with { installation in
            _ = installation.simulator.addFaults(Self.faults)
            try await Self.enqueue(runs, installation)
            let doomed = try installation.startWorker(
                named: "doomed", leaseSeconds: Installation.generousLeaseSeconds,
                crashPoint: "\(point.rawValue):\(passing)")
            let isDead = await doomed.says("crash point: killed", seconds: 90)
            if !isDead { doomed.send(SIGKILL) }
            let last = await doomed.end()
            try #require(isDead && last.errors.contains("killed at \(point.rawValue):\(passing)\n"), "\(last.errors)")
            #expect(last.exitCode == SIGKILL)
            try await installation.endLeases()
            let heir = try installation.startWorker(
                named: "heir", leaseSeconds: Installation.generousLeaseSeconds)
            try await installation.settles(seconds: 120)
            heir.send(SIGTERM)
            // It may not have got so far as to listen to signals when nothing was left to do.
            #expect([0, SIGTERM].contains(await heir.end().exitCode))
            // The kill may come before they can befall anything.
            installation.simulator.removeFaults()
            try await Invariants.check(installation, mayBeIdle: true)
            let owners = Dictionary(grouping: installation.simulator.clients(), by: \.organisation)
            #expect(owners.values.allSatisfy { $0.count == 1 }, "an organisation has two clients")
            try await check(installation)
        }
    }

    @Test(arguments: CrashPoint.allCases, Occurrence.allCases)
    func `one run, its worker killed at a point: it ends, or is held when its create may have arrived`(
        _ point: CrashPoint, _ occurrence: Occurrence
    ) async throws {
        let total = try await Self.ofOneRun.value[point.rawValue] ?? 0
        try await sweep(point, passing: occurrence == .first ? 1 : total, runs: 1) { installation in
            let run = try #require(try await installation.store.runs(RunFilter()).first)
            // From the intent on nobody knows what the platform did; the last time it is about a token, which may
            // be asked for twice.
            let isHeld = occurrence == .first && point != .afterClaim
            #expect(run.status == (isHeld ? .held : .succeeded), "\(run.status): \(run.reason ?? "")")
            #expect(installation.requests(Installation.create).count <= 1, "a create was sent again")
            if isHeld {
                let unknown = try await installation.events(run.id, .attemptUnknown)
                #expect(unknown.count == 1 && unknown.first?.body["error"] == "unknown_outcome")
                #expect(try await installation.events(run.id, .runHeld).first?.body["choices"] != nil)
            }
        }
    }

    @Test(arguments: CrashPoint.allCases, Occurrence.allCases)
    func `many runs, their worker killed at a point: each ends, or is held when its create may have arrived`(
        _ point: CrashPoint, _ occurrence: Occurrence
    ) async throws {
        let total = try await Self.ofManyRuns.value[point.rawValue] ?? 0
        // How commits and claims are grouped differs from time to time; half of the last passing is always reached.
        let isGrouped = [.afterClaim, .afterConnect, .duringCommit, .afterCommit].contains(point)
        let last = isGrouped ? max(1, total / 2) : total
        try await sweep(point, passing: occurrence == .first ? 1 : last, runs: Self.manyRuns) { installation in
            for run in try await installation.store.runs(RunFilter(status: .held)) {
                let unknown = try await installation.events(run.id, .attemptUnknown)
                #expect(unknown.count == 1 && unknown.first?.body["error"] == "unknown_outcome")
                #expect(run.state == "requested")
            }
            #expect(try await installation.count("status in ('held', 'succeeded')") == Int64(Self.manyRuns))
            let creates = installation.requests(Installation.create).count
            #expect(creates <= Self.manyRuns, "a create was sent again")
        }
    }
}
