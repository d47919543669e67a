/// What inspections have shown of a run that succeeded, and when the next one comes.
public struct Inspection: Sendable, Equatable {
    public enum Verdict: String, Sendable, CaseIterable {
        case present
        /// Look-ups prove that it is gone, or an answer says so that the definition names.
        case drifted
        /// The platform did not tell. An outage is never drift.
        case unknown
    }

    /// Nil until the first inspection has ended.
    public internal(set) var verdict: Verdict?
    /// Why it is not known to be present.
    public internal(set) var why: String?
    /// Complete look-ups prove that it is gone.
    public internal(set) var isGone = false
    /// Since when inspections come to this verdict.
    public internal(set) var since: Instant?
    /// When the last one ended.
    public internal(set) var lastAt: Instant?
    /// The time to the next one; nil: none is scheduled.
    public internal(set) var next: Wait?
    /// A person asked for one.
    public internal(set) var isAsked = false
    /// How many of the calls before the look are done.
    public internal(set) var callsBefore = 0
    /// What the look-ups of an inspection under way have shown.
    public internal(set) var look: UnknownOutcome?

    init() {}

    /// Whether there is something to do for it, now or later.
    public var goesOn: Bool { isAsked || next != nil }
}

extension Inspection: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json = JSONObject()
        if let verdict { json["verdict"] = .string(verdict.rawValue) }
        if let why { json["why"] = .string(why) }
        if isGone { json["gone"] = true }
        json["since"] = since?.json(&times)
        json["last_at"] = lastAt?.json(&times)
        json["next"] = next?.json(&times)
        if isAsked { json["asked"] = true }
        if callsBefore != 0 { json["calls_before"] = .integer(callsBefore) }
        json["look"] = look?.json(&times)
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard json.objectValue != nil else { return nil }
        if let word = json["verdict"]?.stringValue {
            guard let read = Verdict(rawValue: word) else { return nil }
            verdict = read
        }
        why = json["why"]?.stringValue
        isGone = json["gone"]?.boolValue ?? false
        let since = json["since"].map { Instant($0, times) }
        let last = json["last_at"].map { Instant($0, times) }
        let next = json["next"].map { Wait($0, times) }
        let look = json["look"].map { UnknownOutcome($0, times) }
        if case .some(nil) = since { return nil }
        if case .some(nil) = last { return nil }
        if case .some(nil) = next { return nil }
        if case .some(nil) = look { return nil }
        self.since = since ?? nil
        lastAt = last ?? nil
        self.next = next ?? nil
        isAsked = json["asked"]?.boolValue ?? false
        callsBefore = Int(clamping: json["calls_before"]?.integerValue ?? 0)
        self.look = look ?? nil
    }

    func committed(at time: Instant) -> Inspection {
        var inspection = self
        inspection.since = since?.committed(at: time)
        inspection.lastAt = lastAt?.committed(at: time)
        inspection.next = next?.committed(at: time)
        inspection.look = look?.committed(at: time)
        return inspection
    }
}
