public import WorkflowCore

/// Something in the database that no working installation has.
public struct Violation: Sendable, Hashable {
    /// The run it is about; nil for what concerns the whole installation.
    public let runId: Identifier?
    public let code: ViolationCode
    /// The event it was found at.
    public let seq: Int64?
    public let expected: String?
    public let actual: String?

    public init(_ code: ViolationCode, run: Identifier?, seq: Int64? = nil, expected: String?, actual: String?) {
        self.code = code
        runId = run
        self.seq = seq
        self.expected = expected
        self.actual = actual
    }
}

/// The kinds of violations. The words are stable: programs and alarms go by them.
public enum ViolationCode: String, Sendable, CaseIterable {
    // The stream of a run.
    case seqGap = "seq_gap"
    case seqTwice = "seq_twice"
    case chain
    case firstEvent = "first_event"
    case order
    case endTwice = "end_twice"
    case afterEnd = "after_end"
    case epochFalls = "epoch_falls"
    case epochOfClose = "epoch_of_close"
    case attemptStartedTwice = "attempt_started_twice"
    case attemptWhileOpen = "attempt_while_open"
    case attemptClosedTwice = "attempt_closed_twice"
    case attemptNotStarted = "attempt_not_started"
    case attemptNotOpen = "attempt_not_open"
    case attemptOpen = "attempt_open"
    case historyLost = "history_lost"
    case bodyUnreadable = "body_unreadable"
    case streamWithoutRun = "stream_without_run"
    case runWithoutEvents = "run_without_events"
    // The run row beside the fold of its stream.
    case rowSeq = "row_seq"
    case rowHash = "row_hash"
    case rowState = "row_state"
    case rowStatus = "row_status"
    case rowOwnsKey = "row_owns_key"
    case rowMayBeLeft = "row_may_be_left"
    case rowHasTask = "row_has_task"
    case rowInspection = "row_inspection"
    case rowEndedAt = "row_ended_at"
    case rowReason = "row_reason"
    case rowLastError = "row_last_error"
    case rowEpoch = "row_epoch"
    case rowFacts = "row_facts"
    case rowDefinition = "row_definition"
    case runDefinition = "run_definition"
    case slotKept = "slot_kept"
    case snapshotSeq = "snapshot_seq"
    case snapshotUnreadable = "snapshot_unreadable"
    case snapshotDiffers = "snapshot_differs"
    case foldRefused = "fold_refused"
    case foldsDiffer = "folds_differ"
    // The queue.
    case taskMissing = "task_missing"
    case taskExtra = "task_extra"
    case taskTwice = "task_twice"
    case taskWithoutRun = "task_without_run"
    case taskOrganisation = "task_organisation"
    case leaseWithoutTask = "lease_without_task"
    case lineLost = "line_lost"
    case leaseStale = "lease_stale"
    // What runs have.
    case thingMissing = "thing_missing"
    // Secrets.
    case secretMissing = "secret_missing"
    case secretDiffers = "secret_differs"
    case secretUnmentioned = "secret_unmentioned"
    case secretWithoutRun = "secret_without_run"
    // The installation.
    case definitionDigest = "definition_digest"
    case guardMissing = "guard_missing"
    case partitionMissing = "partition_missing"

    /// Worth a look, but nothing is wrong with the data.
    public var isWarning: Bool { self == .leaseStale || self == .historyLost }
}
