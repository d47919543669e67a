/// Reads the parts of a stored snapshot; nil for a part that is broken.
struct SnapshotReader {
    let times: [Int64]

    func time(_ value: JSONValue?) -> Instant? {
        guard let index = value?.integerValue.flatMap(Int.init(exactly:)), times.indices.contains(index) else {
            return nil
        }
        return Instant(microseconds: times[index])
    }

    /// Empty when it is not there.
    func list<Part>(_ value: JSONValue?, of part: (JSONValue) -> Part?) -> [Part]? {
        guard let value else { return [] }
        guard let items = value.arrayValue else { return nil }
        let parts = items.compactMap(part)
        return parts.count == items.count ? parts : nil
    }

    /// `.some(nil)` when it is not there.
    func optional<Part>(_ value: JSONValue?, _ part: (JSONValue) -> Part?) -> Part?? {
        guard let value else { return .some(nil) }
        return part(value).map { .some($0) }
    }

    func counter(_ value: JSONValue) -> RetryCounter? {
        guard let entry = value["entry"]?.integerValue, let used = value["attempts"]?.integerValue,
            let firstAt = time(value["first_at"])
        else { return nil }
        return RetryCounter(entry: Int(clamping: entry), attempts: Int(clamping: used), firstAt: firstAt)
    }

    func wait(_ value: JSONValue) -> Wait? {
        guard let since = time(value["since"]), let span = value["milliseconds"]?.integerValue else { return nil }
        return Wait(since: since, milliseconds: span)
    }

    func secret(_ value: JSONValue) -> HeldSecret? {
        guard let reference = value["reference"].flatMap(SealedReference.init), let sealedAt = time(value["sealed_at"])
        else { return nil }
        return HeldSecret(reference: reference, sealedAt: sealedAt)
    }

    func attempt(_ value: JSONValue) -> OpenAttempt? {
        guard let id = value["id"]?.stringValue.flatMap(Identifier.init), let state = value["state"]?.stringValue,
            let number = value["number"]?.integerValue, let startedAt = time(value["started_at"]),
            let isRepeatable = value["repeatable"]?.boolValue,
            let purpose = value["purpose"]?.stringValue.flatMap(Purpose.init)
        else { return nil }
        return OpenAttempt(
            id: id, state: state, number: Int(clamping: number), startedAt: startedAt, isRepeatable: isRepeatable,
            purpose: purpose)
    }

    func givenUp(_ value: JSONValue) -> GivenUp? {
        guard let error = value["error"]?.stringValue, let text = value["text"]?.stringValue,
            let state = value["state"]?.stringValue
        else { return nil }
        return GivenUp(error: error, text: text, state: state)
    }

    func cancel(_ value: JSONValue) -> CancelRequest? {
        guard let actor = value["actor"]?.stringValue, let reason = value["reason"]?.stringValue else { return nil }
        return CancelRequest(actor: actor, reason: reason)
    }
}
