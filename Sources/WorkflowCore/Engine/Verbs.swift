/// Why a run does not take what a person wants of it.
public struct VerbRefusal: Error, Sendable, Equatable, CustomStringConvertible {
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

/// The event of a person's verb, and the state after it as far as the commit's time does not matter.
public struct VerbEvent: Sendable, Equatable {
    public let event: NewEvent
    public let after: RunState
}

/// What people may do to a run. Pure: whoever appends the event makes sure that the run still stands where it was
/// looked at.
extension RunState {
    /// Ends the run as soon as its open attempt has an outcome; what it made is taken back where the definition says how.
    /// While that goes on already, it holds the run instead: a platform that is gone would keep it up for ever.
    public func cancelling(reason: String) throws(VerbRefusal) -> VerbEvent {
        if status.isEnded { throw VerbRefusal("ended", "the run is \(status.rawValue) already") }
        if ending != nil, status == .held {
            throw VerbRefusal(
                "undoing", "the run is ending already: what it made is being taken back",
                hint: "Decide with \"turnup resolve\".")
        }
        if ending != nil, !stopsUndo { return try verb(.cancelRequested, ["reason": .string(reason)]) }
        if let cancel { throw VerbRefusal("cancelling", "\(cancel.actor) has asked for that already") }
        return try verb(.cancelRequested, ["reason": .string(reason)])
    }

    /// A live run tries now, a held one tries again what is harmless to try, a failed one goes on where it failed,
    /// with its data and fresh counters.
    public func retrying(reason: String, _ definition: Definition) throws(VerbRefusal) -> VerbEvent {
        switch status {
        case .live: return try verb(.retryRequested, ["reason": .string(reason), "state": .string(state)])
        case .held: return try resolving(.retry, reason: reason, definition)
        case .failed: return try reopening(reason: reason, definition)
        case .succeeded, .cancelled: throw VerbRefusal("ended", "the run is \(status.rawValue)")
        }
    }

    private func reopening(reason: String, _ definition: Definition) throws(VerbRefusal) -> VerbEvent {
        let instead = "Start a new run with \"turnup enqueue … --instead-of \(id)\"."
        if let supersededBy {
            throw VerbRefusal("superseded", "run \(supersededBy) has its key now", hint: "Retry that one.")
        }
        if undoneCount > 0 || ending != nil {
            throw VerbRefusal("undone", "what the run made was taken back, so it cannot go on", hint: instead)
        }
        guard let target = gaveUp?.state, let place = definition.state(target), place.action != nil else {
            throw VerbRefusal("no_place", "the run did not fail in a state that could be tried again", hint: instead)
        }
        let mayHaveWorked = [HoldChoice.abandon.rawValue, "expression"]
        if let error = gaveUp?.error, mayHaveWorked.contains(error), place.call?.isRepeatable == false {
            throw VerbRefusal(
                "unsettled", "it failed with a request that may have worked, and that is not safe to send twice",
                hint: instead)
        }
        return try verb(
            .runReopened, ["reason": .string(reason), "from": .string(state), "state": .string(target)])
    }

    /// Another run takes the key. A held run ends as cancelled, an ended one stays as it is.
    public func superseding(by other: Identifier, reason: String) throws(VerbRefusal) -> VerbEvent {
        if let supersededBy { throw VerbRefusal("superseded", "run \(supersededBy) has its key already") }
        switch status {
        case .held, .failed, .cancelled: break
        case .live:
            throw VerbRefusal("live", "the run is live", hint: "Cancel it first: turnup cancel \(id) --reason …")
        case .succeeded: throw VerbRefusal("ended", "the run has succeeded; its key stays with it")
        }
        return try verb(.runSuperseded, ["reason": .string(reason), "by": .string(other.description)])
    }

    func verb(_ type: EventType, _ body: JSONObject) throws(VerbRefusal) -> VerbEvent {
        guard body["reason"]?.stringValue?.contains(where: { !$0.isWhitespace }) == true else {
            throw VerbRefusal("no_reason", "a reason is needed: it stays in the history")
        }
        let event = RecordedEvent(
            seq: seq.addingClamped(1), type: type.rawValue, body: body, epoch: 0, attemptId: nil, actor: "person:",
            recordedAt: .ofThisCommit)
        do throws(EvolveError) {
            return VerbEvent(event: NewEvent(type, body), after: try evolve(self, run: id, event))
        } catch {
            throw VerbRefusal("refused", error.message)
        }
    }
}
