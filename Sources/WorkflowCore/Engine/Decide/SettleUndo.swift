// What the requests of a taking back come to.

extension DecisionBuilder {
    /// Closes an attempt of a taking back: a call before the undo, the undo itself, or a look-up whether the thing is gone.
    mutating func settleUndo(_ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = given
        let type = EventType.closing(result.outcome)
        guard let here = definition.state(attempt.state), let undo = here.undo else {
            emit(type, body, attemptId: attempt.id)
            return hold(
                code: "no_such_state", "state \"\(attempt.state)\" has no undo in the definition",
                choices: ["retry", "abandon"])
        }
        switch attempt.purpose {
        case .gone: return settleGone(result, body, attempt, here, undo)
        case .beforeUndo:
            guard result.outcome == .done else {
                return undoAgain(
                    undo, result, body, attempt, "What comes before the undo of state \(attempt.state) failed")
            }
            emit(type, body, attemptId: attempt.id)
            return flow()
        default: break
        }
        if let lookUp = undo.lookUp, result.outcome != .notDone {
            body["gone_after_milliseconds"] = .integer(lookUp.afterMilliseconds)
            if let effect = effectOfUndo(result, attempt, here, undo, lookUp) {
                body["effect_milliseconds"] = .integer(effect)
            }
            emit(type, body, attemptId: attempt.id)
            return flow()
        }
        if result.outcome == .done {
            body["gone"] = .string(GoneProof.word.rawValue)
            return tookBack(here, body, attempt)
        }
        let failed = "What state \(attempt.state) made could not be taken back"
        if result.outcome == .unknown, !attempt.isRepeatable {
            emit(type, body, attemptId: attempt.id)
            return holdUndo("\(failed): \(result.errorName), and it is not safe to send twice", error: result.errorName)
        }
        return undoAgain(undo, result, body, attempt, failed)
    }

    private mutating func settleGone(
        _ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt, _ here: StateDefinition,
        _ undo: UndoDefinition
    ) -> NextStep {
        var body = given
        guard let lookUp = undo.lookUp else {
            emit(EventType.closing(result.outcome), body, attemptId: attempt.id)
            return flow()
        }
        guard result.outcome == .done, let found = result.found else {
            return lookWhetherGoneAgain(result, body, attempt, undo, lookUp)
        }
        body["found"] = .integer(found)
        let look = state.goneLook
        if found == 0 {
            let effect = effectMilliseconds(undo, lookUp)
            switch absence(lookUp, look, result, effect: effect, body, attempt) {
            case .page(let body):
                emit(.attemptDone, body, attemptId: attempt.id)
                return flow()
            case .unproven(let milliseconds, let why, let body):
                return lookWhetherGone(again: milliseconds, why, body, attempt, lookUp)
            case .proven(_, var body):
                body["gone"] = .string(GoneProof.seen.rawValue)
                return tookBack(here, body, attempt)
            }
        }
        if !undo.call.isRepeatable, let rest = effectLeft(look, attempt) {
            return lookWhetherGone(again: rest, "the undo may still take effect", body, attempt, lookUp)
        }
        body["gone"] = .string(GoneProof.notGone.rawValue)
        guard let look, !look.isBeforeUndo else {
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        }
        let undone = AttemptResult(
            outcome: look.error == ErrorName.notGone ? .done : .unknown, error: look.error, status: look.status)
        return undoAgain(
            undo, undone, body, attempt, "What state \(attempt.state) made is still there after its undo",
            closing: .attemptDone)
    }

    /// The thing is gone. What is replaced is made anew.
    private mutating func tookBack(_ here: StateDefinition, _ given: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = given
        body["taken_back"] = state.takenBack(definition)?.json
        if state.ending == nil, state.cancel == nil { return resend(here, body, attempt) }
        emit(.attemptDone, body, attemptId: attempt.id)
        return flow()
    }

    /// The next try of the undo, from the calls before it on; or a person decides.
    private mutating func undoAgain(
        _ undo: UndoDefinition, _ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt, _ failed: String,
        closing type: EventType? = nil
    ) -> NextStep {
        var body = given
        let type = type ?? EventType.closing(result.outcome)
        switch retryOfUndo(undo, result) {
        case .after(let retry):
            body["retry"] = .object(retry)
            emit(type, body, attemptId: attempt.id)
            return flow()
        case .never(let why):
            emit(type, body, attemptId: attempt.id)
            return holdUndo("\(failed): \(why)", error: result.errorName)
        }
    }

    private mutating func lookWhetherGone(
        again milliseconds: Int64, _ why: String, _ given: JSONObject, _ attempt: OpenAttempt,
        _ lookUp: ReconcileDefinition
    ) -> NextStep {
        var body = given
        guard milliseconds <= lookingTimeLeft(lookUp, state.goneLook) else {
            emit(.attemptDone, body, attemptId: attempt.id)
            let span = RetryArithmetic.spanText(lookUp.withinMilliseconds)
            return holdUndo(
                "What state \(attempt.state) made is not seen to be gone, after \(span) of looking: \(why)",
                error: "inconclusive")
        }
        body["look_again_milliseconds"] = .integer(milliseconds)
        emit(.attemptDone, body, attemptId: attempt.id)
        return flow()
    }

    private mutating func lookWhetherGoneAgain(
        _ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt, _ undo: UndoDefinition,
        _ lookUp: ReconcileDefinition
    ) -> NextStep {
        var body = given
        let type = EventType.closing(result.outcome)
        let span = RetryArithmetic.spanText(lookUp.withinMilliseconds)
        let isLate = lookingTimeLeft(lookUp, state.goneLook) <= 0
        switch isLate
            ? .never("\(result.errorName), \(span) long") : retryOfLookUp(undo.retry, lookUp, result)
        {
        case .after(let retry):
            body["retry"] = .object(retry)
            emit(type, body, attemptId: attempt.id)
            return flow()
        case .never(let why):
            emit(type, body, attemptId: attempt.id)
            return holdUndo(
                "It could not be looked up whether what state \(attempt.state) made is gone: \(why)",
                error: result.errorName)
        }
    }

    mutating func holdUndo(_ why: String, error: String) -> NextStep {
        hold(
            code: "undo_failed", "\(why). Look at the platform, then decide.",
            choices: [HoldChoice.retry, .done, .abandon].map(\.rawValue), facts: ["error": .string(error)])
    }

    /// How long from now on a request may still take effect that makes a look-up without a find prove nothing: an undo
    /// whose answer was lost, or the lost request that is being taken back. Nil: there is none.
    private func effectOfUndo(
        _ result: AttemptResult, _ attempt: OpenAttempt, _ here: StateDefinition, _ undo: UndoDefinition,
        _ lookUp: ReconcileDefinition
    ) -> Int64? {
        let isUncertain = attempt.purpose == .undo && state.undoList.last?.isCertain == false
        guard result.outcome == .unknown || isUncertain else { return nil }
        let timeout = definition.timeoutMilliseconds(of: undo.call)
        let ofUndo = Wait(since: attempt.startedAt, milliseconds: timeout).remainingMilliseconds(now: context.now)
        let ofCall = isUncertain ? here.call.map { definition.timeoutMilliseconds(of: $0) } ?? 0 : 0
        return effectMilliseconds(undo, lookUp).addingClamped(max(ofUndo, ofCall))
    }

    private func effectMilliseconds(_ undo: UndoDefinition, _ lookUp: ReconcileDefinition) -> Int64 {
        lookUp.effectWithinMilliseconds
            ?? definition.timeoutMilliseconds(of: undo.call).addingClamped(lookUp.afterMilliseconds)
    }
}
