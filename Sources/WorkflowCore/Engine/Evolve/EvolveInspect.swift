// How inspections change the state.

extension RunState {
    mutating func inspectLater(_ body: JSONObject, at time: Instant) {
        guard let milliseconds = body["inspect_milliseconds"]?.integerValue else { return }
        inspection = Inspection()
        inspection?.next = Wait(since: time, milliseconds: milliseconds)
    }

    mutating func askForInspection() {
        if inspection == nil { inspection = Inspection() }
        inspection?.isAsked = true
        wait = nil
    }

    /// `over`: no attempt has ended the inspection, because the definition has none.
    mutating func noteVerdict(_ body: JSONObject, at time: Instant) {
        inspection?.verdict = body["verdict"]?.stringValue.flatMap(Inspection.Verdict.init)
        inspection?.why = body["why"]?.stringValue
        inspection?.isGone = body["gone"]?.boolValue ?? false
        inspection?.since = time
        if body["over"]?.boolValue == true { endInspection(body, at: time) }
    }

    /// Without an inspection the run was released meanwhile, and the answer says nothing any more.
    mutating func closeInspection(_ attempt: OpenAttempt, _ type: EventType, _ body: JSONObject, at time: Instant) {
        guard inspection != nil else {
            wait = nil
            return
        }
        if body["inspected"] != nil { return endInspection(body, at: time) }
        switch (attempt.purpose, type) {
        case (.beforeInspect, .attemptDone): inspection?.callsBefore.increase()
        case (.beforeInspect, _): inspection?.callsBefore = 0
        case (_, .attemptDone):
            var look = inspection?.look ?? firstLook(attempt, at: time)
            look.note(attempt, body, at: time)
            if look.page == nil { inspection?.callsBefore = 0 }
            inspection?.look = look
        case (_, _):
            inspection?.callsBefore = 0
            inspection?.look?.fail(type, body)
        }
    }

    private func firstLook(_ attempt: OpenAttempt, at time: Instant) -> UnknownOutcome {
        var look = UnknownOutcome(attemptId: attempt.id, error: "inspection", status: nil, isLookedUp: true)
        look.lookedUpSince = time
        return look
    }

    private mutating func endInspection(_ body: JSONObject, at time: Instant) {
        inspection?.lastAt = time
        inspection?.isAsked = false
        inspection?.callsBefore = 0
        inspection?.look = nil
        inspection?.next = body["next_milliseconds"]?.integerValue.map { Wait(since: time, milliseconds: $0) }
        counters.removeAll { $0.isOfUndo || $0.isOfLookUp }
        uncountedInARow = 0
        wait = nil
    }
}

extension Int {
    fileprivate mutating func increase() { self = addingClamped(1) }
}
