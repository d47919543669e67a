public import WorkflowCore

/// What the SQL functions of the same names do, without their jitter.
extension InMemoryStore {
    public func pauseService(_ name: String, milliseconds: Int64?, reason: String, by actor: String) -> Instant {
        let time = now()
        let wanted = milliseconds.map { time.advanced(byMilliseconds: $0) } ?? Breaker.endless
        var breaker = serviceRows[name]?.breaker ?? Breaker()
        let ends = max(breaker.pausedUntil ?? wanted, wanted)
        breaker.pausedUntil = ends
        breaker.pauseReason = reason
        breaker.pausedBy = actor
        breaker.dropCanary()
        put(breaker, of: name)
        moveBehindPause(name, ends)
        return ends
    }

    public func resumeService(_ name: String) -> Bool {
        guard let breaker = serviceRows[name]?.breaker,
            breaker.pausedUntil != nil || breaker.consecutiveFailures > 0
        else { return false }
        put(Breaker(), of: name)
        wake(waiting: "service_paused", service: name)
        return true
    }

    public func serviceFailed(_ failure: ServiceFailure, worker: String) -> ServiceFailureAnswer {
        let time = now()
        var breaker = serviceRows[failure.service]?.breaker ?? Breaker()
        let opens =
            failure.canary.map { isHeld($0, of: failure.service) }
            ?? (breaker.consecutiveFailures == 0 && breaker.unanswered + 1 >= failure.needed)
        var length = failure.needed <= 1 || opens ? failure.askedMilliseconds : 0
        if opens {
            let factor = Int64(1) << Int64(min(breaker.consecutiveFailures, 16))
            let (wanted, isTooMuch) = failure.firstMilliseconds.multipliedReportingOverflow(by: factor)
            let longest = max(30_000, failure.firstMilliseconds)
            length = max(length, isTooMuch ? longest : min(longest, wanted))
        }
        let ends = time.advanced(byMilliseconds: length)
        if opens || (length > 0 && breaker.pausedUntil.map { ends > $0 } == true) {
            if breaker.pausedUntil.map({ $0 < ends }) ?? true {
                breaker.pausedUntil = ends
                breaker.pauseReason = failure.reason
                breaker.pausedBy = worker
            }
            breaker.unanswered = 0
            if opens {
                breaker.consecutiveFailures += 1
                breaker.dropCanary()
            }
            put(breaker, of: failure.service)
            moveBehindPause(failure.service, breaker.pausedUntil ?? ends)
        } else if failure.canary == nil, breaker.consecutiveFailures == 0 {
            breaker.unanswered += 1
            put(breaker, of: failure.service)
        }
        return ServiceFailureAnswer(
            pausedUntil: breaker.pausedUntil,
            leftMilliseconds: max(0, breaker.pausedUntil?.milliseconds(since: time) ?? 0),
            consecutiveFailures: breaker.consecutiveFailures, unanswered: breaker.unanswered)
    }

    public func serviceAnswered(_ name: String, canary: Int64?) -> Bool {
        guard let canary else {
            if serviceRows[name]?.breaker.consecutiveFailures == 0 { serviceRows[name]?.breaker.unanswered = 0 }
            return true
        }
        guard isHeld(canary, of: name) else { return false }
        return resumeService(name)
    }

    public func takeCanary(_ name: String, worker: String, milliseconds: Int64) -> Int64? {
        let time = now()
        guard var breaker = serviceRows[name]?.breaker, breaker.consecutiveFailures > 0,
            breaker.shutUntil(time) == nil
        else { return nil }
        breaker.canaryOwner = worker
        breaker.canaryExpires = time.advanced(byMilliseconds: milliseconds)
        put(breaker, of: name)
        let number = canaries[name, default: 0] + 1
        canaries[name] = number
        return number
    }

    public func returnCanary(_ name: String, canary: Int64) {
        guard isHeld(canary, of: name) else { return }
        serviceRows[name]?.breaker.dropCanary()
        wake(waiting: "service_paused", service: name)
    }

    public func wakeBusy(_ service: String, most: Int) -> Int {
        let time = now()
        let waiting = tasks.filter {
            $0.value.waiting == "service_busy" && $0.value.service == service && $0.value.due > time
        }
        .sorted { $0.value.due < $1.value.due }.prefix(max(0, most))
        for (id, _) in waiting { tasks[id]?.due = time }
        return waiting.count
    }

    private func put(_ breaker: Breaker, of name: String) {
        serviceRows[name, default: ServiceRecord(name: name)].breaker = breaker
    }

    private func isHeld(_ canary: Int64, of name: String) -> Bool {
        canaries[name] == canary && serviceRows[name]?.breaker.canaryExpires != nil
    }

    private func moveBehindPause(_ name: String, _ ends: Instant) {
        let time = now()
        for (id, task) in tasks where task.service == name && task.due < ends && (task.expires ?? time) <= time {
            tasks[id]?.due = min(ends, task.deadline ?? ends)
            tasks[id]?.waiting = "service_paused"
        }
    }
}

extension Breaker {
    fileprivate mutating func dropCanary() {
        canaryOwner = nil
        canaryExpires = nil
    }
}
