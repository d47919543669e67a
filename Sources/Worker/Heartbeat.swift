import EventStore
public import Logging
import Synchronization

/// What the loops of a worker did last, and what they may take until they must move again.
///
/// Loops and runs report here; the watchdog and the health pages read. Nothing in here waits.
public final class Heartbeat: Sendable {
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
        /// The lane of the commits answers for it.
        case committing
    }

    /// Why the database did not do what was asked of it.
    public enum Trouble: String, Sendable {
        /// No database, or one that cannot serve.
        case away
        /// It is there, and its functions are not those that this worker calls.
        case otherVersion = "other_version"
        /// It is there, and somebody's lock on a table keeps everybody else waiting.
        case locked
        /// It is there, and refuses.
        case failing

        /// What can be said for a worker when several loops fail in different ways.
        fileprivate static let gravestFirst: [Trouble] = [.away, .otherVersion, .locked, .failing]

        init(_ error: any Error) {
            switch (error as? StoreError)?.code {
            case .unavailable?, .outcomeUnknown?, nil: self = .away
            case .notMigrated?: self = .otherVersion
            case .busy?: self = .locked
            default: self = .failing
            }
        }
    }

    private struct LaneState {
        /// How many wait for this loop; with none it may rest.
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
        var outages: Int64 = 0
        /// The lanes whose last call failed.
        var failing: [Lane: Trouble] = [:]
        /// The gravest of them, and since when it is that.
        var trouble: (what: Trouble, since: ContinuousClock.Instant)?
        var saidAt: [Trouble: ContinuousClock.Instant] = [:]

        mutating func judge(at now: ContinuousClock.Instant) {
            let gravest = Trouble.gravestFirst.first { failing.values.contains($0) }
            if gravest != trouble?.what { trouble = gravest.map { ($0, now) } }
        }
    }

    /// Rung when the phase changes, or the database goes or comes back.
    public let changes = Bell()
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
        if isNews { Task { await changes.ring() } }
    }

    // MARK: Loops

    func moved(_ lane: Lane) {
        let now = now()
        state.withLock { $0.lanes[lane, default: LaneState(movedAt: now)].movedAt = now }
    }

    /// More, or with a negative number fewer, wait for this loop.
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
        let said = state.withLock { state -> (seconds: Duration, isFirst: Bool)? in
            let before = state.trouble?.what
            state.failing[lane] = trouble
            state.judge(at: now)
            if state.trouble?.what == .away, before != .away { state.outages += 1 }
            let last = state.saidAt[trouble]
            if let last, last.duration(to: now) < .seconds(60) { return nil }
            state.saidAt[trouble] = now
            return (state.trouble.map { $0.since.duration(to: now) } ?? .zero, last == nil)
        }
        guard let said else { return }
        var facts: Logger.Metadata = ["for": "\(lane.rawValue)", "error": "\(error)"]
        if !said.isFirst { facts["\(trouble.rawValue)_seconds"] = "\(said.seconds.milliseconds / 1000)" }
        logger.log(level: trouble.level, "\(said.isFirst ? trouble.begins : trouble.goesOn)", metadata: facts)
        if said.isFirst { Task { await changes.ring() } }
    }

    func databaseAnswered(_ lane: Lane) {
        moved(lane)
        let now = now()
        let over = state.withLock { state -> (what: Trouble, time: Duration)? in
            guard state.failing.removeValue(forKey: lane) != nil, let trouble = state.trouble else { return nil }
            state.judge(at: now)
            // What is over begins anew when it comes again, also while another trouble lasts.
            state.saidAt = state.saidAt.filter { state.failing.values.contains($0.key) }
            guard state.failing.isEmpty else { return nil }
            return (trouble.what, trouble.since.duration(to: now))
        }
        guard let over else { return }
        logger.notice("\(over.what.ends)", metadata: ["\(over.what.rawValue)_ms": "\(over.time.milliseconds)"])
        Task { await changes.ring() }
    }

    // MARK: Reading

    public func condition() -> WorkerCondition {
        let now = now()
        return state.withLock { state in
            WorkerCondition(
                phase: state.phase, trouble: state.trouble?.what,
                troubleSeconds: state.trouble.map { $0.since.duration(to: now).seconds },
                lastClaimSeconds: state.claimedAt.map { $0.duration(to: now).seconds }, runsInHand: state.runs.count,
                oldestRunSeconds: state.runs.values.map(\.takenAt).min().map { $0.duration(to: now).seconds },
                commitsPending: state.lanes[.commits]?.waiting ?? 0,
                commitsLocked: state.lanes[.lockedCommits]?.waiting ?? 0,
                stuck: stuck(state, at: now), claimedRuns: state.claimedRuns, writtenCommits: state.writtenCommits,
                outages: state.outages)
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

/// What the log says of it.
extension Heartbeat.Trouble {
    fileprivate var level: Logger.Level {
        switch self {
        case .away, .locked: .warning
        case .otherVersion, .failing: .error
        }
    }

    fileprivate var begins: String {
        switch self {
        case .away: "the database is away; trying again until it is back"
        case .otherVersion:
            "the database was migrated by another version of turnup; restart this worker with that version"
        case .locked: "somebody keeps a table of the database locked; trying again until it is free"
        case .failing: "the database refuses; trying again"
        }
    }

    fileprivate var goesOn: String {
        switch self {
        case .away: "the database is still away"
        case .otherVersion: "this worker still is not of the database's version; restart it with that version"
        case .locked: "a table of the database is still locked"
        case .failing: "the database still refuses"
        }
    }

    fileprivate var ends: String {
        switch self {
        case .away: "the database is back"
        case .otherVersion: "the database fits this worker again"
        case .locked: "the database's tables are free again"
        case .failing: "the database does as asked again"
        }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
