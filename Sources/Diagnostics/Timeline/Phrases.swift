public import WorkflowCore

/// Spans and times as people read them.
public enum Phrases {
    /// `840 ms`, `7.3 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`.
    public static func span(milliseconds: Int64) -> String {
        let whole = max(0, milliseconds)
        let seconds = whole / 1000
        switch whole {
        case ..<1000: return "\(whole) ms"
        case ..<60_000:
            let tenths = whole % 1000 / 100
            return tenths == 0 ? "\(seconds) s" : "\(seconds).\(tenths) s"
        case ..<3_600_000: return two(seconds / 60, "min", seconds % 60, "s")
        case ..<86_400_000: return two(seconds / 3600, "h", seconds % 3600 / 60, "min")
        default: return two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h")
        }
    }

    private static func two(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
    }

    /// From one time to another: `in 3 s`, `now`, `5 s ago`.
    public static func distance(from now: Instant, to time: Instant) -> String {
        let milliseconds = time.milliseconds(since: now)
        if milliseconds > 500 { return "in \(span(milliseconds: milliseconds))" }
        return milliseconds < -500 ? "\(span(milliseconds: -milliseconds)) ago" : "now"
    }
}
