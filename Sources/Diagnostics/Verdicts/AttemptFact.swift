public import WorkflowCore

/// One request and its end, as far as a verdict may rest on it.
public struct AttemptFact: Sendable, Equatable {
    public enum End: Sendable, Equatable { case done, notDone, unknown }

    /// A credential that was sent or answered.
    public struct Credential: Sendable, Equatable {
        public let name: String
        /// Eight hex digits.
        public let fingerprint: String
        public let ageMilliseconds: Int64?
    }

    /// The closing event, and the intent before it.
    public let seq: Int64
    public let startSeq: Int64?
    public let at: Instant
    public let state: String
    public let purpose: Purpose
    public let service: String?
    /// Method, service and path template.
    public let request: String?
    /// Nil: its intent was not read.
    public let isRepeatable: Bool?
    public let end: End
    public let error: String?
    public let status: Int?
    public let isCounted: Bool
    /// The answer's own words, where they are kept; and what the worker says of it.
    public let text: String?
    public let detail: String?
    public let contentType: String?
    public internal(set) var used: [Credential]
    public let returned: [Credential]
    public let sealed: [Credential]
    /// Another run has what the answer names.
    public let heldBy: Identifier?
    public let isMade: Bool
    /// The platform's clock minus ours.
    public let clockDifferenceMilliseconds: Int64?
    public let isHeadSent: Bool?
    public let totalMilliseconds: Int64?
    public let nextTryAt: Instant?
    public let inspected: String?
    /// The run whose history holds it, where that is another one; the numbers above are of that history.
    public internal(set) var stream: Identifier?

    init?(_ event: RecordedEvent, intent: RecordedEvent?) {
        switch EventType(rawValue: event.type) {
        case .attemptDone: end = .done
        case .attemptNotDone: end = .notDone
        case .attemptUnknown: end = .unknown
        case .attemptSettled: end = event.body["outcome"]?.stringValue == "done" ? .done : .notDone
        default: return nil
        }
        let body = event.body
        let evidence = body["evidence"]?.objectValue ?? JSONObject()
        seq = event.seq
        at = event.recordedAt
        startSeq = intent?.seq
        state = body["state"]?.stringValue ?? ""
        purpose = intent?.body["purpose"]?.stringValue.flatMap(Purpose.init) ?? .call
        service = intent?.body["service"]?.stringValue
        request = intent?.body["request"]?.stringValue
        isRepeatable = intent?.body["repeatable"]?.boolValue
        error = body["error"]?.stringValue
        status = evidence["status"]?.integerValue.map { Int(clamping: $0) }
        isCounted = body["counted"]?.boolValue ?? true
        text = evidence["body"].map { $0.stringValue ?? $0.serialized() }
        detail = evidence["detail"]?.stringValue
        contentType = evidence["headers"]?["content-type"]?.stringValue
        used = Self.credentials(evidence["credentials_used"])
        returned = Self.credentials(evidence["credentials_returned"])
        sealed = Self.credentials(body["sealed"])
        heldBy = body["held_by"]?.stringValue.flatMap { Identifier($0) }
        isMade = body["made"]?.boolValue ?? true
        clockDifferenceMilliseconds = evidence["clock_difference_milliseconds"]?.integerValue
        isHeadSent = evidence["request_head_sent"]?.boolValue
        totalMilliseconds = evidence["phases"]?["total_milliseconds"]?.integerValue
        nextTryAt = body["retry"]?["delay_milliseconds"]?.integerValue.map {
            event.recordedAt.advanced(byMilliseconds: $0)
        }
        inspected = body["inspected"]?.stringValue
    }

    private static func credentials(_ value: JSONValue?) -> [Credential] {
        (value?.arrayValue ?? []).compactMap { item in
            guard let name = item["name"]?.stringValue, let mark = item["fingerprint"]?.stringValue else { return nil }
            return Credential(name: name, fingerprint: mark, ageMilliseconds: item["age_milliseconds"]?.integerValue)
        }
    }

    /// The answer speaks of the request: it is no 408, and no 429.
    public var isRefusal: Bool {
        guard end == .notDone, let status else { return false }
        return (400...499).contains(status) && status != 408 && status != 429
    }

    /// A complete answer with a status that says "not with this credential".
    public var isCredentialRefusal: Bool { isRefusal && (status == 401 || status == 403) }

    public func used(_ key: KeyFact) -> Bool {
        used.contains { $0.name == key.name && $0.fingerprint == key.fingerprint }
    }

    /// How it ended, for a sentence: `403 key_not_active`, `timeout`.
    public var ending: String {
        [status.map(String.init), error].compactMap(\.self).joined(separator: " ")
    }
}

/// A credential that the platform answered when it made the thing.
public struct KeyFact: Sendable, Equatable {
    public let name: String
    public let fingerprint: String
    /// The event that holds it, and when that was.
    public let seq: Int64
    public let at: Instant
}
