/// The kinds of facts that a run's stream holds. The words are stored, so they never change.
public enum EventType: String, Sendable, CaseIterable {
    case runRequested = "run.requested"
    case attemptStarted = "attempt.started"
    case attemptDone = "attempt.done"
    case attemptNotDone = "attempt.not_done"
    case attemptUnknown = "attempt.unknown"
    case attemptLate = "attempt.late"
    /// The late answer settles an attempt that was closed as unknown.
    case attemptSettled = "attempt.settled"
    case stateEntered = "state.entered"
    case runHeld = "run.held"
    /// By a person: what becomes of a held run.
    case runResolved = "run.resolved"
    /// By a person: a failed run goes on where it failed.
    case runReopened = "run.reopened"
    /// By a person: another run has the key now.
    case runTakenOver = "run.taken_over"
    /// By a person: try now instead of later.
    case retryRequested = "retry.requested"
    /// An outcome that could wait for a resend is looked up after all.
    case reconcileStarted = "reconcile.started"
    case undoStarted = "undo.started"
    /// Nothing can be taken back, because nobody knows what to take back.
    case undoSkipped = "undo.skipped"
    case cancelRequested = "cancel.requested"
    /// By a person: a run that succeeded takes back what it made, and lets its key go.
    case releaseRequested = "release.requested"
    /// By a person: look now whether what a run that succeeded has made is still there and works.
    case inspectionRequested = "inspection.requested"
    /// An inspection has come to another verdict than the one before.
    case runInspected = "run.inspected"
    /// What the end was due to, as far as the log tells; written once for each end, after it.
    case runDiagnosed = "run.diagnosed"
    /// By a person: send a harmless request, to learn more of the run.
    case probeAsked = "probe.asked"
    /// The probe was not sent, and why.
    case probeDropped = "probe.dropped"
    /// A secret of the run was opened for something that is not its own next request.
    case secretRead = "secret.read"
    case runSucceeded = "run.succeeded"
    case runFailed = "run.failed"
    case runCancelled = "run.cancelled"
    case runReleased = "run.released"
    /// A run with the same input followed a released one, or could not be started.
    case redoStarted = "redo.started"
    case redoRefused = "redo.refused"

    /// The event that closes an attempt with that outcome.
    public static func closing(_ outcome: Outcome) -> EventType {
        switch outcome {
        case .done: .attemptDone
        case .notDone: .attemptNotDone
        case .unknown: .attemptUnknown
        }
    }
}

/// A fact that is about to be written.
public struct NewEvent: Sendable, Equatable {
    public let type: EventType
    public let body: JSONObject
    public let attemptId: Identifier?

    public init(_ type: EventType, _ body: JSONObject, attemptId: Identifier? = nil) {
        self.type = type
        self.body = body
        self.attemptId = attemptId
    }
}

/// A fact as it stands in the stream.
public struct RecordedEvent: Sendable, Equatable {
    /// 1..n within the run.
    public let seq: Int64
    /// Kept as text, so that a type of a newer version can still be shown.
    public let type: String
    public let body: JSONObject
    public let epoch: Int64
    public let attemptId: Identifier?
    /// Who wrote it: `worker:…`, `person:…` or `sql:…`.
    public let actor: String
    public let recordedAt: Instant

    public init(
        seq: Int64, type: String, body: JSONObject, epoch: Int64, attemptId: Identifier?, actor: String,
        recordedAt: Instant
    ) {
        self.seq = seq
        self.type = type
        self.body = body
        self.epoch = epoch
        self.attemptId = attemptId
        self.actor = actor
        self.recordedAt = recordedAt
    }
}
