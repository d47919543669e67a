public import WorkflowCore

/// How old a key of a service was when it was accepted, or when it was last seen not to be.
public struct KeyAge: Sendable, Equatable {
    /// From the key to its first yes; else to its newest refusal, or to now while the run goes on.
    public let milliseconds: Int64
    public let isActive: Bool
    /// From the key to the last refusal before the first yes; 0: it was accepted at once.
    public let refusedMilliseconds: Int64

    public init(milliseconds: Int64, isActive: Bool, refusedMilliseconds: Int64 = 0) {
        self.milliseconds = milliseconds
        self.isActive = isActive
        self.refusedMilliseconds = refusedMilliseconds
    }
}

/// What the log shows of a service: of all runs that were held or have ended, but for `ages`.
public struct ServiceStatistics: Sendable {
    /// Keys of first connections of their organisations, or of later ones.
    public struct Ordinal: Sendable, Equatable {
        public let isLater: Bool
        public let keys: Int
        /// Accepted at some time; and those of them that were refused at first.
        public let accepted: Int
        public let late: Int
        /// Refused, and never accepted.
        public let refused: Int
    }

    public struct ErrorSignature: Sendable, Equatable {
        /// Status and name.
        public let error: String
        public let count: Int
        public let runs: Int
        /// Days in UTC.
        public let firstDay: String
        public let lastDay: String
        /// How often on each day, in their order.
        public let days: [Day]

        public struct Day: Sendable, Equatable {
            public let day: String
            public let count: Int
        }
    }

    /// The platform's clock minus ours, of the newest answers that told it.
    public struct Clock: Sendable, Equatable {
        public let count: Int
        public let leastMilliseconds: Int64
        public let medianMilliseconds: Int64
        public let mostMilliseconds: Int64
    }

    /// A key that the platform gave more than once.
    public struct RepeatedKey: Sendable, Equatable {
        /// Eight hex digits.
        public let fingerprint: String
        public let runs: Int
        public let organisations: Int
        /// One of them.
        public let example: Identifier
    }

    public let service: String
    /// First connections before later ones; a kind without keys is left out.
    public let ordinals: [Ordinal]
    /// The most frequent ones of the last 30 days, the most frequent first.
    public let errors: [ErrorSignature]
    public let clock: Clock?
    /// At most ten, and how many there are.
    public let repeatedKeys: [RepeatedKey]
    public let repeatedKeyCount: Int
    /// Of the newest keys.
    public let ages: [KeyAge]
}
