// Finding out what became of a lost answer.

extension DecisionBuilder {
    /// The next request of a run that has to find something out, or to take back what it found.
    mutating func findOut(_ here: StateDefinition) -> NextStep {
        if state.isReplacing {
            guard let undo = here.undo else {
                return holdUnknown(here, "What was found cannot be taken back: there is no undo", error: "undo_failed")
            }
            return .call(takingBack(undo, here))
        }
        guard let reconcile = here.reconcile else { return holdUnknown(here, nil, error: "unknown_outcome") }
        return .call(planned(reconcile.call, here, purpose: .lookup, reconcile: reconcile))
    }

    mutating func settleLookUp(_ result: AttemptResult, _ body: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        let type = EventType.closing(result.outcome)
        var body = body
        if state.lateAnswerSettles {
            // Meanwhile the lost answer has come. It says more than what a look-up shows.
            body["saved"] = nil
            emit(type, body, attemptId: attempt.id)
            return flow()
        }
        guard let here, let reconcile = here.reconcile else {
            emit(type, body, attemptId: attempt.id)
            return hold(
                code: "no_such_state", "state \"\(state.state)\" has no reconcile in the definition",
                choices: ["retry", "abandon"])
        }
        guard result.outcome == .done, let found = result.found else {
            return lookAgain(here, reconcile, result, body, attempt)
        }
        body["found"] = .integer(found)
        body["listed"] = .integer((state.unknown?.page?.listed ?? 0).addingClamped(result.listed))
        switch found {
        case 0: return foundNothing(here, reconcile, result, body, attempt)
        case 1: return foundOne(here, reconcile, result, body, attempt)
        default:
            emit(.attemptDone, body, attemptId: attempt.id)
            return holdUnknown(
                here, "The look-up found \(found) that could be it", error: "several_found",
                candidates: result.candidates)
        }
    }

    /// A complete answer in which nothing is ours. It proves that nothing was made only when it was asked for after the
    /// request's last chance to take effect, and when further look-ups say the same.
    private mutating func foundNothing(
        _ here: StateDefinition, _ reconcile: ReconcileDefinition, _ result: AttemptResult, _ given: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        var body: JSONObject
        let empty: Int
        switch absence(
            reconcile, state.unknown, result, effect: effectMilliseconds(here, reconcile), given, attempt)
        {
        case .page(let body):
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        case .unproven(let milliseconds, let why, let body):
            return look(again: milliseconds, here, reconcile, body, attempt, why)
        case .proven(let looks, let proof):
            empty = looks
            body = proof
        }
        // The definition leaves this decision to a person. A cancel does not change that.
        guard reconcile.none == .resend else {
            emit(.attemptDone, body, attemptId: attempt.id)
            return holdUnknown(here, "\(empty) look-ups found nothing", error: "none_found")
        }
        body["settled"] = state.cancel == nil ? "resend" : "none"
        if state.cancel != nil {
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        }
        return resend(here, body, attempt)
    }

    /// Looks again after a while; or asks a person, when it has looked for as long as the definition allows.
    private mutating func look(
        again milliseconds: Int64, _ here: StateDefinition, _ reconcile: ReconcileDefinition, _ given: JSONObject,
        _ attempt: OpenAttempt, _ why: String
    ) -> NextStep {
        guard milliseconds <= lookingTimeLeft(reconcile, state.unknown) else {
            emit(.attemptDone, given, attemptId: attempt.id)
            let span = RetryArithmetic.spanText(reconcile.withinMilliseconds)
            return holdUnknown(here, "It was looked up for \(span), without a proof: \(why)", error: "inconclusive")
        }
        var body = given
        body["look_again_milliseconds"] = .integer(milliseconds)
        emit(.attemptDone, body, attemptId: attempt.id)
        return flow()
    }

    private mutating func foundOne(
        _ here: StateDefinition, _ reconcile: ReconcileDefinition, _ result: AttemptResult, _ given: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        var body = given
        let isOurs = here.isOwn(reconcile)
        if let other = result.heldBy {
            return refuseThing(heldBy: other, here, body, result.saved, attempt)
        }
        if !isOurs {
            // What others made is no sign of our request, which may still make its own. Sealed values are written all the
            // same: the next find counts their versions on.
            if let rest = effectLeft(state.unknown, attempt) {
                body["saved"] = nil
                return look(
                    again: rest, here, reconcile, body, attempt,
                    "what was found bears no mark of this run, and the request may still take effect")
            }
            if result.nextPage != nil || result.inconclusive != nil {
                body["saved"] = nil
                emit(.attemptDone, body, attemptId: attempt.id)
                return holdUnknown(
                    here, "The look-up found one, and the list goes on, so that there may be others",
                    error: "one_found", candidates: [result.saved])
            }
        }
        switch reconcile.one {
        case .replace where isOurs:
            body["settled"] = "replace"
            claimThing(of: here, in: &body, attempt)
            emit(.attemptDone, body, attemptId: attempt.id)
            return flow()
        case .hold, .replace:
            body["saved"] = nil
            emit(.attemptDone, body, attemptId: attempt.id)
            let why = reconcile.one == .hold ? "" : ", and nothing proves that this run made it"
            return holdUnknown(
                here, "The look-up found one\(why)", error: "one_found", candidates: [result.saved])
        case .adopt:
            body["settled"] = "adopt"
            here.noteAdoption(in: &body)
            claimThing(of: here, in: &body, attempt)
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
        _ here: StateDefinition, _ reconcile: ReconcileDefinition, _ result: AttemptResult, _ given: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        var body = given
        let isLate = lookingTimeLeft(reconcile, state.unknown) <= 0
        let retry = retryOfLookUp(here.retry, reconcile, result)
        switch isLate
            ? .never("\(result.errorName), \(RetryArithmetic.spanText(reconcile.withinMilliseconds)) long") : retry
        {
        case .after(let retry):
            body["retry"] = .object(retry)
            emit(.closing(result.outcome), body, attemptId: attempt.id)
            return flow()
        case .never(let why):
            emit(.closing(result.outcome), body, attemptId: attempt.id)
            return holdUnknown(here, "It could not be looked up: \(why)", error: result.errorName)
        }
    }

    /// How long after the end of its deadline a request of this state may still take effect.
    func effectMilliseconds(_ here: StateDefinition, _ reconcile: ReconcileDefinition) -> Int64 {
        reconcile.effectWithinMilliseconds
            ?? (here.call.map { definition.timeoutMilliseconds(of: $0) } ?? 0)
            .addingClamped(reconcile.afterMilliseconds)
    }

    /// The same from now on, for a request that was just lost: its deadline may not have ended yet.
    func effectMilliseconds(
        of attempt: OpenAttempt, _ here: StateDefinition, _ reconcile: ReconcileDefinition
    ) -> Int64 {
        let timeout = attempt.endsMilliseconds ?? here.call.map { definition.timeoutMilliseconds(of: $0) } ?? 0
        let rest = Wait(since: attempt.startedAt, milliseconds: timeout).remainingMilliseconds(now: context.now)
        return effectMilliseconds(here, reconcile).addingClamped(rest)
    }
}

extension StateDefinition {
    /// Whether what the look-up finds was made by the run.
    func isOwn(_ reconcile: ReconcileDefinition) -> Bool { call.map(reconcile.findsOwnMark) ?? false }

    /// What is found without our mark is adopted: it may have been there before, so it is not taken back unless the
    /// definition says so.
    func noteAdoption(in body: inout JSONObject) {
        guard let reconcile, !isOwn(reconcile) else { return }
        body["made"] = false
        if undoesAdopted { body["takes_back"] = true }
    }
}
