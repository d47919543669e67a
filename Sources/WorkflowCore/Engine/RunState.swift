/// Where a run stands in the eyes of people and of the queue.
public enum RunStatus: String, Sendable, CaseIterable {
    case live, held, succeeded, failed, cancelled

    public var isEnded: Bool { self == .succeeded || self == .failed || self == .cancelled }
}

/// A run as the fold of its events: all that `decide` looks at.
public struct RunState: Sendable, Equatable {
    public let id: Identifier
    public let workflow: String
    public let version: Int
    /// SHA-256 of the definition's canonical form, in hex.
    public let definitionDigest: String
    public let organisation: String
    public let key: String
    public let input: JSONObject
    public let requestedAt: Instant

    public internal(set) var seq: Int64 = 0
    public internal(set) var status: RunStatus = .live
    public internal(set) var state: String
    /// When the current stay in `state` began.
    public internal(set) var enteredAt: Instant
    /// Attempts started in this stay.
    public internal(set) var attempts = 0
    /// One for each retry entry that was used in this stay.
    public internal(set) var counters: [RetryCounter] = []
    /// Attempts in a row that nobody is charged for.
    public internal(set) var uncountedInARow = 0
    public internal(set) var wait: Wait?
    public internal(set) var openAttempt: OpenAttempt?
    /// The variables that are not secret.
    public internal(set) var data = JSONObject()
    /// The secret variables, the newest version of each.
    public internal(set) var secrets: [HeldSecret] = []
    /// A call that is not harmless to repeat went out, and may have left something over there.
    public internal(set) var mayHaveCreated = false
    public internal(set) var cancel: CancelRequest?
    /// Why the run is held, failed or cancelled, for people.
    public internal(set) var reason: String?
    public internal(set) var lastError: String?
    /// What last found no further try: the cause that a later `end: failed` names.
    public internal(set) var gaveUp: GivenUp?

    public init(
        id: Identifier, workflow: String, version: Int, definitionDigest: String, organisation: String, key: String,
        input: JSONObject, requestedAt: Instant, start: String
    ) {
        self.id = id
        self.workflow = workflow
        self.version = version
        self.definitionDigest = definitionDigest
        self.organisation = organisation
        self.key = key
        self.input = input
        self.requestedAt = requestedAt
        state = start
        enteredAt = requestedAt
    }

    /// A failed run keeps its key while something of it may exist over there.
    public var holdsKey: Bool {
        switch status {
        case .live, .held, .succeeded: true
        case .failed, .cancelled: mayHaveCreated
        }
    }

    public func secret(_ name: String) -> HeldSecret? {
        secrets.first { $0.reference.name.hasSameScalars(as: name) }
    }

    /// The version that the next value of a secret variable gets.
    public func nextVersion(ofSecret name: String) -> Int {
        (secret(name)?.reference.version ?? 0).addingClamped(1)
    }
}

/// How often one retry entry was used since the state was entered, and since when.
public struct RetryCounter: Sendable, Equatable {
    /// Position in the state's `retry`; -1 is the built-in default.
    public let entry: Int
    public internal(set) var attempts: Int
    public let firstAt: Instant

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

    /// What is left of it, rounded up so that nothing is early; the whole span while its start is only being committed.
    public func remainingMilliseconds(now: Instant) -> Int64 {
        if since.isOfThisCommit { return max(0, milliseconds) }
        let end = since.advanced(byMilliseconds: milliseconds)
        guard end > now else { return 0 }
        let whole = end.milliseconds(since: now)
        return now.advanced(byMilliseconds: whole) < end ? whole.addingClamped(1) : whole
    }
}

/// An attempt that was started and not yet closed.
public struct OpenAttempt: Sendable, Equatable {
    public let id: Identifier
    public let state: String
    public let number: Int
    public let startedAt: Instant
    public let isRepeatable: Bool

    public init(id: Identifier, state: String, number: Int, startedAt: Instant, isRepeatable: Bool) {
        self.id = id
        self.state = state
        self.number = number
        self.startedAt = startedAt
        self.isRepeatable = isRepeatable
    }
}

/// A secret variable's current value: where it is sealed, and since when it is known.
public struct HeldSecret: Sendable, Equatable {
    public let reference: SealedReference
    public let sealedAt: Instant

    public init(reference: SealedReference, sealedAt: Instant) {
        self.reference = reference
        self.sealedAt = sealedAt
    }
}

/// An error that no retry goes on from.
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
