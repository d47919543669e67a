// How holds, and what people decide about them, change the state.

extension RunState {
    mutating func park(_ body: JSONObject, at time: Instant) {
        status = .held
        reason = body["text"]?.stringValue
        hold = Hold(
            code: body["code"]?.stringValue ?? "", error: body["error"]?.stringValue, text: reason ?? "",
            choices: (body["choices"]?.arrayValue ?? []).compactMap(\.stringValue), since: time,
            candidates: (body["candidates"]?.arrayValue ?? []).compactMap(\.objectValue))
    }

    /// Ends a hold. Deadlines leave out the time that the run was held.
    mutating func unpark(at time: Instant) {
        if let since = hold?.since, !since.isOfThisCommit, !time.isOfThisCommit {
            let span = max(0, time.milliseconds(since: since))
            heldMilliseconds = heldMilliseconds.addingClamped(span)
            heldInStateMilliseconds = heldInStateMilliseconds.addingClamped(span)
        }
        status = .live
        hold = nil
        reason = nil
        stopsUndo = false
        wait = nil
        counters = []
        uncountedInARow = 0
        // A person has it looked up anew, for the whole time.
        if unknown?.lookedUpSince != nil { unknown?.lookedUpSince = time }
        unknown?.emptyLooks = 0
        unknown?.page = nil
        if goneLook != nil { goneLook?.lookedUpSince = time }
        goneLook?.emptyLooks = 0
        goneLook?.page = nil
        callsBeforeUndo = 0
    }

    /// Cancels a held run. The person has seen what is unknown about the run, so the run does not ask about it again.
    mutating func cancelHeld(at time: Instant) {
        unpark(at: time)
        passLateAnswer()
        if unknown != nil, undoEntryOfStay == nil { noteSurplus() }
        unknown = nil
        isReplacing = false
        forgetUndo()
    }

    mutating func resolve(_ event: RecordedEvent) throws(EvolveError) {
        let body = event.body
        // A person who lets a run go on after a deadline gives the run its full time again.
        let wasDeadline = hold?.error == "deadline"
        unpark(at: event.recordedAt)
        let saved = body["saved"]?.objectValue
        write(saved)
        let sealed = try writeSealed(body["sealed"], event)
        giveUp(body["gave_up"], error: body["error"])
        guard let choice = body["choice"]?.stringValue.flatMap(HoldChoice.init) else {
            throw EvolveError(seq: event.seq, message: "its choice is not known to this version")
        }
        if wasDeadline, choice != .abandon { renewDeadlines(at: event.recordedAt) }
        switch choice {
        case .done where ending != nil:
            undoneNewest()
            undoneCount = undoneCount.addingClamped(1)
        case .done where isReplacing: replaced()
        case .done, .adopt: callWorked(saved: saved, sealed: sealed, isRepeatable: false, body)
        case .retryAnyway:
            // If the lost attempt made something, nobody takes care of it from now on.
            if unknown != nil { noteSurplus() }
            unknown = nil
            isReplacing = false
            if body["new_key"]?.boolValue == true { renewKey() }
            forgetUndo()
        case .retry: break
        case .abandon where ending != nil:
            undoList = []
            forgetUndo()
            noteSurplus()
        case .abandon: break
        }
        if let target = body["entered"]?.stringValue { enter(target, at: event.recordedAt) }
    }

    mutating func reopen(_ event: RecordedEvent) throws(EvolveError) {
        guard let target = event.body["state"]?.stringValue else {
            throw EvolveError(seq: event.seq, message: "run.reopened names no state")
        }
        status = .live
        reason = nil
        gaveUp = nil
        keyWith = nil
        ending = nil
        cancel = nil
        renewDeadlines(at: event.recordedAt)
        enter(target, at: event.recordedAt)
    }

    private mutating func renewDeadlines(at time: Instant) {
        deadlineSince = time
        heldMilliseconds = 0
        if !time.isOfThisCommit { heldInStateMilliseconds = max(0, time.milliseconds(since: enteredAt)) }
    }

    mutating func beginUndo(status: RunStatus, _ body: JSONObject) {
        ending = Ending(
            status: status, error: body["error"]?.stringValue ?? "", reason: body["reason"]?.stringValue ?? "",
            failedIn: body["failed_in"]?.stringValue, startsAgain: body["redo"]?.boolValue ?? false,
            looksFirst: body["looks_first"]?.boolValue ?? false, isGone: body["gone"]?.boolValue ?? false)
        passLateAnswer()
        counters = []
        wait = nil
        forgetUndo()
    }
}

/// What a person may make of a held run.
public enum HoldChoice: String, Sendable, CaseIterable {
    /// What a look-up found is ours: take it.
    case adopt
    /// The person has made sure that it is done, and gives the values that the answer would have given.
    case done
    /// Try again what failed, as far as that is harmless.
    case retry
    /// Send the call again although it may have worked already: there may then be two of what it makes.
    case retryAnyway = "retry_anyway"
    /// Give up: the run fails.
    case abandon
}
