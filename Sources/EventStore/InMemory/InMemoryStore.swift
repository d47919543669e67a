import Vault
public import WorkflowCore

/// A store in memory, for tests and simulation. It passes the same conformance suite as PostgreSQL's.
public actor InMemoryStore: EventStore {
    struct Run {
        var identity: (workflow: String, version: Int, digest: String, organisation: String, key: String)
        var events: [RecordedEvent] = []
        var lastHash = EventChain.first
        /// The state as of the last commit; later events are folded at the claim.
        var snapshot: RunState?
        var state: String
        var status: RunStatus
        var reason: String?
        var holdsKey = true
        var epoch: Int64 = 0
        var updatedAt: Instant
        var endedAt: Instant?
        var seq: Int64 { events.last?.seq ?? 0 }
    }

    struct Task {
        var due: Instant
        var service: String?
        var waiting: String?
        var deadline: Instant?
        var owner: String?
        var expires: Instant?
    }

    struct StoredSecret {
        var sealed: SealedSecret
        var createdAt: Instant
        var createdBy: String
        var isForgotten = false
    }

    struct StoredDefinition {
        var definition: PublishedDefinition
        var keyParts: JSONValue
        var publishedAt: Instant
    }

    var runs: [Identifier: Run] = [:]
    var tasks: [Identifier: Task] = [:]
    var stored: [StoredDefinition] = []
    var secretRows: [StoredSecret] = []
    var serviceRows: [String: ServiceRecord] = [:]
    /// The number of a service's newest canary.
    var canaries: [String: Int64] = [:]
    var random = SystemRandomNumberGenerator()
    private let clock: @Sendable () -> Instant

    public init(clock: @escaping @Sendable () -> Instant) { self.clock = clock }

    public func now() -> Instant { clock() }

    func newId() -> Identifier {
        Identifier(unixMilliseconds: clock().microseconds / 1000, random: (random.next(), random.next()))
    }

    /// Adds one event to a stream and its chain.
    func record(
        _ id: Identifier, _ type: String, _ body: JSONObject, epoch: Int64, attemptId: Identifier?, actor: String,
        at time: Instant
    ) {
        guard var run = runs[id] else { return }
        let event = RecordedEvent(
            seq: run.seq + 1, type: type, body: body, epoch: epoch, attemptId: attemptId, actor: actor,
            recordedAt: time)
        run.lastHash = EventChain.hash(
            after: run.lastHash, run: id, event, bodyText: JSONValue.object(body).serialized())
        run.events.append(event)
        run.updatedAt = time
        runs[id] = run
    }

    // MARK: Definitions

    public func publish(_ definition: PublishedDefinition, keyParts: JSONValue, by actor: String) throws
        -> PublishAnswer
    {
        if let there = stored.first(where: {
            $0.definition.workflow == definition.workflow && $0.definition.version == definition.version
        }) {
            guard there.definition.digest == definition.digest else {
                throw StoreError(
                    .alreadyPublished,
                    "version \(definition.version) of \(definition.workflow) is already published with other content")
            }
            return .unchanged
        }
        stored.append(StoredDefinition(definition: definition, keyParts: keyParts, publishedAt: clock()))
        return .published
    }

    public func definition(workflow: String, version: Int?) -> PublishedDefinition? {
        found(workflow: workflow, version: version)?.definition
    }

    func found(workflow: String, version: Int?) -> StoredDefinition? {
        stored.filter { $0.definition.workflow == workflow && (version == nil || $0.definition.version == version) }
            .max { $0.definition.version < $1.definition.version }
    }

    public func definitions() -> [DefinitionSummary] {
        stored.map { item in
            let mine = runs.values.filter {
                $0.identity.workflow == item.definition.workflow && $0.identity.version == item.definition.version
            }
            return DefinitionSummary(
                workflow: item.definition.workflow, version: item.definition.version, digest: item.definition.digest,
                publishedAt: item.publishedAt, liveRuns: mine.count { !$0.status.isEnded }, allRuns: mine.count)
        }
        .sorted { ($0.workflow, $0.version) < ($1.workflow, $1.version) }
    }

    // MARK: Reading

    public func events(of runId: Identifier, after seq: Int64) -> [RecordedEvent] {
        runs[runId]?.events.filter { $0.seq > seq } ?? []
    }

    public func run(_ id: Identifier) -> RunOverview? { runs[id].map { overview(id, $0) } }

    public func runs(_ filter: RunFilter) throws -> [RunOverview] {
        let last = filter.after.flatMap { run($0) }
        if let after = filter.after, last == nil { throw StoreError(.notFound, "there is no run \(after)") }
        return runs.map { overview($0.key, $0.value) }
            .filter { run in filter.admits(run) && last.map { $0.isListed(before: run) } ?? true }
            .sorted { $0.isListed(before: $1) }
            .prefix(max(0, filter.limit)).map { $0 }
    }

    public func nextDue() -> NextDue? {
        tasks.values.map { max($0.due, $0.expires ?? $0.due) }.min().map { NextDue(due: $0, now: now()) }
    }

    private func overview(_ id: Identifier, _ run: Run) -> RunOverview {
        let task = tasks[id].map {
            TaskOverview(
                due: $0.due, service: $0.service, waiting: $0.waiting, leaseOwner: $0.owner, leaseExpires: $0.expires)
        }
        return RunOverview(
            id: id, workflow: run.identity.workflow, version: run.identity.version,
            organisation: run.identity.organisation, key: run.identity.key, state: run.state, status: run.status,
            reason: run.reason, lastError: run.snapshot?.lastError ?? run.snapshot?.gaveUp?.error, seq: run.seq,
            requestedAt: run.events.first?.recordedAt ?? run.updatedAt,
            updatedAt: run.updatedAt, endedAt: run.endedAt, task: task)
    }
}

extension RunOverview {
    fileprivate func isListed(before other: RunOverview) -> Bool {
        (requestedAt, id) > (other.requestedAt, other.id)
    }
}

extension RunFilter {
    fileprivate func admits(_ run: RunOverview) -> Bool {
        func equals<Value: Equatable>(_ wanted: Value?, _ value: Value?) -> Bool { wanted == nil || wanted == value }
        return equals(workflow, run.workflow) && equals(organisation, run.organisation) && equals(key, run.key)
            && equals(state, run.state) && equals(status, run.status) && equals(lastError, run.lastError)
            && equals(service, run.task?.service)
            && requestedSince.map { run.requestedAt >= $0 } ?? true
            && requestedBefore.map { run.requestedAt < $0 } ?? true
    }
}
