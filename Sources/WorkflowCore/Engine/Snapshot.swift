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
    /// The state without what the run row has in columns of its own (seq, status, key, organisation, version).
    public var snapshot: Snapshot {
        var times: [Int64] = []
        func mark(_ time: Instant) -> JSONValue {
            times.append(time.microseconds)
            return .integer(times.count - 1)
        }
        var json: JSONObject = [
            "state": .string(state), "input": .object(input), "requested_at": mark(requestedAt),
            "entered_at": mark(enteredAt), "attempts": .integer(attempts),
        ]
        if !data.isEmpty { json["data"] = .object(data) }
        if uncountedInARow > 0 { json["uncounted_in_a_row"] = .integer(uncountedInARow) }
        if mayHaveCreated { json["may_have_created"] = true }
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
                "repeatable": .bool(openAttempt.isRepeatable),
            ]
        }
        if let cancel { json["cancel"] = ["actor": .string(cancel.actor), "reason": .string(cancel.reason)] }
        return Snapshot(json: .object(json), times: times)
    }

    /// Reads a snapshot back; nil when it is not one that this version wrote.
    public init?(
        id: Identifier, workflow: String, version: Int, definitionDigest: String, organisation: String, key: String,
        status: RunStatus, seq: Int64, snapshot: Snapshot
    ) {
        let json = snapshot.json
        func time(_ value: JSONValue?) -> Instant? {
            guard let index = value?.integerValue, snapshot.times.indices.contains(Int(clamping: index)) else {
                return nil
            }
            return Instant(microseconds: snapshot.times[Int(clamping: index)])
        }
        guard let state = json["state"]?.stringValue, let input = json["input"]?.objectValue,
            let requestedAt = time(json["requested_at"]), let enteredAt = time(json["entered_at"])
        else { return nil }
        self.init(
            id: id, workflow: workflow, version: version, definitionDigest: definitionDigest,
            organisation: organisation, key: key, input: input, requestedAt: requestedAt, start: state)
        self.status = status
        self.seq = seq
        self.enteredAt = enteredAt
        attempts = Int(clamping: json["attempts"]?.integerValue ?? 0)
        data = json["data"]?.objectValue ?? JSONObject()
        uncountedInARow = Int(clamping: json["uncounted_in_a_row"]?.integerValue ?? 0)
        mayHaveCreated = json["may_have_created"]?.boolValue ?? false
        reason = json["reason"]?.stringValue
        lastError = json["last_error"]?.stringValue
        counters = (json["counters"]?.arrayValue ?? []).compactMap { item in
            guard let entry = item["entry"]?.integerValue, let used = item["attempts"]?.integerValue,
                let firstAt = time(item["first_at"])
            else { return nil }
            return RetryCounter(entry: Int(clamping: entry), attempts: Int(clamping: used), firstAt: firstAt)
        }
        if let since = time(json["wait"]?["since"]), let span = json["wait"]?["milliseconds"]?.integerValue {
            wait = Wait(since: since, milliseconds: span)
        }
        secrets = (json["secrets"]?.arrayValue ?? []).compactMap { item in
            guard let reference = item["reference"].flatMap(SealedReference.init),
                let sealedAt = time(item["sealed_at"])
            else { return nil }
            return HeldSecret(reference: reference, sealedAt: sealedAt)
        }
        openAttempt = json["open_attempt"].flatMap { item in
            guard let id = item["id"]?.stringValue.flatMap(Identifier.init), let at = item["state"]?.stringValue,
                let number = item["number"]?.integerValue, let startedAt = time(item["started_at"])
            else { return nil }
            return OpenAttempt(
                id: id, state: at, number: Int(clamping: number), startedAt: startedAt,
                isRepeatable: item["repeatable"]?.boolValue ?? false)
        }
        if let actor = json["cancel"]?["actor"]?.stringValue {
            cancel = CancelRequest(actor: actor, reason: json["cancel"]?["reason"]?.stringValue ?? "")
        }
    }

    /// The same state once the commit's time is known.
    public func committed(at time: Instant) -> RunState {
        var state = self
        state.enteredAt = enteredAt.resolved(time)
        state.wait = wait.map { Wait(since: $0.since.resolved(time), milliseconds: $0.milliseconds) }
        state.counters = counters.map {
            RetryCounter(entry: $0.entry, attempts: $0.attempts, firstAt: $0.firstAt.resolved(time))
        }
        state.secrets = secrets.map { HeldSecret(reference: $0.reference, sealedAt: $0.sealedAt.resolved(time)) }
        state.openAttempt = openAttempt.map {
            OpenAttempt(
                id: $0.id, state: $0.state, number: $0.number, startedAt: $0.startedAt.resolved(time),
                isRepeatable: $0.isRepeatable)
        }
        return state
    }
}

extension Instant {
    fileprivate func resolved(_ time: Instant) -> Instant { isOfThisCommit ? time : self }
}
