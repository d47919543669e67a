// The parts of a snapshot that few runs have: what is not known, what is taken back, what waits for a person.

extension UnknownOutcome {
    func json(_ mark: (Instant) -> JSONValue) -> JSONValue {
        var json: JSONObject = [
            "attempt": .string(attemptId.description), "error": .string(error), "looked_up": .bool(isLookedUp),
        ]
        if let status { json["status"] = .integer(status) }
        if let settles {
            json["settles"] = ["since": mark(settles.since), "milliseconds": .integer(settles.milliseconds)]
        }
        return .object(json)
    }

    init?(_ value: JSONValue, _ reader: SnapshotReader) {
        guard let id = value["attempt"]?.stringValue.flatMap(Identifier.init), let error = value["error"]?.stringValue,
            let isLookedUp = value["looked_up"]?.boolValue,
            let settles = reader.optional(value["settles"], reader.wait)
        else { return nil }
        self.init(
            attemptId: id, error: error, status: value["status"]?.integerValue.map { Int(clamping: $0) },
            isLookedUp: isLookedUp, settles: settles)
    }
}

extension UndoEntry {
    var json: JSONValue {
        [
            "state": .string(state), "key_number": .integer(keyNumber), "attempt": .string(attemptId.description),
            "certain": .bool(isCertain), "saved": .object(saved), "sealed": .array(sealed.map(\.json)),
        ]
    }

    init?(_ value: JSONValue) {
        guard let state = value["state"]?.stringValue, let keyNumber = value["key_number"]?.integerValue,
            let id = value["attempt"]?.stringValue.flatMap(Identifier.init),
            let isCertain = value["certain"]?.boolValue,
            let saved = value["saved"]?.objectValue, let sealed = value["sealed"]?.arrayValue
        else { return nil }
        let references = sealed.compactMap { SealedReference($0) }
        guard references.count == sealed.count else { return nil }
        self.init(
            state: state, keyNumber: Int(clamping: keyNumber), attemptId: id, isCertain: isCertain, saved: saved,
            sealed: references)
    }
}

extension Ending {
    var json: JSONValue {
        var json: JSONObject = [
            "status": .string(status.rawValue), "error": .string(error), "reason": .string(reason),
        ]
        if let failedIn { json["failed_in"] = .string(failedIn) }
        return .object(json)
    }

    init?(_ value: JSONValue) {
        guard let status = value["status"]?.stringValue.flatMap(RunStatus.init),
            let error = value["error"]?.stringValue,
            let reason = value["reason"]?.stringValue
        else { return nil }
        self.init(status: status, error: error, reason: reason, failedIn: value["failed_in"]?.stringValue)
    }
}

extension SnapshotReader {
    struct More {
        var keyNumber = 1
        var keySentAt: Instant?
        var hadUnknown = false
        var unknown: UnknownOutcome?
        var isReplacing = false
        var successesInARow = 0
        var undoList: [UndoEntry] = []
        var ending: Ending?
        var undoneCount = 0
        var hold: Hold?
        var stopsUndo = false
        var deadlineSince: Instant?
        var heldMilliseconds: Int64 = 0
        var heldInStateMilliseconds: Int64 = 0
        var supersededBy: String?
    }

    /// Nil when a part is there but broken.
    func more(_ json: JSONValue) -> More? {
        func number(_ name: String, _ usual: Int64) -> Int64? { json[name].map(\.integerValue) ?? usual }
        func flag(_ name: String) -> Bool? { json[name].map(\.boolValue) ?? false }
        var more = More()
        guard let keyNumber = number("key_number", 1), let successes = number("successes_in_a_row", 0),
            let undone = number("undone", 0), let held = number("held_milliseconds", 0),
            let heldInState = number("held_in_state_milliseconds", 0), let hadUnknown = flag("had_unknown"),
            let isReplacing = flag("replacing"), let stopsUndo = flag("stops_undo"),
            let keySentAt = optional(json["key_sent_at"], time),
            let deadlineSince = optional(json["deadline_since"], time),
            let unknown = optional(json["unknown"], { UnknownOutcome($0, self) }),
            let undoList = list(json["undo_list"], of: { UndoEntry($0) }),
            let ending = optional(json["ending"], { Ending($0) }), let hold = optional(json["hold"], hold),
            let supersededBy = optional(json["superseded_by"], \.stringValue)
        else { return nil }
        more.keyNumber = Int(clamping: keyNumber)
        more.keySentAt = keySentAt
        more.hadUnknown = hadUnknown
        more.unknown = unknown
        more.isReplacing = isReplacing
        more.successesInARow = Int(clamping: successes)
        more.undoList = undoList
        more.ending = ending
        more.undoneCount = Int(clamping: undone)
        more.hold = hold
        more.stopsUndo = stopsUndo
        more.deadlineSince = deadlineSince
        more.heldMilliseconds = held
        more.heldInStateMilliseconds = heldInState
        more.supersededBy = supersededBy
        return more
    }

    private func hold(_ value: JSONValue) -> Hold? {
        guard let code = value["code"]?.stringValue, let text = value["text"]?.stringValue,
            let choices = value["choices"]?.arrayValue, let since = time(value["since"]),
            let candidates = value["candidates"]?.arrayValue
        else { return nil }
        return Hold(
            code: code, error: value["error"]?.stringValue, text: text, choices: choices.compactMap(\.stringValue),
            since: since,
            candidates: candidates.compactMap(\.objectValue))
    }
}
