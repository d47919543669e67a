import EventStore
import Foundation
import Synchronization
import WorkflowCore

/// One enqueue with a time limit. When the time is over, either it is certain that there is no run, or the error says
/// that nobody knows and gives the id that makes a repeat safe.
struct EnqueueInTime {
    let limit: Duration
    /// The caller's own; nil: one is drawn.
    let id: Identifier?

    /// `prepare` makes the request for a run of this id.
    func run<Value: Sendable>(
        _ session: Session, _ prepare: @Sendable @escaping (Identifier) async throws -> (Value, EnqueueRequest)
    ) async throws -> (Value, EnqueueReceipt) {
        let sent = Mutex<Identifier?>(nil)
        let store = session.store
        let (result, isOver) = await TimeLimit.run(for: limit) {
            // By the database's time: this machine's clock may be wrong.
            let runId = if let id { id } else { Self.newId(try await store.now()) }
            let (value, request) = try await prepare(runId)
            sent.withLock { $0 = runId }
            return (value, try await store.enqueue(request))
        }
        let sentId = sent.withLock { $0 }
        switch result {
        case .success(let answer):
            guard isOver, let sentId else { return answer }
            // A server that is stopped while it waits for its standby reports success all the same.
            throw unknown(sentId)
        case .failure(let error as StoreError) where error.code == .outcomeUnknown:
            guard let sentId else { throw error }
            throw unknown(sentId)
        case .failure(let error as StoreError) where isOver && (error.code == .unavailable || error.code == .busy):
            throw EnqueueTexts.notCreated(within: seconds, reason: error.message)
        case .failure(let error): throw error
        }
    }

    private func unknown(_ runId: Identifier) -> CommandFailure {
        EnqueueTexts.unknown(run: runId.description, within: seconds)
    }

    private var seconds: String { "\((limit / .seconds(1)).formatted(.number.precision(.fractionLength(0...1)))) s" }

    private static func newId(_ now: Instant) -> Identifier {
        Identifier(
            unixMilliseconds: now.microseconds / 1000, random: (.random(in: .min ... .max), .random(in: .min ... .max)))
    }
}

/// Work that is cancelled after a time.
enum TimeLimit {
    /// What became of the work, and whether it was cancelled; it is always waited for.
    static func run<Value: Sendable>(
        for limit: Duration, _ work: @Sendable @escaping () async throws -> Value
    ) async -> (Result<Value, any Error>, isOver: Bool) {
        await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await work()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            var isOver = false
            while let ended = await group.next() {
                group.cancelAll()
                if let ended { return (ended, isOver) }
                isOver = true
            }
            return (.failure(CancellationError()), isOver)
        }
    }
}
