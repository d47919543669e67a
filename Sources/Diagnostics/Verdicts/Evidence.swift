public import EventStore
public import WorkflowCore

/// All that a verdict may rest on. A pure value: the same evidence always gives the same verdict.
public struct Evidence: Sendable {
    public let run: RunFacts
    /// Other runs of the same organisation at the same service, the oldest first.
    public let siblings: [RunFacts]
    /// False: the organisation has more runs than were read, so what no sibling shows may have happened all the same.
    public let siblingsAreAll: Bool
    /// Runs that were given the very same key.
    public let sameKey: [SameKey]
    public let fleet: FleetStatistics
    public let wait: RunWait?
    public let service: ServiceRecord?
    /// The probes that the run's definition declares.
    public let probes: [ProbeDefinition]
    public let now: Instant

    /// `fleet` may hold the run itself and its siblings.
    public init(
        run: RunFacts, siblings: [RunFacts] = [], siblingsAreAll: Bool = true, sameKey: [SameKey] = [],
        fleet: [FleetRun] = [], wait: RunWait? = nil,
        service: ServiceRecord? = nil, probes: [ProbeDefinition] = [], now: Instant
    ) {
        let services = Set(run.attempts.compactMap(\.service))
        self.run = run
        let lent = Self.lending(run, to: siblings)
        self.siblings = lent.filter { other in services.isEmpty || services.contains(where: other.calls) }
        self.siblingsAreAll = siblingsAreAll
        self.sameKey = sameKey
        self.fleet = FleetStatistics(Self.noting(lent, in: fleet))
        self.wait = wait
        self.service = service
        self.probes = probes
        self.now = now
    }

    /// The key's age at the newest answer to it; an age that nobody tried says nothing.
    public var triedAgeMilliseconds: Int64? {
        guard let key = run.key, let last = run.refusals.last else { return nil }
        return last.at.milliseconds(since: key.at)
    }

    /// Older connections of the organisation: their keys came before this run's.
    public var older: [RunFacts] {
        guard let at = run.key?.at ?? run.lastCreate?.at else { return siblings.filter { $0.key != nil } }
        return siblings.filter { other in other.key.map { $0.at < at } ?? false }
    }

    /// The older connections whose keys the platform has accepted, and that nobody has taken back.
    public var working: [RunFacts] { older.filter { !$0.acceptances.isEmpty && $0.run.status != .released } }

    public func sibling(_ id: Identifier) -> RunFacts? { siblings.first { $0.run.id == id } }

    /// A yes to any other key of the organisation or of the workflow after this time.
    public func isOtherKeyAccepted(after time: Instant) -> Bool {
        siblings.contains { $0.acceptances.contains { $0.at > time } }
            || fleet.runs.contains { $0.run != run.run.id && ($0.lastAcceptedAt.map { $0 > time } ?? false) }
    }
}
