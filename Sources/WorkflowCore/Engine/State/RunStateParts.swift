/// How often one retry entry was used since the state was entered, and since when.
public struct RetryCounter: Sendable, Equatable {
    /// Position in the state's `retry`; -1 is the built-in default, -3 that of look-ups, -4 that of undoing. A look-up
    /// that uses an entry counts for itself: -1000 for the first entry, -1001 for the second. So does an undo that uses
    /// an entry of its own: -1000000 for the first one.
    public let entry: Int
    public internal(set) var attempts: Int
    public let firstAt: Instant

    static let standard = -1
    static let lookUp = -3
    static let undo = -4

    static func lookUp(_ index: Int) -> Int { -1000 - index }
    static func undo(_ index: Int) -> Int { -1_000_000 - index }

    var isOfLookUp: Bool { entry == Self.lookUp || (entry <= Self.lookUp(0) && entry > Self.undo(0)) }
    var isOfUndo: Bool { entry == Self.undo || entry <= Self.undo(0) }

    public init(entry: Int, attempts: Int, firstAt: Instant) {
        self.entry = entry
        self.attempts = attempts
        self.firstAt = firstAt
    }
}

/// A scheduled next try: a time and a span after it.
public struct Wait: Sendable, Equatable {
    public let since: Instant
    public let milliseconds: Int64

    public init(since: Instant, milliseconds: Int64) {
        self.since = since
        self.milliseconds = milliseconds
    }

    /// What is left of the wait, rounded up so that nothing is early. While the commit that starts the wait is under
    /// way, this is the whole span.
    public func remainingMilliseconds(now: Instant) -> Int64 {
        if since.isOfThisCommit { return max(0, milliseconds) }
        let end = since.advanced(byMilliseconds: milliseconds)
        guard end > now else { return 0 }
        let whole = end.milliseconds(since: now)
        return now.advanced(byMilliseconds: whole) < end ? whole.addingClamped(1) : whole
    }
}

/// What an attempt is for.
public enum Purpose: String, Sendable, CaseIterable {
    /// The state's own call.
    case call
    /// Finding out what became of a lost answer.
    case lookup
    /// Taking back what a call made, because the run fails.
    case undo
    /// Taking back what a look-up found, so that the call can be sent again.
    case replace
    /// Sent before an undo, for what the undo needs: a fresh token.
    case beforeUndo = "before_undo"
    /// Finding out whether what was taken back is gone.
    case gone
    /// Sent before an inspection's look, for what that needs.
    case beforeInspect = "before_inspect"
    /// Finding out whether what a run that succeeded has made is still there and works.
    case inspect
    /// Telling a person more of the run, as one has asked.
    case probe

    /// Whether the attempt says nothing of how the run goes on, but only of what became of the thing after it.
    public var isOfInspection: Bool { self == .beforeInspect || self == .inspect }
}

/// An attempt that was started and not yet closed.
public struct OpenAttempt: Sendable, Equatable {
    public let id: Identifier
    public let state: String
    public let number: Int
    public let startedAt: Instant
    public let isRepeatable: Bool
    public let purpose: Purpose
    /// How long after its start the request may be under way, where it may outlast its worker's lease.
    public let endsMilliseconds: Int64?

    public init(
        id: Identifier, state: String, number: Int, startedAt: Instant, isRepeatable: Bool, purpose: Purpose = .call,
        endsMilliseconds: Int64? = nil
    ) {
        self.id = id
        self.state = state
        self.number = number
        self.startedAt = startedAt
        self.isRepeatable = isRepeatable
        self.purpose = purpose
        self.endsMilliseconds = endsMilliseconds
    }
}

/// A call that may have worked, and whose answer nobody has; or an undo of which is to be seen that it worked.
public struct UnknownOutcome: Sendable, Equatable {
    /// The attempt whose answer was lost first; of an undo the last.
    public let attemptId: Identifier
    /// Why it is not known; of an undo also the error that the run goes on with when the thing is still there.
    public let error: String
    public let status: Int?
    /// Whether the outcome is looked up. Otherwise the call is sent again under an honoured idempotency value.
    public internal(set) var isLookedUp: Bool
    /// Until this wait ends, no look-up is sent. No operator action shortens the wait.
    public internal(set) var settles: Wait?
    /// Until this wait ends, the request may still take effect, so a look-up that finds nothing proves nothing.
    public internal(set) var effect: Wait?
    /// Since when the outcome is looked up.
    public internal(set) var lookedUpSince: Instant?
    /// How many complete look-ups in a row found nothing, of those that were begun after `effect`.
    public internal(set) var emptyLooks = 0
    /// A look-up got no complete answer. The platform may work off what it had put aside, so the next complete answer
    /// starts `effect` and the count anew.
    public internal(set) var isDisturbed = false
    /// The next page of a list of which one page at least was read.
    public internal(set) var page: LookUpPage?
    /// Something that may change the platform was sent after the request.
    public internal(set) var isFollowed = false

    init(attemptId: Identifier, error: String, status: Int?, isLookedUp: Bool) {
        self.attemptId = attemptId
        self.error = error
        self.status = status
        self.isLookedUp = isLookedUp
    }
}

/// A complete answer to a call, which came when its worker had lost the run.
public struct LateAnswer: Sendable, Equatable {
    public let attemptId: Identifier
    public let number: Int
    /// Done or not done.
    public let outcome: Outcome
    public let error: String?
    public let status: Int?
    public let isCounted: Bool
    /// False: the platform says that the thing was there before.
    public let isMade: Bool
    /// False: the database could not keep its values.
    let isComplete: Bool
    public let saved: JSONObject
    /// The secret variables. Their values are sealed under names of the answer's own, `late/ATTEMPT/VARIABLE`.
    public let sealed: [SealedReference]
    /// What it names, and the run that had that already.
    let thing: Thing?
    let heldBy: Identifier?

    /// Whether it says that the call has made something.
    public var saysMade: Bool { outcome == .done && isMade }
}

/// Where a look-up goes on that has read a part of a list.
public struct LookUpPage: Sendable, Equatable {
    /// From 2.
    public let number: Int
    /// The address, the cursor or the number of the page, by the definition's way of paging.
    public let next: String
    /// That of an earlier page of this list, or the same: of the last page whose number is a power of two. A list that
    /// goes round comes by it again (Brent).
    public let mark: String
    /// How many items the pages before it held.
    public let listed: Int
    /// When the first page was asked for.
    public let firstAt: Instant

    public init(number: Int, next: String, mark: String? = nil, listed: Int, firstAt: Instant) {
        self.number = number
        self.next = next
        self.mark = mark ?? next
        self.listed = listed
        self.firstAt = firstAt
    }

    /// Whether what leads to the next page led to one that was read already.
    func isRound(_ next: String) -> Bool { next == self.next || next == mark }
}

/// A call that is taken back when the run fails. Armed when the call is sent.
public struct UndoEntry: Sendable, Equatable {
    public let state: String
    /// The stay that the call belongs to.
    public let idempotencyGeneration: Int
    public let attemptId: Identifier
    /// False while only an unknown outcome says that there may be something.
    public internal(set) var isCertain: Bool
    /// The variables that this call gave, which later states may have overwritten.
    public internal(set) var saved: JSONObject
    public internal(set) var sealed: [SealedReference]

    mutating func keep(saved new: JSONObject?, sealed references: [SealedReference]) {
        for (name, value) in new?.members ?? [] { saved[name] = value }
        for reference in references {
            sealed.removeAll { $0.name.hasSameScalars(as: reference.name) }
            sealed.append(reference)
        }
    }
}

/// How a run ends once everything is taken back.
public struct Ending: Sendable, Equatable {
    public let status: RunStatus
    public let error: String
    public let reason: String
    public let failedIn: String?
    /// Once it is released, a run with the same input follows it.
    public internal(set) var startsAgain = false
    /// An inspection says that the thing is gone: before anything is taken back it is looked whether that is so, because
    /// under its name others may have something by now.
    public internal(set) var looksFirst = false
    /// Complete look-ups have proved that it is gone.
    public internal(set) var isGone = false
}

/// Why a run waits for a person, and what the person may choose.
public struct Hold: Sendable, Equatable {
    /// The error of a run that was answered with what another run has.
    public static let thingOfAnotherRun = "thing_of_another_run"

    public let code: String
    /// The error that led to it, when one did.
    public let error: String?
    public let text: String
    public let choices: [String]
    public let since: Instant
    /// What a look-up found: for each thing the variables that it would fill.
    public let candidates: [JSONObject]
}

/// A secret variable's current value: where it is sealed, and since when it is known.
public struct RunSecret: Sendable, Equatable {
    public let reference: SealedReference
    public let sealedAt: Instant

    public init(reference: SealedReference, sealedAt: Instant) {
        self.reference = reference
        self.sealedAt = sealedAt
    }
}

/// An error after which there is no further retry.
public struct GivenUp: Sendable, Equatable {
    public let error: String
    /// For people.
    public let text: String
    /// The state it happened in.
    public let state: String

    public init(error: String, text: String, state: String) {
        self.error = error
        self.text = text
        self.state = state
    }
}

public struct CancelRequest: Sendable, Equatable {
    public let actor: String
    public let reason: String

    public init(actor: String, reason: String) {
        self.actor = actor
        self.reason = reason
    }
}
