public import EventStore
public import WorkflowCore

/// One line on why a run stands where it stands.
public enum Explanation {
    /// `service` is that of the run's next call, when it is known.
    public static func text(
        _ run: RunOverview, now: Instant, service: ServiceRecord? = nil, clock: ClockText = ClockText()
    ) -> String {
        switch run.status {
        case .succeeded: return "finished"
        case .failed, .cancelled: return run.reason ?? run.status.rawValue
        case .held: return run.reason ?? "held for a person"
        case .live: break
        }
        guard let task = run.task else { return "has no queue row: the database is inconsistent" }
        if let owner = task.leaseOwner, let expires = task.leaseExpires, expires > now {
            return "in the hands of \(owner)"
        }
        let due = "\(clock.time(task.due)) (\(Phrases.distance(from: now, to: task.due)))"
        switch task.waiting {
        case "no_base_url":
            let service = task.service ?? "NAME"
            return "service \(service) has no base URL: turnup service set \(service) --base-url URL"
        case "no_secret": return "a credential is not set: turnup secret list; turnup secret set NAME"
        case "service_paused":
            let state = service.map { BreakerText.text($0.breaker, at: now, clock: clock) }
            return "service \(task.service ?? "") is paused\(state.map { " (\($0))" } ?? ""); next look at \(due)"
        case "service_busy": return "all places at service \(task.service ?? "") are taken; next look at \(due)"
        case "worker_error": return "a worker could not advance it, see its log; next look at \(due)"
        case "secret_unreadable": return "a sealed secret cannot be opened, see the worker's log; next look at \(due)"
        case let other?: return "\(other); next look at \(due)"
        case nil:
            if task.leaseExpires != nil { return "its worker is gone; the next one takes it over" }
            return task.due > now ? "next try at \(due)" : "due since \(due): waits for a worker"
        }
    }
}
