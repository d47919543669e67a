// A request was sent and nobody knows what became of it.

extension RunState {
    /// How long a call with an unsettled earlier attempt may still be sent; nil: there is no such attempt.
    ///
    /// The platform may take the request at any moment until its time-out, and then must still know the idempotency
    /// value. So the whole time-out lies before the end of the honoured time, and before a tenth of it that is kept back.
    public func millisecondsToResend(_ call: CallDefinition, timeoutMilliseconds: Int64, now: Instant) -> Int64? {
        unknown == nil ? nil : honouredMilliseconds(call, timeoutMilliseconds: timeoutMilliseconds, now: now)
    }

    /// Whether the call may be sent. While an earlier attempt is not settled, it may go out only as long as its
    /// idempotency value is honoured. The worker asks at the decision and again just before the request leaves, because
    /// it may have waited for a place or a commit in between.
    public func mayStillSend(_ call: CallDefinition, timeoutMilliseconds: Int64, now: Instant) -> Bool {
        millisecondsToResend(call, timeoutMilliseconds: timeoutMilliseconds, now: now) != 0
    }

    fileprivate func honouredMilliseconds(_ call: CallDefinition, timeoutMilliseconds: Int64, now: Instant) -> Int64 {
        guard let honoured = call.idempotency?.honouredMilliseconds, let since = idempotencyFirstSentAt else {
            return 0
        }
        return Wait(since: since, milliseconds: max(0, honoured - honoured / 10 - timeoutMilliseconds))
            .remainingMilliseconds(now: now)
    }
}

extension DecisionBuilder {
    /// Closes an attempt as unknown when its call is not harmless to repeat, and does what the definition declares.
    mutating func loseAnswer(
        _ here: StateDefinition, _ call: CallDefinition, _ result: AttemptResult, _ body: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        if state.unknown == nil, state.lateAnswer?.attemptId == attempt.id {
            // Its worker has written the answer already, as evidence.
            emit(.attemptUnknown, body, attemptId: attempt.id)
            return flow()
        }
        if state.cancel == nil, call.idempotency?.honouredMilliseconds != nil,
            case .after(let retry) = retry(here, result),
            isHonoured(call, after: retry["delay_milliseconds"]?.integerValue ?? 0)
        {
            var body = body
            body["retry"] = .object(retry)
            if let reconcile = here.reconcile {
                body["effect_milliseconds"] = .integer(effectMilliseconds(of: attempt, here, reconcile))
            }
            emit(.attemptUnknown, body, attemptId: attempt.id)
            return flow()
        }
        return lookUp(here, result, body, attempt)
    }

    /// Closes the attempt and looks for what it made, or asks a person when the definition does not say how to look.
    mutating func lookUp(
        _ here: StateDefinition, _ result: AttemptResult, _ body: JSONObject, _ attempt: OpenAttempt
    ) -> NextStep {
        let type = EventType.closing(result.outcome)
        guard let reconcile = here.reconcile else {
            emit(type, body, attemptId: attempt.id)
            return holdUnknown(here, nil, error: result.errorName)
        }
        var body = body
        body["look_up_after_milliseconds"] = .integer(reconcile.afterMilliseconds)
        body["effect_milliseconds"] = .integer(effectMilliseconds(of: attempt, here, reconcile))
        emit(type, body, attemptId: attempt.id)
        return flow()
    }

    /// Whether a 409 may come from our own earlier success, because an earlier outcome is unknown. An entry that names
    /// the 409 decides first: the platform may say in this way that our request is still in progress.
    func isRepeatedConflict(_ here: StateDefinition, _ result: AttemptResult) -> Bool {
        guard state.hadUnknown, result.status == 409, here.call?.isRepeatable == false || here.reconcile != nil else {
            return false
        }
        return !names(here.retry.flatMap(\.errors) + here.catches.flatMap(\.errors), result)
    }

    /// Whether a `catch` names the 409, and so says what it means that the request was there before.
    func isCaughtConflict(_ here: StateDefinition, _ result: AttemptResult) -> Bool {
        result.status == 409 && names(here.catches.flatMap(\.errors), result)
    }

    private func names(_ errors: [String], _ conflict: AttemptResult) -> Bool {
        errors.contains { $0 == conflict.errorName || $0 == "http.409" }
    }

    /// Whether a resend after this time would still end within the honoured time.
    private func isHonoured(_ call: CallDefinition, after milliseconds: Int64) -> Bool {
        milliseconds
            < state.honouredMilliseconds(
                call, timeoutMilliseconds: definition.timeoutMilliseconds(of: call), now: context.now)
    }

    func mayStillSend(_ call: CallDefinition) -> Bool {
        state.mayStillSend(call, timeoutMilliseconds: definition.timeoutMilliseconds(of: call), now: context.now)
    }

    /// An earlier attempt may have worked, and the call must not be resent: look, or ask a person. Nil: the run goes
    /// on.
    mutating func unsettled(_ here: StateDefinition, _ call: CallDefinition) -> NextStep? {
        guard let reconcile = here.reconcile, let unknown = state.unknown else {
            return holdUnknown(here, nil, error: state.unknown?.error ?? "unknown_outcome")
        }
        var body: JSONObject = [
            "state": .string(here.name), "attempt": .string(unknown.attemptId.description),
            "look_up_after_milliseconds": .integer(reconcile.afterMilliseconds),
        ]
        if unknown.effect == nil { body["effect_milliseconds"] = .integer(effectMilliseconds(here, reconcile)) }
        emit(.reconcileStarted, body)
        return nil
    }

    /// Parks the run with what is known of the lost request.
    mutating func holdUnknown(
        _ here: StateDefinition, _ why: String?, error: String, candidates: [JSONObject] = [],
        heldBy: Identifier? = nil
    ) -> NextStep {
        let call = here.call
        let request = call.map { "\($0.method) \($0.path.source) of service \($0.service)" } ?? "the request"
        var cause =
            state.unknown?.error == "unknown_outcome"
            ? "its worker was lost" : "the answer was \(state.unknown?.error ?? error)"
        if here.reconcile == nil, let last = state.lastError, let first = state.unknown?.error, last != first {
            cause += ", at last \(last)"
        }
        var text = "\(request) may have worked: it was sent, and \(cause). "
        if let why { text += "\(why). " }
        // The same value may go again, though no retry is left that would send it by itself.
        let isSafe = call.map { $0.idempotency != nil && isHonoured($0, after: 0) } ?? false
        text +=
            isSafe
            ? "No retry is left. While its idempotency value is honoured, it is safe to try again; later it is not. "
            : "It is not safe to send twice. "
        text += "Look at the platform, then decide."
        var choices: [HoldChoice] = candidates.isEmpty ? [] : [.adopt]
        choices.append(.done)
        if state.isReplacing || here.reconcile != nil || isSafe { choices.append(.retry) }
        choices += [.retryAnyway, .abandon]
        var facts: JSONObject = ["error": .string(error)]
        if let unknown = state.unknown { facts["attempt"] = .string(unknown.attemptId.description) }
        if let heldBy { facts["run"] = .string(heldBy.description) }
        if !candidates.isEmpty { facts["candidates"] = .array(candidates.map { .object($0) }) }
        return hold(code: "unknown_outcome", text, choices: choices.map(\.rawValue), facts: facts)
    }
}
