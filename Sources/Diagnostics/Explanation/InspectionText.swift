public import EventStore
public import WorkflowCore

/// What inspections say of a run that succeeded, in one line.
public enum InspectionText {
    public static func line(
        _ inspection: Inspection, _ task: TaskOverview?, now: Instant, clock: ClockText
    ) -> String {
        var parts: [String] = []
        if let verdict = inspection.verdict, let since = inspection.since {
            parts.append("\(words(verdict)) since \(clock.dateAndTime(since))")
            if let why = inspection.why { parts[0] += ": \(why)" }
        } else {
            parts.append("not yet")
        }
        if let last = inspection.lastAt { parts.append("last \(Phrases.distance(from: now, to: last))") }
        if inspection.isAsked || (task.map { $0.due <= now } ?? false) {
            parts.append("one is under way or due")
        } else if let task {
            parts.append("next \(Phrases.distance(from: now, to: task.due))")
        }
        return parts.joined(separator: "; ")
    }

    /// What a verdict means, for people.
    public static func words(_ verdict: Inspection.Verdict) -> String {
        switch verdict {
        case .present: "present"
        case .drifted: "drifted (gone, or it no longer works)"
        case .unknown: "unknown (the platform did not tell)"
        }
    }
}
