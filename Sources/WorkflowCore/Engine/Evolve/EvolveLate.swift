// Answers that came when their workers had lost the run.

extension RunState {
    /// Whether the late answer decides what is not known: it answers the lost request, and nothing was sent after that. A
    /// look-up changes nothing over there, so it does not count.
    public var lateAnswerSettles: Bool {
        guard let lateAnswer, let unknown else { return false }
        return lateAnswer.attemptId == unknown.attemptId && !unknown.isFollowed
    }

    /// The reference that a secret of the late answer gets when the answer is taken: the next version of its variable.
    public func reference(toLate late: SealedReference) -> SealedReference {
        let name = String(late.name.split(separator: "/").last ?? "")
        return SealedReference(
            name: name, version: nextVersion(ofSecret: name), fingerprint: late.fingerprint, length: late.length)
    }

    mutating func learn(_ event: RecordedEvent) {
        guard let late = LateAnswer(event) else { return }
        let isInDoubt = late.attemptId == openAttempt?.id || late.attemptId == unknown?.attemptId
        let isOnItsWay = status == .live || status == .held
        // An event before it names the same thing, so there is nothing new to take care of.
        if event.body["known"]?.boolValue == true, !isInDoubt || !isOnItsWay { return }
        guard isOnItsWay else {
            guard late.saysMade else { return }
            noteSurplus()
            if status == .failed || status == .cancelled { keyWith = event.body["key_with"]?.stringValue }
            return
        }
        let isOfStay = isInDoubt || event.body["stay"]?.integerValue == Int64(idempotencyGeneration)
        guard late.isComplete, isOfStay else {
            if late.saysMade, !isInDoubt { noteSurplus() }
            return
        }
        if let kept = lateAnswer, kept.outcome == .done {
            // A refusal says nothing against an earlier success, unless it settles what is in doubt now.
            let settles = late.attemptId == unknown?.attemptId && unknown?.isFollowed == false
            guard late.outcome == .done || settles else { return }
            if late.outcome != .done || !kept.named.isSame(as: late.named) { passLateAnswer() }
        }
        lateAnswer = late
        // After a deadline a person decides.
        if status == .held, hold?.code == "unknown_outcome", hold?.error != "deadline", lateAnswerSettles {
            unpark(at: event.recordedAt)
        }
    }

    /// Something may be there beside what the run goes on with, and nothing takes it back.
    mutating func noteSurplus() {
        mayHaveCreated = true
        mayHaveSurplus = true
    }

    /// The run goes on without the late success that it has kept. While the call is in doubt, or armed to be taken back
    /// for what it may have made, that stands for the thing.
    mutating func passLateAnswer() {
        guard let late = lateAnswer else { return }
        lateAnswer = nil
        guard late.saysMade, late.attemptId != unknown?.attemptId else { return }
        if let index = undoEntryOfStay, !undoList[index].isCertain, undoList[index].attemptId == late.attemptId {
            return
        }
        noteSurplus()
    }

    /// The call has worked. A late success that names another thing says that there are two; when a person takes it, so
    /// does a request after it whose answer was lost.
    mutating func compareLateAnswer(with body: JSONObject) {
        guard let late = lateAnswer, late.saysMade else { return }
        lateAnswer = nil
        let isTaken = body["late"]?.stringValue == late.attemptId.description
        let isSurplus =
            isTaken
            ? unknown.map { $0.attemptId != late.attemptId } ?? false : !late.named.isSame(as: NamedThing(body))
        if isSurplus { noteSurplus() }
    }

    /// The late answer takes the place of the one that was lost.
    mutating func settleLate(_ event: RecordedEvent) throws(EvolveError) {
        let body = event.body
        lateAnswer = nil
        wait = nil
        isReplacing = false
        let saved = body["saved"]?.objectValue
        write(saved)
        let sealed = try writeSealed(body["sealed"], event)
        let isDone = body["outcome"]?.stringValue == Outcome.done.rawValue
        lastError = isDone ? nil : body["error"]?.stringValue
        giveUp(body["gave_up"], error: body["error"])
        count(body, at: event.recordedAt)
        if let delay = body["retry"]?["delay_milliseconds"]?.integerValue {
            wait = Wait(since: event.recordedAt, milliseconds: delay)
        }
        successesInARow = Int(clamping: body["successes"]?.integerValue ?? 0)
        if let span = body["wait_milliseconds"]?.integerValue {
            wait = Wait(since: event.recordedAt, milliseconds: span)
        }
        if body["held_by"] != nil {
            unknown = nil
            leaveToAnotherRun()
        } else if isDone {
            callWorked(saved: saved, sealed: sealed, isRepeatable: false, body)
        } else {
            unknown = nil
            if let index = undoEntryOfStay, !undoList[index].isCertain { undoList.remove(at: index) }
        }
        write(body["set"]?.objectValue)
        if let target = body["entered"]?.stringValue { enter(target, at: event.recordedAt) }
    }
}

extension LateAnswer {
    /// Nil for what settles no call: a look-up's or an undo's answer, one of a call that is harmless to repeat, and no
    /// answer at all.
    init?(_ event: RecordedEvent) {
        let body = event.body
        guard let attemptId = event.attemptId, body["purpose"] == nil, body["repeatable"]?.boolValue != true,
            let outcome = body["outcome"]?.stringValue.flatMap(Outcome.init), outcome != .unknown
        else { return nil }
        self.init(
            attemptId: attemptId, number: Int(clamping: body["attempt"]?.integerValue ?? 0), outcome: outcome,
            error: body["error"]?.stringValue,
            status: body["evidence"]?["status"]?.integerValue.map { Int(clamping: $0) },
            isCounted: body["counted"]?.boolValue ?? true, isMade: body["made"]?.boolValue ?? true,
            isComplete: body["incomplete"] == nil, saved: body["saved"]?.objectValue ?? JSONObject(),
            sealed: (body["sealed"]?.arrayValue ?? []).compactMap { SealedReference($0) }, thing: Thing(body["thing"]),
            heldBy: body["held_by"]?.stringValue.flatMap(Identifier.init))
    }

    var named: NamedThing { NamedThing(thing: thing, saved: saved, fingerprints: sealed.map(\.fingerprint).sorted()) }
}
