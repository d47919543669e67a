public import WorkflowCore

/// Which runs to verify.
public enum VerifyScope: Sendable, Equatable {
    /// All, and what belongs to no run.
    case everything
    case runs([Identifier])
    /// Runs of this workflow, changed at this time or later or still live; nil means any.
    case matching(workflow: String?, changedSince: Instant?)
    /// About so many: some that changed last, some from the head of the queue, some from anywhere.
    case sample(Int)
}

/// How far a verification has come.
public struct VerifyTally: Sendable, Equatable {
    public var runs = 0
    public var events: Int64 = 0
    public var violations = 0
    public var warnings = 0
    /// All runs up to this one were looked at; a verification of everything, or of what matches, can go on after it.
    public internal(set) var after: Identifier?
    /// Stopped before all was looked at.
    public var isPartial = false

    public init() {}

    mutating func count(_ violation: Violation) {
        if violation.code.isWarning { warnings += 1 } else { violations += 1 }
    }
}

/// What one look at a live system takes in.
public struct VerifyLook: Sendable {
    /// Runs that changed last or stand at the head of the queue, about so many.
    public var recent: Int
    /// Runs from anywhere, at most so many.
    public var random: Int
    /// Runs to look at once more.
    public var again: [Identifier]
    /// The queue rows of some runs after this one are checked.
    public var queueAfter: Identifier?
    public var queueRuns: Int

    public init(
        recent: Int = 100, random: Int = 100, again: [Identifier] = [], queueAfter: Identifier? = nil,
        queueRuns: Int = 20_000
    ) {
        self.recent = recent
        self.random = random
        self.again = again
        self.queueAfter = queueAfter
        self.queueRuns = queueRuns
    }
}

public struct VerifyLookAnswer: Sendable, Equatable {
    public let violations: Set<Violation>
    public let tally: VerifyTally
    /// How many runs' queue rows were checked.
    public let queueRuns: Int
    /// Where the next look goes on; nil: at the first run.
    public let queueAfter: Identifier?
}
