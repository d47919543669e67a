import EventStore
import Synchronization
import TestSupport
import Testing
import Vault
import WorkflowCore

@testable import Worker

@Suite("Commit batcher", .timeLimit(.minutes(15)))
struct CommitBatcherTests {
    private let lent: LentDatabase
    private let store: FaultyStore
    private let log = LogBook()
    private let batcher: CommitBatcher
    private let monitor: WorkerMonitor
    private let configuration = WorkerConfiguration(name: "a")

    init() async throws {
        lent = try await LentDatabase()
        store = FaultyStore(lent.store)
        monitor = WorkerMonitor(configuration: configuration, logger: log.logger)
        batcher = CommitBatcher(store: store, configuration: configuration, monitor: monitor, logger: log.logger)
        _ = try await store.publish(
            PublishedDefinition(
                workflow: "w", version: 1,
                digest: ContentDigest.hex(ContentDigest.sha256(Array(Sample.canonical.utf8))),
                source: "", canonical: Sample.canonical),
            keyParts: [["input": "number"]], by: "person:test")
    }

    /// Commits of so many runs, each of which enters a state.
    private func commits(_ count: Int, poisoned: Int? = nil) async throws -> [RunCommit] {
        for number in 0..<count {
            _ = try await store.enqueue(
                EnqueueRequest(
                    workflow: "w", organisation: "o", input: ["number": .string("\(count)-\(number)")],
                    actor: "person:test"))
        }
        let runs = try await store.claim(
            worker: configuration.actor, ClaimDemand(room: count), leaseMilliseconds: 60_000
        ).runs
        try #require(runs.count == count)
        return try runs.enumerated().map { index, run in
            let state = try run.state.get()
            let why = index == poisoned ? "a \0 character" : "a test"
            let event = NewEvent(.stateEntered, ["state": "token-pending", "why": .string(why)])
            let after = try evolve(
                state, run: run.id,
                RecordedEvent(
                    seq: state.seq + 1, type: event.type.rawValue, body: event.body, epoch: run.epoch, attemptId: nil,
                    actor: configuration.actor, recordedAt: .ofThisCommit))
            return RunCommit(
                runId: run.id, token: run.token, epoch: run.epoch, baseSeq: state.seq, baseHash: run.hash,
                events: [event], state: after)
        }
    }

    /// Every run has its two events and no more.
    private func expectEachOnce(_ commits: [RunCommit]) async throws {
        for commit in commits {
            let seqs = try await store.healthy.events(of: commit.runId, after: 0).map(\.seq)
            #expect(seqs == [1, 2])
        }
    }

    @Test func `a lone commit goes at once; those that come while it is in flight go as one batch`() async throws {
        let all = try await commits(21)
        let gate = Gong()
        store.set {
            $0.commit = { call, _, forward in
                if call == 1 { await gate.wait() }
                return try await forward()
            }
        }
        let answers = try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            group.addTask { try await batcher.commit(all[0]) }
            // In flight before any other commit is there: no timer has delayed it.
            try #require(await store.bell.eventually { store.batches.count == 1 })
            for commit in all.dropFirst() { group.addTask { try await batcher.commit(commit) } }
            try #require(await eventually { await batcher.pendingCount == 20 })
            #expect(store.batches.count == 1)
            gate.strike()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 21 && answers.allSatisfy(\.isAccepted))
        #expect(store.batches.map(\.count) == [1, 20])
        try await expectEachOnce(all)
    }

    @Test
    func `a commit whose fate is unknown is made again as it was: it had landed, and nothing is doubled`() async throws
    {
        let all = try await commits(2)
        store.set {
            $0.commit = { call, _, forward in
                let answers = try await forward()
                if call == 1 { throw StoreError(.outcomeUnknown, "the connection broke") }
                return answers
            }
        }
        guard case .already = try await batcher.commit(all[0]) else {
            Issue.record("not recognised as its own")
            return
        }
        #expect(store.batches.map { $0.map(\.runId) } == [[all[0].runId], [all[0].runId]])
        let second = try await batcher.commit(all[1])
        #expect(second.isAccepted)
        try await expectEachOnce(all)
    }

    @Test func `a batch that the database never manages within its time limit is written in parts`() async throws {
        let all = try await commits(8)
        let gate = Gong()
        let timeouts = Mutex(0)
        store.set {
            $0.commit = { call, batch, forward in
                if call == 1 { await gate.wait() }
                guard batch.count <= 2 else {
                    timeouts.withLock { $0 += 1 }
                    throw StoreError(.unavailable, "The statement took longer than allowed.")
                }
                return try await forward()
            }
        }
        let answers = try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            group.addTask { try await batcher.commit(all[0]) }
            try #require(await store.bell.eventually { store.batches.count == 1 })
            for commit in all.dropFirst() { group.addTask { try await batcher.commit(commit) } }
            try #require(await eventually { await batcher.pendingCount == 7 })
            gate.strike()
            // Without an end it would wait for ever.
            let isDone = try await store.bell.eventually {
                try await store.healthy.seqs(of: all).allSatisfy { $0 == 2 }
            }
            if !isDone { await batcher.giveUpOnOutage() }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(timeouts.withLock { $0 } > 0)
        #expect(answers.count == 8 && answers.allSatisfy(\.isAccepted))
        try await expectEachOnce(all)
    }

    @Test
    func `while the database is away a commit is tried again until it lands, with one line in the log`() async throws {
        let all = try await commits(3)
        store.set { $0.isAway = true }
        let answers = try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            let began = ContinuousClock.now
            for commit in all { group.addTask { try await batcher.commit(commit) } }
            try #require(await store.bell.eventually { store.count("refused") >= 4 })
            #expect(began.duration(to: .now) >= .milliseconds(350), "no pauses of 50, 100 and 200 ms")
            #expect(await batcher.isWaitingForDatabase)
            store.set { $0.isAway = false }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 3 && answers.allSatisfy(\.isAccepted))
        #expect(await batcher.isWaitingForDatabase == false)
        #expect(log.count("warning") == 1)
        #expect(log.count("the database is back") == 1)
        try await expectEachOnce(all)
    }

    @Test(arguments: [0, 3, 6])
    func `what the store refuses fails alone; the rest of its batch is written`(culprit: Int) async throws {
        let lone = try await commits(1)
        let all = try await commits(7, poisoned: culprit)
        let gate = Gong()
        store.set {
            $0.commit = { call, _, forward in
                if call == 1 { await gate.wait() }
                return try await forward()
            }
        }
        let refused = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await batcher.commit(lone[0]) }
            try #require(await store.bell.eventually { store.batches.count == 1 })
            for (index, commit) in all.enumerated() {
                group.addTask {
                    do {
                        let answer = try await batcher.commit(commit)
                        #expect(answer.isAccepted)
                    } catch let error as StoreError where error.code == .refused {
                        refused.add(index)
                    }
                }
            }
            try #require(await eventually { await batcher.pendingCount == 7 })
            gate.strike()
            try await group.waitForAll()
        }
        #expect(refused.numbers == [culprit])
        #expect(store.batches[1].count == 7, "the fault did not hit a batch")
        try await expectEachOnce(all.enumerated().filter { $0.offset != culprit }.map(\.element))
    }

    @Test
    func `a run whose row somebody holds waits alone: its batch and later commits go on, and it lands when let go`()
        async throws
    {
        let all = try await commits(6)
        let isLocked = Mutex(true)
        store.set {
            $0.commit = { _, batch, forward in
                if isLocked.withLock({ $0 }), batch.contains(where: { $0.runId == all[2].runId }) {
                    var error = StoreError(.busy, "lock not available")
                    error.lockedRuns = [all[2].runId]
                    throw error
                }
                return try await forward()
            }
        }
        try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            let landed = Tally()
            for commit in all.prefix(4) {
                group.addTask {
                    let answer = try await batcher.commit(commit)
                    landed.add(1)
                    return answer
                }
            }
            let goesOn = await eventually { landed.numbers.count == 3 }
            #expect(goesOn, "the locked row holds up the others")
            // Also when it fails: the commits must be able to end.
            if !goesOn { isLocked.withLock { $0 = false } }
            for _ in 0..<3 { #expect(try await group.next()?.isAccepted == true) }
            for commit in all.suffix(2) { #expect(try await batcher.commit(commit).isAccepted) }
            // It was tried again meanwhile, and always alone.
            let began = ContinuousClock.now
            let tried = store.batches.count { $0.map(\.runId) == [all[2].runId] }
            try #require(
                await store.bell.eventually { store.batches.count { $0.map(\.runId) == [all[2].runId] } >= tried + 5 })
            #expect(began.duration(to: .now) >= .milliseconds(300), "it spins")
            #expect(await !batcher.isWaitingForDatabase)
            isLocked.withLock { $0 = false }
            #expect(try await group.next()?.isAccepted == true)
        }
        try await expectEachOnce(all)
        #expect(log.count("the database is away") == 0)
    }

    @Test
    func
        `when nobody can say which row is held, the batch waits apart, is told as a lock, and holds up no later commits`()
        async throws
    {
        let all = try await commits(4)
        let isLocked = Mutex(true)
        store.set {
            $0.commit = { _, batch, forward in
                if isLocked.withLock({ $0 }), batch.contains(where: { $0.runId == all[0].runId }) {
                    throw StoreError(.busy, "lock not available")
                }
                return try await forward()
            }
        }
        try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            group.addTask { try await batcher.commit(all[0]) }
            try #require(await store.bell.eventually { store.batches.count >= 5 })
            #expect(await eventually { monitor.condition().trouble == .locked })
            for commit in all.dropFirst() { #expect(try await batcher.commit(commit).isAccepted) }
            isLocked.withLock { $0 = false }
            #expect(try await group.next()?.isAccepted == true)
        }
        #expect(monitor.condition().trouble == nil)
        #expect(log.count("holds a lock on a table of the database") == 1 && log.lines.count == 2, "\(log.lines)")
        try await expectEachOnce(all)
    }

    @Test func `an outage of the commits set apart is over when another version's migration ends them`() async throws {
        let all = try await commits(2)
        store.set {
            $0.commit = { call, _, forward in
                switch call {
                case 1:
                    var error = StoreError(.busy, "lock not available")
                    error.lockedRuns = [all[0].runId]
                    throw error
                case 2: throw StoreError(.unavailable, "the database is away")
                case 3: throw StoreError(.notMigrated, "turnup.commit has changed")
                default: return try await forward()
                }
            }
        }
        await #expect(throws: StoreError.self) { try await batcher.commit(all[0]) }
        #expect(monitor.condition().trouble == .otherVersion)
        #expect(try await batcher.commit(all[1]).isAccepted)
        #expect(monitor.condition().trouble == nil)
    }

    @Test func `giving up ends the waiting for a database that stays away, at once and for all`() async throws {
        let all = try await commits(5)
        store.set { $0.isAway = true }
        let failures = await withTaskGroup(of: Bool.self) { group in
            for commit in all {
                group.addTask {
                    do { _ = try await batcher.commit(commit) } catch {
                        return (error as? StoreError)?.code == .unavailable
                    }
                    return false
                }
            }
            #expect(await store.bell.eventually { store.count("refused") >= 2 })
            await batcher.giveUpOnOutage()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(failures == 5)
    }

    @Test
    func `whatever happens to the calls, every commit gets its answer and stands in its stream once`() async throws {
        let all = try await commits(300, poisoned: 123)
        let faults = Mutex<[Int]>([0, 0, 0])
        store.set {
            $0.commit = { call, _, forward in
                let kind = call % 4
                if kind < 3 { faults.withLock { $0[kind] += 1 } }
                switch kind {
                case 0: throw StoreError(.unavailable, "the database is away")
                case 1:
                    _ = try await forward()
                    throw StoreError(.outcomeUnknown, "the connection broke")
                case 2:
                    await Task.yield()
                    return try await forward()
                default: return try await forward()
                }
            }
        }
        let (landed, refused) = (Tally(), Tally())
        await withTaskGroup(of: Void.self) { group in
            for commit in all {
                group.addTask {
                    do {
                        switch try await batcher.commit(commit) {
                        case .accepted, .already: landed.add(1)
                        case .behind, .fenced, .noPermit, .contradicted: Issue.record("nobody else writes")
                        }
                    } catch { refused.add(1) }
                }
            }
        }
        #expect(landed.numbers.count == 299)
        #expect(refused.numbers.count == 1)
        #expect(faults.withLock { $0 }.allSatisfy { $0 > 0 })
        try await expectEachOnce(all.enumerated().filter { $0.offset != 123 }.map(\.element))
    }

    @Test func `a store that answers too few commits is an error, not a wait without end`() async throws {
        let all = try await commits(1)
        store.set { $0.commit = { _, _, _ in [] } }
        await #expect(throws: StoreError.self) { try await batcher.commit(all[0]) }
    }
}

extension CommitAnswer {
    var isAccepted: Bool { if case .accepted = self { true } else { false } }
}

extension PostgresStore {
    fileprivate func seqs(of commits: [RunCommit]) async throws -> [Int64] {
        var seqs: [Int64] = []
        for commit in commits { seqs.append(try await events(of: commit.runId, after: 0).last?.seq ?? 0) }
        return seqs
    }
}
