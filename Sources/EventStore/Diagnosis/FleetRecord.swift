public import WorkflowCore

/// What a run's events up to `seq` show of the platform: one row of `turnup.fleet`, with the errors that it met.
public struct FleetRecord: Sendable, Equatable {
    /// The secret that a call answered which makes something, and how the platform took it.
    public struct Key: Sendable, Equatable {
        public var name: String
        /// Eight hex digits; the row has all 32 bytes.
        public var fingerprint: String
        public var at: Instant
        public var refusedBefore: Instant?
        public var firstYes: Instant?
        public var lastYes: Instant?
        public var lastRefusal: Instant?

        public init(
            name: String, fingerprint: String, at: Instant, refusedBefore: Instant? = nil, firstYes: Instant? = nil,
            lastYes: Instant? = nil, lastRefusal: Instant? = nil
        ) {
            self.name = name
            self.fingerprint = fingerprint
            self.at = at
            self.refusedBefore = refusedBefore
            self.firstYes = firstYes
            self.lastYes = lastYes
            self.lastRefusal = lastRefusal
        }
    }

    /// How often an error was met on a day.
    public struct ErrorCount: Sendable, Equatable {
        public var service: String
        /// `2026-12-01`, in UTC.
        public var day: String
        public var error: String
        public var count: Int

        public init(service: String, day: String, error: String, count: Int) {
            self.service = service
            self.day = day
            self.error = error
            self.count = count
        }
    }

    public var run: Identifier
    public var seq: Int64
    public var status: RunStatus
    public var service: String?
    /// Why it is held, a code.
    public var hold: String?
    /// How often a further try was planned.
    public var retries: Int
    public var clockDifferenceMilliseconds: Int64?
    public var key: Key?
    public var last: FleetRun.LastAnswer?
    /// In order of service, day and error.
    public var errors: [ErrorCount]
    /// Of its end: the code, and how sure it is.
    public var verdict: String?
    public var confidence: String?

    public init(
        run: Identifier, seq: Int64, status: RunStatus, service: String? = nil, hold: String? = nil, retries: Int = 0,
        clockDifferenceMilliseconds: Int64? = nil, key: Key? = nil, last: FleetRun.LastAnswer? = nil,
        errors: [ErrorCount] = [], verdict: String? = nil, confidence: String? = nil
    ) {
        self.run = run
        self.seq = seq
        self.status = status
        self.service = service
        self.hold = hold
        self.retries = retries
        self.clockDifferenceMilliseconds = clockDifferenceMilliseconds
        self.key = key
        self.last = last
        self.errors = errors
        self.verdict = verdict
        self.confidence = confidence
    }

    /// As `turnup.record_fleet` takes it.
    func json(with diagnosis: JSONObject?) -> JSONValue {
        func time(_ instant: Instant?) -> JSONValue { instant.map { .integer($0.microseconds) } ?? .null }
        func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
        func number(_ number: Int64?) -> JSONValue { number.map { .integer($0) } ?? .null }
        return .object(
            JSONObject([
                ("run_id", .string(run.description)), ("seq", .integer(seq)), ("status", .string(status.rawValue)),
                ("service", text(service)), ("hold", text(hold)), ("retries", .integer(retries)),
                ("clock_milliseconds", number(clockDifferenceMilliseconds)), ("key_name", text(key?.name)),
                ("key_fingerprint", text(key?.fingerprint)), ("key_at", time(key?.at)),
                ("refused_before_at", time(key?.refusedBefore)), ("first_yes_at", time(key?.firstYes)),
                ("last_yes_at", time(key?.lastYes)), ("last_refusal_at", time(key?.lastRefusal)),
                ("answer_seq", number(last?.seq)), ("answer_at", time(last?.at)), ("answer_type", text(last?.type)),
                ("answer_error", text(last?.error)), ("answer_status", number(last?.status.map { Int64($0) })),
                ("answer_state", text(last?.state)), ("answer_credential", text(last?.credential)),
                ("answer_fingerprint", text(last?.fingerprint)), ("verdict", text(verdict)),
                ("confidence", text(confidence)),
                ("diagnosis", text(diagnosis.map { JSONValue.object($0).serialized() })),
                (
                    "errors",
                    .array(
                        errors.map { item in
                            .object(
                                JSONObject([
                                    ("service", .string(item.service)), ("day", .string(item.day)),
                                    ("error", .string(item.error)), ("count", .integer(item.count)),
                                ]))
                        })
                ),
            ]))
    }
}

/// What became of writing a record.
public enum FleetAnswer: String, Sendable {
    case recorded
    /// There are newer events: read again.
    case behind
    /// A worker has the run: come later.
    case busy
    case gone
}
