public import EventStore
public import WorkflowCore

/// One line on why a run stands where it stands.
public enum Explanation {
    /// `service` is that of the run's next call, when it is known, and `wait` what the store says of a live run.
    public static func why(
        _ run: RunOverview, now: Instant, service: ServiceRecord? = nil, wait: RunWait? = nil,
        clock: ClockText = ClockText()
    ) -> Why {
        switch run.status {
        case .succeeded:
            let isDrifted = run.inspection == .drifted
            return Why(
                isDrifted ? "drifted" : run.status.rawValue, since: run.endedAt,
                (isDrifted ? "finished; has drifted since" : "finished")
                    + (run.mayBeLeft ? "; \(LeftBehindText.markBeside)" : ""))
        case .failed, .cancelled, .released:
            return Why(
                run.status.rawValue, subject: run.lastError, since: run.endedAt,
                (run.reason ?? run.status.rawValue) + (run.mayBeLeft ? "; \(LeftBehindText.mark)" : ""))
        case .held:
            return Why(
                run.status.rawValue, subject: run.lastError, since: run.changedAt, run.reason ?? "held for a person")
        case .live: break
        }
        guard let task = run.task else {
            return Why("no_task", since: run.changedAt, "has no queue row: the database is inconsistent")
        }
        if let owner = task.leaseOwner, let expires = task.leaseExpires, expires > now {
            return Why(
                "under_way", subject: owner, since: task.leaseTakenAt, until: expires, "in the hands of \(owner)")
        }
        let reason = wait?.reason ?? task.waitReason ?? (task.due > now ? .time : .line)
        let until = task.due > now ? task.due : wait?.until
        return Why(
            reason, subject: wait.map(\.subject) ?? task.service, since: wait?.since, until: until,
            text(reason, wait, task, now, service, clock)
                ?? (task.due > now
                    ? "next try at \(due(task, now, clock))" : "due since \(due(task, now, clock)): waits for a worker")
        )
    }

    private static func due(_ task: TaskOverview, _ now: Instant, _ clock: ClockText) -> String {
        "\(clock.time(task.due)) (\(Phrases.distance(from: now, to: task.due)))"
    }

    /// Nil: there is nothing more to say than when it is due.
    private static func text(
        _ reason: WaitReason, _ wait: RunWait?, _ task: TaskOverview, _ now: Instant, _ service: ServiceRecord?,
        _ clock: ClockText
    ) -> String? {
        let name = task.service ?? ""
        let subject = wait?.subject ?? ""
        let what: String
        switch reason {
        case .time: return nil
        case .line:
            guard let wait, wait.before > 0 else { return nil }
            what = name.isEmpty ? "waits for a worker" : "waits in the line of service \(name)"
        case .workerLost:
            what = "its worker\(wait.map { " \($0.subject)" } ?? "") is gone; the next one takes it over"
        case .noWorker:
            what = "due since \(due(task, now, clock)), and no worker is connected to the database: turnup worker"
        case .servicePaused, .serviceTrial:
            let state = service.map { BreakerText.text($0.breaker, at: now, clock: clock) }
            what = "service \(name) is paused\(state.map { " (\($0))" } ?? "")"
        case .askedToWait: what = "service \(name) asked to wait"
        case .concurrencyEach:
            what = "\(subject) requests of its organisation are under way at service \(name), the most at once"
        case .concurrencyAll: what = "\(subject) requests are under way at service \(name), the most at once"
        case .rateEach: what = "its organisation has used up its \(rate(subject)) at service \(name)"
        case .rateAll: what = "all have used up their \(rate(subject)) at service \(name)"
        case .liveRuns: what = "as many runs of its workflow are live as may be (\(subject))"
        case .noBaseURL:
            let name = task.service ?? "NAME"
            return "service \(name) has no base URL: turnup service set \(name) --base-url URL"
        case .noSecret: return "a credential is not set: turnup secret list; turnup secret set NAME"
        case .noSuchService:
            return "its definition does not declare service \(name); next look at \(due(task, now, clock))"
        case .secretUnreadable:
            return "a sealed secret cannot be opened, see the worker's log; next look at \(due(task, now, clock))"
        case .workerError:
            return "a worker could not advance it, see its log; next look at \(due(task, now, clock))"
        }
        return wait.map { [what] + details($0, clock) }?.joined(separator: "; ") ?? what
    }

    private static func details(_ wait: RunWait, _ clock: ClockText) -> [String] {
        var parts: [String] = []
        if let until = wait.until, wait.reason != .servicePaused {
            parts.append("until \(clock.time(until)) at least")
        }
        if wait.before > RunWait.most {
            parts.append("more than \(RunWait.most) of its organisation stand before it")
        } else if wait.before > 0 {
            parts.append("\(wait.before) of its organisation stand before it")
        }
        if let about = wait.about { parts.append("its turn comes about \(clock.time(about))") }
        return parts
    }

    /// "30 in 60000 ms" as SQL gives it, for people.
    private static func rate(_ subject: String) -> String {
        let parts = subject.split(separator: " ")
        guard parts.count == 4, let milliseconds = Int64(parts[2]) else { return subject }
        return "\(parts[0]) requests in \(Phrases.span(milliseconds: milliseconds))"
    }
}
