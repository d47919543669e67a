public import EventStore
public import WorkflowCore

/// What the newest runs of a workflow show of its platform.
public struct FleetStatistics: Sendable {
    public let runs: [FleetRun]
    /// How long their keys took to be accepted.
    public let activations: Activations

    public init(_ runs: [FleetRun]) {
        self.runs = runs
        activations = Activations(
            runs.compactMap { run in
                guard let sealed = run.keySealedAt, let known = run.firstAcceptedAt ?? run.lastRefusedAt else {
                    return nil
                }
                return KeyAge(
                    milliseconds: known.milliseconds(since: sealed), isActive: run.firstAcceptedAt != nil,
                    refusedMilliseconds: run.refusedBeforeAt?.milliseconds(since: sealed) ?? 0)
            })
    }

    /// The age by which this share of the keys was accepted; nil: too few were, or fewer than that share ever are.
    public func quantile(_ share: Double) -> Int64? { activations.quantile(share) }

    /// The longest that any key took.
    public var longestMilliseconds: Int64? { activations.longestMilliseconds }

    // MARK: By ordinal

    /// First connections of their organisation whose key works.
    public var firstAccepted: [FleetRun] { runs.filter { !$0.hasEarlierKey && $0.firstAcceptedAt != nil } }
    /// Later connections, beside an earlier one that works, whose key was accepted.
    public var laterAccepted: [FleetRun] { later.filter { $0.firstAcceptedAt != nil } }
    /// The same, accepted only after it had been refused.
    public var laterActivated: [FleetRun] { laterAccepted.filter { $0.refusedBeforeAt != nil } }

    private var later: [FleetRun] { runs.filter { $0.hasEarlierKey && $0.hasEarlierSuccess && $0.keySealedAt != nil } }

    /// Later connections whose key was still refused at this age, and never accepted.
    public func laterRefused(beyondMilliseconds age: Int64) -> [FleetRun] {
        later.filter { run in
            guard let sealed = run.keySealedAt, run.firstAcceptedAt == nil, let refused = run.lastRefusedAt else {
                return false
            }
            return refused.milliseconds(since: sealed) >= age
        }
    }

    /// First connections whose key was refused at this age, too: then the ordinal explains nothing.
    public func firstRefused(beyondMilliseconds age: Int64) -> [FleetRun] {
        runs.filter { run in
            guard let sealed = run.keySealedAt, !run.hasEarlierKey, run.firstAcceptedAt == nil,
                let refused = run.lastRefusedAt
            else { return false }
            return refused.milliseconds(since: sealed) >= age
        }
    }

    // MARK: Now

    /// Keys that worked, and were refused after this time; only those that were not accepted again since.
    public func brokenKeys(since time: Instant) -> [FleetRun] {
        runs.filter { run in
            guard let accepted = run.lastAcceptedAt, let refused = run.lastRefusedAt else { return false }
            return refused > accepted && refused >= time
        }
    }

    /// Runs whose newest answer is this one, not before `time`.
    public func last(since time: Instant, _ isSame: (FleetRun.LastAnswer) -> Bool) -> [FleetRun] {
        runs.filter { run in run.last.map { $0.at >= time && isSame($0) } ?? false }
    }
}

extension Sequence<FleetRun> {
    public var organisations: Set<String> { Set(map(\.organisation)) }
}
