import EventStore
import Foundation
import LocalPostgres
import PlatformSimulator
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import ScenarioTests

/// How long a soak takes; 0: there is none.
private let soakSeconds = Double(ProcessInfo.processInfo.environment["TURNUP_SOAK_SECONDS"] ?? "") ?? 0

/// Everything at once, for as long as `TURNUP_SOAK_SECONDS` says; `make soak`.
@Suite(.enabled(if: soakSeconds > 0, "make soak runs it"), .timeLimit(.minutes(60))) struct SoakTests {
    private static let seed =
        UInt64(ProcessInfo.processInfo.environment["TURNUP_SOAK_SEED"] ?? "") ?? UInt64.random(in: 1...999_999)
    /// A thousand in ten minutes.
    private static let runs = Int(max(50, soakSeconds * 1000 / 600))
    private static let leaseSeconds = 3.0
    private static let organisations = 40

    @Test func `runs under every fault, with workers killed and databases restarted: all end or are held`() async throws
    {
        try await Installation.with(
            activation: .lognormal(medianMilliseconds: 4000, sigma: 1), firstClientToo: true
        ) { installation in
            let chaos = SoakChaos()
            _ = installation.simulator.addFaults(SoakChaos.requestFaults)
            let crew = try SoakCrew { index in
                try installation.startWorker(
                    named: "soak-\(index)-\(UInt32.random(in: 0 ... .max))", leaseSeconds: Self.leaseSeconds,
                    concurrency: 64)
            }
            do {
                let (accepted, memory) = try await storm(installation, chaos, crew)
                try await calm(installation, crew)
                let counts = await chaos.counts
                try await report(installation, counts, memory)
                try await check(installation, accepted, counts, memory)
            } catch {
                await crew.killAll()
                throw error
            }
        }
    }

    /// Runs are started over the first four fifths of the time, and everything goes wrong until its end.
    private func storm(
        _ installation: Installation, _ chaos: SoakChaos, _ crew: SoakCrew
    ) async throws -> (accepted: Set<Identifier>, memory: [MemorySample]) {
        let server = try await TestCluster.shared.server().server
        let troubles = [
            Task { try await chaos.restartDatabase(server, seed: Self.seed) },
            Task { try await chaos.disturb(crew, seed: Self.seed, leaseSeconds: Self.leaseSeconds) },
            Task { try await chaos.plague(installation.simulator, seed: Self.seed) },
        ]
        let watched = await crew.watched
        let watch = Task { await MemorySample.take(of: watched) }
        let began = ContinuousClock.now
        var accepted: Set<Identifier> = []
        for number in 0..<Self.runs {
            try? await Task.sleep(
                until: began + .seconds(soakSeconds * 0.8 * Double(number) / Double(Self.runs)), clock: .continuous)
            accepted.insert(try await enqueue(number, installation))
        }
        try? await Task.sleep(until: began + .seconds(soakSeconds), clock: .continuous)
        // One after the other, so that each ends what it has begun.
        for trouble in troubles {
            trouble.cancel()
            let result = await trouble.result
            #expect(throws: CancellationError.self) { try result.get() }
        }
        watch.cancel()
        return (accepted, await watch.value)
    }

    /// Under an id of its own, so that it may be asked for until somebody answers.
    private func enqueue(_ number: Int, _ installation: Installation) async throws -> Identifier {
        let id = Identifier(
            unixMilliseconds: Int64(Date().timeIntervalSince1970 * 1000),
            random: (.random(in: .min ... .max), .random(in: .min ... .max)))
        let request = EnqueueRequest(
            workflow: "whatsapp-number", organisation: "soak-\(Self.seed)-\(number % Self.organisations)",
            input: ["number": .string("+346\(10_000_000 + number)")], id: id, actor: "person:soak")
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do { return try await installation.store.enqueue(request).runId } catch let error as StoreError
                where [.unavailable, .outcomeUnknown].contains(error.code) && ContinuousClock.now < deadline
            {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// No more faults: now everything must come to its end.
    private func calm(_ installation: Installation, _ crew: SoakCrew) async throws {
        installation.simulator.removeFaults()
        _ = try await TestCluster.shared.server().server.ensureRunning()
        await crew.wakeAll()
        let isSettled = try await eventually(seconds: 240) {
            do { return try await installation.count("status = 'live'") == 0 } catch let error as PostgresError
                where error.isConnectionProblem
            { return false }
        }
        #expect(isSettled, "some runs are still live")
        #expect(await crew.end() == [], "a worker gave up")
    }

    private func report(
        _ installation: Installation, _ counts: [String: Int], _ memory: [MemorySample]
    ) async throws {
        print("seed \(Self.seed), \(Int(soakSeconds)) s, \(Self.runs) runs of \(Self.organisations) organisations")
        let ends = try await installation.database.pool.query(
            """
            select status, state, left(coalesce(reason, ''), 60) as reason, count(*) as runs from turnup.run
            group by 1, 2, 3 order by 4 desc
            """, readOnly: true)
        for row in ends {
            print(
                "  \(try row.int("runs")) \(try row.string("status")) in \(try row.string("state")):",
                "\(try row.string("reason"))")
        }
        let events = try await installation.database.pool.query(
            "select type, count(*) as events from turnup.event group by 1 order by 2 desc", readOnly: true)
        print(
            "  events:", try events.map { "\(try $0.int("events")) \(try $0.string("type"))" }.joined(separator: ", "))
        print("  faults:", counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))
        let befallen = Dictionary(grouping: installation.simulator.ledger().flatMap(\.faults), by: { $0 })
        print(
            "  requests: \(installation.simulator.requestCount), of which",
            befallen.sorted { $0.key < $1.key }.map { "\($0.value.count) \($0.key)" }.joined(separator: ", "))
        if let first = memory.first, let last = memory.last {
            print(
                "  memory of the worker left alone: \(first.kilobytes) kB at first, \(last.kilobytes) kB at last,",
                "growing by \(Int(MemorySample.growth(memory))) kB a minute after the warm-up")
        }
    }

    private func check(
        _ installation: Installation, _ accepted: Set<Identifier>, _ counts: [String: Int], _ memory: [MemorySample]
    ) async throws {
        try await Invariants.check(installation)
        let found = try await installation.database.pool.query("select id from turnup.run", readOnly: true)
        let ids = Set(try found.map { Identifier(high: try $0.uuid(0).high, low: try $0.uuid(0).low) })
        #expect(ids == accepted && ids.count == Self.runs, "an acknowledged run is lost, or one is there twice")
        for name in ["database stopped at once", "database stopped in order", "worker killed", "worker stopped"] {
            #expect(counts[name, default: 0] > 0, "it never happened: \(name)")
        }
        #expect(counts["platform away", default: 0] + counts["platform limits requests", default: 0] > 0)
        #expect(memory.count > Int(soakSeconds / 2), "the memory was not watched")
        // In a short soak the warm-up is most of it.
        if soakSeconds >= 300 { #expect(MemorySample.growth(memory) < 1024, "kB a minute") }
    }
}

/// What a process held in memory at some time.
struct MemorySample {
    let seconds: Double
    let kilobytes: Int

    /// One a second until the task is cancelled.
    static func take(of process: Int32) async -> [MemorySample] {
        let began = ContinuousClock.now
        var samples: [MemorySample] = []
        while !Task.isCancelled {
            let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            if let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) {
                samples.append(MemorySample(seconds: (ContinuousClock.now - began) / .seconds(1), kilobytes: kilobytes))
            }
            try? await Task.sleep(for: .seconds(1))
        }
        return samples
    }

    /// Kilobytes a minute by least squares, over the second half: the allocator's arenas, one for nearly every thread,
    /// fill up over minutes before they stop growing.
    static func growth(_ all: [MemorySample]) -> Double {
        let warmUp = (all.last?.seconds ?? 0) / 2
        let samples = all.filter { $0.seconds >= warmUp }
        guard samples.count > 1 else { return 0 }
        let count = Double(samples.count)
        let meanTime = samples.reduce(0) { $0 + $1.seconds } / count
        let meanSize = samples.reduce(0) { $0 + Double($1.kilobytes) } / count
        let above = samples.reduce(0) { $0 + ($1.seconds - meanTime) * (Double($1.kilobytes) - meanSize) }
        let below = samples.reduce(0) { $0 + ($1.seconds - meanTime) * ($1.seconds - meanTime) }
        return below > 0 ? above / below * 60 : 0
    }
}
