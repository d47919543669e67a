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
    /// Short, because answers in hand should be written before another worker takes their runs.
    private static let longestPauseMilliseconds: Int64 = 1000

    private let store: any EventStore
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let wakeUp = Bell()
    private var pending: [Pending] = []
    private var isFlushing = false
    private var isGivingUp = false
    private var outageBegan: ContinuousClock.Instant?

    init(store: any EventStore, configuration: WorkerConfiguration, logger: Logger) {
        self.store = store
        self.configuration = configuration
        self.logger = logger
    }

    /// Whether commits wait for the database to come back.
    var isWaitingForDatabase: Bool { outageBegan != nil }

    /// Commits that stand behind the batch in flight; tests look at it.
    var pendingCount: Int { pending.count }

    /// Answers once the commit's fate is known. Throws `StoreError` when the data is refused, or the worker
    /// gives up waiting for the database.
    func commit(_ commit: RunCommit) async throws -> CommitAnswer {
        try await withCheckedThrowingContinuation { continuation in
            pending.append(Pending(commit: commit, continuation: continuation))
            guard !isFlushing else { return }
            isFlushing = true
            Task { await self.flush() }
        }
    }

    /// From now on an unreachable database is an error instead of a reason to try again.
    func giveUpOnOutage() async {
        isGivingUp = true
        await wakeUp.ring()
    }

    private func flush() async {
        while !pending.isEmpty {
            let batch = Array(pending.prefix(Self.largestBatch))
            pending.removeFirst(batch.count)
            await write(batch)
        }
        isFlushing = false
    }

    private func write(_ batch: [Pending]) async {
        var pauseMilliseconds: Int64 = 50
        while true {
            do {
                let answers = try await store.commit(
                    batch.map(\.commit), worker: configuration.actor,
                    leaseMilliseconds: configuration.leaseMilliseconds)
                CrashPoint.afterCommit.passed()
                guard answers.count == batch.count else {
                    throw StoreError(.broken, "\(batch.count) commits got \(answers.count) answers")
                }
                noteOutage(nil)
                for (item, answer) in zip(batch, answers) { item.continuation.resume(returning: answer) }
                return
            } catch let error as StoreError where error.isOutage {
                noteOutage(error)
                // The same commit again is safe: if it landed, the answer is "already".
                if isGivingUp { return fail(batch, error) }
                await wakeUp.wait(milliseconds: pauseMilliseconds)
                pauseMilliseconds = min(Self.longestPauseMilliseconds, pauseMilliseconds * 2)
            } catch  where batch.count > 1 {
                // One bad commit fails the whole statement: halve until the culprit stands alone.
                noteOutage(nil)
                await write(Array(batch.prefix(batch.count / 2)))
                await write(Array(batch.suffix(batch.count - batch.count / 2)))
                return
            } catch {
                noteOutage(nil)
                return fail(batch, error)
            }
        }
    }

    /// One line when an outage begins and one when it ends, however long it takes.
    private func noteOutage(_ error: StoreError?) {
        if let error, outageBegan == nil {
            outageBegan = .now
            logger.warning("commits wait for the database", metadata: ["error": "\(error.message)"])
        } else if error == nil, let began = outageBegan {
            outageBegan = nil
            let waited = began.duration(to: .now).milliseconds
            logger.notice("commits go through again", metadata: ["waited_ms": "\(waited)"])
        }
    }

    private func fail(_ batch: [Pending], _ error: any Error) {
        for item in batch { item.continuation.resume(throwing: error) }
    }
}

extension StoreError {
    /// The database could not be asked, or did not get to answer; the same again may work.
    var isOutage: Bool { code == .unavailable || code == .outcomeUnknown }
}
