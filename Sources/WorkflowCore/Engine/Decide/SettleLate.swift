// The answer that was lost has come after all.

extension DecisionBuilder {
    /// Goes on as if the late answer had come in time. Nothing was sent since that could make it wrong.
    mutating func settle(_ late: LateAnswer) -> NextStep {
        lateAttempt = late.attemptId
        let attempt = OpenAttempt(
            id: late.attemptId, state: state.state, number: late.number, startedAt: context.now, isRepeatable: false)
        var result = AttemptResult(
            outcome: late.outcome, error: late.error, status: late.status, isCounted: late.isCounted, saved: late.saved,
            sealed: late.sealed.map { state.reference(toLate: $0) }, isMade: late.isMade)
        if let lateHolder = lateHolder ?? late.heldBy { result = result.contradicted(by: lateHolder) }
        return settle(result, of: attempt)
    }

    /// The late answer closes nothing: its attempt was closed as unknown.
    func settling(_ type: EventType, _ given: JSONObject, _ attemptId: Identifier?) -> (EventType, JSONObject) {
        let outcomes: [EventType: Outcome] = [.attemptDone: .done, .attemptNotDone: .notDone]
        guard let lateAttempt, attemptId == lateAttempt, let outcome = outcomes[type] else { return (type, given) }
        var body = given
        body["outcome"] = .string(outcome.rawValue)
        return (.attemptSettled, body)
    }
}
