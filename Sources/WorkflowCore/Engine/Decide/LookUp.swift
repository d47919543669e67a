// Finding out what became of a lost answer.

extension DecisionBuilder {
    /// The next request of a run that has to find something out, or to take back what it found.
    mutating func findOut(_ here: StateDefinition) -> NextStep {
        if state.isReplacing {
            guard let undo = here.undo else {
                return holdUnknown(here, "What was found cannot be taken back: there is no undo", error: "undo_failed")
            }
            return .call(planned(undo, here, purpose: .replace))
        }
        guard let reconcile = here.reconcile else { return holdUnknown(here, nil, error: "unknown_outcome") }
        return .call(planned(reconcile.call, here, purpose: .lookup, reconcile: reconcile))
    }

    mutating func settleLookUp(_ result: AttemptResult, _ body: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        let type = EventType.closing(result.outcome)
        var body = body
        guard let here, let reconcile = here.reconcile else {
            emit(type, body, attemptId: attempt.id)
            return hold(
                code: "no_such_state", "state \"\(state.state)\" has no reconcile in the definition",
                choices: ["retry", "abandon"])
        }
        guard result.outcome == .done, let found = result.found else {
            return lookAgain(here, result, body, attempt)
        }
        body["found"] = .integer(found)
        switch found {
        case 0: return foundNothing(here, reconcile, body, attempt)
        case 1: return foundOne(here, reconcile, result, body, attempt)
        default:
            emit(.attemptDone, body, attemptId: attempt.id)
            return holdUnknown(
                here, "The look-up found \(found) that could be it", error: "several_found",
                candidates: result.candidates)
        }
    }

    private mutating func foundNothing(
        _ here: StateDefinition, _ reconcile: ReconcileDefinition, _ body: JSONObject, _ attempt: OpenAttempt
    ) -> NextStep {
        var body = body
        // The definition leaves this decision to a person. A cancel does not change that.
        guard reconcile.none == .resend else {
            emit(.attemptDone, body, attemptId: attempt.id)
            return holdUnknown(here, "The look-up found nothing", error: "none_found")
        }
        body["settled"] = state.cancel == nil ? "resend" : "none"
        if state.cancel != nil {
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        }
        return resend(here, body, attempt)
    }

    private mutating func foundOne(
        _ here: StateDefinition, _ reconcile: ReconcileDefinition, _ result: AttemptResult, _ given: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        var body = given
        switch reconcile.one {
        case .hold:
            body["saved"] = nil
            emit(.attemptDone, body, attemptId: attempt.id)
            return holdUnknown(here, "The look-up found one", error: "one_found", candidates: [result.saved])
        case .replace:
            body["settled"] = "replace"
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        case .adopt:
            body["settled"] = "adopt"
            guard state.cancel == nil else {
                emit(.attemptDone, body, attemptId: attempt.id)
                return flow()
            }
            return leave(here, body, attempt)
        }
    }

    /// The platform has nothing of the lost attempt, so it counts as not done. The retry entry of its error says when
    /// and how often the call is sent again.
    mutating func resend(_ here: StateDefinition, _ given: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = given
        let error = state.unknown?.error ?? "unknown_outcome"
        let lost = AttemptResult(outcome: .unknown, error: error, status: state.unknown?.status)
        switch retryOfLost(here, lost) {
        case .after(let retry):
            body["retry"] = .object(retry)
            emit(.attemptDone, body, attemptId: attempt.id)
        case .never(let why):
            if body["settled"] != nil { body["settled"] = "none" }
            emit(.attemptDone, body, attemptId: attempt.id)
            return giveUp(here, error: error, text: why, status: lost.status) ?? flow()
        }
        return flow()
    }

    private mutating func lookAgain(
        _ here: StateDefinition, _ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt
    ) -> NextStep {
        var body = given
        switch retryOfErrand(RetryCounter.lookUp, result) {
        case .after(let retry):
            body["retry"] = .object(retry)
            emit(.closing(result.outcome), body, attemptId: attempt.id)
            return flow()
        case .never(let why):
            emit(.closing(result.outcome), body, attemptId: attempt.id)
            return holdUnknown(here, "It could not be looked up: \(why)", error: result.errorName)
        }
    }
}
