public import EventStore
public import WorkflowCore

/// What a service's breaker does, in words.
public enum BreakerText {
    /// `closed`, `open` or `half-open`.
    public static func name(_ breaker: Breaker, at time: Instant) -> String {
        switch breaker.state(at: time) {
        case .closed: "closed"
        case .open: "open"
        case .halfOpen: "half-open"
        }
    }

    /// One line: until when nobody calls, why, and after how many failures.
    public static func text(_ breaker: Breaker, at time: Instant, clock: ClockText = ClockText()) -> String {
        let failures =
            breaker.consecutiveFailures > 0
            ? ", \(breaker.consecutiveFailures) failure\(breaker.consecutiveFailures == 1 ? "" : "s") in a row" : ""
        let reason = breaker.pauseReason.map { ": \($0)" } ?? ""
        switch breaker.state(at: time) {
        case .closed:
            let runs = breaker.failuresByRun.count
            return runs > 0 ? "closed, \(runs) run\(runs == 1 ? "" : "s") failed within the last minute" : "closed"
        case .open(let ends):
            return "open \(until(ends, from: time, clock: clock))\(reason)\(by(breaker))\(failures)"
        case .halfOpen:
            let trial = breaker.trialExpires.map { $0 > time } == true ? breaker.trialOwner : nil
            let who = trial.map { "one request of \($0) finds out" } ?? "the next request finds out"
            return "half-open, \(who)\(reason)\(failures)"
        }
    }

    /// One line for each run that opened it: which, when, and what it got. Empty while it is closed.
    public static func culprits(_ breaker: Breaker, clock: ClockText = ClockText()) -> [String] {
        guard breaker.consecutiveFailures > 0 else { return [] }
        return breaker.failuresByRun.map {
            "\($0.runId) of \($0.organisation), \($0.reason) at \(clock.time($0.at))"
        }
    }

    /// `until 14:03:07.120 (in 7 s)`, or `until it is resumed`.
    public static func until(_ ends: Instant, from time: Instant, clock: ClockText = ClockText()) -> String {
        if ends >= Breaker.endless { return "until it is resumed" }
        let isSoon = ends.milliseconds(since: time) < 43_200_000
        let shown = isSoon ? clock.time(ends) : clock.dateAndTime(ends)
        return "until \(shown) (\(Phrases.distance(from: time, to: ends)))"
    }

    /// Workers pause for the reason alone; a person is named.
    private static func by(_ breaker: Breaker) -> String {
        guard let by = breaker.pausedBy, !by.hasPrefix("worker:") else { return "" }
        return ", by \(by)"
    }
}
