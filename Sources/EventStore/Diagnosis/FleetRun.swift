public import WorkflowCore

/// What one run of a workflow shows of the platform, in one row: its key, and how the platform took it.
public struct FleetRun: Sendable, Equatable {
    /// The end of the newest attempt.
    public struct LastAnswer: Sendable, Equatable {
        public let seq: Int64
        public let at: Instant
        /// The type of the closing event.
        public let type: String
        public let error: String?
        public let status: Int?
        /// The state it belongs to.
        public let state: String
        /// The first credential that was sent.
        public let credential: String?
        public let fingerprint: String?

        public init(
            seq: Int64, at: Instant, type: String, error: String? = nil, status: Int? = nil, state: String = "",
            credential: String? = nil, fingerprint: String? = nil
        ) {
            self.seq = seq
            self.at = at
            self.type = type
            self.error = error
            self.status = status
            self.state = state
            self.credential = credential
            self.fingerprint = fingerprint
        }
    }

    public let run: Identifier
    public let organisation: String
    public let key: String
    public let status: RunStatus
    /// When the platform's key came; nil: it never did, or the workflow has none.
    public let keySealedAt: Instant?
    /// The organisation had the key of an earlier run; or has so many runs that nobody looked.
    public let hasEarlierKey: Bool
    /// An earlier run of the organisation has succeeded, and was not released.
    public let hasEarlierSuccess: Bool
    /// The platform's first and newest yes to the key, its last refusal before the first yes, and its newest refusal.
    public let firstAcceptedAt: Instant?
    public let lastAcceptedAt: Instant?
    public let refusedBeforeAt: Instant?
    public let lastRefusedAt: Instant?
    public let last: LastAnswer?

    public init(
        run: Identifier, organisation: String, key: String = "", status: RunStatus = .live, keySealedAt: Instant? = nil,
        hasEarlierKey: Bool = false, hasEarlierSuccess: Bool = false, firstAcceptedAt: Instant? = nil,
        lastAcceptedAt: Instant? = nil, refusedBeforeAt: Instant? = nil, lastRefusedAt: Instant? = nil,
        last: LastAnswer? = nil
    ) {
        self.run = run
        self.organisation = organisation
        self.key = key
        self.status = status
        self.keySealedAt = keySealedAt
        self.hasEarlierKey = hasEarlierKey
        self.hasEarlierSuccess = hasEarlierSuccess
        self.firstAcceptedAt = firstAcceptedAt
        self.lastAcceptedAt = lastAcceptedAt
        self.refusedBeforeAt = refusedBeforeAt
        self.lastRefusedAt = lastRefusedAt
        self.last = last
    }
}

/// Another run to which the platform gave the very same key: all 32 bytes of the fingerprint are equal.
public struct SameKey: Sendable, Equatable {
    public let run: Identifier
    public let organisation: String
    /// What that run is about.
    public let key: String
    public let sealedAt: Instant

    public init(run: Identifier, organisation: String, key: String, sealedAt: Instant) {
        self.run = run
        self.organisation = organisation
        self.key = key
        self.sealedAt = sealedAt
    }
}

/// Another run of the organisation, with its first and its newest events.
public struct RunGlimpse: Sendable {
    public let run: RunOverview
    public let events: [RecordedEvent]

    public init(run: RunOverview, events: [RecordedEvent]) {
        self.run = run
        self.events = events
    }
}
