public import EventStore

/// What a violation means and what to do, for people; `docs/guide/verify.md` says more.
public enum ViolationText {
    public static func meaning(_ code: ViolationCode) -> String {
        switch code {
        case .seqGap: "an event is missing from the stream"
        case .seqTwice: "two events have one number"
        case .chain: "an event, or the one before it, is not what was written"
        case .firstEvent: "the stream does not begin with run.requested"
        case .order: "an event stands where it may not"
        case .endTwice: "the run ends twice"
        case .afterEnd: "an event follows the end of the run"
        case .epochFalls: "a worker wrote after another had taken the run over"
        case .epochOfClose: "an attempt was closed in another claim than it was started in"
        case .attemptStartedTwice: "an attempt is started twice"
        case .attemptWhileOpen: "an attempt is started while another is open"
        case .attemptClosedTwice: "an attempt is closed twice"
        case .attemptNotStarted: "an attempt has an outcome and no start"
        case .historyLost:
            "a worker knows an attempt that the database does not: the database was put back to an older state"
        case .attemptNotOpen: "an attempt is closed that is not the open one"
        case .attemptOpen: "an attempt of a run without a task was never closed"
        case .bodyUnreadable: "an event's body cannot be read"
        case .streamWithoutRun: "there are events, and no run"
        case .runWithoutEvents: "there is a run, and no event"
        case .rowSeq: "the row that holds the stream's end counts other events than there are"
        case .rowHash: "the row that holds the stream's end has another last hash than the last event"
        case .rowState: "the run row is in another state than its events"
        case .rowStatus: "the run row has another status than its events"
        case .rowOwnsKey: "the run row holds its key, or not, against its events"
        case .rowMayBeLeft: "the run row says against its events that something may be left, or that nothing is"
        case .rowHasTask: "the run row says against its events that there is something to do, or that nothing is"
        case .rowInspection: "the run row has another verdict of inspections than its events"
        case .rowEndedAt: "the run row ended at another time than its events"
        case .rowReason: "the run row gives another reason than its events"
        case .rowLastError: "the run row names another last error than its events"
        case .rowEpoch: "the run's epoch is behind its events, or a claim has given one twice"
        case .rowFacts: "the run row is about something else than its first event"
        case .rowDefinition: "the run row is pinned to another definition than its first event"
        case .runDefinition: "the run's definition is not published"
        case .slotKept: "an ended run still counts towards its workflow's limit of live runs"
        case .snapshotSeq: "the stored state is of an event that is not there"
        case .snapshotUnreadable: "the stored state cannot be read"
        case .snapshotDiffers: "the stored state is not the fold of its events"
        case .foldRefused: "the workers' own fold refuses the stream"
        case .foldsDiffer: "the workers' fold and the independent one disagree"
        case .taskMissing: "a run with something to do has no task, so nobody will advance it"
        case .taskExtra: "a run without anything to do has a task"
        case .taskTwice: "a run has several tasks"
        case .taskWithoutRun: "there is a task, and no run"
        case .taskOrganisation: "the task names another organisation than its run"
        case .leaseWithoutTask: "there is a lease, and no task"
        case .lineLost: "a waiting run stands in no line, so that no claim will find it"
        case .leaseStale: "a run was not taken over after its lease had ended"
        case .thingMissing: "what the run has on a platform is not written down as its own"
        case .secretMissing: "an event names a sealed secret that is not there"
        case .secretDiffers: "a sealed secret is not the one that the event names"
        case .secretUnmentioned: "a sealed secret of the run is named by no event"
        case .secretWithoutRun: "there are sealed secrets, and no run"
        case .definitionDigest: "a published definition does not match its digest"
        case .guardMissing: "a trigger or index that guards the history is missing or off"
        case .partitionMissing: "there is no partition for the events of runs that come, or came lately"
        }
    }

    public static func advice(_ code: ViolationCode) -> String {
        switch code {
        case .historyLost:
            "Nothing is wrong with what is there. Workers have logged which runs lost events; look at the platform for what "
                + "was sent, and decide the run. Keys it was given are kept with the late evidence."
        case .leaseStale: "See that workers run and reach the database; no data is wrong."
        case .taskMissing: "Add the task row, as docs/guide/verify.md shows."
        case .lineLost: "Workers repair it within minutes; if it comes back, keep the database and report it."
        case .slotKept: "Set live_slot to false, as docs/guide/verify.md shows."
        case .partitionMissing: "Run \"turnup migrate\", or \"select turnup.make_partitions()\" in the database."
        case .leaseWithoutTask: "Stop the workers, look at the run, and delete the lease row."
        case .taskExtra, .taskTwice, .taskWithoutRun, .taskOrganisation:
            "Stop the workers, look at the run, and correct the task row as docs/guide/verify.md shows."
        case .rowSeq, .rowHash, .rowState, .rowStatus, .rowOwnsKey, .rowMayBeLeft, .rowHasTask,
            .rowInspection, .rowEndedAt, .rowReason, .rowLastError, .rowEpoch, .rowFacts, .thingMissing, .rowDefinition,
            .snapshotSeq, .snapshotUnreadable, .snapshotDiffers:
            "Stop the workers, and compare with \"turnup history RUN\"; when the chain is whole, the events are right "
                + "and the row is wrong."
        case .seqGap, .seqTwice, .chain, .firstEvent, .bodyUnreadable, .streamWithoutRun, .runWithoutEvents:
            "Somebody changed the database past Turnup: compare with a backup from before."
        case .secretMissing, .secretDiffers, .secretUnmentioned, .secretWithoutRun, .definitionDigest, .runDefinition:
            "Restore the rows from a backup; what is sealed cannot be made anew."
        case .guardMissing: "Find out who removed it and when, then create it again from the migration's text."
        case .order, .endTwice, .afterEnd, .epochFalls, .epochOfClose, .attemptStartedTwice, .attemptWhileOpen,
            .attemptClosedTwice, .attemptNotStarted, .attemptNotOpen, .attemptOpen, .foldRefused, .foldsDiffer:
            "Without a broken chain beside it this is a fault of Turnup: keep the database and report it with "
                + "\"turnup history RUN --json\"."
        }
    }
}
