// How attempts change the state.

extension RunState {
    /// The index of the undo entry for the call of this stay.
    var undoEntryOfStay: Int? {
        undoList.lastIndex { $0.state == state && $0.idempotencyGeneration == idempotencyGeneration }
    }

    mutating func start(_ event: RecordedEvent) throws(EvolveError) {
        guard let id = event.attemptId else { throw EvolveError(seq: event.seq, message: "the attempt has no id") }
        let purpose = event.body["purpose"]?.stringValue ?? Purpose.call.rawValue
        guard let purpose = Purpose(rawValue: purpose) else {
            throw EvolveError(seq: event.seq, message: "its purpose \"\(purpose)\" is not known to this version")
        }
        if purpose == .probe { return startProbe(event, id) }
        attempts = attempts.addingClamped(1)
        wait = nil
        openAttempt = OpenAttempt(
            id: id, state: event.body["state"]?.stringValue ?? state, number: attempts, startedAt: event.recordedAt,
            isRepeatable: event.body["repeatable"]?.boolValue ?? false, purpose: purpose,
            endsMilliseconds: event.body["ends_milliseconds"]?.integerValue)
        if purpose != .lookup { unknown?.isFollowed = true }
        guard purpose == .call else { return }
        idempotencyFirstSentAt = idempotencyFirstSentAt ?? event.recordedAt
        if frozen == nil, let request = event.body["frozen"] {
            guard let request = FrozenRequest(request, attemptId: id) else {
                throw EvolveError(seq: event.seq, message: "what it says of its request is incomplete")
            }
            frozen = request
        }
        if event.body["undo"]?.boolValue == true, undoEntryOfStay == nil {
            undoList.append(
                UndoEntry(
                    state: state, idempotencyGeneration: idempotencyGeneration, attemptId: id, isCertain: false,
                    saved: JSONObject(), sealed: []
                ))
        }
    }

    mutating func close(_ type: EventType, _ event: RecordedEvent) throws(EvolveError) {
        guard let attempt = openAttempt else { throw EvolveError(seq: event.seq, message: "no attempt is open") }
        let body = event.body
        let time = event.recordedAt
        openAttempt = nil
        if attempt.purpose == .probe {
            probe = nil
            return
        }
        let saved = body["saved"]?.objectValue
        write(saved)
        let sealed = try writeSealed(body["sealed"], event)
        if !attempt.purpose.isOfInspection { lastError = type == .attemptDone ? nil : body["error"]?.stringValue }
        giveUp(body["gave_up"], error: body["error"])
        count(body, at: time)
        if let delay = body["retry"]?["delay_milliseconds"]?.integerValue {
            wait = Wait(since: time, milliseconds: delay)
        }
        switch (attempt.purpose, type) {
        case (.call, .attemptDone): settleCall(attempt, saved, sealed, body, at: time)
        case (.call, .attemptUnknown): loseAnswer(of: attempt, body, at: time)
        case (.call, _): refuse(attempt, body, at: time)
        case (.lookup, .attemptDone): settleLookUp(attempt, saved, sealed, body, at: time)
        case (.lookup, _): unknown?.fail(type, body)
        case (.undo, _), (.replace, _), (.beforeUndo, _), (.gone, _): closeUndo(attempt, type, body, at: time)
        case (.beforeInspect, _), (.inspect, _): closeInspection(attempt, type, body, at: time)
        case (.probe, _): break
        }
        write(body["set"]?.objectValue)
        if let target = body["entered"]?.stringValue { enter(target, at: time) }
    }

    /// The call has worked, as its own answer, a look-up or a person says. `made` is false in `body` when the thing may
    /// have been there before: then it is not the run's, and is taken back only where `takes_back` says so.
    mutating func callWorked(saved: JSONObject?, sealed: [SealedReference], isRepeatable: Bool, _ body: JSONObject) {
        let isMade = body["made"]?.boolValue ?? true
        // The lost request may have made something beside what was there.
        let isLeft = isMade || unknown != nil || hadUnknown
        compareLateAnswer(with: body)
        unknown = nil
        if !isMade { isAdopted = true }
        // A failure of this state no longer causes a later failure, and a reopened run does not go back to it.
        if gaveUp?.state == state { gaveUp = nil }
        guard let index = undoEntryOfStay else {
            // What has a name is a thing, however harmless the call is to repeat.
            let makes = !isRepeatable || body["thing"] != nil
            if makes, isLeft { mayHaveCreated = true }
            if makes, isLeft, !isMade { noteSurplus() }
            return
        }
        if isMade || body["takes_back"]?.boolValue == true {
            undoList[index].isCertain = true
            undoList[index].keep(saved: saved, sealed: sealed)
        } else {
            undoList.remove(at: index)
            if isLeft { noteSurplus() }
        }
    }

    private mutating func settleCall(
        _ attempt: OpenAttempt, _ saved: JSONObject?, _ sealed: [SealedReference], _ body: JSONObject, at time: Instant
    ) {
        if body["held_by"] != nil {
            unknown = nil
            return leaveToAnotherRun()
        }
        callWorked(saved: saved, sealed: sealed, isRepeatable: attempt.isRepeatable, body)
        successesInARow = Int(clamping: body["successes"]?.integerValue ?? 0)
        if let span = body["wait_milliseconds"]?.integerValue { wait = Wait(since: time, milliseconds: span) }
    }

    /// What was named is another run's, so nothing takes it back. Whether the call made something beside it, nobody knows.
    mutating func leaveToAnotherRun() {
        if let index = undoEntryOfStay { undoList.remove(at: index) }
        noteSurplus()
    }

    private mutating func loseAnswer(of attempt: OpenAttempt, _ body: JSONObject, at time: Instant) {
        successesInARow = 0
        hadUnknown = true
        if !attempt.isRepeatable || body["look_up_after_milliseconds"] != nil { noteUnknown(attempt, body) }
        lookUpLater(body, at: time)
    }

    private mutating func refuse(_ attempt: OpenAttempt, _ body: JSONObject, at time: Instant) {
        successesInARow = 0
        // What never left may be put together anew.
        if body["evidence"]?["request_head_sent"] == false, frozen?.attemptId == attempt.id { frozen = nil }
        if body["look_up_after_milliseconds"] != nil {
            noteUnknown(attempt, body)  // "already there" may be our own lost success
        } else if unknown == nil, let index = undoEntryOfStay, undoList[index].attemptId == attempt.id {
            undoList.remove(at: index)
        }
        lookUpLater(body, at: time)
    }

    private mutating func noteUnknown(_ attempt: OpenAttempt, _ body: JSONObject) {
        guard unknown == nil else { return }
        unknown = UnknownOutcome(
            attemptId: attempt.id, error: body["error"]?.stringValue ?? "unknown_outcome",
            status: body["evidence"]?["status"]?.integerValue.map { Int(clamping: $0) }, isLookedUp: false)
    }

    /// Schedules a look-up, so that the platform has its time to show what it made; and notes how long the request may
    /// still take effect.
    mutating func lookUpLater(_ body: JSONObject, at time: Instant) {
        if let effect = body["effect_milliseconds"]?.integerValue {
            unknown?.effect = Wait(since: time, milliseconds: effect)
        }
        guard let after = body["look_up_after_milliseconds"]?.integerValue else { return }
        unknown?.isLookedUp = true
        unknown?.lookedUpSince = time
        unknown?.settles = Wait(since: time, milliseconds: after)
        unknown?.emptyLooks = 0
    }

    private mutating func settleLookUp(
        _ attempt: OpenAttempt, _ saved: JSONObject?, _ sealed: [SealedReference], _ body: JSONObject,
        at time: Instant
    ) {
        unknown?.note(attempt, body, at: time)
        if body["page"]?["next"]?.stringValue != nil { return }
        counters.removeAll { $0.isOfLookUp }
        if body["held_by"] != nil { return leaveToAnotherRun() }
        switch body["settled"]?.stringValue {
        case "adopt": callWorked(saved: saved, sealed: sealed, isRepeatable: false, body)
        case "replace":
            unknown?.isLookedUp = false
            isReplacing = true
            if let index = undoEntryOfStay {
                undoList[index].keep(saved: saved, sealed: sealed)
            }
        case "resend", "none":
            unknown = nil
            if let index = undoEntryOfStay, !undoList[index].isCertain { undoList.remove(at: index) }
        default: break
        }
    }

    /// What the look-up found is gone: the call is sent anew.
    mutating func replaced() {
        passLateAnswer()
        forgetUndo()
        if let index = undoEntryOfStay { undoList.remove(at: index) }
        isReplacing = false
        unknown = nil
        hadUnknown = false
        renewKey()
    }

    mutating func count(_ body: JSONObject, at time: Instant) {
        if body["counted"]?.boolValue == false {
            uncountedInARow = uncountedInARow.addingClamped(1)
            return
        }
        uncountedInARow = 0
        guard let entry = body["retry"]?["entry"]?.integerValue else { return }
        if let index = counters.firstIndex(where: { $0.entry == Int(clamping: entry) }) {
            counters[index].attempts = counters[index].attempts.addingClamped(1)
        } else {
            counters.append(RetryCounter(entry: Int(clamping: entry), attempts: 1, firstAt: time))
        }
    }
}
