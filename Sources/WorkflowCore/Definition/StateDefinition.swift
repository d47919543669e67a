/// A named, persisted position of a run: one optional action and one exit.
public struct StateDefinition: Sendable, Equatable {
    public enum Action: Sendable, Equatable {
        case call(CallDefinition)
        case set([NamedTemplate])
        case pause(milliseconds: Int64)
    }

    public enum Exit: Sendable, Equatable {
        case next(String)
        /// The first branch whose condition holds; the last has none.
        case choose([Branch])
        case end(EndStatus)
    }

    public struct Branch: Sendable, Equatable {
        public let condition: Expression?
        public let next: String

        public init(condition: Expression?, next: String) {
            self.condition = condition
            self.next = next
        }
    }

    public enum EndStatus: String, Sendable, CaseIterable {
        case succeeded, failed, cancelled
    }

    public let name: String
    public let title: String?
    public let action: Action?
    /// The retry entries, tested in order. Each has a counter of its own; the built-in default comes after all of them.
    public let retry: [RetryEntry]
    /// `retry: none`: not even the built-in default applies.
    public let retriesNothing: Bool
    /// The catch entries, tested in order when no entry of `retry` tries again.
    public let catches: [CatchEntry]
    public let exit: Exit
    /// How to find out what became of a lost answer; nil: a person must.
    public let reconcile: ReconcileDefinition?
    /// How the platform names what the call makes; nil: by the data in the path of the undo.
    public let identity: IdentityDefinition?
    /// How what the state's call made is taken back, when the run fails or is cancelled.
    public let undo: UndoDefinition?
    /// Used in an end state: false leaves everything that the run made where it is.
    public let undoesAtEnd: Bool
    /// Used in an end state with success: how to see whether what the run made is still there and works.
    public let inspect: InspectDefinition?
    /// Successes in a row before going on; nil: one is enough.
    public let stable: StableDefinition?
    /// The deadline of one stay, counted from its beginning; nil: the state has no deadline of its own.
    public let deadlineMilliseconds: Int64?

    public init(
        name: String, title: String? = nil, action: Action? = nil, retry: [RetryEntry] = [],
        retriesNothing: Bool = false, catches: [CatchEntry] = [], exit: Exit, reconcile: ReconcileDefinition? = nil,
        identity: IdentityDefinition? = nil, undo: UndoDefinition? = nil, undoesAtEnd: Bool = true,
        inspect: InspectDefinition? = nil, stable: StableDefinition? = nil,
        deadlineMilliseconds: Int64? = nil
    ) {
        self.name = name
        self.title = title
        self.action = action
        self.retry = retry
        self.retriesNothing = retriesNothing
        self.catches = catches
        self.exit = exit
        self.reconcile = reconcile
        self.identity = identity
        self.undo = undo
        self.undoesAtEnd = undoesAtEnd
        self.inspect = inspect
        self.stable = stable
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// Whether the undo also takes back what was found and may have been there before.
    var undoesAdopted: Bool { undo?.takesBackAdopted == true }
}

public struct RetryEntry: Sendable, Equatable {
    public let errors: [String]
    public let policy: RetryPolicy

    public init(errors: [String], policy: RetryPolicy) {
        self.errors = errors
        self.policy = policy
    }
}

public struct CatchEntry: Sendable, Equatable {
    public enum Target: Sendable, Equatable {
        case next(String)
        /// Park the run for a person, with this text.
        case hold(Template)
    }

    public let errors: [String]
    public let target: Target
    public let set: [NamedTemplate]

    public init(errors: [String], target: Target, set: [NamedTemplate] = []) {
        self.errors = errors
        self.target = target
        self.set = set
    }
}

/// How often and how long a call is tried again.
public struct RetryPolicy: Sendable, Equatable {
    public enum Jitter: String, Sendable, CaseIterable {
        case none
        /// A random delay between nothing and the whole delay.
        case full
        /// Half the delay, plus a random part of the other half.
        case equal
    }

    public enum Schedule: String, Sendable, CaseIterable {
        /// By `delay`, `backoff`, `max_delay` and `jitter`.
        case declared
        /// By how old keys of the service usually are when they are accepted, as far as that is known.
        case learned
    }

    /// The name under `retries`, or `default`.
    public let name: String
    public let delayMilliseconds: Int64
    public let backoff: Double
    public let maximumDelayMilliseconds: Int64
    public let jitter: Jitter
    /// The number of attempts, including the first one; nil means no limit.
    public let maximumAttempts: Int?
    /// How long to try again, counted from the first attempt that ended this way; nil means no limit.
    public let withinMilliseconds: Int64?
    /// A platform's Retry-After raises the delay; it never lowers it.
    public let honoursRetryAfter: Bool
    public let schedule: Schedule

    public init(
        name: String, delayMilliseconds: Int64 = 1000, backoff: Double = 2, maximumDelayMilliseconds: Int64 = 60_000,
        jitter: Jitter = .full, maximumAttempts: Int? = nil, withinMilliseconds: Int64? = nil,
        honoursRetryAfter: Bool = true, schedule: Schedule = .declared
    ) {
        self.name = name
        self.delayMilliseconds = delayMilliseconds
        self.backoff = backoff
        self.maximumDelayMilliseconds = maximumDelayMilliseconds
        self.jitter = jitter
        self.maximumAttempts = maximumAttempts
        self.withinMilliseconds = withinMilliseconds
        self.honoursRetryAfter = honoursRetryAfter
        self.schedule = schedule
    }

    /// Whether the policy ever tries again, and so takes time before it gives up.
    var mayWait: Bool {
        let shortest =
            switch jitter {
            case .none: delayMilliseconds
            case .equal: delayMilliseconds / 2
            case .full: Int64(0)
            }
        return maximumAttempts != 1 && shortest <= withinMilliseconds ?? .max
    }

    /// The policy that follows each state's own entries: it retries transient errors, with six attempts in all.
    public static let standard = RetryPolicy(name: "default", maximumAttempts: 6)
}
