import EventStore
import Foundation
import LocalPostgres
import PlatformSimulator
import TestSupport
import Testing
import WorkflowCore

@testable import ScenarioTests

/// What goes wrong during a soak, drawn from its seed; the times of the machine are its own.
actor SoakChaos {
    private(set) var counts: [String: Int] = [:]

    func note(_ name: String) { counts[name, default: 0] += 1 }

    static let requestFaults: [FaultRule] = {
        func rule(_ match: RequestMatch, _ share: Double, _ effect: Effect, _ name: String) -> FaultRule {
            FaultRule(name: name, match: match, trigger: .probability(share), effect: effect)
        }
        let both = [Installation.create, Installation.token].flatMap { match in
            [
                rule(match, 0.03, .status(503), "503"), rule(match, 0.02, .reset(.before), "reset before"),
                rule(match, 0.02, .reset(.after), "answer lost"), rule(match, 0.02, .close(.after), "closed after"),
                rule(match, 0.02, .truncatedBody, "truncated"), rule(match, 0.01, .resetMidBody, "reset in the body"),
                rule(match, 0.01, .malformedJSON, "malformed"), rule(match, 0.01, .html(), "HTML"),
                rule(match, 0.01, .hang(.after), "hangs"),
            ]
        }
        return both + [
            rule(RequestMatch(), 0.1, .delay(milliseconds: 300), "delay"),
            rule(Installation.token, 0.03, .status(429, headers: ["Retry-After": "1"]), "429"),
        ]
    }()

    /// Stops and starts the server every 5 to 20 seconds, in turns in an orderly way and as if it had crashed.
    func restartDatabase(_ server: LocalPostgres, seed: UInt64) async throws {
        var random = SplitMix64(seed: seed, about: "database")
        while true {
            try await Task.sleep(for: .milliseconds(Int.random(in: 5000...20_000, using: &random)))
            let isImmediate = Bool.random(using: &random)
            try await Self.blocking {
                if isImmediate, let process = server.status().processIdentifier {
                    kill(process, SIGQUIT)
                    while kill(process, 0) == 0 { usleep(10_000) }
                } else {
                    _ = try server.stop()
                }
                _ = try server.ensureRunning()
            }
            note(isImmediate ? "database stopped at once" : "database stopped in order")
        }
    }

    /// Kills a worker, which is started again, or stops one beyond its lease.
    func disturb(_ crew: SoakCrew, seed: UInt64, leaseSeconds: Double) async throws {
        var random = SplitMix64(seed: seed, about: "workers")
        while true {
            try await Task.sleep(for: .milliseconds(Int.random(in: 2000...6000, using: &random)))
            let index = Int.random(in: 1..<SoakCrew.size, using: &random)
            if Bool.random(using: &random) {
                try await crew.replace(index)
                note("worker killed")
            } else {
                let milliseconds = Int(Double.random(in: 0.3...3, using: &random) * leaseSeconds * 1000)
                await crew.send(SIGSTOP, to: index)
                try? await Task.sleep(for: .milliseconds(milliseconds))
                await crew.send(SIGCONT, to: index)
                note("worker stopped")
            }
        }
    }

    /// Outages of the platform, and times in which it lets few requests in.
    func plague(_ simulator: PlatformSimulator, seed: UInt64) async throws {
        var random = SplitMix64(seed: seed, about: "platform")
        while true {
            try await Task.sleep(for: .milliseconds(Int.random(in: 8000...25_000, using: &random)))
            let isOutage = Bool.random(using: &random)
            if isOutage {
                await simulator.setOutage(refuse: true)
            } else {
                await simulator.updateBehaviour { $0.rateLimit = RateLimit(requestsPerSecond: 3, burst: 3) }
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 1000...5000, using: &random)))
            await simulator.setOutage(refuse: false)
            await simulator.updateBehaviour { $0.rateLimit = nil }
            note(isOutage ? "platform away" : "platform limits requests")
        }
    }

    private static func blocking(_ work: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
        }
    }
}

/// The workers of a soak. The first one is left alone, so that its memory can be watched.
actor SoakCrew {
    static let size = 4

    private let start: @Sendable (Int) throws -> TurnupProcess
    private var workers: [TurnupProcess]

    init(start: @escaping @Sendable (Int) throws -> TurnupProcess) throws {
        self.start = start
        workers = try (0..<Self.size).map(start)
    }

    var watched: Int32 { workers[0].processIdentifier }
    var watchedSaid: String { workers[0].spoken }

    func send(_ signal: Int32, to index: Int) { workers[index].send(signal) }

    func replace(_ index: Int) async throws {
        await workers[index].killHard()
        workers[index] = try start(index)
    }

    func wakeAll() { for worker in workers { worker.send(SIGCONT) } }

    /// Answers the exit codes.
    func end() async -> [Int32] {
        var codes: [Int32] = []
        for worker in workers {
            worker.send(SIGTERM)
            codes.append(await worker.end().exitCode)
        }
        return codes
    }

    func killAll() async { for worker in workers { await worker.killHard() } }
}
