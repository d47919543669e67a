import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

/// Prints a run's events as they come.
struct RunWatcher {
    let session: Session
    var json = false
    var clock = ClockText()
    /// Called with each event that was printed.
    var printed: ((RecordedEvent) async throws -> Void)?

    /// How often to look. A person watches, so a fifth of a second is soon enough.
    private static let lookEvery: Duration = .milliseconds(200)

    /// Prints all events until the run ends or is held. Fails unless it succeeded.
    func followToEnd(_ id: Identifier) async throws {
        let run = try await follow(id)
        switch run.status {
        case .succeeded: return
        case .live: throw EnqueueTexts.goesOn(run: "\(id)")
        case .held, .failed, .cancelled, .released:
            throw EnqueueTexts.ended(
                run: "\(id)", status: run.status.rawValue, state: run.state, reason: run.reason ?? "")
        }
    }

    /// Prints what comes after this event until an inspection has ended. Fails unless the thing is present.
    func followInspection(_ id: Identifier, after seq: Int64, until stop: StopFlag) async throws {
        var timeline = Timeline(clock: clock)
        var seen: Int64 = 0
        var verdict: String?
        while true {
            for event in try await session.store.events(of: id, after: seen) {
                seen = event.seq
                let line = json ? EventJSON.line(id, event) : EventLine.text(timeline.entry(event), clock: clock)
                guard event.seq > seq else { continue }
                Console.out(line)
                verdict = verdict ?? event.body["inspected"]?.stringValue
                guard event.type != EventType.releaseRequested.rawValue else {
                    throw EnqueueTexts.isReleased(run: "\(id)")
                }
            }
            if let verdict {
                guard verdict != Inspection.Verdict.present.rawValue else { return }
                throw EnqueueTexts.inspected(run: "\(id)", verdict: verdict)
            }
            try await stop.sleep(Self.lookEvery)
            if stop.isRaised { throw ExitCode(130) }
        }
    }

    /// Prints until the run ends or is held; answers what it came to.
    func follow(_ id: Identifier) async throws -> RunOverview {
        var timeline = Timeline(clock: clock)
        var seen: Int64 = 0
        while true {
            guard let run = try await session.store.run(id) else { throw RunsTexts.noRun("\(id)") }
            for event in try await session.store.events(of: id, after: seen) {
                seen = event.seq
                Console.out(json ? EventJSON.line(id, event) : EventLine.text(timeline.entry(event), clock: clock))
                try await printed?(event)
            }
            if run.status != .live, run.seq <= seen { return run }
            try await Task.sleep(for: Self.lookEvery)
        }
    }
}

/// One event as a line: time, state, attempt, what happened.
enum EventLine {
    static func text(_ entry: TimelineEntry, clock: ClockText) -> String {
        let attempt = entry.attempt.map { " #\($0)" } ?? ""
        return "\(clock.time(entry.time))  \(entry.state)\(attempt)  \(Table.visible(entry.text))"
    }
}

/// One event for programs.
enum EventJSON {
    static func line(_ id: Identifier, _ event: RecordedEvent) -> String {
        JSONText.object([
            ("run", .string(id.description)), ("seq", .integer(event.seq)), ("type", .string(event.type)),
            ("recorded_at", .time(event.recordedAt)), ("epoch", .integer(event.epoch)),
            ("attempt_id", event.attemptId.map { .string($0.description) } ?? .null), ("actor", .string(event.actor)),
            ("body", .object(event.body)),
        ])
    }
}
