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

    private static let looksUntilWhy = 10

    /// What keeps a run that is due and in nobody's hands.
    private func why(_ run: RunOverview) async throws -> Why? {
        guard let wait = try await session.store.wait(of: run.id), wait.reason != .time else { return nil }
        var service: ServiceRecord?
        if let name = run.task?.service { service = try await session.store.service(name) }
        return Explanation.why(
            run, now: try await session.store.now(), service: service, wait: wait, clock: clock)
    }

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

    /// Prints until the run ends or is held; answers what it came to. What keeps a run that is due is said on stderr.
    func follow(_ id: Identifier) async throws -> RunOverview {
        var timeline = Timeline(clock: clock)
        var seen: Int64 = 0
        var quietLooks = 0
        var said: String?
        while true {
            guard let run = try await session.store.run(id) else { throw RunsTexts.noRun("\(id)") }
            quietLooks += 1
            for event in try await session.store.events(of: id, after: seen) {
                seen = event.seq
                quietLooks = 0
                Console.out(json ? EventJSON.line(id, event) : EventLine.text(timeline.entry(event), clock: clock))
                try await printed?(event)
            }
            if run.status != .live, run.seq <= seen { return run }
            if quietLooks > 0, quietLooks.isMultiple(of: Self.looksUntilWhy) {
                let why = try await why(run)
                // A time that it waits for was said with the event before.
                if let why, why.code != said { Console.note(EnqueueTexts.waits(why.detail)) }
                said = why?.code
            }
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
