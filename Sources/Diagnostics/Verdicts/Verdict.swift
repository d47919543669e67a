public import WorkflowCore

/// What `diagnose` concludes. The raw values are for programs and never change.
public enum VerdictCode: String, Sendable, CaseIterable {
    // Why a key is refused.
    case activationDelay = "activation_delay"
    case oldClientReturned = "old_client_returned"
    case oldClientKeyDead = "old_client_key_dead"
    case keyRotated = "key_rotated"
    case crossTenantKey = "cross_tenant_key"
    case singleClient = "single_client"
    case singleClientDeclared = "single_client_declared"
    case sessionReused = "session_reused"
    case tokenIncident = "token_incident"
    case masterSecretRefused = "master_secret_refused"
    case wrongTarget = "wrong_target"
    case clockSkew = "clock_skew"
    case lifetimeTooLong = "lifetime_too_long"
    case keyRevoked = "key_revoked"
    case replicaLag = "replica_lag"
    // What else keeps a run.
    case rateLimited = "rate_limited"
    case outcomeUnknown = "outcome_unknown"
    case platformFailing = "platform_failing"
    case unreachable = "unreachable"
    case hangsUp = "hangs_up"
    case unexpectedAnswer = "unexpected_answer"
    case gone = "gone"
    case refused = "refused"
    // What Turnup itself knows.
    case thingOfAnotherRun = "thing_of_another_run"
    case waitsForPerson = "waits_for_person"
    case servicePaused = "service_paused"
    case waitsForLimit = "waits_for_limit"
    case notSetUp = "not_set_up"
    case notTriedYet = "not_tried_yet"
    case works = "works"
    case adopted = "adopted"
    case leftBehind = "left_behind"
    case endedByPerson = "ended_by_person"
    /// The log decides between none of these.
    case undecided = "undecided"

    /// For a sentence: "open between … and …".
    public var words: String {
        switch self {
        case .activationDelay: "the key activates late"
        case .oldClientReturned: "the platform returned an older client"
        case .oldClientKeyDead: "the platform returned an older client, whose key is dead"
        case .keyRotated: "the create replaced the organisation's key"
        case .crossTenantKey: "two organisations were given one key"
        case .singleClient: "the platform allows one client per organisation"
        case .singleClientDeclared: "the platform says that it allows no further client"
        case .sessionReused: "a new key for an older client's session"
        case .tokenIncident: "the platform refuses keys that worked"
        case .masterSecretRefused: "the platform refuses the credential that we create with"
        case .wrongTarget: "the base URL leads to something else"
        case .clockSkew: "the clocks differ"
        case .lifetimeTooLong: "the token ends sooner than assumed"
        case .keyRevoked: "the key was revoked or replaced outside of Turnup"
        case .replicaLag: "the platform's nodes do not agree yet"
        case .rateLimited: "the platform asks to slow down"
        case .outcomeUnknown: "nobody knows whether the call worked"
        case .platformFailing: "the platform fails"
        case .unreachable: "the platform is not reached"
        case .hangsUp: "the platform hangs up on this key"
        case .unexpectedAnswer: "the answer is not what the definition expects"
        case .gone: "the thing is gone"
        case .refused: "the platform refuses the call"
        case .thingOfAnotherRun: "the platform named another run's thing"
        case .waitsForPerson: "a person must decide"
        case .servicePaused: "the service is paused"
        case .waitsForLimit: "a limit keeps it"
        case .notSetUp: "something is not set up"
        case .notTriedYet: "nothing was tried yet"
        case .works: "it works"
        case .adopted: "it goes on with something that was there"
        case .leftBehind: "something may be left behind"
        case .endedByPerson: "a person ended it"
        case .undecided: "something that no rule knows"
        }
    }
}

public struct Verdict: Sendable, Equatable {
    public enum Confidence: String, Sendable, CaseIterable {
        /// The log proves it.
        case settled
        /// The log speaks for it, and something is still unproven.
        case likely
        /// The log does not decide between the rivals.
        case open
    }

    /// A request that would tell more.
    public enum Probe: String, Sendable, CaseIterable {
        case sameCallLater = "P1"
        case olderKey = "P2"
        case compareFingerprints = "P3"
        case listSessions = "P4"
        case randomKey = "P5"
        case health = "P6"
        case throwaway = "P7"
    }

    /// One fact, with the events that hold it.
    public struct Item: Sendable, Equatable {
        public let text: String
        public let run: Identifier?
        public let events: [Int64]

        public init(_ text: String, run: Identifier? = nil, events: [Int64] = []) {
            self.text = text
            self.run = run
            self.events = events
        }
    }

    public struct NextProbe: Sendable, Equatable {
        public let probe: Probe
        public let text: String
        /// The probe of the run's definition that does it, and the command that has it sent.
        public let declared: String?
        public let command: String?

        public init(_ probe: Probe, _ text: String, declared: String? = nil, command: String? = nil) {
            self.probe = probe
            self.text = text
            self.declared = declared
            self.command = command
        }
    }

    /// What to do, and the commands that do it from the run's present status.
    public struct Action: Sendable, Equatable {
        public let text: String
        public let commands: [String]

        public init(_ text: String, _ commands: [String] = []) {
            self.text = text
            self.commands = commands
        }
    }

    public let code: VerdictCode
    public let confidence: Confidence
    /// What else it may be; two or more of an open verdict.
    public let rivals: [VerdictCode]
    public let sentence: String
    public let supporting: [Item]
    public let contradicting: [Item]
    public let missing: [Item]
    /// When the log will tell more than it does now.
    public let decidedAt: Instant?
    public internal(set) var probe: NextProbe?
    public let action: Action?

    /// As `run.diagnosed` keeps it: the words, and the events of this run that it rests on.
    public func event(of run: Identifier) -> JSONObject {
        let events = supporting.flatMap { item in item.run == run ? item.events : [] }
        return [
            "verdict": .string(code.rawValue), "confidence": .string(confidence.rawValue),
            "rivals": .array(rivals.map { .string($0.rawValue) }), "sentence": .string(sentence),
            "supporting": .array(supporting.map { .string($0.text) }),
            "events": .array(Set(events).sorted().map { .integer($0) }),
        ]
    }

    public init(
        _ code: VerdictCode, _ confidence: Confidence, rivals: [VerdictCode] = [], _ sentence: String,
        supporting: [Item] = [], contradicting: [Item] = [], missing: [Item] = [], decidedAt: Instant? = nil,
        probe: NextProbe? = nil, action: Action? = nil
    ) {
        self.code = code
        self.confidence = confidence
        self.rivals = rivals
        self.sentence = sentence
        self.supporting = supporting
        self.contradicting = contradicting
        self.missing = missing
        self.decidedAt = decidedAt
        self.probe = probe
        self.action = action
    }
}
