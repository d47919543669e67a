/// One measurement in Prometheus' text form.
public struct Metric: Sendable {
    public enum Kind: String, Sendable { case gauge, counter }

    public var name: String
    public var kind: Kind
    public var help: String
    /// Nil: not measured now, and left out.
    public var value: Double?

    /// `name` holds letters, digits and underscores; `help` is one line.
    public init(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
        self.name = name
        self.kind = kind
        self.help = help
        self.value = value
    }

    public static func text(_ metrics: [Metric]) -> String {
        metrics.compactMap { metric in
            metric.value.map { value in
                """
                # HELP \(metric.name) \(metric.help)
                # TYPE \(metric.name) \(metric.kind.rawValue)
                \(metric.name) \(value)

                """
            }
        }.joined()
    }

    static func of(_ condition: WorkerCondition, pausedServices: Int?) -> [Metric] {
        [
            Metric("turnup_worker_ready", .gauge, "1 when the worker takes runs.", condition.isReady ? 1 : 0),
            Metric("turnup_worker_live", .gauge, "1 while the loops move.", condition.isLive ? 1 : 0),
            Metric(
                "turnup_database_away_seconds", .gauge, "How long the database has been away, 0 when it is there.",
                condition.databaseAwaySeconds ?? 0),
            Metric(
                "turnup_database_outages_total", .counter, "Times the database went away.", Double(condition.outages)),
            Metric("turnup_last_claim_seconds", .gauge, "Since the last claim.", condition.lastClaimSeconds),
            Metric("turnup_claimed_runs_total", .counter, "Runs claimed.", Double(condition.claimedRuns)),
            Metric("turnup_runs_in_hand", .gauge, "Runs in hand.", Double(condition.runsInHand)),
            Metric("turnup_oldest_run_seconds", .gauge, "Age of the oldest run in hand.", condition.oldestRunSeconds),
            Metric("turnup_commits_total", .counter, "Commits written.", Double(condition.writtenCommits)),
            Metric("turnup_commits_pending", .gauge, "Commits not answered yet.", Double(condition.commitsPending)),
            Metric(
                "turnup_commits_locked", .gauge, "Commits that wait for a row somebody else holds.",
                Double(condition.commitsLocked)),
            Metric("turnup_services_paused", .gauge, "Services that are paused now.", pausedServices.map(Double.init)),
        ]
    }
}
