/// How to find out what became of a request whose answer was lost: look, and compare with what is there.
public struct ReconcileDefinition: Sendable, Equatable {
    static let standardAfterMilliseconds: Int64 = 10_000

    /// The call that looks; it is harmless to repeat.
    public let call: CallDefinition
    /// The list of what exists, taken from the answer of the look-up.
    public let items: Expression
    /// Which item is ours; nil: each of them.
    public let condition: Expression?
    /// The variables to fill from the one item that is ours.
    public let save: [NamedTemplate]
    /// How long the platform may take until it shows what a request made.
    public let afterMilliseconds: Int64
    public let one: ReconcileOne
    public let none: ReconcileNone

    public init(
        call: CallDefinition, items: Expression, condition: Expression? = nil, save: [NamedTemplate] = [],
        afterMilliseconds: Int64? = nil, one: ReconcileOne = .adopt, none: ReconcileNone = .resend
    ) {
        self.call = call
        self.items = items
        self.condition = condition
        self.save = save
        self.afterMilliseconds = afterMilliseconds ?? Self.standardAfterMilliseconds
        self.one = one
        self.none = none
    }
}

/// What to do when a lost request is found to have worked.
public enum ReconcileOne: String, Sendable, CaseIterable {
    /// The thing is ours: go on as if the answer had come.
    case adopt
    /// Take the thing back and send the call again, with a new idempotency value.
    case replace
    case hold
}

/// What to do when nothing of a lost request is found.
public enum ReconcileNone: String, Sendable, CaseIterable {
    case resend, hold
}

/// How many successes in a row a state needs, because replicas of a platform may disagree.
public struct StableDefinition: Sendable, Equatable {
    static let standardEveryMilliseconds: Int64 = 1000

    public let times: Int
    /// From one success to the next attempt.
    public let everyMilliseconds: Int64

    public init(times: Int, everyMilliseconds: Int64? = nil) {
        self.times = times
        self.everyMilliseconds = everyMilliseconds ?? Self.standardEveryMilliseconds
    }
}
