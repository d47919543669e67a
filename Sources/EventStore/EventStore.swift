public import Vault
public import WorkflowCore

/// The store of events, runs, the queue, definitions, services and sealed secrets.
///
/// Every store passes one conformance suite. All times are the store's own. Errors are `StoreError`.
public protocol EventStore: Sendable {
    // Definitions
    func publish(_ definition: PublishedDefinition, keyParts: JSONValue, by actor: String) async throws -> PublishAnswer
    /// The newest version when none is named.
    func definition(workflow: String, version: Int?) async throws -> PublishedDefinition?
    /// In order of workflow and version. Reads no run.
    func definitions() async throws -> [DefinitionSummary]
    /// In the same order; versions without live or held runs are left out.
    func liveRunCounts() async throws -> [LiveRunCount]

    // Runs
    func enqueue(_ request: EnqueueRequest) async throws -> EnqueueReceipt
    func claim(worker: String, _ demand: ClaimDemand, leaseMilliseconds: Int64) async throws -> ClaimAnswer
    /// Writes all the commits in one transaction; gives one answer for each, in their order. A call without commits
    /// shows whether a commit could succeed.
    func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) async throws -> [CommitAnswer]
    func release(_ leases: [LeaseRelease]) async throws
    /// Renews leases of requests under way. False for each that is not this worker's any more, or has ended.
    func renew(_ leases: [LeaseRenewal]) async throws -> [Bool]
    func append(_ request: AppendRequest) async throws -> AppendAnswer
    /// False when the same evidence was there already.
    func appendLate(_ evidence: LateEvidence, worker: String) async throws -> Bool
    func events(of runId: Identifier, after seq: Int64) async throws -> [RecordedEvent]
    func tail(of runId: Identifier, after seq: Int64) async throws -> StreamTail
    /// The indices of those ends that the database does not hold.
    func missing(_ ends: [AcknowledgedEnd]) async throws -> [Int]
    /// Rises whenever a connection was made after the server had been lost.
    var generation: Int { get }
    func run(_ id: Identifier) async throws -> RunOverview?
    /// Newest first. `notFound` when there is no run `filter.after`.
    func runs(_ filter: RunFilter) async throws -> [RunOverview]
    func now() async throws -> Instant

    // Services
    func service(_ name: String) async throws -> ServiceRecord?
    func services() async throws -> [ServiceRecord]
    /// Writes all but the breaker, and wakes the runs that waited for the base URL.
    func setService(_ service: ServiceRecord) async throws
    /// A person shuts a service, for a time or (nil) until it is resumed. Returns the end of the pause.
    func pauseService(_ name: String, milliseconds: Int64?, reason: String, by actor: String) async throws -> Instant
    /// The ages at which the newest keys of a service were accepted, or up to which they are known not to be.
    func keyAges(service: String) async throws -> [KeyAge]
    /// A person opens a service again, whatever had shut it. False: the service was open.
    func resumeService(_ name: String) async throws -> Bool

    // Secrets
    /// Refuses a version that exists. Wakes the runs that waited for a credential.
    func putSecret(_ secret: SealedSecret, by actor: String) async throws
    /// The newest version that is not forgotten.
    func secret(scope: SecretScope, scopeId: String, name: String) async throws -> SealedSecret?
    /// The newest value of each: the organisation's own before the installation's; nil where there is neither.
    func credentials(_ names: [CredentialName]) async throws -> [SealedSecret?]
    /// One version; nil when it was forgotten.
    func secretVersion(_ place: SecretPlace) async throws -> SealedSecret?
    /// What people have set, in order of scope, scope id, name and version; not the secrets that runs were given.
    func secrets() async throws -> [SecretSummary]
    /// Drops the ciphertext of every version; the fingerprints stay. Returns how many versions had a ciphertext. Refused
    /// while a run may have to send a version again under its idempotency key.
    func forgetSecret(scope: SecretScope, scopeId: String, name: String) async throws -> Int
}

extension EventStore {
    /// The fold of all events of a run.
    public func fold(_ runId: Identifier) async throws -> RunState? {
        var state: RunState?
        for event in try await events(of: runId, after: 0) { state = try evolve(state, run: runId, event) }
        return state
    }
}

/// A credential as a run of an organisation names it.
public struct CredentialName: Sendable, Hashable {
    public let organisation: String
    public let name: String

    public init(organisation: String, name: String) {
        self.organisation = organisation
        self.name = name
    }
}
