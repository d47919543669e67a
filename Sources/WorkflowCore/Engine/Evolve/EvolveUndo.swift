// How the requests of a taking back change the state.

extension RunState {
    mutating func closeUndo(_ attempt: OpenAttempt, _ type: EventType, _ body: JSONObject, at time: Instant) {
        switch (attempt.purpose, type) {
        case (.beforeUndo, .attemptDone): callsBeforeUndo = callsBeforeUndo.addingClamped(1)
        case (.beforeUndo, _): callsBeforeUndo = 0
        case (.gone, .attemptDone):
            if goneLook == nil { goneLook = .beforeUndo(attempt, at: time) }
            goneLook?.note(attempt, body, at: time)
            if body["page"]?["next"]?.stringValue != nil { return }
            callsBeforeUndo = 0
            counters.removeAll { $0.isOfLookUp }
            switch body["gone"]?.stringValue.flatMap(GoneProof.init) {
            case .seen: tookBack(isReplacement: ending == nil)
            case .notGone: goneLook?.isLookedUp = false
            case .word, nil: break
            }
        case (.gone, _):
            callsBeforeUndo = 0
            if goneLook == nil { goneLook = .beforeUndo(attempt, at: time) }
            goneLook?.fail(type, body)
        default:
            callsBeforeUndo = 0
            if body["gone"]?.stringValue == GoneProof.word.rawValue {
                if type == .attemptDone { tookBack(isReplacement: attempt.purpose == .replace) }
            } else if let after = body["gone_after_milliseconds"]?.integerValue {
                lookWhetherGone(after, attempt, body, at: time)
            }
        }
    }

    /// The undo may have worked: whether it did, look-ups tell.
    private mutating func lookWhetherGone(_ after: Int64, _ attempt: OpenAttempt, _ body: JSONObject, at time: Instant)
    {
        var look = UnknownOutcome(
            attemptId: attempt.id, error: body["error"]?.stringValue ?? ErrorName.notGone,
            status: body["error"] == nil ? nil : body["evidence"]?["status"]?.integerValue.map { Int(clamping: $0) },
            isLookedUp: true)
        look.settles = Wait(since: time, milliseconds: after)
        look.lookedUpSince = time
        // An earlier undo whose answer was lost may still take effect.
        look.effect =
            body["effect_milliseconds"]?.integerValue.map { Wait(since: time, milliseconds: $0) } ?? goneLook?.effect
        goneLook = look
    }

    private mutating func tookBack(isReplacement: Bool) {
        if isReplacement { return replaced() }
        undoneNewest()
        undoneCount = undoneCount.addingClamped(1)
    }

    /// The newest entry is done with.
    mutating func undoneNewest() {
        if !undoList.isEmpty { undoList.removeLast() }
        forgetUndo()
    }

    /// What was known of a taking back does not hold for the next one.
    mutating func forgetUndo() {
        counters.removeAll { $0.isOfUndo || $0.isOfLookUp }
        callsBeforeUndo = 0
        goneLook = nil
    }
}

/// What the event that ends a taking back says of the thing.
public enum GoneProof: String, Sendable {
    /// Look-ups have seen that it is gone.
    case seen
    /// The platform says so, and cannot be asked.
    case word
    /// It is still there.
    case notGone = "not_gone"
}

extension UnknownOutcome {
    private static let lookFirst = "look_first"

    /// A look-up whether the thing is still there, before anything was sent to take it back.
    fileprivate static func beforeUndo(_ attempt: OpenAttempt, at time: Instant) -> UnknownOutcome {
        var look = UnknownOutcome(attemptId: attempt.id, error: lookFirst, status: nil, isLookedUp: true)
        look.lookedUpSince = time
        return look
    }

    /// Nothing was sent yet.
    var isBeforeUndo: Bool { error == Self.lookFirst }

    /// A look-up without a complete answer: whatever was counted or read so far proves nothing any more.
    mutating func fail(_ type: EventType, _ body: JSONObject) {
        page = nil
        guard type == .attemptUnknown || body["evidence"]?["status"] == nil else { return }
        emptyLooks = 0
        isDisturbed = true
    }

    /// A complete answer, or one page of it.
    mutating func note(_ attempt: OpenAttempt, _ body: JSONObject, at time: Instant) {
        let before = page
        page = nil
        if let next = body["page"]?["next"]?.stringValue {
            let number = Int(clamping: body["page"]?["number"]?.integerValue ?? 2)
            page = LookUpPage(
                number: number, next: next, mark: number & (number &- 1) == 0 ? next : before?.mark,
                listed: Int(clamping: body["listed"]?.integerValue ?? 0),
                firstAt: before?.firstAt ?? attempt.startedAt)
            return
        }
        emptyLooks = Int(clamping: body["empty_looks"]?.integerValue ?? 0)
        if let effect = body["effect_milliseconds"]?.integerValue {
            self.effect = Wait(since: time, milliseconds: effect)
            isDisturbed = false
        }
        if let again = body["look_again_milliseconds"]?.integerValue {
            settles = Wait(since: time, milliseconds: again)
        }
    }
}
