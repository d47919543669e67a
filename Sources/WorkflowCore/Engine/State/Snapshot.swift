/// The folded state as it is stored beside the run: JSON, and its times in a list of their own. The times are
/// microseconds, in the order in which the JSON names them. A -1 stands for the time of the commit, which the commit
/// puts in.
public struct Snapshot: Sendable, Equatable {
    public let json: JSONValue
    public let times: [Int64]

    public init(json: JSONValue, times: [Int64]) {
        self.json = json
        self.times = times
    }
}

extension RunState {
    /// Names every field that can change, once for writing, reading and committing. A new field needs its line here; a
    /// test compares the list with the state's properties.
    mutating func code(_ coder: inout SnapshotCoder) {
        coder.field("state", &state)
        coder.field("entered_at", &enteredAt)
        coder.field("attempts", &attempts)
        coder.field("status", &status)
        coder.field("data", &data, unless: JSONObject())
        coder.field("uncounted_in_a_row", &uncountedInARow, unless: 0)
        coder.field("may_have_created", &mayHaveCreated, unless: false)
        coder.field("may_have_surplus", &mayHaveSurplus, unless: false)
        coder.field("adopted", &isAdopted, unless: false)
        coder.field("idempotency_generation", &idempotencyGeneration, unless: 1)
        coder.field("idempotency_first_sent_at", &idempotencyFirstSentAt)
        coder.field("frozen", &frozen)
        coder.field("had_unknown", &hadUnknown, unless: false)
        coder.field("unknown", &unknown)
        coder.field("late_answer", &lateAnswer)
        coder.field("replacing", &isReplacing, unless: false)
        coder.field("successes_in_a_row", &successesInARow, unless: 0)
        coder.field("undo_list", &undoList, unless: [])
        coder.field("ending", &ending)
        coder.field("calls_before_undo", &callsBeforeUndo, unless: 0)
        coder.field("gone_look", &goneLook)
        coder.field("undone", &undoneCount, unless: 0)
        coder.field("stops_undo", &stopsUndo, unless: false)
        coder.field("hold", &hold)
        coder.field("deadline_since", &deadlineSince, unless: requestedAt)
        coder.field("held_milliseconds", &heldMilliseconds, unless: 0)
        coder.field("held_in_state_milliseconds", &heldInStateMilliseconds, unless: 0)
        coder.field("taken_over_by", &takenOverBy)
        coder.field("key_with", &keyWith)
        coder.field("reason", &reason)
        coder.field("last_error", &lastError)
        coder.field("counters", &counters, unless: [])
        coder.field("wait", &wait)
        coder.field("secrets", &secrets, unless: [])
        coder.field("open_attempt", &openAttempt)
        coder.field("gave_up", &gaveUp)
        coder.field("cancel", &cancel)
        coder.field("inspection", &inspection)
        coder.field("diagnosed", &isDiagnosed, unless: false)
        coder.field("probe", &probe)
    }

    /// The whole state except id and seq, which stand beside it. A worker goes on from it and reads nothing else.
    public var snapshot: Snapshot {
        var coder = SnapshotCoder.writing()
        coder.constant("workflow", workflow)
        coder.constant("version", version)
        coder.constant("definition", definitionDigest)
        coder.constant("organisation", organisation)
        coder.constant("key", key)
        coder.constant("input", input)
        coder.constant("requested_at", requestedAt)
        var state = self
        state.code(&coder)
        return Snapshot(json: .object(coder.json), times: coder.times.microseconds)
    }

    /// Reads a snapshot back; nil when this version did not write it. One broken part makes the whole snapshot
    /// unreadable: if an open attempt were forgotten, its call would be sent twice.
    public init?(id: Identifier, seq: Int64, snapshot: Snapshot) {
        guard let json = snapshot.json.objectValue else { return nil }
        var coder = SnapshotCoder.reading(json, snapshot.times)
        guard let workflow: String = coder.constant("workflow"), let version: Int = coder.constant("version"),
            let digest: String = coder.constant("definition"),
            let organisation: String = coder.constant("organisation"), let key: String = coder.constant("key"),
            let input: JSONObject = coder.constant("input"), let requestedAt: Instant = coder.constant("requested_at")
        else { return nil }
        self.init(
            id: id, workflow: workflow, version: version, definitionDigest: digest, organisation: organisation,
            key: key, input: input, requestedAt: requestedAt, start: "")
        self.seq = seq
        code(&coder)
        if coder.isBroken { return nil }
    }

    /// The same state once the commit's time is known.
    public func committed(at time: Instant) -> RunState {
        var coder = SnapshotCoder.committing(at: time)
        var state = self
        state.code(&coder)
        return state
    }
}
