/// How to find out what became of a request whose answer was lost: look, and compare with what is there.
public struct ReconcileDefinition: Sendable, Equatable {
    /// The call that looks; it is harmless to repeat.
    public let call: CallDefinition
    /// The list of what there is, from the answer.
    public let items: Expression
    /// Which item is ours; nil: each of them.
    public let condition: Expression?
    /// Variables from the one item that is ours.
    public let save: [NamedTemplate]
    /// How long the platform may take until it shows what a request made.
    public let afterMilliseconds: Int64
    public let one: ReconcileOne
    public let none: ReconcileNone

    public init(
        call: CallDefinition, items: Expression, condition: Expression? = nil, save: [NamedTemplate] = [],
        afterMilliseconds: Int64 = 10_000, one: ReconcileOne = .adopt, none: ReconcileNone = .resend
    ) {
        self.call = call
        self.items = items
        self.condition = condition
        self.save = save
        self.afterMilliseconds = afterMilliseconds
        self.one = one
        self.none = none
    }
}

/// What to do when a lost request is found to have worked.
public enum ReconcileOne: String, Sendable, CaseIterable {
    /// It is ours: go on as if the answer had come.
    case adopt
    /// Take it back and send again, with a new idempotency value.
    case replace
    case hold
}

/// What to do when nothing of a lost request is found.
public enum ReconcileNone: String, Sendable, CaseIterable {
    case resend, hold
}

/// Successes in a row, because replicas of a platform may disagree.
public struct StableDefinition: Sendable, Equatable {
    public let times: Int
    /// From one success to the next attempt.
    public let everyMilliseconds: Int64

    public init(times: Int, everyMilliseconds: Int64 = 1000) {
        self.times = times
        self.everyMilliseconds = everyMilliseconds
    }
}
