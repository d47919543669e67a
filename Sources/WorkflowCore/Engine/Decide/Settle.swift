extension DecisionBuilder {
    /// Closes the open attempt with its result, and does what follows from the result.
    mutating func settle(_ result: AttemptResult, of attempt: OpenAttempt) -> NextStep {
        var evidence = result.evidence
        if let status = result.status, evidence["status"] == nil { evidence["status"] = .integer(status) }
        var body: JSONObject = [
            "state": .string(attempt.state), "attempt": .integer(attempt.number), "evidence": .object(evidence),
        ]
        if result.outcome != .done { body["error"] = .string(result.errorName) }
        if !result.isCounted { body["counted"] = false }
        if !result.saved.isEmpty { body["saved"] = .object(result.saved) }
        if !result.sealed.isEmpty { body["sealed"] = .array(result.sealed.map(\.json)) }

        switch attempt.purpose {
        case .call: break
        case .lookup: return settleLookUp(result, body, attempt)
        case .undo, .replace, .beforeUndo, .gone: return settleUndo(result, body, attempt)
        case .inspect, .beforeInspect: return settleInspection(result, body, attempt)
        case .probe:
            settleProbe(result, body, attempt)
            return take(.proceed)
        }
        if !result.isMade {
            body["made"] = false
            if here?.undoesAdopted == true { body["takes_back"] = true }
        }
        guard let here, let call = here.call else {
            // What was learned is kept, whatever became of the definition.
            emit(.closing(result.outcome), body, attemptId: attempt.id)
            return hold(
                code: "no_such_state", "state \"\(state.state)\" has no call in the definition",
                choices: ["retry", "abandon"])
        }
        switch result.outcome {
        case .done:
            if let other = result.heldBy { return refuseThing(heldBy: other, here, body, result.saved, attempt) }
            return succeed(here, body, attempt)
        case .unknown where !call.isRepeatable || !attempt.isRepeatable:
            return loseAnswer(here, call, result, body, attempt)
        case .notDone where lateAttempt == nil && isRepeatedConflict(here, result):
            return lookUp(here, result, body, attempt)
        case .notDone, .unknown:
            let type = EventType.closing(result.outcome)
            if state.cancel != nil {
                emit(type, body, attemptId: attempt.id)
                return flow()
            }
            switch retry(here, result) {
            case .after(let retry):
                body["retry"] = .object(retry)
                emit(type, body, attemptId: attempt.id)
                return flow()
            case .never(let why):
                if state.unknown != nil, lateAttempt == nil, !isCaughtConflict(here, result) {
                    // An earlier attempt may have worked, so this is no failure yet.
                    body["gave_up"] = .string(why)
                    emit(type, body, attemptId: attempt.id)
                    return unsettled(here, call) ?? flow()
                }
                let closing = (type: type, body: body, attemptId: attempt.id)
                return giveUp(here, error: result.errorName, text: why, status: result.status, closing: closing)
                    ?? flow()
            }
        }
    }

    private mutating func succeed(_ here: StateDefinition, _ body: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = body
        claimThing(of: here, in: &body, attempt)
        if state.cancel != nil {
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        }
        if let stable = here.stable {
            let inARow = state.successesInARow.addingClamped(1)
            body["successes"] = .integer(inARow)
            if inARow < stable.times {
                body["wait_milliseconds"] = .integer(stable.everyMilliseconds)
                emit(.attemptDone, body, attemptId: attempt.id)
                return flow()
            }
        }
        return leave(here, body, attempt)
    }

    /// Leaves the state. The exit is evaluated with the answer's values, and the same event records the new state.
    mutating func leave(_ here: StateDefinition, _ given: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = given
        let after = folded(.attemptDone, body, attemptId: attempt.id)
        do throws(ExpressionError) {
            body["entered"] = .string(try target(of: here.exit, in: after))
        } catch {
            if here.call?.isRepeatable == true, attempt.purpose == .call,
                case .after(let retry) = retry(here, AttemptResult(outcome: .done, error: "expression"))
            {
                body["retry"] = .object(retry)
                emit(.attemptDone, body, attemptId: attempt.id)
                return flow()
            }
            emit(.attemptDone, body, attemptId: attempt.id)
            if here.call?.isRepeatable == false, !catchesByMoving(here, "expression") {
                // Another try would send again what has worked already.
                return hold(
                    code: "no_way_on", "the call has worked, but the next state cannot be chosen: \(error.description)",
                    choices: [HoldChoice.done, .abandon].map(\.rawValue), facts: ["error": "expression"])
            }
            return giveUp(here, error: "expression", text: error.description) ?? flow()
        }
        emit(.attemptDone, body, attemptId: attempt.id)
        return flow()
    }

    /// Whether a catch moves the run to another state. Going back to the same state would send the call again.
    private func catchesByMoving(_ here: StateDefinition, _ error: String) -> Bool {
        let caught = here.catches.first { $0.errors.contains { ErrorName.matches($0, error: error, status: nil) } }
        if case .next(let name)? = caught?.target { return name != here.name }
        return false
    }

    /// No retry is left: the run follows the state's `catch`, or else fails. Nil: the run goes on from the new state.
    mutating func giveUp(
        _ here: StateDefinition, error: String, text: String, status: Int? = nil,
        closing: (type: EventType, body: JSONObject, attemptId: Identifier)? = nil, skipsCatch: Bool = false
    ) -> NextStep? {
        var body = closing?.body ?? ["from": .string(here.name), "why": .string(error)]
        body["gave_up"] = .string(text)
        let caught =
            skipsCatch
            ? nil : here.catches.first { $0.errors.contains { ErrorName.matches($0, error: error, status: status) } }
        var facts: JSONObject = ["name": .string(error), "text": .string(text), "state": .string(here.name)]
        if let status { facts["status"] = .integer(status) }
        var holdText: String?
        // The state as it is with the values of the attempt.
        let after = closing.map { folded($0.type, $0.body, attemptId: $0.attemptId) } ?? state
        do throws(ExpressionError) {
            if let caught {
                let written = try evaluated(caught.set, in: after, error: facts)
                if !written.isEmpty { body["set"] = .object(written) }
                if case .hold(let template) = caught.target {
                    var scope = RunScope(after)
                    scope.error = facts
                    holdText = try template.text(scope.expressionScope)
                }
            }
        } catch {
            holdText = "\(text); and its catch could not be evaluated: \(error.description)"
        }
        if let holdText { return hold(code: "caught", holdText, error, closing, body) }
        let target: String? = if case .next(let name) = caught?.target { name } else { definition.failureState?.name }
        guard let target else {
            return hold(
                code: "no_failure_state", "\(text); and the definition has no state with end: failed", error, closing,
                body)
        }
        // The event that closes the attempt also carries the move. Without an attempt, the move is an event of its own.
        if let closing {
            body["entered"] = .string(target)
            emit(closing.type, body, attemptId: closing.attemptId)
        } else {
            body["state"] = .string(target)
            emit(.stateEntered, body)
        }
        return nil
    }

    /// Parks a run that gave up. Without a closing event, the event of the hold carries the facts instead.
    private mutating func hold(
        code: String, _ text: String, _ error: String,
        _ closing: (type: EventType, body: JSONObject, attemptId: Identifier)?, _ body: JSONObject
    ) -> NextStep {
        var facts: JSONObject = ["error": .string(error)]
        if let closing {
            emit(closing.type, body, attemptId: closing.attemptId)
        } else {
            for name in ["gave_up", "set"] { facts[name] = body[name] }
        }
        return hold(code: code, text, choices: ["retry", "abandon"], facts: facts)
    }
}
