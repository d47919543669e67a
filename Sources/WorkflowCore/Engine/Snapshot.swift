/// The folded state as it is stored beside the run: JSON, and its times apart as microseconds in the order
/// in which the JSON names them, so that a commit can put its own time in (-1 stands for it).
public struct Snapshot: Sendable, Equatable {
    public let json: JSONValue
    public let times: [Int64]

    public init(json: JSONValue, times: [Int64]) {
        self.json = json
        self.times = times
    }
}

extension RunState {
    /// The state without what the run row has in columns of its own (seq, key, organisation, version). The status is in it: the
    /// row's may be newer, when a person's verb came after it.
    public var snapshot: Snapshot {
        var times: [Int64] = []
        func mark(_ time: Instant) -> JSONValue {
            times.append(time.microseconds)
            return .integer(times.count - 1)
        }
        var json: JSONObject = [
            "state": .string(state), "input": .object(input), "requested_at": mark(requestedAt),
            "entered_at": mark(enteredAt), "attempts": .integer(attempts), "status": .string(status.rawValue),
        ]
        if !data.isEmpty { json["data"] = .object(data) }
        if uncountedInARow > 0 { json["uncounted_in_a_row"] = .integer(uncountedInARow) }
        if mayHaveCreated { json["may_have_created"] = true }
        if keyNumber != 1 { json["key_number"] = .integer(keyNumber) }
        if let keySentAt { json["key_sent_at"] = mark(keySentAt) }
        if hadUnknown { json["had_unknown"] = true }
        if let unknown { json["unknown"] = unknown.json(mark) }
        if isReplacing { json["replacing"] = true }
        if successesInARow > 0 { json["successes_in_a_row"] = .integer(successesInARow) }
        if !undoList.isEmpty { json["undo_list"] = .array(undoList.map(\.json)) }
        if let ending { json["ending"] = ending.json }
        if undoneCount > 0 { json["undone"] = .integer(undoneCount) }
        if stopsUndo { json["stops_undo"] = true }
        if let hold {
            var part: JSONObject = [
                "code": .string(hold.code), "text": .string(hold.text),
                "choices": .array(hold.choices.map { .string($0) }), "since": mark(hold.since),
                "candidates": .array(hold.candidates.map { .object($0) }),
            ]
            if let error = hold.error { part["error"] = .string(error) }
            json["hold"] = .object(part)
        }
        if deadlineSince != requestedAt { json["deadline_since"] = mark(deadlineSince) }
        if heldMilliseconds > 0 { json["held_milliseconds"] = .integer(heldMilliseconds) }
        if heldInStateMilliseconds > 0 { json["held_in_state_milliseconds"] = .integer(heldInStateMilliseconds) }
        if let supersededBy { json["superseded_by"] = .string(supersededBy) }
        if let reason { json["reason"] = .string(reason) }
        if let lastError { json["last_error"] = .string(lastError) }
        if !counters.isEmpty {
            json["counters"] = .array(
                counters.map {
                    ["entry": .integer($0.entry), "attempts": .integer($0.attempts), "first_at": mark($0.firstAt)]
                })
        }
        if let wait {
            json["wait"] = ["since": mark(wait.since), "milliseconds": .integer(wait.milliseconds)]
        }
        if !secrets.isEmpty {
            json["secrets"] = .array(
                secrets.map { ["reference": $0.reference.json, "sealed_at": mark($0.sealedAt)] })
        }
        if let openAttempt {
            json["open_attempt"] = [
                "id": .string(openAttempt.id.description), "state": .string(openAttempt.state),
                "number": .integer(openAttempt.number), "started_at": mark(openAttempt.startedAt),
                "repeatable": .bool(openAttempt.isRepeatable), "purpose": .string(openAttempt.purpose.rawValue),
            ]
        }
        if let gaveUp {
            json["gave_up"] = [
                "error": .string(gaveUp.error), "text": .string(gaveUp.text), "state": .string(gaveUp.state),
            ]
        }
        if let cancel { json["cancel"] = ["actor": .string(cancel.actor), "reason": .string(cancel.reason)] }
        return Snapshot(json: .object(json), times: times)
    }

    /// Reads a snapshot back; nil when it is not one that this version wrote. A part that is there but broken makes
    /// all of it unreadable: to forget an open attempt would be to send it twice.
    public init?(
        id: Identifier, workflow: String, version: Int, definitionDigest: String, organisation: String, key: String,
        status: RunStatus, seq: Int64, snapshot: Snapshot
    ) {
        let reader = SnapshotReader(times: snapshot.times)
        let json = snapshot.json
        guard let state = json["state"]?.stringValue, let input = json["input"]?.objectValue,
            let requestedAt = reader.time(json["requested_at"]), let enteredAt = reader.time(json["entered_at"]),
            let attempts = json["attempts"]?.integerValue,
            let status = json["status"].map({ $0.stringValue.flatMap(RunStatus.init) }) ?? status,
            let data = json["data"].map(\.objectValue) ?? JSONObject(),
            let uncounted = json["uncounted_in_a_row"].map(\.integerValue) ?? 0,
            let mayHaveCreated = json["may_have_created"].map(\.boolValue) ?? false,
            let counters = reader.list(json["counters"], of: reader.counter),
            let secrets = reader.list(json["secrets"], of: reader.secret),
            let wait = reader.optional(json["wait"], reader.wait),
            let openAttempt = reader.optional(json["open_attempt"], reader.attempt),
            let gaveUp = reader.optional(json["gave_up"], reader.givenUp),
            let cancel = reader.optional(json["cancel"], reader.cancel),
            let reason = reader.optional(json["reason"], \.stringValue),
            let lastError = reader.optional(json["last_error"], \.stringValue),
            let more = reader.more(json)
        else { return nil }
        self.init(
            id: id, workflow: workflow, version: version, definitionDigest: definitionDigest,
            organisation: organisation, key: key, input: input, requestedAt: requestedAt, start: state)
        self.status = status
        self.seq = seq
        self.enteredAt = enteredAt
        self.attempts = Int(clamping: attempts)
        self.data = data
        uncountedInARow = Int(clamping: uncounted)
        self.mayHaveCreated = mayHaveCreated
        self.counters = counters
        self.secrets = secrets
        self.wait = wait
        self.openAttempt = openAttempt
        self.gaveUp = gaveUp
        self.cancel = cancel
        self.reason = reason
        self.lastError = lastError
        keyNumber = more.keyNumber
        keySentAt = more.keySentAt
        hadUnknown = more.hadUnknown
        unknown = more.unknown
        isReplacing = more.isReplacing
        successesInARow = more.successesInARow
        undoList = more.undoList
        ending = more.ending
        undoneCount = more.undoneCount
        hold = more.hold
        stopsUndo = more.stopsUndo
        deadlineSince = more.deadlineSince ?? requestedAt
        heldMilliseconds = more.heldMilliseconds
        heldInStateMilliseconds = more.heldInStateMilliseconds
        supersededBy = more.supersededBy
    }

    /// The same state once the commit's time is known.
    public func committed(at time: Instant) -> RunState {
        var state = self
        state.enteredAt = enteredAt.resolved(time)
        state.wait = wait.map { Wait(since: $0.since.resolved(time), milliseconds: $0.milliseconds) }
        state.counters = counters.map {
            RetryCounter(entry: $0.entry, attempts: $0.attempts, firstAt: $0.firstAt.resolved(time))
        }
        state.secrets = secrets.map { $0.committed(at: time) }
        state.openAttempt = openAttempt.map {
            OpenAttempt(
                id: $0.id, state: $0.state, number: $0.number, startedAt: $0.startedAt.resolved(time),
                isRepeatable: $0.isRepeatable, purpose: $0.purpose)
        }
        state.keySentAt = keySentAt?.resolved(time)
        state.unknown?.settles = unknown?.settles.map {
            Wait(since: $0.since.resolved(time), milliseconds: $0.milliseconds)
        }
        state.deadlineSince = deadlineSince.resolved(time)
        state.hold = hold.map {
            Hold(
                code: $0.code, error: $0.error, text: $0.text, choices: $0.choices,
                since: $0.since.resolved(time), candidates: $0.candidates)
        }
        return state
    }
}

extension HeldSecret {
    func committed(at time: Instant) -> HeldSecret {
        HeldSecret(reference: reference, sealedAt: sealedAt.resolved(time))
    }
}

extension Instant {
    fileprivate func resolved(_ time: Instant) -> Instant { isOfThisCommit ? time : self }
}
