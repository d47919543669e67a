public import WorkflowCore

/// One event of a run, said for people.
public struct TimelineEntry: Sendable, Equatable {
    public let seq: Int64
    public let time: Instant
    /// The state the run was in when it happened.
    public let state: String
    /// Which try of the state's call it belongs to.
    public let attempt: Int?
    public let text: String
    /// When the next try is due, when this event scheduled one.
    public let nextTry: Instant?
}

/// Turns events into lines: what happened, with the evidence, and why the next try is when it is.
public struct Timeline: Sendable {
    private let clock: ClockText
    private var state = ""
    /// The request of the open attempt, when what was sent is not its template.
    private var template: String?

    public init(clock: ClockText = ClockText()) { self.clock = clock }

    public static func entries(_ events: [RecordedEvent], clock: ClockText = ClockText()) -> [TimelineEntry] {
        var timeline = Timeline(clock: clock)
        return events.map { timeline.entry($0) }
    }

    /// Events must come in their order: the state is carried from one to the next.
    public mutating func entry(_ event: RecordedEvent) -> TimelineEntry {
        let body = event.body
        if let start = body["state"]?.stringValue, event.type != EventType.stateEntered.rawValue { state = start }
        let before = state
        if event.type == EventType.attemptStarted.rawValue {
            template = body["request"]?.stringValue.flatMap { $0.contains("${") ? $0 : nil }
        }
        var nextTry: Instant?
        if let delay = body["retry"]?["delay_milliseconds"]?.integerValue {
            nextTry = event.recordedAt.advanced(byMilliseconds: delay)
        }
        let text = self.text(event, nextTry: nextTry)
        if let entered = body["entered"]?.stringValue { state = entered }
        if event.type == EventType.stateEntered.rawValue, let entered = body["state"]?.stringValue { state = entered }
        return TimelineEntry(
            seq: event.seq, time: event.recordedAt, state: before,
            attempt: body["attempt"]?.integerValue.map { Int(clamping: $0) }, text: text, nextTry: nextTry)
    }

    private func text(_ event: RecordedEvent, nextTry: Instant?) -> String {
        let body = event.body
        switch EventType(rawValue: event.type) {
        case .runRequested:
            let input = (body["input"]?.objectValue?.members ?? []).map { "\($0.name)=\(Self.plain($0.value))" }
            let old =
                body["instead_of"]?.stringValue.map { " instead of run \($0)" }
                ?? body["redo_of"]?.stringValue.map { " anew after run \($0)" } ?? ""
            return "requested by \(event.actor)\(old): \(input.joined(separator: " "))"
        case .attemptStarted:
            return "\(Self.sending(body["purpose"])) \(body["request"]?.stringValue ?? "a request")"
        case .attemptDone, .attemptNotDone, .attemptUnknown, .attemptLate, .attemptSettled:
            return AttemptText(event: event, nextTry: nextTry, clock: clock, showsPath: template != nil).text
        case .stateEntered:
            let why = body["gave_up"]?.stringValue.map { ": \($0)" } ?? ""
            return "→ \(body["state"]?.stringValue ?? "?")\(why)"
        case .runHeld:
            return "held for a person: \(body["text"]?.stringValue ?? "")"
        case .cancelRequested:
            return "cancel asked for by \(event.actor): \(body["reason"]?.stringValue ?? "")"
        case .releaseRequested, .redoStarted, .redoRefused, .inspectionRequested, .probeAsked, .probeDropped,
            .secretRead:
            return DecisionText(event: event).text
        case .retryRequested:
            return "\(event.actor) asked to try now: \(body["reason"]?.stringValue ?? "")"
        case .runResolved, .runReopened, .runTakenOver:
            return DecisionText(event: event).text
        case .reconcileStarted:
            return "looking up what became of attempt \(body["attempt"]?.stringValue ?? "")"
        case .undoStarted:
            let states = (body["states"]?.arrayValue ?? []).compactMap(\.stringValue)
            return "taking back what \(states.joined(separator: ", ")) made, then it is "
                + "\(body["status"]?.stringValue ?? ""): \(body["reason"]?.stringValue ?? "")"
        case .undoSkipped:
            return "what \(body["state"]?.stringValue ?? "") may have made is not taken back: "
                + "\(body["reason"]?.stringValue ?? "")"
        case .runSucceeded:
            let output = (body["output"]?.objectValue?.members ?? []).map { "\($0.name)=\(Self.plain($0.value))" }
            return "succeeded: \(output.joined(separator: " "))"
        case .runInspected:
            let verdict = body["verdict"]?.stringValue ?? "?"
            let before = body["from"]?.stringValue.map { ", was \($0)" } ?? ""
            return "inspected: \(verdict)\(before)\(body["why"]?.stringValue.map { ": \($0)" } ?? "")"
        case .runDiagnosed:
            let confidence = body["confidence"]?.stringValue ?? "?"
            let code = body["verdict"]?.stringValue ?? "?"
            return "diagnosed (\(code), \(confidence)): \(body["sentence"]?.stringValue ?? "")"
        case .runFailed:
            return "failed: \(body["reason"]?.stringValue ?? body["error"]?.stringValue ?? "")"
        case .runCancelled:
            return "cancelled: \(body["reason"]?.stringValue ?? "")"
        case .runReleased:
            return "released: \(body["reason"]?.stringValue ?? "")"
        case nil:
            return "\(event.type) (of a newer version)"
        }
    }

    private static func sending(_ purpose: JSONValue?) -> String {
        switch purpose?.stringValue.flatMap(Purpose.init) {
        case .lookup: "looking up what became of the lost answer:"
        case .undo: "taking back:"
        case .replace: "taking back what was found:"
        case .beforeUndo: "before taking back:"
        case .gone: "looking whether it is gone:"
        case .beforeInspect: "before inspecting:"
        case .inspect: "inspecting:"
        case .probe: "probe:"
        case .call, nil: "sending"
        }
    }

    static func plain(_ value: JSONValue) -> String { value.stringValue ?? value.serialized() }
}
