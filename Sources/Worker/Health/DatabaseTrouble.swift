import EventStore
import Logging

extension WorkerMonitor {
    /// Why the database did not do what was asked of it.
    public enum Trouble: String, Sendable {
        /// No database, or one that cannot serve.
        case away
        /// It is there, and its synchronous standby does not confirm what is written.
        case standby
        /// It is there, and only reads: a standby.
        case readOnly = "read_only"
        /// It is there, and our role lacks a right.
        case notAllowed = "not_allowed"
        /// It is there, and its functions are not those that this worker calls.
        case otherVersion = "other_version"
        /// It is there, and somebody's lock on a table keeps everybody else waiting.
        case locked
        /// It is there, and refuses.
        case failing

        /// When several loops fail in different ways, the first of these that occurs speaks for the whole worker.
        static let gravestFirst: [Trouble] = [
            .away, .readOnly, .standby, .notAllowed, .otherVersion, .locked, .failing,
        ]

        init(_ error: any Error) {
            let error = error as? StoreError
            switch error?.code {
            case .outcomeUnknown? where error?.awaitsStandby == true: self = .standby
            case .readOnly?: self = .readOnly
            case .notAllowed?: self = .notAllowed
            case .unavailable?, .outcomeUnknown?, nil: self = .away
            case .notMigrated?: self = .otherVersion
            case .busy?: self = .locked
            default: self = .failing
            }
        }
    }

    /// The loops whose calls failed, the trouble that this means, and what the log was told. A pure value.
    struct TroubleLog: Sendable {
        /// The log repeats the same trouble after this long.
        private static let repeatAfter: Duration = .seconds(60)

        /// The loops whose last call failed.
        private var failing: [Lane: Trouble] = [:]
        /// The gravest trouble of any loop, which speaks for the whole worker, and its beginning.
        private(set) var gravest: (what: Trouble, since: ContinuousClock.Instant)?
        private(set) var outages: Int64 = 0
        private var saidAt: [Trouble: ContinuousClock.Instant] = [:]

        /// What the log is to say; nil: the log said it a moment ago.
        mutating func failed(_ lane: Lane, _ trouble: Trouble, at now: ContinuousClock.Instant)
            -> (lasted: Duration, isFirst: Bool)?
        {
            let before = gravest?.what
            failing[lane] = trouble
            judge(at: now)
            if gravest?.what == .away, before != .away { outages += 1 }
            let last = saidAt[trouble]
            if let last, last.duration(to: now) < Self.repeatAfter { return nil }
            saidAt[trouble] = now
            return (gravest.map { $0.since.duration(to: now) } ?? .zero, last == nil)
        }

        /// The trouble that has ended for all loops; nil: there was none, or a loop still has one.
        mutating func answered(_ lane: Lane, at now: ContinuousClock.Instant) -> (what: Trouble, lasted: Duration)? {
            guard failing.removeValue(forKey: lane) != nil, let was = gravest else { return nil }
            judge(at: now)
            // A trouble that ends and comes back is logged again at once, even while another one lasts.
            saidAt = saidAt.filter { failing.values.contains($0.key) }
            guard failing.isEmpty else { return nil }
            return (was.what, was.since.duration(to: now))
        }

        private mutating func judge(at now: ContinuousClock.Instant) {
            let worst = Trouble.gravestFirst.first { failing.values.contains($0) }
            if worst != gravest?.what { gravest = worst.map { ($0, now) } }
        }
    }
}

/// What the log says about a trouble.
extension WorkerMonitor.Trouble {
    var level: Logger.Level {
        switch self {
        case .away, .locked: .warning
        case .standby, .readOnly, .notAllowed, .otherVersion, .failing: .error
        }
    }

    var begins: String {
        switch self {
        case .away: "the database is away; trying again until it is back"
        case .standby:
            "the database waits for its synchronous standby; nothing is sent on what that has not confirmed"
        case .readOnly: "the database only reads, as a standby does; trying again until it is the primary"
        case .notAllowed: "the database's role lacks a right; trying again until it is granted"
        case .otherVersion:
            "the database was migrated by another version of turnup; restart this worker with that version"
        case .locked: "another session holds a lock on a table of the database; trying again until the table is free"
        case .failing: "the database refuses; trying again"
        }
    }

    var goesOn: String {
        switch self {
        case .away: "the database is still away"
        case .standby: "the database still waits for its synchronous standby"
        case .readOnly: "the database still only reads"
        case .notAllowed: "the database's role still lacks a right"
        case .otherVersion: "this worker still is not of the database's version; restart it with that version"
        case .locked: "a table of the database is still locked"
        case .failing: "the database still refuses"
        }
    }

    var ends: String {
        switch self {
        case .away: "the database is back"
        case .standby: "the database's synchronous standby confirms again"
        case .readOnly: "the database takes writes again"
        case .notAllowed: "the database's role has the right that it lacked"
        case .otherVersion: "the database fits this worker again"
        case .locked: "the database's tables are free again"
        case .failing: "the database does as asked again"
        }
    }
}
