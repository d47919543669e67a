/// Decides what a run does next. Pure: the same values always give the same answer.
public func decide(
    _ state: RunState, _ definition: Definition, _ trigger: Trigger, _ context: DecisionContext
) -> Decision {
    var turn = DecisionBuilder(state, definition, context)
    let (next, deadline) = turn.probing(unless: turn.take(trigger))
    return Decision(events: turn.events, state: turn.state, next: next, millisecondsToDeadline: deadline)
}

/// One decision under way: each fact that is emitted is folded at once, so later steps see it.
struct DecisionBuilder {
    let definition: Definition
    let context: DecisionContext
    private(set) var state: RunState
    private(set) var events: [NewEvent] = []
    /// The attempt whose late answer is being settled: it was closed as unknown before.
    var lateAttempt: Identifier?
    /// Another run has what the late answer names.
    private(set) var lateHolder: Identifier?

    /// More steps than this without a call or a pause are a circle.
    static let maximumSteps = 100

    init(_ state: RunState, _ definition: Definition, _ context: DecisionContext) {
        self.state = state
        self.definition = definition
        self.context = context
    }

    var here: StateDefinition? { definition.state(state.state) }

    mutating func emit(_ type: EventType, _ body: JSONObject, attemptId: Identifier? = nil) {
        let (type, body) = settling(type, body, attemptId)
        events.append(NewEvent(type, body, attemptId: attemptId))
        state = folded(type, body, attemptId: attemptId)
    }

    /// The state as it would be after one more event.
    func folded(_ type: EventType, _ body: JSONObject, attemptId: Identifier? = nil) -> RunState {
        let (type, body) = settling(type, body, attemptId)
        let event = RecordedEvent(
            seq: state.seq.addingClamped(1), type: type.rawValue, body: body, epoch: 0, attemptId: attemptId,
            actor: "decide",
            recordedAt: .ofThisCommit)
        var after = state
        after.seq = event.seq
        do throws(EvolveError) { try after.apply(type, event) } catch { return state }
        return after
    }

    mutating func take(_ trigger: Trigger) -> NextStep {
        if case .contradicted(let other) = trigger { lateHolder = other }
        if let attempt = state.openAttempt, attempt.purpose == .probe {
            return settle(trigger.result ?? .workerLost, of: attempt)
        }
        switch (state.status, state.openAttempt, trigger) {
        case (.held, _, _): return .held
        case (.succeeded, nil, _): return inspect()
        case (.failed, _, _), (.cancelled, _, _), (.released, _, _): return .ended
        case (.live, let attempt?, .finished(let result)), (.succeeded, let attempt?, .finished(let result)):
            return settle(result, of: attempt)
        case (.live, let attempt?, .claimed), (.live, let attempt?, .proceed), (.live, let attempt?, .contradicted),
            (.succeeded, let attempt?, _):
            // The worker is gone, or its answer could not be written: nobody knows what became of the attempt.
            return settle(.workerLost, of: attempt)
        case (.live, nil, _):
            // SQL has checked names and kinds; the rest is checked here, once.
            if isUntouched, let problem = definition.problem(withInput: state.input) {
                return fail(error: "input", problem)
            }
            return flow()
        }
    }

    /// Whether nothing was decided yet. People may have added events already, so the seq does not tell.
    private var isUntouched: Bool { state.enteredAt == state.requestedAt && state.attempts == 0 && state.cancel == nil }

    /// Goes through states that need nothing from outside, up to a call, a wait or an end.
    mutating func flow() -> NextStep {
        for _ in 0..<Self.maximumSteps {
            guard let here else {
                return hold(
                    code: "no_such_state", "state \"\(state.state)\" is not in the definition",
                    choices: ["retry", "abandon"])
            }
            if state.ending != nil { return undo() }
            if state.lateAnswerSettles, let late = state.lateAnswer { return settle(late) }
            if case .end(let status) = here.exit {
                if let step = finish(status) { return step } else { continue }
            }
            let isUnsettled = state.unknown?.isLookedUp == true || state.isReplacing
            if state.cancel != nil, !isUnsettled {
                if state.unknown != nil, let call = here.call {
                    if let step = unsettled(here, call) { return step } else { continue }
                }
                if let step = finishCancelled() { return step } else { continue }
            }
            if let step = passDeadline(here) {
                if case .left = step { continue }
                if case .ends(let next) = step { return next }
            }
            if let step = waitLeft(service: service(of: here)) { return step }
            if isUnsettled { return findOut(here) }
            switch here.action {
            case .call(let call):
                guard mayStillSend(call) else {
                    if let step = unsettled(here, call) { return step } else { continue }
                }
                return .call(planned(call, here))
            case .pause(let milliseconds):
                let left = Wait(since: state.enteredAt, milliseconds: milliseconds)
                    .remainingMilliseconds(now: context.now)
                if left > 0 {
                    return .wait(milliseconds: min(left, millisecondsToDeadline ?? left), service: nil)
                }
                if let end = leave(here, why: "paused") { return end }
            case .set(let values):
                do throws(ExpressionError) {
                    let written = try evaluated(values, in: state)
                    if let end = leave(here, why: "set", set: written) { return end }
                } catch {
                    if let end = giveUp(here, error: "expression", text: error.description) { return end }
                }
            case nil:
                if let end = leave(here, why: "next") { return end }
            }
        }
        return hold(
            code: "circle",
            "the run passed \(Self.maximumSteps) states without a call or a pause; the definition loops",
            choices: ["retry", "abandon"])
    }

    /// Enters the state behind the exit. Returns a step only if the exit could not be evaluated and that ends the turn.
    private mutating func leave(_ here: StateDefinition, why: String, set: JSONObject? = nil) -> NextStep? {
        var body: JSONObject = ["from": .string(here.name), "why": .string(why)]
        if let set { body["set"] = .object(set) }
        do throws(ExpressionError) {
            body["state"] = .string(try target(of: here.exit, in: folded(.stateEntered, body)))
        } catch {
            return giveUp(here, error: "expression", text: error.description)
        }
        emit(.stateEntered, body)
        return nil
    }

    func target(of exit: StateDefinition.Exit, in state: RunState) throws(ExpressionError) -> String {
        switch exit {
        case .next(let name): return name
        case .end: return state.state
        case .choose(let branches):
            let scope = RunScope(state).expressionScope
            for branch in branches {
                guard let condition = branch.condition else { return branch.next }
                if try condition.holds(scope) { return branch.next }
            }
            throw ExpressionError(code: .expression, message: "no branch of choose holds", source: "", offset: 0)
        }
    }

    /// Parks the run for a person, who has these choices.
    mutating func hold(code: String, _ text: String, choices: [String], facts: JSONObject = [:]) -> NextStep {
        var body: JSONObject = [
            "code": .string(code), "text": .string(text.storable), "state": .string(state.state),
            "choices": .array(choices.map { .string($0) }),
        ]
        for (name, value) in facts.members { body[name] = value }
        emit(.runHeld, body)
        return .held
    }

    mutating func fail(error: String, _ text: String) -> NextStep {
        if let failed = definition.failureState, failed.name != state.state {
            emit(.stateEntered, ["from": .string(state.state), "why": .string(error), "state": .string(failed.name)])
        }
        emit(.runFailed, ["state": .string(state.state), "error": .string(error), "reason": .string(text)])
        return .ended
    }
}

extension Trigger {
    fileprivate var result: AttemptResult? { if case .finished(let result) = self { result } else { nil } }
}

extension AttemptResult {
    fileprivate static let workerLost = AttemptResult(
        outcome: .unknown, error: "unknown_outcome",
        evidence: ["detail": "the worker that sent it did not come back with an answer"])
}

extension StateDefinition {
    var call: CallDefinition? {
        if case .call(let call) = action { call } else { nil }
    }
}
