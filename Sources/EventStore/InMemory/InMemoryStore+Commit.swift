import WorkflowCore

extension InMemoryStore {
    public func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) throws -> [CommitAnswer] {
        let time = now()
        // All or nothing, so what is refused is found before anything is written.
        for commit in commits {
            try refuseUnreadable(commit.events)
            guard let run = runs[commit.runId], run.epoch == commit.epoch, run.seq == commit.baseSeq else { continue }
            try refuseSecondAttempt(commit.events, in: run)
        }
        return commits.map { commit in
            guard let run = runs[commit.runId] else { return .fenced }
            guard run.epoch == commit.epoch, run.seq == commit.baseSeq else {
                if let landed = landed(commit, in: run, worker: worker) { return .already(at: landed) }
                return run.epoch == commit.epoch ? .behind : .fenced
            }
            write(commit, worker: worker, leaseMilliseconds: leaseMilliseconds, at: time)
            return .accepted(at: time)
        }
    }

    /// All of our events at their places: an epoch belongs to one claim of one worker.
    private func landed(_ commit: RunCommit, in run: Run, worker: String) -> Instant? {
        let there = run.events.filter { $0.seq > commit.baseSeq }.prefix(commit.events.count)
        guard !there.isEmpty, there.count == commit.events.count else { return nil }
        let isOurs = zip(there, commit.events).allSatisfy { there, event in
            there.epoch == commit.epoch && there.actor == worker && there.type == event.type.rawValue
                && there.attemptId == event.attemptId && there.body == event.body
        }
        return isOurs ? there.first?.recordedAt : nil
    }

    func refuseUnreadable(_ events: [NewEvent]) throws(StoreError) {
        guard events.contains(where: { InputCheck.holdsNul(.object($0.body)) }) else { return }
        throw StoreError(.refused, "an event holds a NUL character, which cannot be stored")
    }

    /// One start and one end of an attempt, as the unique index has it.
    private func refuseSecondAttempt(_ events: [NewEvent], in run: Run) throws(StoreError) {
        func part(_ type: String) -> Bool? {
            switch EventType(rawValue: type) {
            case .attemptStarted: true
            case .attemptDone, .attemptNotDone, .attemptUnknown: false
            default: nil
            }
        }
        for (index, event) in events.enumerated() {
            guard let mine = part(event.type.rawValue) else { continue }
            let isThere = run.events.contains { $0.attemptId == event.attemptId && part($0.type) == mine }
            let isTwice = events[..<index].contains {
                $0.attemptId == event.attemptId && part($0.type.rawValue) == mine
            }
            if isThere || isTwice {
                throw StoreError(.refused, "the attempt has \(mine ? "a start" : "an end") already")
            }
        }
    }

    private func write(_ commit: RunCommit, worker: String, leaseMilliseconds: Int64, at time: Instant) {
        for event in commit.events {
            record(
                commit.runId, event.type.rawValue, event.body, epoch: commit.epoch, attemptId: event.attemptId,
                actor: worker, at: time)
        }
        take(commit.state.committed(at: time), of: commit.runId, at: time)
        runs[commit.runId]?.snapshot = commit.state.committed(at: time)
        for sealed in commit.sealed {
            secretRows.append(StoredSecret(sealed: sealed, createdAt: time, createdBy: worker))
        }
        guard commit.state.status == .live else { return }
        var task = tasks[commit.runId] ?? Task(due: time)
        var due = time.advanced(byMilliseconds: commit.dueMilliseconds)
        task.waiting = commit.waiting
        if !commit.keepsLease, let pause = commit.service.flatMap({ serviceRows[$0]?.breaker.shutUntil(due) }) {
            due = pause
            task.waiting = commit.waiting ?? "service_paused"
        }
        task.deadline = commit.deadlineMilliseconds.map { time.advanced(byMilliseconds: $0) }
        task.due = commit.keepsLease ? due : min(due, task.deadline ?? due)
        task.service = commit.service
        task.owner = commit.keepsLease ? worker : nil
        task.expires = commit.keepsLease ? time.advanced(byMilliseconds: leaseMilliseconds) : nil
        tasks[commit.runId] = task
    }

    /// Brings the projection and the queue row in line with a state.
    func take(_ state: RunState, of id: Identifier, at time: Instant) {
        guard var run = runs[id] else { return }
        run.state = state.state
        run.status = state.status
        run.reason = state.reason
        run.holdsKey = state.holdsKey
        run.endedAt = state.status.isEnded ? (run.endedAt ?? time) : nil
        runs[id] = run
        if state.status != .live { tasks[id] = nil }
    }

    public func release(_ leases: [LeaseRelease], worker: String) {
        let time = now()
        for lease in leases {
            guard runs[lease.runId]?.epoch == lease.epoch, var task = tasks[lease.runId], task.owner == worker else {
                continue
            }
            let isNews = runs[lease.runId]?.events.contains {
                $0.seq > (runs[lease.runId]?.snapshot?.seq ?? 0) && $0.epoch == lease.epoch && $0.actor != worker
            }
            task.due = time.advanced(byMilliseconds: lease.dueMilliseconds)
            task.waiting = lease.waiting
            task.service = lease.service ?? task.service
            if let pause = lease.service.flatMap({ serviceRows[$0]?.breaker.shutUntil(task.due) }) {
                task.due = pause
                task.waiting = lease.waiting ?? "service_paused"
            }
            if let wanted = lease.deadlineMilliseconds { task.deadline = time.advanced(byMilliseconds: wanted) }
            task.due = min(task.due, task.deadline ?? task.due)
            // Somebody else's event that the worker has not seen must not wait behind what it decided.
            if isNews == true { task.due = time }
            task.owner = nil
            task.expires = nil
            tasks[lease.runId] = task
        }
    }
}
