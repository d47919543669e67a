public import WorkflowCore

/// One run of a bulk enqueue.
public struct BulkLine: Sendable, Equatable {
    /// Names the line in its answer, such as a line of a file; distinct within a batch.
    public var number: Int64
    /// Goes before the general one.
    public var organisation: String?
    /// A JSON object, as text.
    public var input: [UInt8]
    /// Goes before the general one.
    public var version: Int?
    public var due: Instant?
    /// The same id again gives the same run, so that a batch whose answer was lost can be repeated.
    public var id: Identifier?

    public init(
        number: Int64, organisation: String? = nil, input: [UInt8], version: Int? = nil, due: Instant? = nil,
        id: Identifier? = nil
    ) {
        self.number = number
        self.organisation = organisation
        self.input = input
        self.version = version
        self.due = due
        self.id = id
    }
}

/// What became of one line.
public struct BulkAnswer: Sendable, Equatable {
    public enum Outcome: Sendable, Equatable {
        case created(Identifier)
        /// The same key and input, or the same id, was there already.
        case existing(Identifier)
        case refused(StoreError)
    }

    public let number: Int64
    public let outcome: Outcome

    public init(number: Int64, outcome: Outcome) {
        self.number = number
        self.outcome = outcome
    }
}
