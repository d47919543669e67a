/// How a worker is, at one moment. Times are seconds until that moment; nil where there is nothing to measure.
public struct WorkerCondition: Sendable {
    public var phase: WorkerMonitor.Phase
    /// Nil while the database does as asked, or was not asked yet.
    public var trouble: WorkerMonitor.Trouble?
    public var troubleSeconds: Double?
    public var lastClaimSeconds: Double?
    public var runsInHand: Int
    public var oldestRunSeconds: Double?
    /// Handed in and not answered yet.
    public var commitsPending: Int
    /// Of runs whose rows somebody else keeps locked.
    public var commitsLocked: Int
    /// What should have moved and did not.
    public var stuck: [String]
    public var claimedRuns: Int64
    public var writtenCommits: Int64
    public var outages: Int64

    /// The loops move, also while they wait for the database.
    public var isLive: Bool { stuck.isEmpty }

    /// Nil while the database answers, whatever it answers.
    public var databaseAwaySeconds: Double? { trouble == .away ? troubleSeconds : nil }

    /// Takes runs and can advance them.
    public var isReady: Bool { isLive && phase == .running && trouble == nil && lastClaimSeconds != nil }

    /// One line for people.
    public var sentence: String {
        var parts: [String] = []
        if !stuck.isEmpty { parts.append("stuck: \(stuck.joined(separator: ", "))") }
        switch phase {
        case .starting: parts.append("starting")
        case .stopping: parts.append("stopping: requests under way end")
        case .running: break
        }
        if let trouble, let troubleSeconds { parts.append(trouble.sentence(Self.time(troubleSeconds))) }
        if phase != .starting || runsInHand > 0 {
            parts.append("\(runsInHand) \(runsInHand == 1 ? "run" : "runs") in hand")
        }
        if let lastClaimSeconds { parts.append("last claim \(Self.time(lastClaimSeconds)) ago") }
        if commitsPending > 1 { parts.append("\(commitsPending) commits wait") }
        if commitsLocked > 0 { parts.append("\(commitsLocked) wait for a locked row") }
        return parts.joined(separator: "; ")
    }

    private static func time(_ seconds: Double) -> String {
        let whole = Int64(seconds)
        if whole < 120 { return "\(whole) s" }
        return whole < 7200 ? "\(whole / 60) min" : "\(whole / 3600) h"
    }
}

extension WorkerMonitor.Trouble {
    fileprivate func sentence(_ time: String) -> String {
        switch self {
        case .away: "database away for \(time)"
        case .standby: "database waits for its synchronous standby for \(time)"
        case .readOnly: "database only reads (a standby) for \(time)"
        case .notAllowed: "database role lacks a right for \(time), see the log"
        case .otherVersion: "of another version than the database for \(time), restart with that version"
        case .locked: "a table locked by somebody for \(time)"
        case .failing: "refused by the database for \(time)"
        }
    }
}
