import EventStore
public import Logging
import Synchronization

/// What each loop of a worker did last, and how long it may take until it must move again.
///
/// Loops and runs report here; the watchdog and the health pages read. Nothing in here waits.
public final class WorkerMonitor: Sendable {
    public enum Phase: String, Sendable {
        case starting, running, stopping
    }

    /// A loop of the worker. One that has work and does not move is wedged.
    enum Lane: String, CaseIterable, Sendable {
        case start, claims, commits
        case lockedCommits = "locked commits"
    }

    /// What a run in hand is doing, which decides how long it may take.
    enum Step: Sendable {
        case working
        case sending(milliseconds: Int64)
        /// The lane of the commits is watched instead.
        case committing
    }

    private struct LaneState {
        /// How much work waits for this loop; a loop without work may rest.
        var waiting = 0
        var movedAt: ContinuousClock.Instant
    }

    private struct Run {
        let takenAt: ContinuousClock.Instant
        var movedAt: ContinuousClock.Instant
        var step = Step.working
    }

    private struct State {
        var phase = Phase.starting
        var lanes: [Lane: LaneState] = [:]
        var runs: [UInt64: Run] = [:]
        var lastRun: UInt64 = 0
        var claimedAt: ContinuousClock.Instant?
        var claimedRuns: Int64 = 0
        var writtenCommits: Int64 = 0
        var troubles = TroubleLog()
    }

    /// Rung when the phase changes, or the database goes or comes back.
    public let changes = WakeSignal()
    private let state = Mutex(State())
    private let limits: (idle: Duration, run: Duration, stall: Duration)
    private let now: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger

    /// A loop counts as wedged `stallMilliseconds` after the latest moment at which it should have moved.
    public convenience init(configuration: WorkerConfiguration, logger: Logger) {
        self.init(configuration: configuration, logger: logger) { .now }
    }

    init(
        configuration: WorkerConfiguration, logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.now = now
        limits = (
            .milliseconds(max(configuration.pollMilliseconds, DatabaseWait.longestPauseMilliseconds)),
            .milliseconds(configuration.leaseMilliseconds),
            .milliseconds(configuration.stallMilliseconds)
        )
        self.logger = logger
    }

    public func enter(_ phase: Phase) {
        let isNews = state.withLock { state in
            defer { if state.phase != .stopping { state.phase = phase } }
            return state.phase != phase
        }
        if isNews { Task { await changes.signal() } }
    }

    // MARK: Loops

    func moved(_ lane: Lane) {
        let now = now()
        state.withLock { $0.lanes[lane, default: LaneState(movedAt: now)].movedAt = now }
    }

    /// More work waits for this loop; with a negative number, less.
    func waits(_ count: Int, for lane: Lane) {
        let now = now()
        state.withLock { state in
            var changed = state.lanes[lane, default: LaneState(movedAt: now)]
            if changed.waiting == 0 { changed.movedAt = now }
            changed.waiting += count
            state.lanes[lane] = changed
        }
    }

    func claimed(_ runs: Int) {
        let now = now()
        state.withLock { state in
            state.claimedAt = now
            state.claimedRuns += Int64(runs)
        }
    }

    func wrote(_ commits: Int) { state.withLock { $0.writtenCommits += Int64(commits) } }

    // MARK: Runs in hand

    func take() -> UInt64 {
        let now = now()
        return state.withLock { state in
            state.lastRun += 1
            state.runs[state.lastRun] = Run(takenAt: now, movedAt: now)
            return state.lastRun
        }
    }

    func run(_ id: UInt64, _ step: Step = .working) {
        let now = now()
        state.withLock { state in
            state.runs[id]?.step = step
            state.runs[id]?.movedAt = now
        }
    }

    func drop(_ id: UInt64) { state.withLock { _ = $0.runs.removeValue(forKey: id) } }

    // MARK: The database

    /// A call found no database, or one that did not do as asked. Says so once, then every minute.
    func databaseFailed(_ lane: Lane, _ error: any Error) {
        moved(lane)
        let now = now()
        let trouble = Trouble(error)
        guard let said = state.withLock({ $0.troubles.failed(lane, trouble, at: now) }) else { return }
        var facts: Logger.Metadata = ["for": "\(lane.rawValue)", "error": "\(error)"]
        if !said.isFirst { facts["\(trouble.rawValue)_seconds"] = "\(said.lasted.milliseconds / 1000)" }
        logger.log(level: trouble.level, "\(said.isFirst ? trouble.begins : trouble.goesOn)", metadata: facts)
        if said.isFirst { Task { await changes.signal() } }
    }

    func databaseAnswered(_ lane: Lane) {
        moved(lane)
        let now = now()
        guard let over = state.withLock({ $0.troubles.answered(lane, at: now) }) else { return }
        logger.notice("\(over.what.ends)", metadata: ["\(over.what.rawValue)_ms": "\(over.lasted.milliseconds)"])
        Task { await changes.signal() }
    }

    // MARK: Reading

    public func condition() -> WorkerCondition {
        let now = now()
        return state.withLock { state in
            WorkerCondition(
                phase: state.phase, trouble: state.troubles.gravest?.what,
                troubleSeconds: state.troubles.gravest.map { $0.since.duration(to: now).seconds },
                lastClaimSeconds: state.claimedAt.map { $0.duration(to: now).seconds }, runsInHand: state.runs.count,
                oldestRunSeconds: state.runs.values.map(\.takenAt).min().map { $0.duration(to: now).seconds },
                commitsPending: state.lanes[.commits]?.waiting ?? 0,
                commitsLocked: state.lanes[.lockedCommits]?.waiting ?? 0,
                stuck: stuck(state, at: now), claimedRuns: state.claimedRuns, writtenCommits: state.writtenCommits,
                outages: state.troubles.outages)
        }
    }

    private func stuck(_ state: State, at now: ContinuousClock.Instant) -> [String] {
        var names: [String] = []
        for lane in Lane.allCases {
            guard let it = state.lanes[lane], it.waiting > 0 else { continue }
            let allowed = lane == .claims ? limits.idle + limits.stall : limits.stall
            if it.movedAt.duration(to: now) > allowed { names.append(lane.rawValue) }
        }
        let runs = state.runs.values.count { run in
            let allowed: Duration? =
                switch run.step {
                case .working: limits.run + limits.stall
                case .sending(let milliseconds): .milliseconds(milliseconds) + limits.stall
                case .committing: nil
                }
            return allowed.map { run.movedAt.duration(to: now) > $0 } ?? false
        }
        if runs > 0 { names.append("\(runs) \(runs == 1 ? "run" : "runs")") }
        return names
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
