import WorkerMachines
import WorkflowCore

/// A mistake that is made on purpose, to see that it is found.
enum Bug: String, CaseIterable {
    case noFence = "no-fence"
    case tokenNotCompared = "token-not-compared"
    case hashNotCompared = "hash-not-compared"
    case leaseReadBeforeLock = "lease-read-before-lock"
    case moveWithoutEpoch = "move-without-epoch"
    case permitWhilePaused = "permit-while-paused"
    case permitWithoutPlace = "permit-without-place"
    case intentAfterSend = "intent-after-send"
    case intentWithResult = "intent-with-result"
    case rescueWithoutEpoch = "rescue-without-epoch"
    case claimOverLease = "claim-over-lease"
    case dueFromWorkerClock = "due-from-worker-clock"
    case fencedResultDropped = "fenced-result-dropped"
    case blindSecondCommit = "blind-second-commit"
    case lostAttemptNotCounted = "lost-attempt-not-counted"
    case laterIsCounted = "later-is-counted"
    case endedKeepsTask = "ended-keeps-task"
    case heldKeepsTask = "held-keeps-task"
    case releaseLosesTask = "release-loses-task"
    case projectionLater = "projection-in-second-transaction"
    case lostClaimTail = "lost-claim-tail"
    case lateChangesState = "late-changes-state"
    case cancelIgnoredWhenBehind = "cancel-ignored-when-behind"
    case personOverwrites = "person-overwrites"
    case newsWaits = "news-waits"
    case unknownIsResent = "unknown-is-resent"
    case unknownIsNotDone = "unknown-is-not-done"
    case keyReleasedEarly = "key-released-early"
    case leftForgottenWithKey = "left-forgotten-with-key"
    case lateSuccessForgotten = "late-success-forgotten"
    case keyOfSecondRun = "key-of-second-run"
    case closesOtherAttempt = "closes-other-attempt"
    case noLeaseCheck = "no-lease-check"
    case leaseFromLastTry = "lease-from-last-try"
    case transportSendsTwice = "transport-sends-twice"
    case retryAtOnce = "retry-at-once"
    case keyAgeByClaim = "key-age-by-claim"
    case retryAfterExpiry = "retry-after-key-expiry"
    case stableIgnored = "stable-ignored"
    case undoForgotten = "undo-forgotten"
    case undoSkipped = "undo-skipped"
    case deletionBelieved = "deletion-believed"
    case undoForward = "undo-in-forward-order"
    case settleTimeIgnored = "settle-time-ignored"
    case conflictIsFailure = "conflict-is-failure"
    case findIsIgnored = "find-is-ignored"
    case cancelForgetsUnknown = "cancel-forgets-unknown"
    // What a lying platform may not bring about.
    case earlyProof = "early-proof"
    case disturbanceIgnored = "disturbance-ignored"
    case firstPageOnly = "first-page-only"
    case filterTrusted = "filter-trusted"
    case adoptedIsTakenBack = "adopted-is-taken-back"
    case inUseIsMade = "in-use-is-made"
    case refusalForgetsUnknown = "refusal-forgets-unknown"
    case conflictIsResent = "conflict-is-resent"
    // After success.
    case keyFreedBeforeUndo = "key-freed-before-undo"
    case redoWhileHeld = "redo-while-held"
    case releaseForgetsUndo = "release-forgets-undo"
    // In and around the run's machine.
    case outcomeDroppedOnBehind = "outcome-dropped-on-behind"
    case evidenceLostWhenGivingUp = "evidence-lost-when-giving-up"
    case evidenceGivenUp = "evidence-given-up"
    case leaseCountedAnew = "lease-counted-anew"
    case renewalForgotten = "renewal-forgotten"
    case sentOnUnknownCommit = "sent-on-unknown-commit"
    case sentWithoutPermit = "sent-without-permit"
    case fenceTakenForCommit = "fence-taken-for-commit"
    case neverRenewed = "never-renewed"
    case lateAnswerWaits = "late-answer-waits"

    /// A state that takes itself to stand elsewhere, without having folded what lies between.
    static func reread(_ state: RunState, seq: Int64) -> RunState {
        RunState(id: state.id, seq: seq, snapshot: state.snapshot) ?? state
    }

    func changed(_ trigger: Trigger, _ state: RunState) -> Trigger {
        guard self == .lostAttemptNotCounted, trigger == .claimed, state.openAttempt != nil else { return trigger }
        return .finished(AttemptResult(outcome: .unknown, error: "unknown_outcome", isCounted: false))
    }

    func changed(_ value: AttemptResult, _ attempt: OpenAttempt) -> AttemptResult {
        switch self {
        case .unknownIsNotDone where value.outcome == .unknown:
            AttemptResult(outcome: .notDone, error: value.error, status: value.status)
        case .laterIsCounted where !value.isCounted:
            AttemptResult(outcome: .notDone, error: value.error, status: value.status)
        case .conflictIsFailure where value.status == 409:
            AttemptResult(outcome: .notDone, error: "http.400", status: 400)
        case .findIsIgnored where value.found ?? 0 > 0:
            AttemptResult(outcome: .done, status: value.status, found: 0)
        case .firstPageOnly where value.nextPage != nil:
            AttemptResult(
                outcome: .done, status: value.status, saved: value.saved, found: value.found, listed: value.listed,
                candidates: value.candidates)
        case .inUseIsMade where !value.isMade:
            AttemptResult(outcome: .done, status: value.status, saved: value.saved, sealed: value.sealed)
        case .conflictIsResent where value.status == 409:
            AttemptResult(outcome: .notDone, error: "unreachable", isCounted: false)
        default: value
        }
    }

    /// A state with parts of its stored form changed.
    private static func altered(_ state: RunState, _ change: (inout JSONObject) -> Void) -> RunState {
        guard var json = state.snapshot.json.objectValue else { return state }
        change(&json)
        return RunState(
            id: state.id, seq: state.seq, snapshot: Snapshot(json: .object(json), times: state.snapshot.times)) ?? state
    }

    /// What a broken fold would have made of it.
    func changed(_ state: RunState) -> RunState {
        switch self {
        case .undoForward where state.cancel != nil && state.ending == nil && state.undoList.count > 1:
            Self.altered(state) { json in
                guard let list = json["undo_list"]?.arrayValue else { return }
                json["undo_list"] = .array(list.reversed())
            }
        case .undoSkipped where state.cancel != nil && state.ending == nil && state.undoList.count > 1:
            Self.altered(state) { json in
                guard let list = json["undo_list"]?.arrayValue else { return }
                json["undo_list"] = .array(Array(list.suffix(1)))
            }
        case .releaseForgetsUndo where state.ending?.status == .released && state.status == .live:
            Self.altered(state) { $0["undo_list"] = nil }
        case .disturbanceIgnored where state.unknown?.isDisturbed == true:
            Self.altered(state) { json in
                guard var unknown = json["unknown"]?.objectValue else { return }
                unknown["disturbed"] = nil
                json["unknown"] = .object(unknown)
            }
        default: state
        }
    }

    /// What is stored is then no fold of the events, which is not what is to be found.
    var changesState: Bool {
        self == .disturbanceIgnored || self == .refusalForgetsUnknown || self == .releaseForgetsUndo
    }

    /// A refused resend is taken for the fate of the first request.
    func changed(_ state: RunState, before trigger: Trigger) -> RunState {
        guard self == .refusalForgetsUnknown, state.unknown != nil, case .finished(let value) = trigger,
            value.outcome == .notDone, value.status == 400, state.openAttempt?.purpose == .call
        else { return state }
        return Self.altered(state) { json in
            json["unknown"] = nil
            json["had_unknown"] = nil
            json["undo_list"] = nil
        }
    }

    /// Changes what the core decided, at the border.
    func changed(
        _ step: Decision, from state: RunState, _ trigger: Trigger, _ driver: RunDriver, now: Instant
    ) -> Decision {
        switch self {
        case .unknownIsResent:
            guard step.next == .held, case .finished(let value) = trigger, value.outcome == .unknown else {
                return step
            }
            let again = AttemptResult(outcome: .notDone, error: "unreachable", status: value.status, isCounted: false)
            return decide(
                state, driver.fixture.definition, .finished(again), DecisionContext(now: now, random: 0))
        case .closesOtherAttempt:
            guard driver.world.chance.below(50) == 0 else { return step }
            let events = step.events.map {
                $0.attemptId == nil ? $0 : NewEvent($0.type, $0.body, attemptId: Identifier(high: 3, low: 3))
            }
            return Decision(events: events, state: step.state, next: step.next)
        case .retryAtOnce:
            guard case .wait(_, .some) = step.next else { return step }
            let later = now.advanced(byMilliseconds: 3_600_000)
            let next = decide(
                step.state.committed(at: now), driver.fixture.definition, .proceed,
                DecisionContext(now: later, random: 0))
            return Decision(events: step.events + next.events, state: next.state, next: next.next)
        case .cancelForgetsUnknown:
            // The cancel counts as the person's decision about what a look-up did not find.
            guard state.cancel != nil, step.next == .held, case .finished(let value) = trigger, value.found == 0,
                let closing = step.events.first, closing.type == .attemptDone
            else { return step }
            var body = closing.body
            body["settled"] = "none"
            let event = RecordedEvent(
                seq: state.seq + 1, type: closing.type.rawValue, body: body, epoch: driver.epoch,
                attemptId: closing.attemptId, actor: "planted", recordedAt: .ofThisCommit)
            guard let after = try? evolve(state, run: state.id, event) else { return step }
            let next = decide(after, driver.fixture.definition, .proceed, DecisionContext(now: now, random: 0))
            return Decision(
                events: [NewEvent(closing.type, body, attemptId: closing.attemptId)] + next.events, state: next.state,
                next: next.next)
        default: return step
        }
    }

    /// What stands in the machine of a run, before it gets an input.
    func changed(_ driver: RunDriver, before input: RunMachine.Input) {
        switch (self, input) {
        case (.outcomeDroppedOnBehind, .behind), (.evidenceLostWhenGivingUp, .failed): driver.machine.outcome = nil
        case (.leaseCountedAnew, _): driver.machine.lease.startedAt = driver.process.clock
        default: break
        }
    }

    /// And after it.
    func changed(_ driver: RunDriver, after input: RunMachine.Input) {
        guard self == .blindSecondCommit, case .accepted = input else { return }
        driver.machine.state = Self.reread(driver.state, seq: driver.store.runs[driver.run].seq)
    }
}

extension RunDriver {
    /// Planted: the request leaves before its intent is committed, or the intent is committed with the outcome.
    func sendFirst(_ intent: CommitPlan.Intent, _ commit: StoreModel.Commit) {
        let timeout = machine.definition.timeoutMilliseconds(of: intent.planned.call)
        transmit(intent.planned, intent.attemptId, timeoutMilliseconds: timeout) { [self] value in
            guard bug == .intentWithResult else {
                sentBefore = value
                return write(commit, intent: intent)
            }
            let closing = WorkflowCore.decide(
                commit.state, fixture.definition, .finished(value), DecisionContext(now: now, random: 0))
            var both = commit
            both.events += closing.events
            both.state = closing.state
            write(both, intent: intent)
        }
    }
}
