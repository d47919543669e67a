import EventStore
import HTTPActions
import Logging
import WorkflowCore

/// What all runs of a worker share.
struct WorkerParts: Sendable {
    let store: any EventStore
    let actions: HTTPActions
    let configuration: WorkerConfiguration
    let commits: CommitGrouper
    let gate: ServiceGate
    let definitions: DefinitionCache
    let credentials: CredentialReader
    let heartbeat: Heartbeat
    let logger: Logger
    /// Set when the worker ends and the database has been away for too long.
    let isGivingUp = DrainFlag()

    /// Gives a lease back, also when the worker is being cancelled.
    func release(_ lease: LeaseRelease) async throws {
        try await Task { try await store.release([lease], worker: configuration.actor) }.value
    }
}
