import WorkflowCore

/// A mistake that is made on purpose, to see that it is found.
enum Bug: String, CaseIterable {
    case noEpochCheck = "no-epoch-check"
    case epochReadBeforeLock = "epoch-read-before-lock"
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
    case undoForward = "undo-in-forward-order"
    case settleTimeIgnored = "settle-time-ignored"
    case conflictIsFailure = "conflict-is-failure"
    case findIsIgnored = "find-is-ignored"

    /// A state that takes itself to stand elsewhere, without having folded what lies between.
    static func reread(_ state: RunState, seq: Int64) -> RunState {
        RunState(
            id: state.id, workflow: state.workflow, version: state.version, definitionDigest: state.definitionDigest,
            organisation: state.organisation, key: state.key, status: state.status, seq: seq, snapshot: state.snapshot)
            ?? state
    }

    func changed(_ stimulus: Stimulus, _ state: RunState) -> Stimulus {
        guard self == .lostAttemptNotCounted, stimulus == .claimed, state.openAttempt != nil else { return stimulus }
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
        default: value
        }
    }

    /// A state with parts of its stored form changed.
    private static func altered(_ state: RunState, _ change: (inout JSONObject) -> Void) -> RunState {
        guard var json = state.snapshot.json.objectValue else { return state }
        change(&json)
        return RunState(
            id: state.id, workflow: state.workflow, version: state.version, definitionDigest: state.definitionDigest,
            organisation: state.organisation, key: state.key, status: state.status, seq: state.seq,
            snapshot: Snapshot(json: .object(json), times: state.snapshot.times)) ?? state
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
        default: state
        }
    }

    /// Changes what the core decided, at the border.
    func changed(_ step: Step, from state: RunState, _ stimulus: Stimulus, _ processor: Processor) -> Step {
        switch self {
        case .unknownIsResent:
            guard step.next == .held, case .finished(let value) = stimulus, value.outcome == .unknown else {
                return step
            }
            let again = AttemptResult(outcome: .notDone, error: "unreachable", status: value.status, isCounted: false)
            return Step(
                decide(
                    state, processor.fixture.definition, .finished(again), Surroundings(now: processor.now, random: 0)))
        case .closesOtherAttempt:
            guard processor.world.chance.below(50) == 0 else { return step }
            let events = step.events.map {
                $0.attemptId == nil ? $0 : NewEvent($0.type, $0.body, attemptId: Identifier(high: 3, low: 3))
            }
            return Step(events: events, state: step.state, next: step.next)
        case .retryAtOnce:
            guard case .wait(_, .some) = step.next else { return step }
            let later = processor.now.advanced(byMilliseconds: 3_600_000)
            let next = decide(
                step.state.committed(at: processor.now), processor.fixture.definition, .proceed,
                Surroundings(now: later, random: 0))
            return Step(events: step.events + next.events, state: next.state, next: next.next)
        default: return step
        }
    }
}

/// A decision, as it may be changed on its way.
struct Step {
    let events: [NewEvent]
    let state: RunState
    let next: NextStep
    var millisecondsToDeadline: Int64?

    init(events: [NewEvent], state: RunState, next: NextStep) {
        self.events = events
        self.state = state
        self.next = next
    }

    init(_ decision: Decision) {
        self.init(events: decision.events, state: decision.state, next: decision.next)
        millisecondsToDeadline = decision.millisecondsToDeadline
    }
}

extension Processor {
    /// Planted: the request leaves before its intent is committed, or the intent is committed with the result.
    func sendFirst(_ planned: PlannedCall, _ id: Identifier, _ commit: StoreModel.Commit) {
        let timeout = timeout(of: planned.call)
        if bug == .intentAfterSend {
            transmit(planned, id, timeoutMilliseconds: timeout) { [self] value in
                self.commit(commit) { [self] in
                    guard let attempt = state.openAttempt else { return finish() }
                    result = (attempt, value)
                    advance(.finished(value))
                }
            }
        } else {
            transmit(planned, id, timeoutMilliseconds: timeout) { [self] value in
                let closing = decide(
                    commit.state, fixture.definition, .finished(value), Surroundings(now: now, random: 0))
                var both = commit
                both.events += closing.events
                both.state = closing.state
                self.commit(both) { [self] in advance(.proceed) }
            }
        }
    }
}
