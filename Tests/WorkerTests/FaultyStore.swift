import EventStore
import Synchronization
import Vault
import WorkflowCore

/// A store that fails as told, in front of one that works.
final class FaultyStore: EventStore {
    typealias Forward = @Sendable () async throws -> [CommitAnswer]
    /// Gets the number of the call, from 1, the commits, and what a healthy store would do.
    typealias CommitFault = @Sendable (Int, [RunCommit], Forward) async throws -> [CommitAnswer]

    struct Faults {
        var commit: CommitFault?
        /// Every call fails, as without a database.
        var isAway = false
        var beforeClaim: @Sendable () async -> Void = {}
        var claim: @Sendable ([ClaimedRun]) -> [ClaimedRun] = { $0 }
        var nextDue: @Sendable (NextDue?) -> NextDue? = { $0 }
        var appendLate: @Sendable (LateEvidence) throws -> Void = { _ in }
        /// Called before a service's row is read.
        var service: @Sendable () async throws -> Void = {}
        var beforeCanary: @Sendable () async -> Void = {}
    }

    let healthy: InMemoryStore
    private let faults = Mutex(Faults())
    private let batchesSeen = Mutex<[[RunCommit]]>([])
    private let counts = Mutex<[String: Int]>([:])

    init(_ healthy: InMemoryStore) { self.healthy = healthy }

    /// What each call of `commit` was asked to write.
    var batches: [[RunCommit]] { batchesSeen.withLock { $0 } }

    /// How often a method was called; `refused` counts the calls made while the store was away.
    func count(_ name: String) -> Int { counts.withLock { $0[name, default: 0] } }

    func set(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }

    private func enter(_ name: String) throws {
        counts.withLock { $0[name, default: 0] += 1 }
        guard faults.withLock({ $0.isAway }) else { return }
        counts.withLock { $0["refused", default: 0] += 1 }
        throw StoreError(.unavailable, "the database is away")
    }

    func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) async throws -> [CommitAnswer] {
        let call = batchesSeen.withLock { seen in
            seen.append(commits)
            return seen.count
        }
        try enter("commit")
        let forward: Forward = { [healthy] in
            try await healthy.commit(commits, worker: worker, leaseMilliseconds: leaseMilliseconds)
        }
        guard let fault = faults.withLock({ $0.commit }) else { return try await forward() }
        return try await fault(call, commits, forward)
    }

    func claim(worker: String, limit: Int, leaseMilliseconds: Int64) async throws -> [ClaimedRun] {
        try enter("claim")
        await faults.withLock { $0.beforeClaim }()
        let change = faults.withLock { $0.claim }
        return change(await healthy.claim(worker: worker, limit: limit, leaseMilliseconds: leaseMilliseconds))
    }

    func nextDue() async throws -> NextDue? {
        try enter("nextDue")
        let change = faults.withLock { $0.nextDue }
        return change(await healthy.nextDue())
    }

    func release(_ leases: [LeaseRelease], worker: String) async throws {
        try enter("release")
        await healthy.release(leases, worker: worker)
    }

    func appendLate(_ evidence: LateEvidence, worker: String) async throws -> Bool {
        try enter("appendLate")
        try faults.withLock { $0.appendLate }(evidence)
        return try await healthy.appendLate(evidence, worker: worker)
    }

    func service(_ name: String) async throws -> ServiceRecord? {
        try enter("service")
        try await faults.withLock { $0.service }()
        return await healthy.service(name)
    }

    func pauseService(_ name: String, milliseconds: Int64?, reason: String, by actor: String) async throws -> Instant {
        await healthy.pauseService(name, milliseconds: milliseconds, reason: reason, by: actor)
    }

    func resumeService(_ name: String) async throws -> Bool { await healthy.resumeService(name) }

    func serviceFailed(_ failure: ServiceFailure, worker: String) async throws -> ServiceFailureAnswer {
        try enter("serviceFailed")
        return await healthy.serviceFailed(failure, worker: worker)
    }

    func serviceAnswered(_ name: String, canary: Int64?) async throws -> Bool {
        try enter("serviceAnswered")
        return await healthy.serviceAnswered(name, canary: canary)
    }

    func takeCanary(_ name: String, worker: String, milliseconds: Int64) async throws -> Int64? {
        try enter("takeCanary")
        await faults.withLock { $0.beforeCanary }()
        return await healthy.takeCanary(name, worker: worker, milliseconds: milliseconds)
    }

    func returnCanary(_ name: String, canary: Int64) async throws {
        try enter("returnCanary")
        await healthy.returnCanary(name, canary: canary)
    }

    func wakeBusy(_ service: String, most: Int) async throws -> Int {
        try enter("wakeBusy")
        return await healthy.wakeBusy(service, most: most)
    }

    func secret(scope: SecretPlace.Scope, scopeId: String, name: String) async throws -> SealedSecret? {
        try enter("secret")
        return await healthy.secret(scope: scope, scopeId: scopeId, name: name)
    }

    func secretVersion(_ place: SecretPlace) async throws -> SealedSecret? {
        try enter("secretVersion")
        return await healthy.secretVersion(place)
    }

    func definition(workflow: String, version: Int?) async throws -> PublishedDefinition? {
        try enter("definition")
        return await healthy.definition(workflow: workflow, version: version)
    }

    func events(of runId: Identifier, after seq: Int64) async throws -> [RecordedEvent] {
        try enter("events")
        return await healthy.events(of: runId, after: seq)
    }

    // MARK: Never disturbed

    func publish(_ definition: PublishedDefinition, keyParts: JSONValue, by actor: String) async throws
        -> PublishAnswer
    { try await healthy.publish(definition, keyParts: keyParts, by: actor) }
    func definitions() async throws -> [DefinitionSummary] { await healthy.definitions() }
    func enqueue(_ request: EnqueueRequest) async throws -> EnqueueReceipt { try await healthy.enqueue(request) }
    func append(_ request: AppendRequest) async throws -> AppendAnswer { try await healthy.append(request) }
    func run(_ id: Identifier) async throws -> RunOverview? { await healthy.run(id) }
    func runs(_ filter: RunFilter) async throws -> [RunOverview] { try await healthy.runs(filter) }
    func now() async throws -> Instant { await healthy.now() }
    func services() async throws -> [ServiceRecord] { await healthy.services() }
    func setService(_ service: ServiceRecord) async throws { await healthy.setService(service) }
    func putSecret(_ secret: SealedSecret, by actor: String) async throws {
        try await healthy.putSecret(secret, by: actor)
    }
    func secrets() async throws -> [SecretSummary] { await healthy.secrets() }
    func forgetSecret(scope: SecretPlace.Scope, scopeId: String, name: String) async throws -> Int {
        await healthy.forgetSecret(scope: scope, scopeId: scopeId, name: name)
    }
}
