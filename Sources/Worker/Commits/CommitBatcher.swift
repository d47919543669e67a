import EventStore
import Logging
import WorkerMachines

/// Batches the commits of concurrent runs, as `CommitQueue` says.
actor CommitBatcher {
    private struct Pending {
        let commit: RunCommit
        let continuation: CheckedContinuation<CommitAnswer, any Error>
    }

    private let store: any EventStore
    private let configuration: WorkerConfiguration
    private let monitor: WorkerMonitor
    let acknowledgements = Acknowledgements()
    private let metrics = CommitMetrics()
    private var queue = CommitQueue()
    private var pending: [CommitQueue.Ticket: Pending] = [:]
    private var lastTicket: CommitQueue.Ticket = 0
    /// When a function that this version calls was last found missing; nil after a commit.
    private var otherVersionAt: ContinuousClock.Instant?

    init(
        store: any EventStore, configuration: WorkerConfiguration, monitor: WorkerMonitor? = nil, logger: Logger
    ) {
        self.store = store
        self.configuration = configuration
        self.monitor = monitor ?? WorkerMonitor(configuration: configuration, logger: logger)
    }

    var database: ClaimPacer.Database {
        otherVersionAt.map { .otherVersion(milliseconds: $0.duration(to: .now).milliseconds) } ?? .fits
    }

    /// Whether commits wait for the database to come back.
    var isWaitingForDatabase: Bool { queue.isOut }

    /// Commits that stand behind the batch in flight; tests look at it.
    var pendingCount: Int { queue.pendingCount }

    /// Answers once the commit's fate is known. Throws `StoreError` when the data is refused, or the worker
    /// gives up waiting for the database.
    func commit(_ commit: RunCommit) async throws -> CommitAnswer {
        try await withCheckedThrowingContinuation { continuation in
            lastTicket += 1
            pending[lastTicket] = Pending(commit: commit, continuation: continuation)
            monitor.waits(1, for: .commits)
            perform(queue.submit(lastTicket))
        }
    }

    /// The database was migrated by a version with other functions. What fails so is not tried again: only a restart helps.
    func noteOtherVersion(_ error: StoreError) {
        otherVersionAt = .now
        monitor.databaseFailed(.commits, error)
    }

    /// Finds out whether the database fits again, when no run is there to find that out.
    func lookAgain() async {
        do {
            _ = try await store.commit(
                [], worker: configuration.actor, leaseMilliseconds: configuration.leaseMilliseconds)
            otherVersionAt = nil
            monitor.databaseAnswered(.commits)
        } catch let error as StoreError where error.code == .notMigrated {
            noteOtherVersion(error)
        } catch {
            // The claims, or the next look, report the error.
        }
    }

    /// From now on an unreachable database is an error instead of a reason to try again.
    func giveUpOnOutage() { perform(queue.giveUp()) }

    /// `error` is what the commits get that cannot be written.
    private func perform(_ actions: [CommitQueue.Action], failing error: (any Error)? = nil) {
        for action in actions {
            switch action {
            case .write(let tickets, let flow, let lane): Task { await self.write(tickets, flow, lane) }
            case .pause(let flow, let milliseconds):
                Task {
                    try? await Task.sleep(for: .milliseconds(milliseconds))
                    self.perform(self.queue.pauseOver(flow: flow))
                }
            case .fail(let tickets, _):
                let error = error ?? StoreError(.broken, "a commit failed, and nobody knows why")
                for ticket in tickets { pending.removeValue(forKey: ticket)?.continuation.resume(throwing: error) }
            }
        }
    }

    private func write(_ tickets: [CommitQueue.Ticket], _ flow: Int, _ queueLane: CommitQueue.Lane) async {
        let batch = tickets.compactMap { pending[$0] }
        let lane: WorkerMonitor.Lane = queueLane == .ordinary ? .commits : .lockedCommits
        do {
            let began = ContinuousClock.now
            let answers = try await store.commit(
                batch.map(\.commit), worker: configuration.actor, leaseMilliseconds: configuration.leaseMilliseconds)
            CrashPoint.afterCommit.passed()
            guard answers.count == batch.count else {
                throw StoreError(.broken, "\(batch.count) commits got \(answers.count) answers")
            }
            monitor.databaseAnswered(lane)
            otherVersionAt = nil
            metrics.wrote(batch.count, took: began.duration(to: .now))
            monitor.wrote(batch.count)
            monitor.waits(-batch.count, for: lane)
            for (ticket, answer) in zip(tickets, answers) {
                guard let item = pending.removeValue(forKey: ticket) else { continue }
                if let hash = answer.hash { acknowledgements.note(item.commit, hash: hash) }
                item.continuation.resume(returning: answer)
            }
            perform(queue.written(flow: flow))
        } catch {
            failed(tickets, flow, lane, error)
        }
    }

    private func failed(
        _ tickets: [CommitQueue.Ticket], _ flow: Int, _ lane: WorkerMonitor.Lane, _ error: any Error
    ) {
        let failure: CommitQueue.Failure
        switch error {
        case let error as StoreError where error.isOutage:
            monitor.databaseFailed(lane, error)
            failure = .outage
        case let error as StoreError where error.code == .busy:
            if lane == .lockedCommits, error.lockedRuns.isEmpty {
                // The commits were refused again, and no row is the reason: somebody has locked a table that claims do
                // not need.
                monitor.databaseFailed(lane, error)
            } else {
                monitor.databaseAnswered(lane)
            }
            failure = .busy(
                Set(tickets.filter { pending[$0].map { error.lockedRuns.contains($0.commit.runId) } ?? false }))
        case let error as StoreError where error.code == .notMigrated:
            noteOtherVersion(error)
            // The trouble belongs to the lane of the commits. This lane may never have work again, and so never report
            // its end.
            if lane != .commits { monitor.databaseAnswered(lane) }
            failure = .otherVersion
        default:
            monitor.databaseAnswered(lane)
            failure = .refused
        }
        let actions = queue.failed(flow: flow, failure)
        for action in actions {
            // Failed commits leave the lane that they waited in. Those that are set aside change their lane below.
            if case .fail(let gone, _) = action { monitor.waits(-gone.count, for: lane) }
        }
        if case .busy(let culprits) = failure, !queue.isGivingUp {
            let moved = culprits.isEmpty ? tickets.count : culprits.count
            monitor.waits(-moved, for: lane)
            monitor.waits(moved, for: .lockedCommits)
        }
        perform(actions, failing: error)
    }
}

extension StoreError {
    /// The database could not be asked, or did not get to answer; the same again may work.
    var isOutage: Bool { [.unavailable, .outcomeUnknown, .notAllowed, .readOnly].contains(code) }

    /// Also true when somebody else holds a lock that is needed.
    var isPassing: Bool { isOutage || code == .busy }
}

extension CommitAnswer {
    /// Of the stream's end, when the commit is in it.
    var hash: [UInt8]? {
        switch self {
        case .accepted(_, let hash), .already(_, let hash): hash
        case .behind, .noPermit, .contradicted, .fenced: nil
        }
    }
}
