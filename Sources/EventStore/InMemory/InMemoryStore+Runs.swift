import WorkflowCore

extension InMemoryStore {
    public func enqueue(_ request: EnqueueRequest) throws -> EnqueueReceipt {
        guard !request.organisation.isEmpty else { throw StoreError(.badInput, "the organisation is missing") }
        guard let found = found(workflow: request.workflow, version: request.version) else {
            let version = request.version.map { " version \($0)" } ?? ""
            throw StoreError(.unknownWorkflow, "workflow \"\(request.workflow)\"\(version) is not published")
        }
        let canonical = try parsed(found.definition.canonical)
        let input = try InputCheck.checked(request.input, declared: canonical["input"]?.objectValue ?? JSONObject())
        let key = try InputCheck.key(found.keyParts, input)
        let holder =
            request.id.flatMap { id in runs[id].map { (key: id, value: $0) } }
            ?? runs.first {
                $0.value.holdsKey && $0.value.identity.organisation == request.organisation
                    && $0.value.identity.workflow == request.workflow && $0.value.identity.key == key
            }
        if let holder {
            guard !request.refusesExisting, holder.value.status != .failed, holder.value.status != .cancelled,
                holder.value.identity.key == key,
                holder.value.events.first?.body["input"] == .object(input)
            else {
                throw StoreError(
                    .keyConflict,
                    "\"\(key)\" of organisation \"\(request.organisation)\" belongs to run \(holder.key)",
                    runId: holder.key.description)
            }
            return EnqueueReceipt(runId: holder.key, isNew: false)
        }
        let id = request.id ?? newId()
        let time = now()
        let start = canonical["start"]?.stringValue ?? ""
        runs[id] = Run(
            identity: (
                request.workflow, found.definition.version, found.definition.digest, request.organisation, key
            ), state: start, status: .live, updatedAt: time)
        record(
            id, EventType.runRequested.rawValue,
            [
                "workflow": .string(request.workflow), "version": .integer(found.definition.version),
                "definition": .string(found.definition.digest), "organisation": .string(request.organisation),
                "key": .string(key), "state": .string(start), "input": .object(input),
            ], epoch: 0, attemptId: nil, actor: request.actor, at: time)
        tasks[id] = Task(due: request.due ?? time)
        return EnqueueReceipt(runId: id, isNew: true)
    }

    private func parsed(_ canonical: String) throws -> JSONValue {
        do throws(JSONError) { return try JSONValue.parse(canonical) } catch {
            throw StoreError(.broken, "the stored definition is not JSON: \(error)")
        }
    }

    public func claim(worker: String, limit: Int, leaseMilliseconds: Int64) -> [ClaimedRun] {
        let time = now()
        let due = tasks.filter { $0.value.due <= time && ($0.value.expires ?? time) <= time }
            .sorted { $0.value.due < $1.value.due }.prefix(max(0, limit))
        return due.compactMap { id, task in
            guard var run = runs[id] else { return nil }
            run.epoch += 1
            runs[id] = run
            tasks[id]?.owner = worker
            tasks[id]?.expires = time.advanced(byMilliseconds: leaseMilliseconds)
            tasks[id]?.waiting = nil
            return ClaimedRun(
                id: id, epoch: run.epoch, workflow: run.identity.workflow, version: run.identity.version,
                state: folded(id, run), claimedAt: time, due: task.due)
        }
    }

    private func folded(_ id: Identifier, _ run: Run) -> Result<RunState, EvolveError> {
        Result { () throws(EvolveError) -> RunState in
            var state = run.snapshot
            for event in run.events where event.seq > (state?.seq ?? 0) { state = try evolve(state, run: id, event) }
            guard let state else { throw EvolveError(seq: 1, message: "the run has no events") }
            return state
        }
    }

    public func commit(_ commits: [RunCommit], worker: String, leaseMilliseconds: Int64) -> [CommitAnswer] {
        let time = now()
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

    /// Our own first event at its place: an epoch belongs to one claim of one worker.
    private func landed(_ commit: RunCommit, in run: Run, worker: String) -> Instant? {
        guard let first = commit.events.first, let there = run.events.first(where: { $0.seq == commit.baseSeq + 1 }),
            there.epoch == commit.epoch, there.actor == worker, there.type == first.type.rawValue,
            there.attemptId == first.attemptId, there.body == first.body
        else { return nil }
        return there.recordedAt
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
        guard commit.state.status == .live, var task = tasks[commit.runId] else { return }
        var due = time.advanced(byMilliseconds: commit.dueMilliseconds)
        task.waiting = commit.waiting
        if !commit.keepsLease, let pause = commit.service.flatMap({ serviceRows[$0]?.pausedUntil }), pause > due {
            due = pause
            task.waiting = commit.waiting ?? "service_paused"
        }
        task.due = due
        task.service = commit.service
        task.owner = commit.keepsLease ? worker : nil
        task.expires = commit.keepsLease ? time.advanced(byMilliseconds: leaseMilliseconds) : nil
        tasks[commit.runId] = task
    }

    /// Brings the projection and the queue row in line with a state.
    func take(_ state: RunState, of id: Identifier, at time: Instant) {
        runs[id]?.state = state.state
        runs[id]?.status = state.status
        runs[id]?.reason = state.reason
        runs[id]?.holdsKey = state.holdsKey
        runs[id]?.endedAt = state.status.isEnded ? (runs[id]?.endedAt ?? time) : nil
        if state.status != .live { tasks[id] = nil }
    }

    public func release(_ leases: [LeaseRelease], worker: String) {
        let time = now()
        for lease in leases {
            guard runs[lease.runId]?.epoch == lease.epoch, var task = tasks[lease.runId], task.owner == worker else {
                continue
            }
            task.due = time.advanced(byMilliseconds: lease.dueMilliseconds)
            task.waiting = lease.waiting
            task.service = lease.service ?? task.service
            if let pause = lease.service.flatMap({ serviceRows[$0]?.pausedUntil }), pause > task.due {
                task.due = pause
                task.waiting = lease.waiting ?? "service_paused"
            }
            task.owner = nil
            task.expires = nil
            tasks[lease.runId] = task
        }
    }

    public func append(_ request: AppendRequest) throws -> AppendAnswer {
        guard let run = runs[request.runId] else {
            throw StoreError(.notFound, "there is no run \(request.runId)")
        }
        if let expected = request.expectedSeq, expected != run.seq { return .behind(seq: run.seq) }
        let time = now()
        record(
            request.runId, request.event.type.rawValue, request.event.body, epoch: run.epoch, attemptId: nil,
            actor: request.actor, at: time)
        if let after = request.stateAfter { take(after, of: request.runId, at: time) }
        if runs[request.runId]?.status == .live {
            tasks[request.runId, default: Task(due: time)].due = min(tasks[request.runId]?.due ?? time, time)
        }
        return .accepted(seq: run.seq + 1)
    }

    public func appendLate(_ evidence: LateEvidence, worker: String) throws -> Bool {
        guard let run = runs[evidence.runId] else { throw StoreError(.notFound, "there is no run \(evidence.runId)") }
        let late = EventType.attemptLate.rawValue
        if run.events.contains(where: {
            $0.type == late && $0.attemptId == evidence.attemptId && $0.epoch == evidence.epoch
        }) {
            return false
        }
        let time = now()
        record(
            evidence.runId, late, evidence.body, epoch: evidence.epoch, attemptId: evidence.attemptId, actor: worker,
            at: time)
        for sealed in evidence.sealed {
            secretRows.append(StoredSecret(sealed: sealed, createdAt: time, createdBy: worker))
        }
        return true
    }
}
