import EventStore
import HTTPActions
import Logging

/// What all runs of a worker share.
struct WorkerParts: Sendable {
    let store: any EventStore
    /// Puts the request of an attempt together before its intent.
    let prepare: @Sendable (Action) -> PreparedRequest?
    /// Sends the request of an attempt, once.
    let perform: @Sendable (Action) async -> ActionOutcome
    let configuration: WorkerConfiguration
    let commits: CommitBatcher
    let renewer: LeaseRenewer
    let services: ServiceBook
    let activations: ActivationBook
    let metrics: WorkerMetrics
    let definitions: DefinitionCache
    let credentials: CredentialReader
    let monitor: WorkerMonitor
    let logger: Logger
    /// Set when the worker is to end: nothing more is sent.
    let isDraining = DrainFlag()
    /// Set when the worker ends and the database has been away for too long.
    let isGivingUp = DrainFlag()
}
