/// How to find out what became of a request whose answer was lost: look, and compare with what is there.
public struct ReconcileDefinition: Sendable, Equatable {
    static let standardAfterMilliseconds: Int64 = 10_000
    static let standardWithinMilliseconds: Int64 = 24 * 60 * 60 * 1000

    /// The call that looks; it is harmless to repeat.
    public let call: CallDefinition
    /// The list of what exists, taken from the answer of the look-up.
    public let items: Expression
    /// Which item is ours.
    public let condition: Expression
    /// The variables to fill from the one item that is ours.
    public let save: [NamedTemplate]
    /// How long the platform usually takes until it shows what a request made: the first look-up comes after this time.
    public let afterMilliseconds: Int64
    /// How long after the end of its deadline a request may still take effect; nil: the time-out of the state's call
    /// plus `after`.
    public let effectWithinMilliseconds: Int64?
    public let looks: LookUpCount
    /// What the look-up's request filters by.
    public let filter: LookUpFilter
    /// How to get the further pages of the list; nil: the file does not say.
    public let pages: LookUpPages?
    /// How long to look until a person is asked.
    public let withinMilliseconds: Int64
    public let one: ReconcileOne
    public let none: ReconcileNone

    public init(
        call: CallDefinition, items: Expression, condition: Expression, save: [NamedTemplate] = [],
        afterMilliseconds: Int64? = nil, effectWithinMilliseconds: Int64? = nil, looks: LookUpCount = LookUpCount(),
        filter: LookUpFilter? = nil, pages: LookUpPages? = nil, withinMilliseconds: Int64? = nil,
        one: ReconcileOne = .adopt, none: ReconcileNone = .hold
    ) {
        self.call = call
        self.items = items
        self.condition = condition
        self.save = save
        self.afterMilliseconds = afterMilliseconds ?? Self.standardAfterMilliseconds
        self.effectWithinMilliseconds = effectWithinMilliseconds
        self.looks = looks
        self.filter = filter ?? (condition.sharesValue(with: call) ? .exact : .none)
        self.pages = pages
        self.withinMilliseconds = withinMilliseconds ?? Self.standardWithinMilliseconds
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

/// What to do when it is proven that a lost request made nothing.
public enum ReconcileNone: String, Sendable, CaseIterable {
    case resend, hold
}

/// How many complete look-ups in a row must find nothing before nothing counts as made.
public struct LookUpCount: Sendable, Equatable {
    static let standardTimes = 2

    public let times: Int
    /// From one look-up to the next; nil: as long as a request may still take effect.
    public let everyMilliseconds: Int64?

    public init(times: Int? = nil, everyMilliseconds: Int64? = nil) {
        self.times = times ?? Self.standardTimes
        self.everyMilliseconds = everyMilliseconds
    }
}

/// What the request of a look-up filters by. It tells which answer without a find is no answer at all.
public enum LookUpFilter: String, Sendable, CaseIterable {
    /// By the very value that `where` compares: other items in the answer mean that the platform has not filtered.
    case exact
    /// By part of the value, such as a full-text search: other items may be there.
    case loose
    /// By nothing: the answer lists whatever there is.
    case none
}

/// How a look-up gets the further pages of a list.
public struct LookUpPages: Sendable, Equatable {
    public enum Way: Sendable, Equatable {
        /// There are none: each answer is the whole list.
        case whole
        /// `Link: <…>; rel="next"` (RFC 8288).
        case link
        /// A value of the answer goes into this parameter of the next request.
        case cursor(query: String, next: Expression)
        /// Pages have numbers; a page without items is the end.
        case number(query: String, first: Int)
    }

    static let standardMost = 50

    public let way: Way
    /// A look-up with more pages is not complete.
    public let most: Int

    public init(_ way: Way, most: Int? = nil) {
        self.way = way
        self.most = most ?? Self.standardMost
    }

    /// The words of a definition.
    enum Word: String, CaseIterable { case whole, link, cursor, number }
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
