public import EventStore
public import HTTPActions
public import Logging
public import ServiceLifecycle
import Synchronization
public import Vault
import WorkerMachines
import WorkflowCore

/// Advances runs until told to stop: claims what is due, decides, acts, commits.
///
/// A run of a worker that died is claimed like any other once its lease is over; there is no other rescue.
public struct Worker: Service {
    private let parts: WorkerParts
    private let wakeSignal: WakeSignal

    /// `prepare` and `perform` put a request together and send it, as those of `HTTPActions` do. `wakeSignal` may be raised
    /// by whoever knows of new work; polling finds it anyway.
    public init(
        store: any EventStore, vault: Vault, prepare: @escaping @Sendable (Action) -> PreparedRequest?,
        perform: @escaping @Sendable (Action) async -> ActionOutcome,
        configuration: WorkerConfiguration, wakeSignal: WakeSignal = WakeSignal(), monitor: WorkerMonitor? = nil,
        logger: Logger
    ) {
        self.wakeSignal = wakeSignal
        let monitor = monitor ?? WorkerMonitor(configuration: configuration, logger: logger)
        parts = WorkerParts(
            store: store, prepare: prepare, perform: perform, configuration: configuration,
            commits: CommitBatcher(
                store: store, configuration: configuration, monitor: monitor, logger: logger),
            renewer: LeaseRenewer(store: store, logger: logger), services: ServiceBook(store: store),
            activations: ActivationBook(store: store, logger: logger),
            metrics: WorkerMetrics(),
            definitions: DefinitionCache(store: store),
            credentials: CredentialReader(store: store, vault: vault), monitor: monitor, logger: logger)
    }

    /// Returns after a graceful shutdown: nothing new is claimed, requests under way end, the rest is given back.
    ///
    /// Results in hand are still written; a database that stays away for a lease is given up. Cancelling breaks
    /// off requests under way, and gives up on a database that is away at once.
    public func run() async throws {
        let patience = Mutex<Task<Void, Never>?>(nil)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withDiscardingTaskGroup { group in
                    await claimLoop(&group)
                }
            } onGracefulShutdown: {
                let stopping = Task {
                    await stop()
                    do {
                        try await Task.sleep(for: .milliseconds(parts.configuration.leaseMilliseconds))
                    } catch { return }
                    await giveUp()
                }
                patience.withLock { $0 = stopping }
            }
        } onCancel: {
            Task {
                await stop()
                await giveUp()
            }
        }
        patience.withLock { $0?.cancel() }
    }

    private func stop() async {
        parts.monitor.enter(.stopping)
        parts.isDraining.set()
        await wakeSignal.signal()
    }

    private func giveUp() async {
        parts.isGivingUp.set()
        await parts.commits.giveUpOnOutage()
    }

    /// Claims whenever there is room, and hands each run to a task of its own; `ClaimPacer` says how long to wait between.
    private func claimLoop(_ group: inout DiscardingTaskGroup) async {
        let places = Places(parts.configuration.concurrentRuns)
        var watch = ServiceWatch(logger: parts.logger)
        let lostHistory = LostHistory(
            store: parts.store, acknowledgements: parts.commits.acknowledgements, credentials: parts.credentials,
            actor: parts.configuration.actor, logger: parts.logger)
        var generation = parts.store.generation
        var pacer = ClaimPacer(
            pollMilliseconds: parts.configuration.pollMilliseconds,
            otherVersionPauseMilliseconds: parts.configuration.otherVersionPauseMilliseconds,
            longestOutageMilliseconds: DatabaseWait.longestPauseMilliseconds)
        parts.monitor.waits(1, for: .claims)
        defer { parts.monitor.waits(-1, for: .claims) }
        while !parts.isDraining.isSet, !Task.isCancelled {
            parts.monitor.moved(.claims)
            let database = await parts.commits.database
            let demand = await places.demand(upTo: pacer.mostRuns(database))
            var waitMilliseconds = pacer.waitWithoutRoom
            if demand.room > 0, await parts.commits.isWaitingForDatabase {
                waitMilliseconds = pacer.waitForAnswersInHand
            } else if demand.room > 0 {
                do {
                    let sentAt = ContinuousClock.now
                    let answer = try await claim(demand, lostHistory, &generation)
                    parts.metrics.claimed(answer, took: sentAt.duration(to: .now))
                    await places.take(answer)
                    watch.see(answer.lines)
                    for run in answer.runs { begin(run, claimSentAt: sentAt, places, &group) }
                    if database != .fits, answer.runs.isEmpty { await parts.commits.lookAgain() }
                    waitMilliseconds = pacer.answered(
                        runs: answer.runs.count,
                        next: answer.millisecondsToNext(wanting: await places.demand(upTo: .max)), database)
                    parts.monitor.databaseAnswered(.claims)
                    parts.monitor.enter(.running)
                } catch {
                    parts.monitor.databaseFailed(.claims, error)
                    waitMilliseconds = pacer.failed()
                }
            }
            if waitMilliseconds > 0 { await wakeSignal.wait(milliseconds: waitMilliseconds) }
        }
    }

    /// Makes one claim between two checks for lost history, because a request whose events were lost must not be sent
    /// again.
    private func claim(_ demand: ClaimDemand, _ lostHistory: LostHistory, _ generation: inout Int) async throws
        -> ClaimAnswer
    {
        try await lostHistory.look(ifNewerThan: &generation)
        let answer = try await parts.store.claim(
            worker: parts.configuration.actor, demand, leaseMilliseconds: parts.configuration.leaseMilliseconds)
        do { try await lostHistory.look(ifNewerThan: &generation) } catch {
            for run in answer.runs { await giveBack(run, dueMilliseconds: 1000, waitReason: nil) }
            throw error
        }
        parts.monitor.claimed(answer.runs.count)
        if !answer.runs.isEmpty { CrashPoint.afterClaim.passed() }
        return answer
    }

    private func begin(
        _ run: ClaimedRun, claimSentAt: ContinuousClock.Instant, _ places: Places, _ group: inout DiscardingTaskGroup
    ) {
        group.addTask {
            await process(run, claimSentAt: claimSentAt)
            parts.metrics.gave(run.service)
            switch await places.give(run.service) {
            case .planned: return
            case .soon: try? await Task.sleep(for: Self.claimPause)
            case .now: break
            }
            await wakeSignal.signal()
        }
    }

    /// How long a free place waits for others that come free, so that one claim fills them all.
    private static let claimPause: Duration = .milliseconds(10)

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
        let pulse = parts.monitor.take()
        defer { parts.monitor.drop(pulse) }
        do {
            let state = try run.state.get()
            let definition = try await parts.definitions.definition(workflow: state.workflow, version: state.version)
            var driver = RunDriver(
                parts: parts, definition: definition, run: run, state: state, claimSentAt: claimSentAt, pulse: pulse)
            switch await driver.run() {
            case .done: report(driver.state)
            case .giveBack(let trouble, let lost):
                if let lost {
                    parts.logger.error(
                        "the answer to an attempt is lost", metadata: ["run": "\(run.id)", "attempt": "\(lost.id)"])
                }
                await giveBack(run, after: trouble)
            }
        } catch {
            if let error = error as? StoreError, error.code == .notMigrated {
                await parts.commits.noteOtherVersion(error)
            }
            await giveBack(run, after: RunMachine.Trouble(error))
        }
    }

    private func giveBack(_ run: ClaimedRun, after trouble: RunMachine.Trouble) async {
        switch trouble {
        case .outage, .otherVersion:
            // The claims report the trouble once for all runs. The run is not due at once: while other runs' commits
            // get through, it would be claimed again and again.
            parts.logger.debug("a run was interrupted", metadata: ["run": "\(run.id)", "trouble": "\(trouble)"])
            await giveBack(run, dueMilliseconds: 1000, waitReason: nil)
        case .broken(let why):
            parts.logger.error("a run could not be advanced", metadata: ["run": "\(run.id)", "error": "\(why)"])
            await giveBack(run, dueMilliseconds: 60_000, waitReason: .workerError)
        }
    }

    /// If this fails too, the end of the lease does it.
    private func giveBack(_ run: ClaimedRun, dueMilliseconds: Int64, waitReason: WaitReason?) async {
        let lease = LeaseRelease(
            runId: run.id, token: run.token, dueMilliseconds: dueMilliseconds, waitReason: waitReason)
        // In a task of its own: also when the worker is being cancelled.
        try? await Task { try await parts.store.release([lease]) }.value
    }
}

extension ClaimAnswer {
    /// Milliseconds until a line has a run that there is room for; 0: at once; nil: nobody knows.
    func millisecondsToNext(wanting demand: ClaimDemand) -> Int64? {
        lines.compactMap { line in
            let room = demand.rooms[line.service] ?? demand.roomEach
            guard demand.room > 0, room > 0, let next = line.next else { return nil }
            let left = next.microseconds - line.now.microseconds
            return left > 0 ? left / 1000 + 1 : 0
        }.min()
    }
}
