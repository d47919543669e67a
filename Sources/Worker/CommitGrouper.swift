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
    private static let largestBatch = 500

    private let store: any EventStore
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private var pending: [Pending] = []
    private var isFlushing = false
    private var isGivingUp = false

    init(store: any EventStore, configuration: WorkerConfiguration, logger: Logger) {
        self.store = store
        self.configuration = configuration
        self.logger = logger
    }

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
    func giveUpOnOutage() { isGivingUp = true }

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
                for (item, answer) in zip(batch, answers) { item.continuation.resume(returning: answer) }
                return
            } catch let error as StoreError where error.code == .unavailable || error.code == .outcomeUnknown {
                // The same commit again is safe: if it landed, the answer is "already".
                if isGivingUp { return fail(batch, error) }
                logger.warning("commit waits for the database", metadata: ["error": "\(error.message)"])
                try? await Task.sleep(for: .milliseconds(pauseMilliseconds))
                pauseMilliseconds = min(5000, pauseMilliseconds * 2)
            } catch let error as StoreError where error.code == .refused && batch.count > 1 {
                // One bad value refuses the whole statement: halve until the culprit stands alone.
                await write(Array(batch.prefix(batch.count / 2)))
                await write(Array(batch.suffix(batch.count - batch.count / 2)))
                return
            } catch {
                return fail(batch, error)
            }
        }
    }

    private func fail(_ batch: [Pending], _ error: any Error) {
        for item in batch { item.continuation.resume(throwing: error) }
    }
}
