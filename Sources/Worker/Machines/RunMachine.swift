public import WorkflowCore

/// One claimed run in a worker's hands, until its lease goes back: inputs in, actions out.
///
/// A pure state machine. A driver does what an action says, one at a time, and hands in what came of it, with its monotonic
/// clock in microseconds and a random number. `docs/internals/worker.md` draws the phases.
public struct RunMachine: Sendable {
    indirect enum Phase: Sendable {
        case claimed
        /// The call's address, credentials and secrets are looked up.
        case admitting(Decision, PlannedCall)
        case committing(CommitPlan, sentAt: Int64)
        /// With the request that has left.
        case sending(PlannedCall, Flight?)
        /// The secrets of a late answer are fetched, before it settles what is not known.
        case readingLate(LateAnswer, Trigger)
        /// The stream holds events after this seq.
        case readingTail(after: Int64)
        case keepingEvidence(LateOutcome, then: AfterEvidence)
        /// The database is away, and the worker holds something that only the database can keep.
        case pausing(Phase, before: Action)
        case over
    }

    enum AfterEvidence: Sendable {
        case commit(CommitPlan)
        case stop(Ending)
    }

    public let definition: Definition
    public let epoch: Int64
    public package(set) var lease: LeaseTimes
    private let decider: Decider
    let actor: String
    var phase = Phase.claimed
    public package(set) var state: RunState
    /// The outcome that is not committed yet; with it in hand nothing is ever sent again.
    public package(set) var outcome: LateOutcome?
    /// The store refused the outcome as it was; the outcome in hand now leaves out the platform's values.
    var isStripped = false
    /// How long keys of the service that was called last usually take; for a decision that a policy learns from.
    public var activation: ActivationQuantiles?
    /// The attempt whose late answer's secrets are in hand.
    var lateInHand: Identifier?

    /// `decider` is `decide`; a simulation may plant a mistake in it. `actor` is written into the events.
    public init(
        state: RunState, definition: Definition, epoch: Int64, lease: LeaseTimes, actor: String,
        decider: @escaping Decider = decide
    ) {
        self.state = state
        self.definition = definition
        self.epoch = epoch
        self.lease = lease
        self.actor = actor
        self.decider = decider
    }

    /// What is to be done next. An input that does not fit the action before it ends the work on the run.
    public mutating func handle(_ input: Input, at clock: Int64, random: UInt64) -> Action {
        switch (phase, input) {
        case (.claimed, .claimed): return next(.claimed, clock, random)

        case (.admitting(let decision, let planned), .admitted(let attemptId, let request)):
            if let first = planned.frozen, let request, case let names = first.changes(in: request), !names.isEmpty {
                return commitHold(names, planned, decision, clock)
            }
            return commitIntent(planned, attemptId, request, decision, clock)
        case (.admitting(let decision, let planned), .changed(let names)):
            return commitHold(names, planned, decision, clock)
        case (.admitting(let decision, _), .unsendable(let why)):
            let context = DecisionContext(now: lease.now(at: clock), random: random)
            return carryOut(decision.droppingProbe(why, definition, context), clock)
        case (.admitting(let decision, let planned), .mustWait(let milliseconds, let reason)):
            return commit(
                decision, due: milliseconds, service: planned.call.service, waitReason: reason, at: clock)
        case (.admitting(let decision, let planned), .failed(let trouble)):
            // What is in hand is written, whatever fails after it.
            guard !decision.events.isEmpty else { return giveUp(trouble) }
            return commit(decision, due: 1000, service: planned.call.service, at: clock)

        case (.committing(let plan, let sentAt), .accepted(let time)):
            return accepted(plan, sentAt: sentAt, time)
        case (.committing, .behind):
            phase = .readingTail(after: state.seq)
            return .readTail(after: state.seq)
        case (.committing(let plan, _), .noPermit):
            // What is in hand is written, and the run stands in the service's line.
            guard let intent = plan.intent else {
                return giveUp(.broken("a commit without an intent was refused for want of a permit"))
            }
            return commit(intent.decision, service: intent.planned.call.service, at: clock)
        case (.committing, .contradicted(let other)):
            // Without an outcome in hand it was a late answer that named it.
            guard let known = outcome else {
                guard state.lateAnswerSettles else { return giveUp(.broken("what takes nothing was contradicted")) }
                return next(.contradicted(by: other), clock, random)
            }
            // Decided with that in hand, nothing is taken; once more would go round without a pause.
            guard known.value.heldBy == nil else { return giveUp(.broken("it was contradicted twice")) }
            let value = known.value.contradicted(by: other)
            outcome = LateOutcome(attempt: known.attempt, value: value)
            return next(.finished(value), clock, random)
        case (.committing, .fenced): return keepEvidence(then: .stop(.done))
        case (.committing, .refused):
            guard let refused = outcome, !isStripped else {
                return giveUp(.broken("the database refuses what is to be written"))
            }
            let value = refused.value.withoutValues
            outcome = LateOutcome(attempt: refused.attempt, value: value)
            isStripped = true
            return next(.finished(value), clock, random)
        case (.committing, .failed(let trouble)): return giveUp(trouble)

        case (.sending(_, let flight), .answered(let value)):
            guard let attempt = state.openAttempt else { return giveUp(.broken("no attempt was open")) }
            outcome = LateOutcome(attempt: attempt, value: value)
            if flight?.isRefused == true { return keepEvidence(then: .stop(.done)) }
            return next(.finished(value), clock, random)

        case (.readingTail(let seq), .tail(let events)): return caughtUp(after: seq, events, clock, random)
        case (.readingTail(let seq), .failed(let trouble)):
            guard outcome != nil, trouble.mayPass else { return giveUp(trouble) }
            return pause(before: .readTail(after: seq))

        case (.readingLate(let late, let trigger), .lateRead):
            lateInHand = late.attemptId
            return next(trigger, clock, random)
        case (.readingLate(let late, _), .failed(let trouble)):
            guard outcome != nil, trouble.mayPass else { return giveUp(trouble) }
            return pause(before: .readLate(late))

        case (.keepingEvidence(_, let next), .kept):
            outcome = nil
            return go(on: next, at: clock)
        case (.keepingEvidence(let late, let next), .refused) where late.isWhole:
            // The store cannot keep the values of the outcome, but it can keep its secrets.
            return keep(late.withoutValues, then: next)
        case (.keepingEvidence(let late, _), .failed(let trouble)) where trouble.mayPass:
            return pause(before: .keepEvidence(late))
        case (.keepingEvidence(let late, let next), .refused), (.keepingEvidence(let late, let next), .failed):
            outcome = nil
            guard case .stop(let ending) = next else { return stop(Ending.done.losing(late.attempt)) }
            return stop(ending.losing(late.attempt))

        case (.pausing(let before, let action), .pauseOver):
            phase = before
            return action
        default: return giveUp(.broken("what came does not fit what was to be done"))
        }
    }

    // MARK: Deciding

    mutating func next(_ trigger: Trigger, _ clock: Int64, _ random: UInt64) -> Action {
        if let late = state.lateAnswer, !late.sealed.isEmpty, lateInHand != late.attemptId,
            state.lateAnswerSettles || state.openAttempt?.id == late.attemptId
        {
            phase = .readingLate(late, trigger)
            return .readLate(late)
        }
        let decision = decider(
            state, definition, trigger,
            DecisionContext(now: lease.now(at: clock), random: random, activation: activation))
        return carryOut(decision, clock)
    }

    private mutating func carryOut(_ decision: Decision, _ clock: Int64) -> Action {
        switch decision.next {
        case .ended, .held: return commit(decision, at: clock)
        case .wait(let milliseconds, let service):
            return commit(decision, due: milliseconds, service: service, at: clock)
        case .call(let planned):
            // An outcome that was refused must not take the next intent down with it. A worker whose lease may have ended
            // sends nothing more.
            guard !isStripped, lease.leftMilliseconds(at: clock) > 0 else {
                return commit(decision, service: planned.call.service, at: clock)
            }
            phase = .admitting(decision, planned)
            return .admit(planned)
        }
    }
}
