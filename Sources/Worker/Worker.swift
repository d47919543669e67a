public import EventStore
public import HTTPActions
public import Logging
public import ServiceLifecycle
public import Vault
import WorkflowCore

/// Advances runs until told to stop: claims what is due, decides, acts, commits.
///
/// A run of a worker that died is claimed like any other once its lease is over; there is no other rescue.
public struct Worker: Service {
    private let parts: WorkerParts
    private let bell: Bell

    /// `bell` may be rung by whoever knows of new work; polling finds it anyway.
    public init(
        store: any EventStore, vault: Vault, actions: HTTPActions, configuration: WorkerConfiguration,
        bell: Bell = Bell(), logger: Logger
    ) {
        self.bell = bell
        parts = WorkerParts(
            store: store, actions: actions, configuration: configuration,
            commits: CommitGrouper(store: store, configuration: configuration, logger: logger),
            gate: ServiceGate(store: store, configuration: configuration),
            definitions: DefinitionCache(store: store),
            credentials: CredentialReader(store: store, vault: vault), logger: logger)
    }

    /// Returns after a graceful shutdown: nothing new is claimed, requests under way end, the rest is given back.
    public func run() async throws {
        let drain = DrainFlag()
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withDiscardingTaskGroup { group in
                    await claimLoop(&group, drain)
                }
            } onGracefulShutdown: {
                Task { await stop(drain, patience: .milliseconds(parts.configuration.leaseMilliseconds)) }
            }
        } onCancel: {
            Task { await stop(drain, patience: .zero) }
        }
    }

    /// Results in hand are still written; a database that stays away longer than `patience` is given up.
    private func stop(_ drain: DrainFlag, patience: Duration) async {
        drain.set()
        await parts.gate.drain()
        await bell.ring()
        try? await Task.sleep(for: patience)
        await parts.commits.giveUpOnOutage()
    }

    private func claimLoop(_ group: inout DiscardingTaskGroup, _ drain: DrainFlag) async {
        let places = Places(parts.configuration.concurrentRuns)
        var outageMilliseconds: Int64 = 0
        while !drain.isSet, !Task.isCancelled {
            var waitMilliseconds = parts.configuration.pollMilliseconds
            let free = await places.free
            if free > 0 {
                do {
                    let sentAt = ContinuousClock.now
                    let runs = try await parts.store.claim(
                        worker: parts.configuration.actor, limit: free,
                        leaseMilliseconds: parts.configuration.leaseMilliseconds)
                    if outageMilliseconds > 0 { parts.logger.notice("the database is back") }
                    outageMilliseconds = 0
                    await places.take(runs.count)
                    for run in runs {
                        group.addTask {
                            await process(run, claimSentAt: sentAt)
                            await places.give()
                            await bell.ring()
                        }
                    }
                    if runs.count == free { waitMilliseconds = runs.isEmpty ? waitMilliseconds : 0 }
                    if runs.count < free, let due = try await parts.store.nextDue() {
                        let now = try await parts.store.now()
                        waitMilliseconds = min(waitMilliseconds, max(0, due.milliseconds(since: now)) + 1)
                    }
                } catch {
                    if outageMilliseconds == 0 {
                        parts.logger.error("cannot claim runs; trying again", metadata: ["error": "\(error)"])
                    }
                    outageMilliseconds = min(5000, max(100, outageMilliseconds * 2))
                    waitMilliseconds = outageMilliseconds
                }
            }
            if await places.free > 0, waitMilliseconds == 0 { continue }
            await bell.wait(milliseconds: max(1, waitMilliseconds))
        }
    }

    private func process(_ run: ClaimedRun, claimSentAt: ContinuousClock.Instant) async {
        do {
            let definition = try await parts.definitions.definition(workflow: run.workflow, version: run.version)
            var processor = RunProcessor(
                parts: parts, definition: definition, run: run, state: try run.state.get(), claimSentAt: claimSentAt)
            try await processor.run()
        } catch {
            parts.logger.error(
                "a run could not be advanced", metadata: ["run": "\(run.id)", "error": "\(error)"])
            // The lease ends it if this fails too.
            try? await parts.store.release(
                [LeaseRelease(runId: run.id, epoch: run.epoch, dueMilliseconds: 60_000, waiting: "worker_error")],
                worker: parts.configuration.actor)
        }
    }
}

/// How many more runs the worker may take in hand.
private actor Places {
    private(set) var free: Int

    init(_ count: Int) { free = count }

    func take(_ count: Int) { free -= count }
    func give() { free += 1 }
}
