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
    func definitions() async throws -> [DefinitionSummary]

    // Runs
    func enqueue(_ request: EnqueueRequest) async throws -> EnqueueReceipt
    func claim(worker: String, limit: Int, leaseMilliseconds: Int64) async throws -> [ClaimedRun]
    /// All of the commits in one transaction; one answer each, in their order. Without any it shows that it could.
    func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) async throws -> [CommitAnswer]
    func release(_ leases: [LeaseRelease], worker: String) async throws
    func append(_ request: AppendRequest) async throws -> AppendAnswer
    /// False when the same evidence was there already.
    func appendLate(_ evidence: LateEvidence, worker: String) async throws -> Bool
    func events(of runId: Identifier, after seq: Int64) async throws -> [RecordedEvent]
    func run(_ id: Identifier) async throws -> RunOverview?
    /// Newest first. `notFound` when there is no run `filter.after`.
    func runs(_ filter: RunFilter) async throws -> [RunOverview]
    /// When the next run can be claimed; nil when none waits.
    func nextDue() async throws -> NextDue?
    func now() async throws -> Instant

    // Services
    func service(_ name: String) async throws -> ServiceRecord?
    func services() async throws -> [ServiceRecord]
    /// Writes all but the breaker, and wakes the runs that waited for the base URL.
    func setService(_ service: ServiceRecord) async throws
    /// A person shuts a service, for so long or (nil) until it is resumed. Answers when the pause ends.
    func pauseService(_ name: String, milliseconds: Int64?, reason: String, by actor: String) async throws -> Instant
    /// A person opens it again, whatever had shut it. False: it was open.
    func resumeService(_ name: String) async throws -> Bool
    /// Opens the breaker, or counts towards that. Many failures at once are one; the canary's always counts.
    func serviceFailed(_ failure: ServiceFailure, worker: String) async throws -> ServiceFailureAnswer
    /// The canary's answer closes the breaker; any answer ends a series of unanswered requests. False: the canary
    /// came too late, somebody else decides.
    func serviceAnswered(_ name: String, canary: Int64?) async throws -> Bool
    /// The number of the one request that may find out whether a service is back; nil: not now, or not you.
    func takeCanary(_ name: String, worker: String, milliseconds: Int64) async throws -> Int64?
    /// The canary was not sent after all.
    func returnCanary(_ name: String, canary: Int64) async throws
    /// Brings forward the runs that wait longest for a place at the service. Answers how many there were.
    func wakeBusy(_ service: String, most: Int) async throws -> Int

    // Secrets
    /// Refuses a version that exists. Wakes the runs that waited for a credential.
    func putSecret(_ secret: SealedSecret, by actor: String) async throws
    /// The newest version that is not forgotten.
    func secret(scope: SecretPlace.Scope, scopeId: String, name: String) async throws -> SealedSecret?
    /// One version; nil when it was forgotten.
    func secretVersion(_ place: SecretPlace) async throws -> SealedSecret?
    /// What people have set, in order of scope, scope id, name and version; not the secrets that runs were given.
    func secrets() async throws -> [SecretSummary]
    /// Drops the ciphertext of every version; fingerprints stay. Answers how many had one.
    func forgetSecret(scope: SecretPlace.Scope, scopeId: String, name: String) async throws -> Int
}

extension EventStore {
    /// The fold of all events of a run.
    public func fold(_ runId: Identifier) async throws -> RunState? {
        var state: RunState?
        for event in try await events(of: runId, after: 0) { state = try evolve(state, run: runId, event) }
        return state
    }
}
