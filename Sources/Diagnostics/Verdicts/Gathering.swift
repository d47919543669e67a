public import EventStore
public import WorkflowCore

/// Fleets that were read, for a command that judges many runs.
public struct FleetCache: Sendable {
    fileprivate var rows: [String: [FleetRun]] = [:]

    public init() {}

    fileprivate mutating func fleet(
        _ run: RunOverview, _ key: String?, _ store: PostgresStore
    ) async throws -> [FleetRun] {
        let name = "\(run.workflow) \(key ?? "") \(run.state)"
        if let known = rows[name] { return known }
        let read = try await store.fleet(workflow: run.workflow, key: key, state: run.state)
        rows[name] = read
        return read
    }
}

extension Evidence {
    /// Reads what a verdict may rest on; opens no secret. `keyName` is the variable that holds the platform's key, where
    /// the definition tells it; the run's own events go before it.
    public static func gather(
        _ run: RunOverview, from store: PostgresStore, keyName: String?, probes: [ProbeDefinition] = [],
        _ fleets: inout FleetCache
    ) async throws -> Evidence {
        let facts = RunFacts(run, try await store.events(of: run.id, after: 0))
        let siblings = try await store.siblings(of: run).map { RunFacts($0.run, $0.events) }
        let name = facts.key?.name ?? keyName
        let same =
            if let key = facts.key { try await store.runsWithSameKey(as: run, named: key.name) } else { [SameKey]() }
        var service: ServiceRecord?
        if let asked = run.task?.service { service = try await store.service(asked) }
        return Evidence(
            run: facts, siblings: siblings, siblingsAreAll: siblings.count < DiagnosisBounds.siblings, sameKey: same,
            fleet: try await fleets.fleet(run, name, store),
            wait: run.task == nil ? nil : try await store.wait(of: run.id), service: service,
            probes: probes, now: try await store.now())
    }
}
