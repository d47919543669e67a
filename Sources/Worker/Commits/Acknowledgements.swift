import EventStore
import Synchronization
import Vault
import WorkflowCore

/// What the database acknowledged to this worker lately: after a fail-over it may not hold all of it any more.
final class Acknowledgements: Sendable {
    /// What an attempt came to, as it was committed, so that it can be kept as evidence.
    struct Outcome: Sendable {
        let attemptId: Identifier
        let epoch: Int64
        let body: JSONObject
        let sealed: [SealedSecret]
    }

    struct Entry: Sendable {
        var end: AcknowledgedEnd
        var at: ContinuousClock.Instant
        var outcomes: [Outcome]
    }

    /// Longer than a standby that is promoted may lag behind.
    private static let keptFor: Duration = .seconds(600)
    private static let mostKept = 5000

    private let entries = Mutex<[Identifier: Entry]>([:])

    func note(_ commit: RunCommit, hash: [UInt8]) {
        guard !commit.events.isEmpty else { return }
        let now = ContinuousClock.now
        let end = AcknowledgedEnd(runId: commit.runId, seq: commit.baseSeq + Int64(commit.events.count), hash: hash)
        entries.withLock { entries in
            if entries.count >= Self.mostKept {
                entries = entries.filter { $0.value.at.duration(to: now) < Self.keptFor }
                // All of them young: the older half goes.
                if entries.count >= Self.mostKept {
                    let middle = entries.values.map(\.at).sorted()[entries.count / 2]
                    entries = entries.filter { $0.value.at > middle }
                }
            }
            var entry = entries[commit.runId] ?? Entry(end: end, at: now, outcomes: [])
            entry.end = end
            entry.at = now
            for event in commit.events where event.type.closesAttempt {
                guard let id = event.attemptId else { continue }
                entry.outcomes.append(
                    Outcome(attemptId: id, epoch: commit.epoch, body: event.body, sealed: commit.sealed))
            }
            entries[commit.runId] = entry
        }
    }

    var all: [Entry] {
        let now = ContinuousClock.now
        return entries.withLock { $0.values.filter { $0.at.duration(to: now) < Self.keptFor } }
    }

    func forget(_ runs: [Identifier]) {
        entries.withLock { entries in for run in runs { entries[run] = nil } }
    }
}

extension EventType {
    var closesAttempt: Bool { [.attemptDone, .attemptNotDone, .attemptUnknown].contains(self) }
}
