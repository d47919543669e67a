import Vault
import WorkflowCore

extension InMemoryStore {
    public func enqueue(_ request: EnqueueRequest) throws -> EnqueueReceipt {
        guard !request.organisation.isEmpty else { throw StoreError(.badInput, "the organisation is missing") }
        guard let found = found(workflow: request.workflow, version: request.version) else {
            let version = request.version.map { " version \($0)" } ?? ""
            throw StoreError(.unknownWorkflow, "workflow \"\(request.workflow)\"\(version) is not published")
        }
        guard request.organisation.utf8.count <= 255 else {
            throw StoreError(.badInput, "the organisation's name has \(request.organisation.utf8.count) bytes")
        }
        let canonical = try parsed(found.definition.canonical)
        let input = try InputCheck.checked(request.input, declared: declared(found))
        let key = try InputCheck.key(found.keyParts, input)
        if let receipt = try existing(request, key: key, input: input) { return receipt }
        let id = request.id ?? newId()
        let time = now()
        let start = canonical["start"]?.stringValue ?? ""
        var body: JSONObject = [
            "workflow": .string(request.workflow), "version": .integer(found.definition.version),
            "definition": .string(found.definition.digest), "organisation": .string(request.organisation),
            "key": .string(key), "state": .string(start), "input": .object(input),
        ]
        if let takeover = request.takeover {
            body["instead_of"] = .string(takeover.runId.description)
            supersede(takeover, by: id, actor: request.actor, at: time)
        }
        runs[id] = Run(
            identity: (
                request.workflow, found.definition.version, found.definition.digest, request.organisation, key
            ), state: start, status: .live, updatedAt: time)
        record(
            id, EventType.runRequested.rawValue, body, epoch: 0, attemptId: nil, actor: request.actor, at: time)
        tasks[id] = Task(due: request.due ?? time)
        return EnqueueReceipt(runId: id, isNew: true)
    }

    /// The run that answers the request; nil when there is to be a new one.
    private func existing(_ request: EnqueueRequest, key: String, input: JSONObject) throws -> EnqueueReceipt? {
        if let id = request.id, let run = runs[id] {
            // The same id again is an enqueue whose answer was lost: it gets that answer.
            guard try isSame(request, run, key: key, input: input),
                run.events.first?.body["instead_of"]?.stringValue == request.takeover?.runId.description
            else { throw taken(key, by: id, of: request) }
            return EnqueueReceipt(runId: id, isNew: false)
        }
        if let takeover = request.takeover { try checkTakeover(takeover, request, key: key) }
        let holder = runs.first {
            $0.key != request.takeover?.runId && $0.value.holdsKey
                && $0.value.identity.organisation == request.organisation
                && $0.value.identity.workflow == request.workflow && $0.value.identity.key == key
        }
        guard let holder else { return nil }
        let mayReturn =
            request.takeover == nil && !request.refusesExisting && holder.value.status != .failed
            && holder.value.status != .cancelled
        guard mayReturn, try isSame(request, holder.value, key: key, input: input) else {
            throw taken(key, by: holder.key, of: request)
        }
        return EnqueueReceipt(runId: holder.key, isNew: false)
    }

    private func taken(_ key: String, by id: Identifier, of request: EnqueueRequest) -> StoreError {
        StoreError(
            .keyConflict, "\"\(key)\" of organisation \"\(request.organisation)\" belongs to run \(id)",
            runId: id.description)
    }

    private func checkTakeover(_ takeover: Takeover, _ request: EnqueueRequest, key: String) throws(StoreError) {
        let id = takeover.runId
        guard takeover.reason.contains(where: { !$0.isWhitespace }) else {
            throw StoreError(.badInput, "a reason is needed for taking over a key: it stays in the history")
        }
        guard let run = runs[id] else { throw StoreError(.notFound, "there is no run \(id)") }
        guard run.identity.organisation == request.organisation else {
            throw StoreError(.badInput, "run \(id) belongs to organisation \"\(run.identity.organisation)\"")
        }
        guard run.identity.key == key else {
            throw StoreError(
                .badInput, "run \(id) has the key \"\(run.identity.key)\", and the new run would have \"\(key)\"")
        }
        if let expected = takeover.expectedSeq, expected != run.seq {
            throw StoreError(
                .behind, "run \(id) has moved on since it was looked at: it has \(run.seq) events now, not \(expected)",
                runId: id.description)
        }
        guard !run.events.contains(where: { $0.type == EventType.runSuperseded.rawValue }) else {
            throw StoreError(.notTaken, "another run has the key of run \(id) already", runId: id.description)
        }
        guard run.status != .live, run.status != .succeeded else {
            throw StoreError(.notTaken, "run \(id) is \(run.status.rawValue)", runId: id.description)
        }
    }

    private func supersede(_ takeover: Takeover, by id: Identifier, actor: String, at time: Instant) {
        let old = takeover.runId
        record(
            old, EventType.runSuperseded.rawValue,
            ["reason": .string(takeover.reason), "by": .string(id.description)], epoch: runs[old]?.epoch ?? 0,
            attemptId: nil, actor: actor, at: time)
        if runs[old]?.status == .held {
            runs[old]?.status = .cancelled
            runs[old]?.reason = takeover.reason
            runs[old]?.endedAt = time
        }
        runs[old]?.holdsKey = false
    }

    private func declared(_ definition: StoredDefinition) throws -> JSONObject {
        try parsed(definition.definition.canonical)["input"]?.objectValue ?? JSONObject()
    }

    /// The same key, and the same input: completed by this definition's defaults or by those of the run's own.
    private func isSame(_ request: EnqueueRequest, _ run: Run, key: String, input: JSONObject) throws -> Bool {
        let identity = run.identity
        guard identity.workflow == request.workflow, identity.organisation == request.organisation,
            identity.key == key, let given = run.events.first?.body["input"]
        else { return false }
        if given == .object(input) { return true }
        guard let own = found(workflow: identity.workflow, version: identity.version) else { return false }
        return given == .object(InputCheck.completed(request.input, declared: try declared(own)))
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

    public func append(_ request: AppendRequest) throws -> AppendAnswer {
        guard let run = runs[request.runId] else {
            throw StoreError(.notFound, "there is no run \(request.runId)")
        }
        if let expected = request.expectedSeq, expected != run.seq { return .behind(seq: run.seq) }
        try refuseUnreadable([request.event])
        if request.stateAfter?.holdsKey == true, !run.holdsKey,
            let holder = runs.first(where: {
                $0.value.holdsKey && $0.value.identity.organisation == run.identity.organisation
                    && $0.value.identity.workflow == run.identity.workflow && $0.value.identity.key == run.identity.key
            })
        {
            throw StoreError(
                .keyConflict,
                "\"\(run.identity.key)\" of organisation \"\(run.identity.organisation)\" belongs to run \(holder.key) meanwhile",
                runId: holder.key.description)
        }
        guard !request.sealed.contains(where: { new in secretRows.contains { $0.sealed.place == new.place } }) else {
            throw StoreError(.refused, "a version of a secret is there already")
        }
        let time = now()
        record(
            request.runId, request.event.type.rawValue, request.event.body, epoch: run.epoch, attemptId: nil,
            actor: request.actor, at: time)
        for sealed in request.sealed {
            secretRows.append(StoredSecret(sealed: sealed, createdAt: time, createdBy: request.actor))
        }
        if let after = request.stateAfter {
            take(after, of: request.runId, at: time)
        } else if request.event.type == .cancelRequested, run.status == .held {
            // A cancel makes a held run live again, so that a worker ends it.
            runs[request.runId]?.status = .live
            runs[request.runId]?.reason = nil
        }
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
