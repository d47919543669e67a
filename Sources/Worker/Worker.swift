public import EventStore
public import HTTPActions
public import Logging
public import ServiceLifecycle
import Synchronization
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
        bell: Bell = Bell(), heartbeat: Heartbeat? = nil, logger: Logger
    ) {
        self.bell = bell
        let heartbeat = heartbeat ?? Heartbeat(configuration: configuration, logger: logger)
        parts = WorkerParts(
            store: store, actions: actions, configuration: configuration,
            commits: CommitGrouper(
                store: store, configuration: configuration, heartbeat: heartbeat, logger: logger),
            gate: ServiceGate(store: store, configuration: configuration, bell: bell),
            definitions: DefinitionCache(store: store),
            credentials: CredentialReader(store: store, vault: vault), heartbeat: heartbeat, logger: logger)
    }

    /// Returns after a graceful shutdown: nothing new is claimed, requests under way end, the rest is given back.
    ///
    /// Results in hand are still written; a database that stays away for a lease is given up. Cancelling breaks
    /// off requests under way, and gives up on a database that is away at once.
    public func run() async throws {
        let drain = DrainFlag()
        let patience = Mutex<Task<Void, Never>?>(nil)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withDiscardingTaskGroup { group in
                    await claimLoop(&group, drain)
                }
            } onGracefulShutdown: {
                let stopping = Task {
                    await stop(drain)
                    do {
                        try await Task.sleep(for: .milliseconds(parts.configuration.leaseMilliseconds))
                    } catch { return }
                    await giveUp()
                }
                patience.withLock { $0 = stopping }
            }
        } onCancel: {
            Task {
                await stop(drain)
                await giveUp()
            }
        }
        patience.withLock { $0?.cancel() }
    }

    private func stop(_ drain: DrainFlag) async {
        parts.heartbeat.enter(.stopping)
        drain.set()
        await parts.gate.drain()
        await bell.ring()
    }

    private func giveUp() async {
        parts.isGivingUp.set()
        await parts.commits.giveUpOnOutage()
    }

    private func claimLoop(_ group: inout DiscardingTaskGroup, _ drain: DrainFlag) async {
        let places = Places(parts.configuration.concurrentRuns)
        var outageMilliseconds: Int64 = 0
        var roundsInVain = 0
        parts.heartbeat.waits(1, for: .claims)
        defer { parts.heartbeat.waits(-1, for: .claims) }
        while !drain.isSet, !Task.isCancelled {
            parts.heartbeat.moved(.claims)
            var waitMilliseconds = parts.configuration.pollMilliseconds
            var free = await places.free
            let otherVersionAt = await parts.commits.otherVersionAt
            if let otherVersionAt {
                // No run is taken that cannot be advanced here, but for one now and then to see whether that has changed.
                let pause = Duration.milliseconds(parts.configuration.otherVersionPauseMilliseconds)
                free = otherVersionAt.duration(to: .now) < pause ? 0 : min(free, 1)
            }
            if free > 0, await parts.commits.isWaitingForDatabase {
                // Answers in hand are written first: a new claim would take this worker's own runs from it.
                waitMilliseconds = min(waitMilliseconds, 100)
            } else if free > 0 {
                do {
                    let sentAt = ContinuousClock.now
                    let runs = try await parts.store.claim(
                        worker: parts.configuration.actor, limit: free,
                        leaseMilliseconds: parts.configuration.leaseMilliseconds)
                    parts.heartbeat.claimed(runs.count)
                    if !runs.isEmpty { CrashPoint.afterClaim.passed() }
                    await places.take(runs.count)
                    for run in runs {
                        group.addTask {
                            await process(run, claimSentAt: sentAt)
                            await places.give()
                            await bell.ring()
                        }
                    }
                    roundsInVain = runs.isEmpty ? roundsInVain : 0
                    if otherVersionAt != nil {
                        if runs.isEmpty { await parts.commits.lookAgain() }
                        waitMilliseconds = parts.configuration.pollMilliseconds
                    } else if runs.count == free {
                        waitMilliseconds = 0
                    } else if let next = try await parts.store.nextDue() {
                        let left = next.due.milliseconds(since: next.now)
                        waitMilliseconds = min(waitMilliseconds, left >= 0 ? left + 1 : backOff(&roundsInVain))
                    }
                    parts.heartbeat.databaseAnswered(.claims)
                    parts.heartbeat.enter(.running)
                    outageMilliseconds = 0
                } catch {
                    parts.heartbeat.databaseFailed(.claims, error)
                    outageMilliseconds = min(
                        DatabaseWait.longestPauseMilliseconds, max(100, outageMilliseconds * 2))
                    waitMilliseconds = outageMilliseconds
                }
            }
            if waitMilliseconds == 0, await places.free > 0 { continue }
            await bell.wait(milliseconds: max(1, waitMilliseconds))
        }
    }

    /// For runs that are due and yet were not given out, because somebody holds their rows: 1, 2, 4 … milliseconds.
    private func backOff(_ roundsInVain: inout Int) -> Int64 {
        defer { roundsInVain += 1 }
        return 1 << Int64(min(roundsInVain, 16))
    }

    /// What an operator should see without asking.
    private func report(_ state: RunState) {
        guard state.status == .held || state.status == .failed else { return }
        parts.logger.notice(
            "a run is \(state.status.rawValue)",
            metadata: [
                "run": "\(state.id)", "organisation": "\(state.organisation)", "state": "\(state.state)",
                "reason": "\(state.reason ?? "")",
            ])
    }

    private func process(_ run: ClaimedRun, claimSentAt: ContinuousClock.Instant) async {
        let pulse = parts.heartbeat.take()
        defer { parts.heartbeat.drop(pulse) }
        do {
            let definition = try await parts.definitions.definition(workflow: run.workflow, version: run.version)
            var processor = RunProcessor(
                parts: parts, definition: definition, run: run, state: try run.state.get(), claimSentAt: claimSentAt)
            processor.pulse = pulse
            try await processor.run()
            report(processor.state)
        } catch let error as StoreError where error.isPassing {
            // The claims say so once for all runs.
            parts.logger.debug("a run was interrupted", metadata: ["run": "\(run.id)", "error": "\(error.message)"])
            await giveBack(run, dueMilliseconds: 1000, waiting: nil)
        } catch let error as StoreError where error.code == .notMigrated {
            await parts.commits.noteOtherVersion(error)
            // Not at once: while other runs' commits get through, this one would go in a circle.
            await giveBack(run, dueMilliseconds: 1000, waiting: nil)
        } catch {
            parts.logger.error(
                "a run could not be advanced", metadata: ["run": "\(run.id)", "error": "\(error)"])
            await giveBack(run, dueMilliseconds: 60_000, waiting: "worker_error")
        }
    }

    /// If this fails too, the end of the lease does it.
    private func giveBack(_ run: ClaimedRun, dueMilliseconds: Int64, waiting: String?) async {
        let lease = LeaseRelease(runId: run.id, epoch: run.epoch, dueMilliseconds: dueMilliseconds, waiting: waiting)
        try? await parts.release(lease)
    }
}

/// How many more runs the worker may take in hand.
private actor Places {
    private(set) var free: Int

    init(_ count: Int) { free = count }

    func take(_ count: Int) { free -= count }
    func give() { free += 1 }
}
