import EventStore
import Synchronization
import TestSupport
import Testing
import WorkflowCore

@testable import Worker

@Suite("Commit grouper", .timeLimit(.minutes(5)))
struct CommitGrouperTests {
    private let store: FaultyStore
    private let log = LogBook()
    private let grouper: CommitGrouper
    private let heartbeat: Heartbeat
    private let configuration = WorkerConfiguration(name: "a")

    init() async throws {
        let clock = ManualClock()
        store = FaultyStore(InMemoryStore { clock.now })
        heartbeat = Heartbeat(configuration: configuration, logger: log.logger)
        grouper = CommitGrouper(store: store, configuration: configuration, heartbeat: heartbeat, logger: log.logger)
        _ = try await store.publish(
            PublishedDefinition(workflow: "w", version: 1, digest: "00", source: "", canonical: Sample.canonical),
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
        let runs = try await store.claim(worker: configuration.actor, limit: count, leaseMilliseconds: 60_000)
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
            return RunCommit(runId: run.id, epoch: run.epoch, baseSeq: state.seq, events: [event], state: after)
        }
    }

    /// Every run has its two events and no more.
    private func expectEachOnce(_ commits: [RunCommit]) async {
        for commit in commits {
            let seqs = await store.healthy.events(of: commit.runId, after: 0).map(\.seq)
            #expect(seqs == [1, 2])
        }
    }

    @Test("A lone commit goes at once; those that come while it is in flight go as one batch")
    func grouping() async throws {
        let all = try await commits(21)
        let gate = Gong()
        store.set {
            $0.commit = { call, _, forward in
                if call == 1 { await gate.wait() }
                return try await forward()
            }
        }
        let answers = try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            group.addTask { try await grouper.commit(all[0]) }
            // In flight before any other commit is there: no timer has delayed it.
            try #require(await eventually { store.batches.count == 1 })
            for commit in all.dropFirst() { group.addTask { try await grouper.commit(commit) } }
            try #require(await eventually { await grouper.pendingCount == 20 })
            #expect(store.batches.count == 1)
            gate.strike()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 21 && answers.allSatisfy(\.isAccepted))
        #expect(store.batches.map(\.count) == [1, 20])
        await expectEachOnce(all)
    }

    @Test("A commit whose fate is unknown is made again as it was: it had landed, and nothing is doubled")
    func unknownFate() async throws {
        let all = try await commits(2)
        store.set {
            $0.commit = { call, _, forward in
                let answers = try await forward()
                if call == 1 { throw StoreError(.outcomeUnknown, "the connection broke") }
                return answers
            }
        }
        guard case .already = try await grouper.commit(all[0]) else {
            Issue.record("not recognised as its own")
            return
        }
        #expect(store.batches.map { $0.map(\.runId) } == [[all[0].runId], [all[0].runId]])
        let second = try await grouper.commit(all[1])
        #expect(second.isAccepted)
        await expectEachOnce(all)
    }

    @Test("A batch that the database never manages within its time limit is written in parts")
    func tooLargeForItsTime() async throws {
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
            group.addTask { try await grouper.commit(all[0]) }
            try #require(await eventually { store.batches.count == 1 })
            for commit in all.dropFirst() { group.addTask { try await grouper.commit(commit) } }
            try #require(await eventually { await grouper.pendingCount == 7 })
            gate.strike()
            // Without an end it would wait for ever.
            let isDone = await eventually { await store.healthy.seqs(of: all).allSatisfy { $0 == 2 } }
            if !isDone { await grouper.giveUpOnOutage() }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(timeouts.withLock { $0 } > 0)
        #expect(answers.count == 8 && answers.allSatisfy(\.isAccepted))
        await expectEachOnce(all)
    }

    @Test("While the database is away a commit is tried again until it lands, with one line in the log")
    func outage() async throws {
        let all = try await commits(3)
        store.set { $0.isAway = true }
        let answers = try await withThrowingTaskGroup(of: CommitAnswer.self) { group in
            let began = ContinuousClock.now
            for commit in all { group.addTask { try await grouper.commit(commit) } }
            try #require(await eventually { store.count("refused") >= 4 })
            #expect(began.duration(to: .now) >= .milliseconds(350), "no pauses of 50, 100 and 200 ms")
            #expect(await grouper.isWaitingForDatabase)
            store.set { $0.isAway = false }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count == 3 && answers.allSatisfy(\.isAccepted))
        #expect(await grouper.isWaitingForDatabase == false)
        #expect(log.count("warning") == 1)
        #expect(log.count("the database is back") == 1)
        await expectEachOnce(all)
    }

    @Test("What the store refuses fails alone; the rest of its batch is written", arguments: [0, 3, 6])
    func poison(culprit: Int) async throws {
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
            group.addTask { _ = try await grouper.commit(lone[0]) }
            try #require(await eventually { store.batches.count == 1 })
            for (index, commit) in all.enumerated() {
                group.addTask {
                    do {
                        let answer = try await grouper.commit(commit)
                        #expect(answer.isAccepted)
                    } catch let error as StoreError where error.code == .refused {
                        refused.add(index)
                    }
                }
            }
            try #require(await eventually { await grouper.pendingCount == 7 })
            gate.strike()
            try await group.waitForAll()
        }
        #expect(refused.numbers == [culprit])
        #expect(store.batches[1].count == 7, "the fault did not hit a batch")
        await expectEachOnce(all.enumerated().filter { $0.offset != culprit }.map(\.element))
    }

    @Test("A run whose row somebody holds waits alone: its batch and later commits go on, and it lands when let go")
    func lockedRow() async throws {
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
                    let answer = try await grouper.commit(commit)
                    landed.add(1)
                    return answer
                }
            }
            let goesOn = await eventually { landed.numbers.count == 3 }
            #expect(goesOn, "the locked row holds up the others")
            // Also when it fails: the commits must be able to end.
            if !goesOn { isLocked.withLock { $0 = false } }
            for _ in 0..<3 { #expect(try await group.next()?.isAccepted == true) }
            for commit in all.suffix(2) { #expect(try await grouper.commit(commit).isAccepted) }
            // It was tried again meanwhile, and always alone.
            let began = ContinuousClock.now
            let tried = store.batches.count { $0.map(\.runId) == [all[2].runId] }
            try #require(await eventually { store.batches.count { $0.map(\.runId) == [all[2].runId] } >= tried + 5 })
            #expect(began.duration(to: .now) >= .milliseconds(300), "it spins")
            #expect(await !grouper.isWaitingForDatabase)
            isLocked.withLock { $0 = false }
            #expect(try await group.next()?.isAccepted == true)
        }
        await expectEachOnce(all)
        #expect(log.count("the database is away") == 0)
    }

    @Test(
        "When nobody can say which row is held, the batch waits apart, is told as a lock, and holds up no later commits"
    )
    func lockedSomewhere() async throws {
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
            group.addTask { try await grouper.commit(all[0]) }
            try #require(await eventually { store.batches.count >= 5 })
            #expect(await eventually { heartbeat.condition().trouble == .locked })
            for commit in all.dropFirst() { #expect(try await grouper.commit(commit).isAccepted) }
            isLocked.withLock { $0 = false }
            #expect(try await group.next()?.isAccepted == true)
        }
        #expect(heartbeat.condition().trouble == nil)
        #expect(log.count("a table of the database locked") == 1 && log.lines.count == 2, "\(log.lines)")
        await expectEachOnce(all)
    }

    @Test("An outage of the commits set apart is over when another version's migration ends them")
    func apartUntilMigrated() async throws {
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
        await #expect(throws: StoreError.self) { try await grouper.commit(all[0]) }
        #expect(heartbeat.condition().trouble == .otherVersion)
        #expect(try await grouper.commit(all[1]).isAccepted)
        #expect(heartbeat.condition().trouble == nil)
    }

    @Test("Giving up ends the waiting for a database that stays away, at once and for all")
    func givingUp() async throws {
        let all = try await commits(5)
        store.set { $0.isAway = true }
        let failures = await withTaskGroup(of: Bool.self) { group in
            for commit in all {
                group.addTask {
                    do { _ = try await grouper.commit(commit) } catch {
                        return (error as? StoreError)?.code == .unavailable
                    }
                    return false
                }
            }
            #expect(await eventually { store.count("refused") >= 2 })
            await grouper.giveUpOnOutage()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(failures == 5)
    }

    @Test("Whatever happens to the calls, every commit gets its answer and stands in its stream once")
    func storm() async throws {
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
                        switch try await grouper.commit(commit) {
                        case .accepted, .already: landed.add(1)
                        case .behind, .fenced: Issue.record("nobody else writes")
                        }
                    } catch { refused.add(1) }
                }
            }
        }
        #expect(landed.numbers.count == 299)
        #expect(refused.numbers.count == 1)
        #expect(faults.withLock { $0 }.allSatisfy { $0 > 0 })
        await expectEachOnce(all.enumerated().filter { $0.offset != 123 }.map(\.element))
    }

    @Test("A store that answers too few commits is an error, not a wait without end")
    func missingAnswers() async throws {
        let all = try await commits(1)
        store.set { $0.commit = { _, _, _ in [] } }
        await #expect(throws: StoreError.self) { try await grouper.commit(all[0]) }
    }
}

extension CommitAnswer {
    var isAccepted: Bool { if case .accepted = self { true } else { false } }
}

extension InMemoryStore {
    fileprivate func seqs(of commits: [RunCommit]) async -> [Int64] {
        var seqs: [Int64] = []
        for commit in commits { seqs.append(events(of: commit.runId, after: 0).last?.seq ?? 0) }
        return seqs
    }
}
