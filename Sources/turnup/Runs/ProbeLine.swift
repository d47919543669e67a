import Diagnostics
import EventStore
import WorkflowCore

/// What the newest probe of a run told, or that it is still under way.
enum ProbeLine {
    static func text(_ event: RecordedEvent, now: Instant, clock: ClockText) -> String {
        var timeline = Timeline(clock: clock)
        let name = event.body["probe"]?.stringValue ?? "?"
        let ago = Phrases.distance(from: now, to: event.recordedAt)
        let text = timeline.entry(event).text
        return isClosing(event) ? "\(name): \(text) (\(ago), #\(event.seq))" : "\(text) (\(ago), #\(event.seq))"
    }

    static func json(_ event: RecordedEvent) -> JSONValue {
        .object(
            JSONObject([
                ("name", event.body["probe"] ?? .null), ("event", .integer(event.seq)), ("type", .string(event.type)),
                ("at", .time(event.recordedAt)), ("evidence", event.body["evidence"] ?? .null),
                ("error", event.body["error"] ?? .null), ("why", event.body["why"] ?? .null),
            ]))
    }

    private static func isClosing(_ event: RecordedEvent) -> Bool { event.body["evidence"] != nil }
}
