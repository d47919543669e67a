import EventStore
import Logging
import TestSupport
import Testing
import WorkflowCore

@testable import EventStoreTests
@testable import Worker

/// Commits whose connection is cut: the worker's own code asks again, and nothing is lost or doubled.
@Suite(.timeLimit(.minutes(20))) struct UnknownCommitTests {
    enum Cut: CaseIterable {
        /// The statement never arrives.
        case before
        /// Half of it arrives.
        case within
        /// All of it arrives, and the connection is gone while it is being carried out.
        case inFlight
        /// It was carried out, and its answer is lost.
        case reply

        func fault(on text: String) -> CuttableProxy.Fault {
            switch self {
            case .before: .cutBefore(text)
            case .within: .cutWithin(text)
            case .inFlight: .cutAfter(text)
            case .reply: .loseReply(to: text)
            }
        }
    }

    private static let lanes = 24
    private static let roundsOfLane = 44
    private static let runsOfLane = 4

    /// What the cuts of all lanes came to.
    private actor Tally {
        private(set) var fired: [Cut: Int] = [:]
        private(set) var landed: [Cut: Int] = [:]
        private(set) var expected: [Identifier: [NewEvent]] = [:]

        func note(_ cut: Cut, count: Int, hasLanded: Bool, _ events: [NewEvent], of run: Identifier) {
            fired[cut, default: 0] += count
            if hasLanded { landed[cut, default: 0] += 1 }
            expected[run, default: []] += events
        }
    }

    @Test func `a thousand commits of each kind are cut, and every stream has exactly the events that were decided`()
        async throws
    {
        try await TestDatabase.withDatabase(connections: 8) { database in
            try await database.store.publishWorkflow()
            let tally = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<Self.lanes {
                    group.addTask { try await Self.run(lane, database, tally) }
                }
                try await group.waitForAll()
            }
            let (fired, landed) = (await tally.fired, await tally.landed)
            for cut in Cut.allCases {
                print("\(cut): \(fired[cut, default: 0]) cuts, \(landed[cut, default: 0]) had landed")
                #expect(fired[cut, default: 0] >= 1000)
            }
            #expect(landed[.before] == nil && landed[.within] == nil, "what never arrived cannot have landed")
            #expect(landed[.reply] == fired[.reply])
            #expect(landed[.inFlight, default: 0] > 0)
            for (run, expected) in await tally.expected {
                let events = try await database.store.events(of: run, after: 1)
                #expect(events.map(\.type) == expected.map(\.type.rawValue))
                #expect(events.map(\.attemptId) == expected.map(\.attemptId))
                #expect(events.map(\.body) == expected.map(\.body))
            }
            try await Invariants.check(database, settled: false)
        }
    }

    /// One connection of its own, on which every commit of some runs is cut.
    private static func run(_ lane: Int, _ database: TestDatabase, _ tally: Tally) async throws {
        let worker = WorkerConfiguration(name: "lane-\(lane)", leaseMilliseconds: 10 * minute)
        try await database.withProxy { proxy, store in
            let batcher = CommitBatcher(
                store: store, configuration: worker, logger: Logger(label: "lane") { _ in SwiftLogNoOpLogHandler() })
            var runs: [(claimed: ClaimedRun, state: RunState, hash: [UInt8])] = []
            for number in 0..<runsOfLane {
                try await database.store.enqueueRun("\(lane)-\(number)")
                let claimed = try await database.store.claimOne(worker.actor)
                runs.append((claimed, try claimed.state.get(), claimed.hash))
            }
            for round in 0..<roundsOfLane {
                for (index, cut) in Cut.allCases.enumerated() {
                    // Each run meets every cut, at an intent and at a result.
                    let place = (round + index) % runsOfLane
                    let (claimed, state, hash) = runs[place]
                    let events: [NewEvent]
                    if let open = state.openAttempt {
                        events = [.done(open.id), .entered("round-\(round)")]
                    } else {
                        events = [.started(newId())]
                    }
                    let after = try state.after(events, epoch: claimed.epoch, by: worker.actor)
                    let before = proxy.faultCount
                    proxy.set(cut.fault(on: worker.actor), once: true)
                    let answer = try await batcher.commit(
                        RunCommit(
                            runId: claimed.id, token: claimed.token, epoch: claimed.epoch, baseSeq: state.seq,
                            baseHash: hash, events: events, state: after, keepsLease: true, service: claimed.service))
                    runs[place].state = after
                    runs[place].hash = answer.hash ?? hash
                    let fired = proxy.faultCount - before
                    #expect(answer.landedAt != nil, "lane \(lane), round \(round), \(cut): \(answer)")
                    await tally.note(cut, count: fired, hasLanded: answer.isAlready, events, of: claimed.id)
                }
            }
        }
    }
}
