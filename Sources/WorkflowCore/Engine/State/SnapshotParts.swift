// The parts of a state that are more than one value, as a snapshot has them.

extension Wait: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        ["since": times.add(since), "milliseconds": .integer(milliseconds)]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let since = json["since"].flatMap(times.time), let span = json["milliseconds"]?.integerValue else {
            return nil
        }
        self.init(since: since, milliseconds: span)
    }

    func committed(at time: Instant) -> Wait { Wait(since: since.committed(at: time), milliseconds: milliseconds) }
}

extension RetryCounter: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        ["entry": .integer(entry), "attempts": .integer(attempts), "first_at": times.add(firstAt)]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let entry = json["entry"]?.integerValue, let attempts = json["attempts"]?.integerValue,
            let firstAt = json["first_at"].flatMap(times.time)
        else { return nil }
        self.init(entry: Int(clamping: entry), attempts: Int(clamping: attempts), firstAt: firstAt)
    }

    func committed(at time: Instant) -> RetryCounter {
        RetryCounter(entry: entry, attempts: attempts, firstAt: firstAt.committed(at: time))
    }
}

extension RunSecret: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        ["reference": reference.json, "sealed_at": times.add(sealedAt)]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let reference = json["reference"].flatMap(SealedReference.init),
            let sealedAt = json["sealed_at"].flatMap(times.time)
        else { return nil }
        self.init(reference: reference, sealedAt: sealedAt)
    }

    func committed(at time: Instant) -> RunSecret {
        RunSecret(reference: reference, sealedAt: sealedAt.committed(at: time))
    }
}

extension OpenAttempt: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json: JSONObject = [
            "id": .string(id.description), "state": .string(state), "number": .integer(number),
            "started_at": times.add(startedAt), "repeatable": .bool(isRepeatable), "purpose": .string(purpose.rawValue),
        ]
        if let endsMilliseconds { json["ends_milliseconds"] = .integer(endsMilliseconds) }
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let id = json["id"]?.stringValue.flatMap(Identifier.init), let state = json["state"]?.stringValue,
            let number = json["number"]?.integerValue, let startedAt = json["started_at"].flatMap(times.time),
            let isRepeatable = json["repeatable"]?.boolValue,
            let purpose = json["purpose"]?.stringValue.flatMap(Purpose.init)
        else { return nil }
        self.init(
            id: id, state: state, number: Int(clamping: number), startedAt: startedAt, isRepeatable: isRepeatable,
            purpose: purpose, endsMilliseconds: json["ends_milliseconds"]?.integerValue)
    }

    func committed(at time: Instant) -> OpenAttempt {
        OpenAttempt(
            id: id, state: state, number: number, startedAt: startedAt.committed(at: time), isRepeatable: isRepeatable,
            purpose: purpose, endsMilliseconds: endsMilliseconds)
    }
}

extension UnknownOutcome: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json: JSONObject = [
            "attempt": .string(attemptId.description), "error": .string(error), "looked_up": .bool(isLookedUp),
        ]
        if let status { json["status"] = .integer(status) }
        json["settles"] = settles?.json(&times)
        json["effect"] = effect?.json(&times)
        json["looked_up_since"] = lookedUpSince?.json(&times)
        if emptyLooks != 0 { json["empty_looks"] = .integer(emptyLooks) }
        if isDisturbed { json["disturbed"] = true }
        json["page"] = page?.json(&times)
        if isFollowed { json["followed"] = true }
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let id = json["attempt"]?.stringValue.flatMap(Identifier.init), let error = json["error"]?.stringValue,
            let isLookedUp = json["looked_up"]?.boolValue
        else { return nil }
        let settles = json["settles"].map { Wait($0, times) }
        let effect = json["effect"].map { Wait($0, times) }
        let since = json["looked_up_since"].map { Instant($0, times) }
        let page = json["page"].map { LookUpPage($0, times) }
        if case .some(nil) = settles { return nil }
        if case .some(nil) = effect { return nil }
        if case .some(nil) = since { return nil }
        if case .some(nil) = page { return nil }
        self.init(
            attemptId: id, error: error, status: json["status"]?.integerValue.map { Int(clamping: $0) },
            isLookedUp: isLookedUp)
        self.settles = settles ?? nil
        self.effect = effect ?? nil
        lookedUpSince = since ?? nil
        emptyLooks = Int(clamping: json["empty_looks"]?.integerValue ?? 0)
        isDisturbed = json["disturbed"]?.boolValue ?? false
        self.page = page ?? nil
        isFollowed = json["followed"]?.boolValue ?? false
    }

    func committed(at time: Instant) -> UnknownOutcome {
        var outcome = self
        outcome.settles = settles?.committed(at: time)
        outcome.effect = effect?.committed(at: time)
        outcome.lookedUpSince = lookedUpSince?.committed(at: time)
        outcome.page = page?.committed(at: time)
        return outcome
    }
}

extension LateAnswer: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json: JSONObject = [
            "attempt": .string(attemptId.description), "number": .integer(number),
            "outcome": .string(outcome.rawValue), "counted": .bool(isCounted), "made": .bool(isMade),
            "saved": .object(saved), "sealed": .array(sealed.map(\.json)),
        ]
        if let error { json["error"] = .string(error) }
        if let status { json["status"] = .integer(status) }
        if let thing { json["thing"] = thing.json }
        if let heldBy { json["held_by"] = .string(heldBy.description) }
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let id = json["attempt"]?.stringValue.flatMap(Identifier.init), let number = json["number"]?.integerValue,
            let outcome = json["outcome"]?.stringValue.flatMap(Outcome.init),
            let isCounted = json["counted"]?.boolValue, let isMade = json["made"]?.boolValue,
            let saved = json["saved"]?.objectValue, let sealed = json["sealed"]?.arrayValue
        else { return nil }
        let references = sealed.compactMap { SealedReference($0) }
        guard references.count == sealed.count else { return nil }
        self.init(
            attemptId: id, number: Int(clamping: number), outcome: outcome, error: json["error"]?.stringValue,
            status: json["status"]?.integerValue.map { Int(clamping: $0) }, isCounted: isCounted, isMade: isMade,
            isComplete: true, saved: saved, sealed: references, thing: Thing(json["thing"]),
            heldBy: json["held_by"]?.stringValue.flatMap(Identifier.init))
    }
}

extension LookUpPage: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        [
            "number": .integer(number), "next": .string(next), "mark": .string(mark), "listed": .integer(listed),
            "first_at": times.add(firstAt),
        ]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let number = json["number"]?.integerValue, let next = json["next"]?.stringValue,
            let mark = json["mark"]?.stringValue, let listed = json["listed"]?.integerValue,
            let firstAt = json["first_at"].flatMap(times.time)
        else { return nil }
        self.init(
            number: Int(clamping: number), next: next, mark: mark, listed: Int(clamping: listed), firstAt: firstAt)
    }

    func committed(at time: Instant) -> LookUpPage {
        LookUpPage(number: number, next: next, mark: mark, listed: listed, firstAt: firstAt.committed(at: time))
    }
}

extension UndoEntry: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue {
        [
            "state": .string(state), "idempotency_generation": .integer(idempotencyGeneration),
            "attempt": .string(attemptId.description),
            "certain": .bool(isCertain), "saved": .object(saved), "sealed": .array(sealed.map(\.json)),
        ]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let state = json["state"]?.stringValue,
            let idempotencyGeneration = json["idempotency_generation"]?.integerValue,
            let id = json["attempt"]?.stringValue.flatMap(Identifier.init), let isCertain = json["certain"]?.boolValue,
            let saved = json["saved"]?.objectValue, let sealed = json["sealed"]?.arrayValue
        else { return nil }
        let references = sealed.compactMap { SealedReference($0) }
        guard references.count == sealed.count else { return nil }
        self.init(
            state: state, idempotencyGeneration: Int(clamping: idempotencyGeneration), attemptId: id,
            isCertain: isCertain, saved: saved,
            sealed: references)
    }
}

extension Ending: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json: JSONObject = [
            "status": .string(status.rawValue), "error": .string(error), "reason": .string(reason),
        ]
        if let failedIn { json["failed_in"] = .string(failedIn) }
        if startsAgain { json["starts_again"] = true }
        if looksFirst { json["looks_first"] = true }
        if isGone { json["gone"] = true }
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let status = json["status"]?.stringValue.flatMap(RunStatus.init), let error = json["error"]?.stringValue,
            let reason = json["reason"]?.stringValue
        else { return nil }
        self.init(
            status: status, error: error, reason: reason, failedIn: json["failed_in"]?.stringValue,
            startsAgain: json["starts_again"]?.boolValue ?? false,
            looksFirst: json["looks_first"]?.boolValue ?? false, isGone: json["gone"]?.boolValue ?? false)
    }
}

extension Hold: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json: JSONObject = [
            "code": .string(code), "text": .string(text), "choices": .array(choices.map { .string($0) }),
            "since": times.add(since), "candidates": .array(candidates.map { .object($0) }),
        ]
        if let error { json["error"] = .string(error) }
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let code = json["code"]?.stringValue, let text = json["text"]?.stringValue,
            let choices = json["choices"]?.arrayValue, let since = json["since"].flatMap(times.time),
            let candidates = json["candidates"]?.arrayValue
        else { return nil }
        self.init(
            code: code, error: json["error"]?.stringValue, text: text, choices: choices.compactMap(\.stringValue),
            since: since, candidates: candidates.compactMap(\.objectValue))
    }

    func committed(at time: Instant) -> Hold {
        Hold(
            code: code, error: error, text: text, choices: choices, since: since.committed(at: time),
            candidates: candidates)
    }
}

extension GivenUp: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue {
        ["error": .string(error), "text": .string(text), "state": .string(state)]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let error = json["error"]?.stringValue, let text = json["text"]?.stringValue,
            let state = json["state"]?.stringValue
        else { return nil }
        self.init(error: error, text: text, state: state)
    }
}

extension CancelRequest: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue { ["actor": .string(actor), "reason": .string(reason)] }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let actor = json["actor"]?.stringValue, let reason = json["reason"]?.stringValue else { return nil }
        self.init(actor: actor, reason: reason)
    }
}
