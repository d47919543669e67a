import EventStore
import HTTPActions
import Logging
import Vault
import WorkflowCore

extension RunProcessor {
    /// The intent, together with the result before it when there is one.
    mutating func writeIntent(_ decision: Decision, _ planned: PlannedCall, _ id: Identifier) async throws -> Written {
        let timeout = timeout(of: planned.call)
        let intent = planned.started(
            attemptId: id, timeoutMilliseconds: timeout, isCutByLease: timeout < wantedTimeout(of: planned.call))
        let event = RecordedEvent(
            seq: decision.state.seq + 1, type: intent.type.rawValue, body: intent.body, epoch: epoch,
            attemptId: id, actor: parts.configuration.actor, recordedAt: .ofThisCommit)
        let after = try evolve(decision.state, run: state.id, event)
        return try await commit(
            RunCommit(
                runId: state.id, epoch: epoch, baseSeq: state.seq, events: decision.events + [intent], state: after,
                keepsLease: true, service: planned.call.service,
                deadlineMilliseconds: deadlineMilliseconds(decision), sealed: unsaved))
    }

    /// A decision without an intent.
    mutating func write(
        _ decision: Decision, due: Int64 = 0, service: String? = nil, waiting: String? = nil, keepsLease: Bool = false
    ) async throws -> Written {
        if decision.events.isEmpty {
            // Somebody closed the run meanwhile: the answer is no part of its story any more, but evidence.
            try await keepAsEvidence()
            try await parts.release(
                LeaseRelease(
                    runId: state.id, epoch: epoch, dueMilliseconds: due, service: service, waiting: waiting,
                    deadlineMilliseconds: deadlineMilliseconds(decision)))
            return .released
        }
        return try await commit(
            RunCommit(
                runId: state.id, epoch: epoch, baseSeq: state.seq, events: decision.events, state: decision.state,
                dueMilliseconds: due, keepsLease: keepsLease, service: service, waiting: waiting,
                deadlineMilliseconds: deadlineMilliseconds(decision), sealed: unsaved))
    }

    /// One that is over and yet decided nothing must not have the run claimed in a circle.
    private func deadlineMilliseconds(_ decision: Decision) -> Int64? {
        decision.millisecondsToDeadline.map { max(100, $0) }
    }

    private mutating func commit(_ commit: RunCommit) async throws -> Written {
        let sentAt = ContinuousClock.now
        parts.heartbeat.run(pulse, .committing)
        defer { parts.heartbeat.run(pulse) }
        let answer: CommitAnswer
        do {
            answer = try await parts.commits.commit(commit)
        } catch let error as StoreError where error.code == .refused && result != nil && !isStripped {
            strip(error)
            return .stripped
        }
        switch answer {
        case .accepted(let time), .already(let time):
            leaseStart = sentAt
            state = commit.state
            inHand += unsaved
            unsaved = []
            result = nil
            isStripped = false
            return .committed(at: time)
        case .behind: return .behind
        case .fenced: return .fenced
        }
    }

    /// The database cannot store these values. The attempt is closed as unknown without them, so that the
    /// failure path cannot fail in its turn.
    private mutating func strip(_ error: StoreError) {
        parts.logger.error(
            "the result of a run could not be stored", metadata: ["run": "\(state.id)", "error": "\(error.message)"])
        guard let refused = result else { return }
        let value = AttemptResult(
            outcome: .unknown, error: "bad_answer", status: refused.value.status, sealed: refused.value.sealed,
            evidence: ["detail": "the answer holds values that the database refuses to store"])
        result = (refused.attempt, value)
        isStripped = true
    }

    /// Newer events stand in the stream: fold them, and decide again with the outcome in hand.
    mutating func catchUp() async throws {
        let (store, id, seq) = (parts.store, state.id, state.seq)
        for event in try await patiently({ try await store.events(of: id, after: seq) }) {
            state = try evolve(state, run: id, event)
        }
        // As after a fail-over that lost commits. Deciding again would be a circle without a pause.
        guard state.seq > seq else {
            throw StoreError(
                .broken, "the database holds fewer events of the run than were acknowledged (\(seq))",
                hint: "Was an older copy put in its place?")
        }
    }

    /// Without authority over the run, what was learned is still kept, above all a key that may be shown only once.
    mutating func keepAsEvidence() async throws {
        guard let result else { return }
        var body: JSONObject = [
            "state": .string(result.attempt.state), "attempt": .integer(result.attempt.number),
            "outcome": .string(result.value.outcome.rawValue),
        ]
        let late = try unsaved.map { sealed in
            try parts.credentials.resealed(sealed, name: "late/\(result.attempt.id)/\(sealed.place.name)")
        }
        if !late.isEmpty { body["sealed"] = .array(late.map(\.reference.json)) }
        var full = body
        full["evidence"] = .object(result.value.evidence)
        if let error = result.value.error { full["error"] = .string(error) }
        if !result.value.saved.isEmpty { full["saved"] = .object(result.value.saved) }
        do {
            try await appendLate(full, result.attempt, late)
        } catch let error as StoreError where error.code == .refused {
            // Its values cannot be stored; the secrets can.
            try await appendLate(body, result.attempt, late)
        }
        self.result = nil
    }

    private func appendLate(_ body: JSONObject, _ attempt: OpenAttempt, _ sealed: [SealedSecret]) async throws {
        let evidence = LateEvidence(
            runId: state.id, epoch: epoch, attemptId: attempt.id, body: body, sealed: sealed)
        let (store, actor) = (parts.store, parts.configuration.actor)
        _ = try await patiently { try await store.appendLate(evidence, worker: actor) }
    }

    /// With an outcome in hand, an unreachable database is waited for; these calls may safely be made again. So is one of
    /// another version: there is no other place where the answer could be kept.
    private func patiently<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value
    {
        while true {
            parts.heartbeat.run(pulse)
            // In a task of its own: what is in hand is written also when the worker is being cancelled.
            let answer = await Task { try await work() }.result
            do { return try answer.get() } catch let error as StoreError
                where (error.isPassing || error.code == .notMigrated) && result != nil && !parts.isGivingUp.isSet
            {
                await Task { try? await Task.sleep(for: .milliseconds(200)) }.value
            }
        }
    }
}
