import EventStore
import Logging

/// Groups the commits of concurrent runs: while one call is in flight the next batch gathers, and goes as
/// one call. No timer delays a lone commit.
actor CommitGrouper {
    private struct Pending {
        let commit: RunCommit
        let continuation: CheckedContinuation<CommitAnswer, any Error>
    }

    /// Rows of one statement; the rest waits for the next.
    static let largestBatch = 500
    /// Then it goes in halves: what looks like an outage may be a statement too large for its time limit.
    private static let failuresOfOneBatch = 4
    /// Short, because answers in hand should be written before another worker takes their runs.
    private static let longestPauseMilliseconds: Int64 = 1000

    private let store: any EventStore
    private let configuration: WorkerConfiguration
    private let heartbeat: Heartbeat
    private let wakeUp = Bell()
    private let lockedWakeUp = Bell()
    private var pending: [Pending] = []
    /// Whose rows somebody else holds; they must not hold up the others.
    private var locked: [Pending] = []
    private var isFlushing = false
    private var isRetryingLocked = false
    private var isGivingUp = false
    private var isOut = false
    /// When a function was last found missing that this version calls; nil after a commit.
    private(set) var otherVersionAt: ContinuousClock.Instant?

    init(
        store: any EventStore, configuration: WorkerConfiguration, heartbeat: Heartbeat? = nil, logger: Logger
    ) {
        self.store = store
        self.configuration = configuration
        self.heartbeat = heartbeat ?? Heartbeat(configuration: configuration, logger: logger)
    }

    /// Whether commits wait for the database to come back.
    var isWaitingForDatabase: Bool { isOut }

    /// Commits that stand behind the batch in flight; tests look at it.
    var pendingCount: Int { pending.count }

    /// Answers once the commit's fate is known. Throws `StoreError` when the data is refused, or the worker
    /// gives up waiting for the database.
    func commit(_ commit: RunCommit) async throws -> CommitAnswer {
        try await withCheckedThrowingContinuation { continuation in
            pending.append(Pending(commit: commit, continuation: continuation))
            heartbeat.waits(1, for: .commits)
            guard !isFlushing else { return }
            isFlushing = true
            Task { await self.flush() }
        }
    }

    /// The database was migrated by a version with other functions. What fails so is not tried again: only a restart helps.
    func noteOtherVersion(_ error: StoreError) {
        otherVersionAt = .now
        heartbeat.databaseFailed(.commits, error)
    }

    /// Whether the database fits again, when there is no run to find it out with.
    func lookAgain() async {
        do {
            _ = try await store.commit(
                [], worker: configuration.actor, leaseMilliseconds: configuration.leaseMilliseconds)
            otherVersionAt = nil
            heartbeat.databaseAnswered(.commits)
        } catch let error as StoreError where error.code == .notMigrated {
            noteOtherVersion(error)
        } catch {
            // The claims say it, or the next look does.
        }
    }

    /// From now on an unreachable database is an error instead of a reason to try again.
    func giveUpOnOutage() async {
        isGivingUp = true
        await wakeUp.ring()
        await lockedWakeUp.ring()
    }

    private func flush() async {
        while !pending.isEmpty {
            let batch = Array(pending.prefix(Self.largestBatch))
            pending.removeFirst(batch.count)
            await write(batch, in: .commits, wakeUp)
        }
        isFlushing = false
    }

    /// Answers with the error of an outage when it was given up.
    @discardableResult
    private func write(_ batch: [Pending], in lane: Heartbeat.Lane, _ wakeUp: Bell) async -> (any Error)? {
        var pauseMilliseconds: Int64 = 50
        var failuresLeft = Self.failuresOfOneBatch
        while true {
            do {
                let answers = try await store.commit(
                    batch.map(\.commit), worker: configuration.actor,
                    leaseMilliseconds: configuration.leaseMilliseconds)
                CrashPoint.afterCommit.passed()
                guard answers.count == batch.count else {
                    throw StoreError(.broken, "\(batch.count) commits got \(answers.count) answers")
                }
                noteOutage(nil, lane)
                otherVersionAt = nil
                heartbeat.wrote(batch.count)
                heartbeat.waits(-batch.count, for: lane)
                for (item, answer) in zip(batch, answers) { item.continuation.resume(returning: answer) }
                return nil
            } catch let error as StoreError where error.isOutage {
                noteOutage(error, lane)
                // The same commit again is safe: if it landed, the answer is "already".
                if isGivingUp {
                    fail(batch, error, lane)
                    return error
                }
                await wakeUp.wait(milliseconds: pauseMilliseconds)
                pauseMilliseconds = min(Self.longestPauseMilliseconds, pauseMilliseconds * 2)
                failuresLeft -= 1
                if failuresLeft <= 0, batch.count > 1 { return await writeHalves(batch, in: lane, wakeUp) }
            } catch let error as StoreError where error.code == .busy {
                if lane == .lockedCommits, error.lockedRuns.isEmpty {
                    // Again, and by nobody's row: a table is locked that the claims can do without.
                    heartbeat.databaseFailed(lane, error)
                } else {
                    noteOutage(nil, lane)
                }
                if isGivingUp {
                    fail(batch, error, lane)
                } else {
                    await setAside(batch, error, lane)
                }
                return nil
            } catch let error as StoreError where error.code == .notMigrated {
                isOut = false
                noteOtherVersion(error)
                // The trouble is that of the commits; this lane may have nothing more to do, ever.
                if lane != .commits { heartbeat.databaseAnswered(lane) }
                fail(batch, error, lane)
                return nil
            } catch  where batch.count > 1 {
                // One bad commit fails the whole statement: halve until the culprit stands alone.
                noteOutage(nil, lane)
                return await writeHalves(batch, in: lane, wakeUp)
            } catch {
                noteOutage(nil, lane)
                fail(batch, error, lane)
                return nil
            }
        }
    }

    private func writeHalves(_ batch: [Pending], in lane: Heartbeat.Lane, _ wakeUp: Bell) async -> (any Error)? {
        let rest = Array(batch.suffix(batch.count - batch.count / 2))
        if let error = await write(Array(batch.prefix(batch.count / 2)), in: lane, wakeUp) {
            fail(rest, error, lane)
            return error
        }
        return await write(rest, in: lane, wakeUp)
    }

    /// Rows are held by somebody else: their runs wait apart, the others go on at once.
    private func setAside(_ batch: [Pending], _ error: StoreError, _ lane: Heartbeat.Lane) async {
        let culprits = batch.filter { error.lockedRuns.contains($0.commit.runId) }
        let free = batch.filter { !error.lockedRuns.contains($0.commit.runId) }
        // Who holds what could not be told when none is named: then all wait apart, and later ones are not held up.
        let isUnclear = culprits.isEmpty
        locked += isUnclear ? batch : culprits
        let movedCount = isUnclear ? batch.count : culprits.count
        heartbeat.waits(-movedCount, for: lane)
        heartbeat.waits(movedCount, for: .lockedCommits)
        if !isRetryingLocked {
            isRetryingLocked = true
            Task { await self.retryLocked() }
        }
        if !isUnclear, !free.isEmpty {
            await write(free, in: lane, lane == .commits ? wakeUp : lockedWakeUp)
        }
    }

    private func retryLocked() async {
        var pauseMilliseconds: Int64 = 20
        while !locked.isEmpty {
            await lockedWakeUp.wait(milliseconds: pauseMilliseconds)
            pauseMilliseconds = min(Self.longestPauseMilliseconds, pauseMilliseconds * 2)
            let batch = Array(locked.prefix(Self.largestBatch))
            locked.removeFirst(batch.count)
            await write(batch, in: .lockedCommits, lockedWakeUp)
        }
        isRetryingLocked = false
    }

    private func noteOutage(_ error: StoreError?, _ lane: Heartbeat.Lane) {
        if let error {
            heartbeat.databaseFailed(lane, error)
        } else {
            heartbeat.databaseAnswered(lane)
        }
        if lane == .commits { isOut = error != nil }
    }

    private func fail(_ batch: [Pending], _ error: any Error, _ lane: Heartbeat.Lane) {
        heartbeat.waits(-batch.count, for: lane)
        for item in batch { item.continuation.resume(throwing: error) }
    }
}

extension StoreError {
    /// The database could not be asked, or did not get to answer; the same again may work.
    var isOutage: Bool { code == .unavailable || code == .outcomeUnknown }

    /// Also when somebody else holds what is needed.
    var isPassing: Bool { isOutage || code == .busy }
}
