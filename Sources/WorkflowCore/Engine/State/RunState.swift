/// Where a run stands in the eyes of people and of the queue.
public enum RunStatus: String, Sendable, CaseIterable {
    case live, held, succeeded, failed, cancelled
    /// It had succeeded; what it made was taken back, or left behind by a person's word, and its key is free.
    case released

    public var isEnded: Bool { self != .live && self != .held }
}

/// A run as the fold of its events: all that `decide` looks at.
public struct RunState: Sendable, Equatable {
    public let id: Identifier
    public let workflow: String
    public let version: Int
    /// SHA-256 of the definition's canonical form, in hex.
    public let definitionDigest: String
    public let organisation: String
    public let key: String
    public let input: JSONObject
    public let requestedAt: Instant

    public internal(set) var seq: Int64 = 0
    public internal(set) var status: RunStatus = .live
    public internal(set) var state: String
    /// When the current stay in `state` began.
    public internal(set) var enteredAt: Instant
    /// Attempts started in this stay, of whatever purpose.
    public internal(set) var attempts = 0
    /// One for each retry entry that was used in this stay.
    public internal(set) var counters: [RetryCounter] = []
    /// How many attempts in a row were not charged to the run.
    public internal(set) var uncountedInARow = 0
    public internal(set) var wait: Wait?
    public internal(set) var openAttempt: OpenAttempt?
    /// The variables that are not secret.
    public internal(set) var data = JSONObject()
    /// The secret variables, the newest version of each.
    public internal(set) var secrets: [RunSecret] = []
    /// Whether a call that is not harmless to repeat may have left something on the platform that no undo takes back.
    public internal(set) var mayHaveCreated = false
    /// Whether that is something beside what the run goes on with: not only its own thing that has no undo.
    public internal(set) var mayHaveSurplus = false
    /// Whether the run goes on with something that was found and may have been there before.
    public internal(set) var isAdopted = false
    /// Makes the next idempotency value: it rises with every stay, and when a found thing is replaced.
    public internal(set) var idempotencyGeneration = 1
    /// When this stay's call was first sent under the current idempotency value.
    public internal(set) var idempotencyFirstSentAt: Instant?
    /// What was first sent under the current idempotency value.
    public internal(set) var frozen: FrozenRequest?
    /// An attempt of this stay's call ended as unknown, settled or not.
    public internal(set) var hadUnknown = false
    /// What is not known about this stay's call.
    public internal(set) var unknown: UnknownOutcome?
    /// The answer to a call of this stay that came late. One that says done stays, whatever comes after it.
    public internal(set) var lateAnswer: LateAnswer?
    /// Whether the run is taking back what a look-up found, so that the call can be sent again.
    public internal(set) var isReplacing = false
    /// How often in a row the call of this stay succeeded, for `stable`.
    public internal(set) var successesInARow = 0
    /// What is to be taken back when the run fails, the newest last.
    public internal(set) var undoList: [UndoEntry] = []
    /// How the run ends after the undo; set when the undo begins.
    public internal(set) var ending: Ending?
    /// How many of the calls before the undo are done for its next request.
    public internal(set) var callsBeforeUndo = 0
    /// The undo was sent, and it is being looked up whether the thing is gone; or it is to be sent again.
    public internal(set) var goneLook: UnknownOutcome?
    /// How many calls were taken back because the run failed.
    public internal(set) var undoneCount = 0
    /// Whether a person asked to stop the undo, which would never end with a platform that is gone.
    public internal(set) var stopsUndo = false
    /// What a person has to decide.
    public internal(set) var hold: Hold?
    /// The time from which the run's deadline counts; and the time in holds since then, which the deadline leaves out.
    public internal(set) var deadlineSince: Instant
    public internal(set) var heldMilliseconds: Int64 = 0
    /// The part of the held time that lies in this stay.
    public internal(set) var heldInStateMilliseconds: Int64 = 0
    /// The run that took over the key.
    public internal(set) var takenOverBy: String?
    /// The run that had the key when this one had ended and a late answer said that it has made something after all.
    public internal(set) var keyWith: String?
    public internal(set) var cancel: CancelRequest?
    /// Of a run that succeeded, when it was or is to be inspected.
    public internal(set) var inspection: Inspection?
    /// The run has ended, and its end has a diagnosis.
    public internal(set) var isDiagnosed = false
    /// What a person has asked to be sent, to learn more of the run.
    public internal(set) var probe: PendingProbe?
    /// Why the run is held, failed or cancelled, for people.
    public internal(set) var reason: String?
    public internal(set) var lastError: String?
    /// The last error that had no further try: a later `end: failed` names it as the cause.
    public internal(set) var gaveUp: GivenUp?

    public init(
        id: Identifier, workflow: String, version: Int, definitionDigest: String, organisation: String, key: String,
        input: JSONObject, requestedAt: Instant, start: String
    ) {
        self.id = id
        self.workflow = workflow
        self.version = version
        self.definitionDigest = definitionDigest
        self.organisation = organisation
        self.key = key
        self.input = input
        self.requestedAt = requestedAt
        state = start
        enteredAt = requestedAt
        deadlineSince = requestedAt
    }

    /// The idempotency value of this stay: one per run and state, and a new one for a new stay.
    public var idempotencyKey: String {
        idempotencyGeneration == 1 ? "\(id)/\(state)" : "\(id)/\(state)/\(idempotencyGeneration)"
    }

    /// Whether workers have something to do for the run, now or later: then it has a task.
    public var hasTask: Bool { goesOn || probe != nil }

    /// Whether the run itself has something to send, now or later.
    var goesOn: Bool {
        switch status {
        case .live: true
        case .succeeded: inspection?.goesOn == true
        case .held, .failed, .cancelled, .released: false
        }
    }

    /// Whether the run has its key. An ended run without success keeps it while something that it made may exist on the
    /// platform.
    public var ownsKey: Bool {
        switch status {
        case .live, .held, .succeeded: true
        case .released: false
        case .failed, .cancelled: takenOverBy == nil && keyWith == nil && mayHaveLeftSomething
        }
    }

    /// Whether something that the run made may exist on the platform, known or not.
    public var mayHaveLeftSomething: Bool {
        mayHaveCreated || unknown != nil || !undoList.isEmpty || lateAnswer?.saysMade == true
    }

    /// The same, once the run is not on its way any more; of a run that succeeded only what is beside its own. It holds
    /// also when another run has the key.
    public var mayBeLeft: Bool {
        switch status {
        case .live: false
        case .succeeded: mayHaveSurplus
        case .held, .failed, .cancelled, .released: mayHaveLeftSomething
        }
    }

    public func secret(_ name: String) -> RunSecret? {
        secrets.first { $0.reference.name.hasSameScalars(as: name) }
    }

    /// The version that the next value of a secret variable gets.
    public func nextVersion(ofSecret name: String) -> Int {
        (secret(name)?.reference.version ?? 0).addingClamped(1)
    }
}
