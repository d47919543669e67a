import EventStore
import Synchronization
import WorkflowCore

/// What this worker's self-checks have found so far; for metrics.
public final class SelfCheckRecord: Sendable {
    /// A violation is the same as long as run and code are; its texts may change as the run goes on.
    private struct Key: Hashable {
        let run: Identifier?
        let code: ViolationCode

        init(_ violation: Violation) {
            run = violation.runId
            code = violation.code
        }
    }

    private struct State {
        var known: Set<Key> = []
        var checks: Int64 = 0
        var found: Int64 = 0
        var lastMilliseconds: Double?
        var queueAfter: Identifier?
    }

    struct News {
        var found: [Violation]
        var goneCount: Int
    }

    private let state = Mutex(State())

    /// A damaged installation may have any number.
    private static let knownAtMost = 10_000
    private static let againAtMost = 200

    public init() {}

    /// Violations that were found and still stand.
    public var violations: Int { state.withLock { state in state.known.count { !$0.code.isWarning } } }
    public var warnings: Int { state.withLock { state in state.known.count { $0.code.isWarning } } }
    /// Violations and warnings ever found by this worker, each once.
    public var foundInAll: Int64 { state.withLock { $0.found } }
    /// Looks that were made.
    public var checks: Int64 { state.withLock { $0.checks } }
    /// What the last look took; nil before the first.
    public var lastMilliseconds: Double? { state.withLock { $0.lastMilliseconds } }

    /// Where to go on, and which runs to look at once more.
    func begin() -> (queueAfter: Identifier?, again: [Identifier]) {
        state.withLock { state in
            let runs = Set(state.known.compactMap(\.run))
            return (state.queueAfter, Array(runs.shuffled().prefix(Self.againAtMost)))
        }
    }

    func end(_ answer: VerifyLookAnswer, again: [Identifier], took: Duration) -> News {
        state.withLock { state in
            state.checks += 1
            state.lastMilliseconds = took / .milliseconds(1)
            state.queueAfter = answer.queueAfter
            let now = Set(answer.violations.map(Key.init))
            let lookedAt = Set(again)
            // What concerns no run is looked at every time.
            let gone = state.known.filter { key in
                !now.contains(key) && (key.run.map { lookedAt.contains($0) } ?? true)
            }
            state.known.subtract(gone)
            let new = answer.violations.filter { !state.known.contains(Key($0)) }
                .sorted { ($0.runId?.description ?? "", $0.seq ?? 0) < ($1.runId?.description ?? "", $1.seq ?? 0) }
            for violation in new where state.known.count < Self.knownAtMost { state.known.insert(Key(violation)) }
            state.found += Int64(new.count)
            return News(found: new, goneCount: gone.count)
        }
    }
}
