public import WorkflowCore

/// What ended or was held since a time, by what it was due to.
public struct FleetReport: Sendable {
    /// Runs that failed, were cancelled or are held, for one reason, of one service and organisation.
    public struct Failure: Sendable, Equatable {
        public let verdict: String
        /// Nil: the run is held, or nobody has judged it yet.
        public let confidence: String?
        public let service: String?
        public let organisation: String
        public let runs: Int
        public let newest: Identifier

        public init(
            verdict: String, confidence: String?, service: String?, organisation: String, runs: Int, newest: Identifier
        ) {
            self.verdict = verdict
            self.confidence = confidence
            self.service = service
            self.organisation = organisation
            self.runs = runs
            self.newest = newest
        }
    }

    /// How many runs ended on a day (UTC) for one reason.
    public struct Day: Sendable, Equatable {
        public let day: String
        public let verdict: String
        public let runs: Int

        public init(day: String, verdict: String, runs: Int) {
            self.day = day
            self.verdict = verdict
            self.runs = runs
        }
    }

    /// How many runs needed so many further tries.
    public struct Retries: Sendable, Equatable {
        /// The last kind has this many or more.
        public static let most = 10

        public let retries: Int
        public let runs: Int

        public init(retries: Int, runs: Int) {
            self.retries = retries
            self.runs = runs
        }
    }

    /// The ages of the newest keys of a service.
    public struct Service: Sendable, Equatable {
        public let name: String
        public let ages: [KeyAge]

        public init(name: String, ages: [KeyAge]) {
            self.name = name
            self.ages = ages
        }
    }

    public let since: Instant
    public let now: Instant
    /// Runs that ended, by status; and those that are held.
    public let statuses: [(status: RunStatus, runs: Int)]
    /// The most frequent first; at most a hundred.
    public let failures: [Failure]
    public let days: [Day]
    public let retries: [Retries]
    /// The services of those runs, at most five.
    public let services: [Service]
    /// Runs whose newest change no worker has read yet, so that they are not told here as they stand.
    public let unread: Int

    public init(
        since: Instant, now: Instant, statuses: [(status: RunStatus, runs: Int)], failures: [Failure], days: [Day],
        retries: [Retries], services: [Service], unread: Int
    ) {
        self.since = since
        self.now = now
        self.statuses = statuses
        self.failures = failures
        self.days = days
        self.retries = retries
        self.services = services
        self.unread = unread
    }
}
