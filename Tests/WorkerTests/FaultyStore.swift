import EventStore
import Synchronization
import TestSupport
import Vault
import WorkflowCore

/// A store that fails as told, in front of a real one.
final class FaultyStore: EventStore {
    typealias Forward = @Sendable () async throws -> [CommitAnswer]
    /// Gets the number of the call, from 1, the commits, and what a healthy store would do.
    typealias CommitFault = @Sendable (Int, [RunCommit], Forward) async throws -> [CommitAnswer]

    struct Faults {
        var commit: CommitFault?
        /// Every call fails, as without a database.
        var isAway = false
        var beforeClaim: @Sendable () async -> Void = {}
        var claim: @Sendable (ClaimAnswer) async throws -> ClaimAnswer = { $0 }
        /// Called before leases are renewed.
        var renew: @Sendable ([LeaseRenewal]) async throws -> Void = { _ in }
        var appendLate: @Sendable (LateEvidence) throws -> Void = { _ in }
        /// Called before a service's row is read.
        var service: @Sendable () async throws -> Void = {}
        /// Called before credentials are read, with their names.
        var credentials: @Sendable ([CredentialName]) async throws -> Void = { _ in }
    }

    let healthy: PostgresStore
    /// Rings at the beginning and at the end of each call of a worker.
    let bell: Bell
    private let faults = Mutex(Faults())
    private let batchesSeen = Mutex<[[RunCommit]]>([])
    private let counts = Mutex<[String: Int]>([:])

    init(_ healthy: PostgresStore, bell: Bell = Bell()) {
        self.healthy = healthy
        self.bell = bell
    }

    /// What each call of `commit` was asked to write.
    var batches: [[RunCommit]] { batchesSeen.withLock { $0 } }

    /// How often a method was called; `refused` counts the calls made while the store was away.
    func count(_ name: String) -> Int { counts.withLock { $0[name, default: 0] } }

    func set(_ change: (inout Faults) -> Void) { faults.withLock { change(&$0) } }

    private func enter(_ name: String) throws {
        counts.withLock { $0[name, default: 0] += 1 }
        defer { bell.ring() }
        guard faults.withLock({ $0.isAway }) else { return }
        counts.withLock { $0["refused", default: 0] += 1 }
        throw StoreError(.unavailable, "the database is away")
    }

    func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) async throws -> [CommitAnswer] {
        defer { bell.ring() }
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

    func claim(worker: String, _ demand: ClaimDemand, leaseMilliseconds: Int64) async throws -> ClaimAnswer {
        defer { bell.ring() }
        try enter("claim")
        await faults.withLock { $0.beforeClaim }()
        let change = faults.withLock { $0.claim }
        return try await change(
            try await healthy.claim(worker: worker, demand, leaseMilliseconds: leaseMilliseconds))
    }

    func release(_ leases: [LeaseRelease]) async throws {
        defer { bell.ring() }
        try enter("release")
        try await healthy.release(leases)
    }

    func renew(_ leases: [LeaseRenewal]) async throws -> [Bool] {
        defer { bell.ring() }
        try enter("renew")
        try await faults.withLock { $0.renew }(leases)
        return try await healthy.renew(leases)
    }

    func appendLate(_ evidence: LateEvidence, worker: String) async throws -> Bool {
        defer { bell.ring() }
        try enter("appendLate")
        try faults.withLock { $0.appendLate }(evidence)
        return try await healthy.appendLate(evidence, worker: worker)
    }

    func service(_ name: String) async throws -> ServiceRecord? {
        defer { bell.ring() }
        try enter("service")
        try await faults.withLock { $0.service }()
        return try await healthy.service(name)
    }

    func secret(scope: SecretScope, scopeId: String, name: String) async throws -> SealedSecret? {
        try enter("secret")
        return try await healthy.secret(scope: scope, scopeId: scopeId, name: name)
    }

    func credentials(_ names: [CredentialName]) async throws -> [SealedSecret?] {
        defer { bell.ring() }
        try enter("credentials")
        try await faults.withLock { $0.credentials }(names)
        return try await healthy.credentials(names)
    }

    func secretVersion(_ place: SecretPlace) async throws -> SealedSecret? {
        try enter("secretVersion")
        return try await healthy.secretVersion(place)
    }

    func definition(workflow: String, version: Int?) async throws -> PublishedDefinition? {
        try enter("definition")
        return try await healthy.definition(workflow: workflow, version: version)
    }

    func events(of runId: Identifier, after seq: Int64) async throws -> [RecordedEvent] {
        try enter("events")
        return try await healthy.events(of: runId, after: seq)
    }

    func tail(of runId: Identifier, after seq: Int64) async throws -> StreamTail {
        try enter("events")
        return try await healthy.tail(of: runId, after: seq)
    }

    // MARK: Never disturbed

    func publish(_ definition: PublishedDefinition, keyParts: JSONValue, by actor: String) async throws
        -> PublishAnswer
    { try await healthy.publish(definition, keyParts: keyParts, by: actor) }
    func liveRunCounts() async throws -> [LiveRunCount] { try await healthy.liveRunCounts() }
    func definitions() async throws -> [DefinitionSummary] { try await healthy.definitions() }
    func enqueue(_ request: EnqueueRequest) async throws -> EnqueueReceipt { try await healthy.enqueue(request) }
    func append(_ request: AppendRequest) async throws -> AppendAnswer { try await healthy.append(request) }
    func run(_ id: Identifier) async throws -> RunOverview? { try await healthy.run(id) }
    func runs(_ filter: RunFilter) async throws -> [RunOverview] { try await healthy.runs(filter) }
    func now() async throws -> Instant { try await healthy.now() }
    func missing(_ ends: [AcknowledgedEnd]) async throws -> [Int] { try await healthy.missing(ends) }
    var generation: Int { healthy.generation }
    func keyAges(service: String) async throws -> [KeyAge] { try await healthy.keyAges(service: service) }
    func services() async throws -> [ServiceRecord] { try await healthy.services() }
    func setService(_ service: ServiceRecord) async throws { try await healthy.setService(service) }
    func pauseService(_ name: String, milliseconds: Int64?, reason: String, by actor: String) async throws -> Instant {
        try await healthy.pauseService(name, milliseconds: milliseconds, reason: reason, by: actor)
    }
    func resumeService(_ name: String) async throws -> Bool { try await healthy.resumeService(name) }
    func putSecret(_ secret: SealedSecret, by actor: String) async throws {
        try await healthy.putSecret(secret, by: actor)
    }
    func secrets() async throws -> [SecretSummary] { try await healthy.secrets() }
    func forgetSecret(scope: SecretScope, scopeId: String, name: String) async throws -> Int {
        try await healthy.forgetSecret(scope: scope, scopeId: scopeId, name: name)
    }
}
