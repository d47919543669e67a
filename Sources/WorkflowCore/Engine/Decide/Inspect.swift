// Whether what a run that succeeded has made is still there and works.

extension DecisionBuilder {
    /// The next request of an inspection, or the time to the next one. Nothing of it changes how the run stands.
    mutating func inspect() -> NextStep {
        guard let inspection = state.inspection, inspection.goesOn else { return .ended }
        if !inspection.isAsked, let rest = inspection.next?.remainingMilliseconds(now: context.now), rest > 0 {
            return .wait(milliseconds: rest, service: nil)
        }
        guard let here, let inspect = here.inspect else {
            emit(
                .runInspected,
                [
                    "state": .string(state.state), "verdict": .string(Inspection.Verdict.unknown.rawValue),
                    "why": "the run's definition does not say how to inspect it", "over": true,
                ])
            return .ended
        }
        let next =
            inspection.callsBefore < inspect.before.count
            ? planned(inspect.before[inspection.callsBefore], here, purpose: .beforeInspect)
            : planned(inspect.call, here, purpose: .inspect, reconcile: inspect.lookUp)
        let rest = [state.wait, inspection.look?.settles].compactMap { $0?.remainingMilliseconds(now: context.now) }
        if let left = rest.max(), left > 0 { return .wait(milliseconds: left, service: next.call.service) }
        return .call(next)
    }

    mutating func settleInspection(_ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = given
        guard state.status == .succeeded, let here, let inspect = here.inspect else {
            // Somebody has released the run meanwhile.
            emit(.closing(result.outcome), body, attemptId: attempt.id)
            return state.status == .live ? flow() : self.inspect()
        }
        if result.outcome == .done, attempt.purpose == .beforeInspect {
            emit(.attemptDone, body, attemptId: attempt.id)
            return self.inspect()
        }
        if result.outcome == .done, let lookUp = inspect.lookUp {
            return settleLook(lookUp, inspect, result, body, attempt)
        }
        if result.outcome == .done {
            // What it saves is only compared: an inspection changes nothing.
            body["saved"] = nil
            let other = result.saved.members.first { item in state.data[item.name].map { $0 != item.value } ?? false }
            let why = other.map { "the answer gives another \($0.name) than the run has: it is about something else" }
            return conclude(why == nil ? .present : .unknown, why, inspect, .attemptDone, body, attempt)
        }
        let type = EventType.closing(result.outcome)
        let isDrift = saysDrift(result, inspect, attempt)
        switch retryOfInspection(inspect, result, isNamed: isDrift) {
        case .after(let retry):
            body["retry"] = .object(retry)
            emit(type, body, attemptId: attempt.id)
            return self.inspect()
        case .never(let why):
            return isDrift
                ? conclude(.drifted, result.errorName, inspect, type, body, attempt)
                : conclude(.unknown, why, inspect, type, body, attempt)
        }
    }

    /// A bare status of a call before the look says nothing of the thing: a wrong base URL answers 404, too.
    private func saysDrift(_ result: AttemptResult, _ inspect: InspectDefinition, _ attempt: OpenAttempt) -> Bool {
        guard result.isCounted, attempt.purpose == .inspect || !result.errorName.hasPrefix("http.") else {
            return false
        }
        return inspect.drifted.contains { ErrorName.matches($0, error: result.errorName, status: result.status) }
    }

    private mutating func settleLook(
        _ lookUp: ReconcileDefinition, _ inspect: InspectDefinition, _ result: AttemptResult, _ given: JSONObject,
        _ attempt: OpenAttempt
    ) -> NextStep {
        var body = given
        let found = result.found ?? 0
        body["found"] = .integer(found)
        if found > 0 { return conclude(.present, nil, inspect, .attemptDone, body, attempt) }
        let look = state.inspection?.look
        let effect =
            lookUp.effectWithinMilliseconds
            ?? definition.timeoutMilliseconds(of: lookUp.call).addingClamped(lookUp.afterMilliseconds)
        switch absence(lookUp, look, result, effect: effect, body, attempt) {
        case .page(let body):
            emit(.attemptDone, body, attemptId: attempt.id)
            return self.inspect()
        case .unproven(let milliseconds, let why, var body):
            guard milliseconds <= lookingTimeLeft(lookUp, look) else {
                return conclude(.unknown, why, inspect, .attemptDone, body, attempt)
            }
            body["look_again_milliseconds"] = .integer(milliseconds)
            emit(.attemptDone, body, attemptId: attempt.id)
            return self.inspect()
        case .proven(let looks, let body):
            return conclude(
                .drifted, "\(looks) look-ups found nothing", isGone: true, inspect, .attemptDone, body, attempt)
        }
    }

    /// The inspection is over. Only another verdict than before is a fact of its own.
    private mutating func conclude(
        _ verdict: Inspection.Verdict, _ why: String?, isGone: Bool = false, _ inspect: InspectDefinition,
        _ type: EventType, _ given: JSONObject, _ attempt: OpenAttempt
    ) -> NextStep {
        let before = state.inspection?.verdict
        let wasGone = state.inspection?.isGone ?? false
        var body = given
        body["inspected"] = .string(verdict.rawValue)
        if let every = inspect.everyMilliseconds { body["next_milliseconds"] = .integer(every) }
        emit(type, body, attemptId: attempt.id)
        if verdict != before || isGone != wasGone {
            var inspected: JSONObject = ["state": .string(state.state), "verdict": .string(verdict.rawValue)]
            if let before { inspected["from"] = .string(before.rawValue) }
            if let why { inspected["why"] = .string(why.storable) }
            if isGone { inspected["gone"] = true }
            emit(.runInspected, inspected)
        }
        return self.inspect()
    }
}
