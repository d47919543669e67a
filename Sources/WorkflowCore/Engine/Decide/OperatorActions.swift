/// Why a run refuses an operator action.
public struct OperatorActionRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// Stable: `ended`, `held`, `not_held`, `not_a_choice`, `bad_value`, `undone`, `unsettled`, …
    public let code: String
    public let message: String
    public let hint: String?

    public init(_ code: String, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var description: String { hint.map { "\(message)\n\($0)" } ?? message }
}

/// The event of an operator action, and the state after it as far as that does not depend on the commit's time.
public struct OperatorActionEvent: Sendable, Equatable {
    public let event: NewEvent
    public let after: RunState
}

/// The operator actions on a run. They are pure: whoever appends the event makes sure that the run has not changed
/// since somebody looked at it.
extension RunState {
    /// Ends the run as soon as its open attempt has an outcome. What the run made is taken back where the definition
    /// says how. If the run is already taking things back, it is held instead: with a platform that is gone, the undo
    /// would never end. A cancelled redo takes back what there is, and no run follows.
    public func cancelling(reason: String) throws(OperatorActionRefusal) -> OperatorActionEvent {
        if status.isEnded { throw OperatorActionRefusal("ended", "the run is \(status.rawValue) already") }
        if let ending, status == .held, !ending.startsAgain {
            throw OperatorActionRefusal(
                "undoing", "the run is ending already: what it made is being taken back",
                hint: "Decide with \"turnup resolve\".")
        }
        if ending != nil, !stopsUndo { return try verb(.cancelRequested, ["reason": .string(reason)]) }
        // A run held after a cancel may be cancelled again, by somebody who has seen what is unknown about it.
        if let cancel, status != .held {
            throw OperatorActionRefusal("cancelling", "\(cancel.actor) has asked for that already")
        }
        return try verb(.cancelRequested, ["reason": .string(reason)])
    }

    /// A live run tries now. A held run tries again what is harmless to try. A failed run goes on where it failed, with
    /// its data and fresh counters.
    public func retrying(reason: String, _ definition: Definition) throws(OperatorActionRefusal) -> OperatorActionEvent
    {
        switch status {
        case .live: return try verb(.retryRequested, ["reason": .string(reason), "state": .string(state)])
        case .held: return try resolving(.retry, reason: reason, definition)
        case .failed: return try reopening(reason: reason, definition)
        case .succeeded, .cancelled, .released: throw OperatorActionRefusal("ended", "the run is \(status.rawValue)")
        }
    }

    private func reopening(reason: String, _ definition: Definition) throws(OperatorActionRefusal)
        -> OperatorActionEvent
    {
        let instead = "Start a new run with \"turnup enqueue … --instead-of \(id)\"."
        if let takenOverBy {
            throw OperatorActionRefusal("taken_over", "run \(takenOverBy) has its key now", hint: "Retry that one.")
        }
        if undoneCount > 0 || ending != nil {
            throw OperatorActionRefusal(
                "undone",
                undoneCount > 0
                    ? "what the run made was taken back, so it cannot go on"
                    : "its undo has been gone through, though nothing was taken back, so it cannot go on",
                hint: instead)
        }
        guard let target = gaveUp?.state, let place = definition.state(target), place.action != nil else {
            throw OperatorActionRefusal(
                "no_place", "the run did not fail in a state that could be tried again", hint: instead)
        }
        let mayHaveWorked = [HoldChoice.abandon.rawValue, "expression"]
        if let error = gaveUp?.error, mayHaveWorked.contains(error), place.call?.isRepeatable == false {
            throw OperatorActionRefusal(
                "unsettled", "it failed with a request that may have worked, and that is not safe to send twice",
                hint: instead)
        }
        return try verb(
            .runReopened, ["reason": .string(reason), "from": .string(state), "state": .string(target)])
    }

    /// A run that succeeded takes back what it made, and then lets its key go. What has no undo is left behind only when
    /// a person says so. `startsAgain`: once this run is released, a new one starts with the same input.
    public func releasing(
        reason: String, leavesBehind: Bool = false, startsAgain: Bool = false
    ) throws(OperatorActionRefusal) -> OperatorActionEvent {
        guard status == .succeeded else {
            throw OperatorActionRefusal(
                "not_succeeded", "the run is \(status.rawValue), not succeeded",
                hint: ending != nil
                    ? "What it made is being taken back: see \"turnup show \(id)\"."
                    : status == .live || status == .held ? "End it with \"turnup cancel \(id)\"." : nil)
        }
        guard leavesBehind || !mayHaveCreated else {
            throw OperatorActionRefusal(
                "nothing_undoes",
                mayHaveSurplus
                    ? "beside what it goes on with something may be there that nothing takes back, so nothing was done"
                    : "it made something that its definition has no undo for, so nothing was done",
                hint: (mayHaveSurplus ? "\"turnup show \(id)\" says what, and why. " : "")
                    + "Take it back by hand, or see to it later with --leave-behind: the key is let go, and \"turnup runs "
                    + "--left-behind\" lists the run.")
        }
        var body: JSONObject = [
            "reason": .string(reason), "states": .array(undoList.reversed().map { .string($0.state) }),
        ]
        if leavesBehind { body["leave_behind"] = true }
        if startsAgain { body["redo"] = true }
        if inspection?.verdict == .drifted { body["looks_first"] = true }
        if inspection?.isGone == true { body["gone"] = true }
        return try verb(.releaseRequested, body)
    }

    /// A worker looks now whether what the run has made is still there and works.
    public func askingForInspection(reason: String, _ definition: Definition) throws(OperatorActionRefusal)
        -> OperatorActionEvent
    {
        guard status == .succeeded else {
            throw OperatorActionRefusal(
                "not_succeeded", "the run is \(status.rawValue), and only what has succeeded is inspected",
                hint: "See \"turnup show \(id)\".")
        }
        guard definition.state(state)?.inspect != nil else {
            throw OperatorActionRefusal(
                "no_inspect", "its definition, \(workflow) \(version), does not say how to inspect it",
                hint:
                    "Add \"inspect\" to the state \"\(state)\" and publish a new version; a run keeps the version that it "
                    + "started with.")
        }
        return try verb(.inspectionRequested, ["reason": .string(reason), "state": .string(state)])
    }

    /// Another run takes the key. A held run ends as cancelled, an ended one stays as it is.
    public func takenOver(by other: Identifier, reason: String) throws(OperatorActionRefusal) -> OperatorActionEvent {
        if let takenOverBy { throw OperatorActionRefusal("taken_over", "run \(takenOverBy) has its key already") }
        switch status {
        case .held, .failed, .cancelled: break
        case .live:
            throw OperatorActionRefusal(
                "live", "the run is live", hint: "Cancel it first: turnup cancel \(id) --reason …")
        case .succeeded:
            throw OperatorActionRefusal(
                "ended", "the run has succeeded; its key stays with it",
                hint: "Let it go first: turnup release \(id) --reason …")
        case .released: throw OperatorActionRefusal("ended", "the run is released; its key is free")
        }
        return try verb(.runTakenOver, ["reason": .string(reason), "by": .string(other.description)])
    }

    func verb(_ type: EventType, _ body: JSONObject) throws(OperatorActionRefusal) -> OperatorActionEvent {
        guard body["reason"]?.stringValue?.contains(where: { !$0.isWhitespace }) == true else {
            throw OperatorActionRefusal("no_reason", "a reason is needed: it stays in the history")
        }
        let event = RecordedEvent(
            seq: seq.addingClamped(1), type: type.rawValue, body: body, epoch: 0, attemptId: nil, actor: "person:",
            recordedAt: .ofThisCommit)
        do throws(EvolveError) {
            return OperatorActionEvent(event: NewEvent(type, body), after: try evolve(self, run: id, event))
        } catch {
            throw OperatorActionRefusal("refused", error.message)
        }
    }
}
