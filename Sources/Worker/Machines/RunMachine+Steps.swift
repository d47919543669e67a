import WorkflowCore

extension RunMachine {
    // MARK: Committing

    /// The intent, together with the outcome before it when there is one.
    mutating func commitIntent(
        _ planned: PlannedCall, _ attemptId: Identifier, _ request: FrozenRequest?, _ decision: Decision, _ clock: Int64
    ) -> Action {
        let timeout = definition.timeoutMilliseconds(of: planned.call)
        let event = planned.started(
            attemptId: attemptId, timeoutMilliseconds: timeout, endsMilliseconds: endsMilliseconds(timeout),
            request: request)
        let recorded = RecordedEvent(
            seq: decision.state.seq + 1, type: event.type.rawValue, body: event.body, epoch: epoch,
            attemptId: attemptId, actor: actor, recordedAt: .ofThisCommit)
        var plan = plan(decision)
        do { plan.state = try evolve(decision.state, run: state.id, recorded) } catch {
            return giveUp(.broken("its intent cannot be folded: \(error)"))
        }
        plan.events.append(event)
        plan.service = planned.call.service
        plan.intent = CommitPlan.Intent(planned: planned, attemptId: attemptId, decision: decision)
        return commit(plan, at: clock)
    }

    /// The call would send other bytes under its idempotency key than before: a person decides.
    mutating func commitHold(
        _ names: [String], _ planned: PlannedCall, _ decision: Decision, _ clock: Int64
    ) -> Action {
        let context = DecisionContext(now: lease.now(at: clock), random: 0)
        return commit(decision.heldForChanges(names, of: planned, definition, context), at: clock)
    }

    /// Commits a decision without an intent: the lease goes back with the commit. A decision without events only moves
    /// the run.
    mutating func commit(
        _ decision: Decision, due: Int64 = 0, service: String? = nil, waitReason: WaitReason? = nil, at clock: Int64
    ) -> Action {
        var plan = plan(decision)
        plan.dueMilliseconds = due
        plan.service = service
        plan.waitReason = waitReason
        // Somebody closed the run meanwhile: the answer is no part of the run's history any more, but late evidence.
        return decision.events.isEmpty && outcome != nil
            ? keepEvidence(then: .commit(plan)) : commit(plan, at: clock)
    }

    private func plan(_ decision: Decision) -> CommitPlan {
        CommitPlan(
            baseSeq: state.seq, events: decision.events, state: decision.state,
            // A deadline that is over but led to no decision must not let the run be claimed again and again without a
            // pause.
            deadlineMilliseconds: decision.millisecondsToDeadline.map { max(100, $0) })
    }

    private mutating func commit(_ plan: CommitPlan, at clock: Int64) -> Action {
        var plan = plan
        plan.carriesOutcome = outcome != nil
        // The next request needs its time. A lease that need not be renewed is not, so that its row stays in place.
        plan.renewsLease = lease.leftMilliseconds(at: clock) < lease.milliseconds - lease.marginMilliseconds
        phase = .committing(plan, sentAt: clock)
        return .commit(plan)
    }

    mutating func accepted(_ plan: CommitPlan, sentAt: Int64, _ time: Instant) -> Action {
        if plan.renewsLease { lease.startedAt = sentAt }
        state = plan.state.committed(at: time)
        outcome = nil
        isStripped = false
        guard let intent = plan.intent else { return stop(.done) }
        let planned = intent.planned.committed(at: time)
        phase = .sending(planned, nil)
        return .send(
            planned, intent.attemptId, timeoutMilliseconds: definition.timeoutMilliseconds(of: planned.call))
    }

    /// Newer events stand in the stream: they are folded, and it is decided again with the outcome in hand.
    mutating func caughtUp(after seq: Int64, _ events: [RecordedEvent], _ clock: Int64, _ random: UInt64) -> Action {
        for event in events {
            do { state = try evolve(state, run: state.id, event) } catch {
                return giveUp(.broken("its newer events cannot be folded: \(error)"))
            }
        }
        // No newer event came, as after a fail-over that lost commits. Deciding again would loop without a pause.
        guard state.seq > seq else {
            return giveUp(
                .broken(
                    "the database holds fewer events of the run than were acknowledged (\(seq)); was an older copy put in "
                        + "its place?"))
        }
        return next(outcome.map { .finished($0.value) } ?? .proceed, clock, random)
    }

    // MARK: Ending

    /// Keeps what was learned although the worker lost its authority, above all a key that may be shown only once.
    mutating func keepEvidence(then next: AfterEvidence) -> Action {
        guard let outcome else {
            switch next {
            case .stop(let ending): return stop(ending)
            case .commit: return stop(.giveBack(.broken("there was nothing to keep"), lost: nil))
            }
        }
        return keep(outcome, then: next)
    }

    mutating func keep(_ late: LateOutcome, then next: AfterEvidence) -> Action {
        phase = .keepingEvidence(late, then: next)
        return .keepEvidence(late)
    }

    mutating func go(on next: AfterEvidence, at clock: Int64) -> Action {
        switch next {
        case .commit(let plan): commit(plan, at: clock)
        case .stop(let ending): stop(ending)
        }
    }

    /// The run cannot go on here.
    mutating func giveUp(_ trouble: Trouble) -> Action { keepEvidence(then: .stop(.giveBack(trouble, lost: nil))) }

    mutating func stop(_ ending: Ending) -> Action {
        phase = .over
        return .stop(ending)
    }

    mutating func pause(before action: Action) -> Action {
        phase = .pausing(phase, before: action)
        return .pause(milliseconds: 200)
    }

    // MARK: Sending

    /// The last question before the request leaves, because the commit of the intent may have taken long. With the answer
    /// `go` the request is under way.
    public mutating func clearance(at clock: Int64) -> Clearance {
        guard case .sending(let planned, nil) = phase else {
            return .no(.unsent("not_sent", "nothing is to be sent"))
        }
        let timeout = definition.timeoutMilliseconds(of: planned.call)
        let left = lease.leftMilliseconds(at: clock)
        guard left > neededMilliseconds(timeout) else {
            return .no(
                .unsent(
                    "lease_too_short", "the commit of the intent took too long: too little of the lease is left"))
        }
        let promised = planned.purpose == .call ? honouredMilliseconds(planned, timeout, at: clock) : nil
        guard promised != 0 else {
            return .no(
                .unsent("key_too_old", "the platform may have forgotten the idempotency value of the attempt before"))
        }
        phase = .sending(planned, Flight(endsAt: clock + timeout * 1000, renewsAt: lease.renewsAt))
        // A process that stood still must not send when the lease has ended meanwhile.
        return .go(latestDepartureMilliseconds: [promised, left < timeout ? left : nil].compactMap { $0 }.min())
    }

    /// For how long the request may still leave, so that the platform honours the idempotency value up to its time-out;
    /// nil: it need not.
    private func honouredMilliseconds(_ planned: PlannedCall, _ timeout: Int64, at clock: Int64) -> Int64? {
        // The latest that the database's time can be. `now` lags behind by the time for which the claim's answer stayed
        // unread; this matters where a promise of the platform runs out.
        let latest =
            state.openAttempt.map { $0.startedAt.advanced(byMicroseconds: clock - lease.startedAt) }
            ?? lease.now(at: clock)
        return state.millisecondsToResend(planned.call, timeoutMilliseconds: timeout, now: latest)
    }
}
