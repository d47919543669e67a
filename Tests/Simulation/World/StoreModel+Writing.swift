import WorkflowCore

/// Commits, releases and what people write.
extension StoreModel {
    struct Commit {
        var run: Int
        var token: Int64
        var epoch: Int64
        var baseSeq: Int64
        var baseHash: Int64
        /// None: the run is moved, to another line or to a later time.
        var events: [NewEvent]
        var state: RunState
        var dueMilliseconds: Int64 = 0
        var keepsLease = false
        var renewsLease = true
        var service: String?
        var waitReason: WaitReason?
        var deadlineMilliseconds: Int64?
        var report: ServiceModel.Report?
        /// Set by a planted bug only: the due time, made elsewhere than in the database.
        var dueBySender: Instant?

        var isIntent: Bool { keepsLease && events.last?.type == .attemptStarted }
    }

    enum Answer: Equatable {
        case accepted(at: Instant, hash: Int64)
        case already(at: Instant, hash: Int64)
        case behind
        case noPermit
        case contradicted(by: Int)
        case fenced
    }

    // MARK: Commit

    /// What the fence of a commit looks at.
    struct Heads {
        let token: Int64?
        let leaseEpoch: Int64?
        let taskEpoch: Int64
        let seq: Int64
        let hash: Int64
    }

    func heads(_ run: Int) -> Heads {
        let row = runs[run]
        return Heads(
            token: row.lease?.token, leaseEpoch: row.lease?.epoch, taskEpoch: row.task?.epoch ?? .max, seq: row.seq,
            hash: row.hash)
    }

    func commit(_ commit: Commit, worker: Int, leaseMilliseconds: Int64, headsReadBefore: Heads? = nil) -> Answer {
        let known = runs.count
        let answer = written(
            commit, worker: worker, leaseMilliseconds: leaseMilliseconds, headsReadBefore ?? heads(commit.run))
        recorder?.commit(
            commit, worker: worker, leaseMilliseconds, answer: answer, starting: known..<runs.count, self, at: clock())
        return answer
    }

    private func written(_ commit: Commit, worker: Int, leaseMilliseconds: Int64, _ heads: Heads) -> Answer {
        let isOwn =
            switch bug {
            case .noFence: true
            case .tokenNotCompared: heads.leaseEpoch == commit.epoch && heads.taskEpoch < commit.epoch
            default: heads.token == commit.token && heads.taskEpoch < commit.epoch
            }
        let isOurHash = heads.hash == commit.baseHash || bug == .hashNotCompared
        guard isOwn, heads.seq == commit.baseSeq, isOurHash else {
            if bug != .blindSecondCommit, let landed = landed(commit, worker: worker) { return landed }
            return isOwn && heads.seq > commit.baseSeq && goesOn(commit) ? .behind : .fenced
        }
        if commit.isIntent, !hasPermit(commit) { return .noPermit }
        for event in commit.events {
            if let other = holder(of: event, run: commit.run) {
                return .contradicted(by: other)
            }
        }
        write(commit, worker: worker, leaseMilliseconds: leaseMilliseconds, at: clock())
        return .accepted(at: clock(), hash: runs[commit.run].hash)
    }

    /// Another run, which has what the event takes, or something in the list that it calls empty. Else the run has it now.
    private func holder(of event: NewEvent, run: Int) -> Int? {
        if event.emptyListOf != nil {
            return tables.things.filter { $0.value != run && has($0.value, $0.key) }.map(\.value).min()
        }
        guard let thing = event.thing else { return nil }
        if let holder = tables.things[thing], holder != run, has(holder, thing) { return holder }
        tables.things[thing] = run
        return nil
    }

    /// An ended run has only what it made and may have left.
    private func has(_ run: Int, _ thing: Thing) -> Bool {
        let row = runs[run]
        if [.live, .held, .succeeded].contains(row.status) { return true }
        guard row.mayBeLeft else { return false }
        let named = row.events.last {
            NewEvent(.attemptDone, $0.body).thing == thing && $0.body["held_by"] == nil && $0.body["known"] == nil
                && ($0.body["made"] != false || $0.body["takes_back"] == true)
        }
        guard let named else { return false }
        return !row.events.contains {
            $0.seq > named.seq && NewEvent(.attemptDone, ["thing": $0.body["taken_back"] ?? .null]).thing == thing
        }
    }

    /// The stream still has the event on which the decision was made.
    private func goesOn(_ commit: Commit) -> Bool {
        let hashes = runs[commit.run].hashes
        let place = Int(commit.baseSeq) - 1
        return bug == .hashNotCompared || (hashes.indices.contains(place) && hashes[place] == commit.baseHash)
    }

    /// All of our events at their places: an epoch belongs to one claim of one worker.
    private func landed(_ commit: Commit, worker: Int) -> Answer? {
        let there = runs[commit.run].events.dropFirst(Int(commit.baseSeq)).prefix(commit.events.count)
        guard let last = there.last, there.count == commit.events.count else { return nil }
        let isOurs = zip(there, commit.events).allSatisfy { there, event in
            there.epoch == commit.epoch && there.actor == Self.actor(worker) && there.type == event.type.rawValue
                && there.attemptId == event.attemptId && there.body == event.body
        }
        return isOurs ? .already(at: last.recordedAt, hash: runs[commit.run].hashes[Int(last.seq) - 1]) : nil
    }

    /// A lease's permit is for its own service, and only while that is open; what is counted must not end just now.
    /// Without one a request may go only where nothing has to be counted.
    private func hasPermit(_ commit: Commit) -> Bool {
        let service = tables.service
        let soon = clock().advanced(byMilliseconds: 1000)
        if service.shutUntil(clock()) != nil, bug != .permitWhilePaused { return false }
        guard let lease = runs[commit.run].lease else { return false }
        if service.failures > 0 {
            guard service.trialToken == lease.token, let expires = service.trialExpires, expires > soon else {
                return false
            }
        }
        if service.concurrent == nil || bug == .permitWithoutPlace { return true }
        return lease.service == commit.service && lease.expires > soon
    }

    private func write(_ commit: Commit, worker: Int, leaseMilliseconds: Int64, at time: Instant) {
        let run = commit.run
        flushed()
        for event in commit.events {
            record(run, event, epoch: commit.epoch, actor: Self.actor(worker), at: time)
        }
        let state = commit.state.committed(at: time)
        if bug != .projectionLater || commit.events.count < 2 { project(state, run) }
        let token = runs[run].lease?.token
        if state.hasTask {
            if !commit.isIntent || commit.events.count > 1 {
                tables.runs[run].snapshot = state
                move(commit, at: time)
            }
            if commit.keepsLease {
                let seq = runs[run].seq
                tables.runs[run].lease?.seq = seq
                if commit.renewsLease {
                    tables.runs[run].lease?.expires = time.advanced(byMilliseconds: leaseMilliseconds)
                }
                // A permit that the intent brings is given only where nothing is counted.
                if commit.isIntent, runs[run].lease?.service != commit.service {
                    tables.runs[run].lease?.isCounted = false
                }
                tables.runs[run].lease?.service = commit.service ?? ""
            } else {
                tables.runs[run].lease = nil
            }
        } else {
            tables.runs[run].snapshot = state
            tables.runs[run].epoch = commit.epoch
            tables.runs[run].lease = nil
            if bug != .endedKeepsTask || !state.status.isEnded, bug != .heldKeepsTask || state.status != .held {
                tables.runs[run].task = nil
            }
        }
        note(commit, at: time, gaveBack: runs[run].lease == nil ? token : nil)
        if state.status == .released || bug == .redoWhileHeld && state.status == .held {
            redo(run, worker: worker, at: time)
        }
        checker.settled(run, runs[run], at: time)
    }

    private func move(_ commit: Commit, at time: Instant) {
        guard var task = runs[commit.run].task else { return }
        if !commit.keepsLease {
            let milliseconds = min(commit.dueMilliseconds, commit.deadlineMilliseconds ?? .max)
            task.due = commit.dueBySender ?? time.advanced(byMilliseconds: milliseconds)
            if bug != .moveWithoutEpoch || !commit.events.isEmpty { task.epoch = commit.epoch }
        }
        task.deadline = commit.deadlineMilliseconds.map { time.advanced(byMilliseconds: $0) }
        task.service = commit.service ?? ""
        task.waitReason = commit.waitReason
        task.seq = runs[commit.run].seq
        tables.runs[commit.run].task = task
    }

    /// Of an answer only what changes something.
    private func note(_ commit: Commit, at time: Instant, gaveBack token: Int64?) {
        let service = tables.service
        if let report = commit.report {
            let isWatched = !service.answers.isEmpty || service.failures > 0
            guard isWatched || report.finding == .failed || report.finding == .limited else { return }
            let asked = min(report.askedMilliseconds, ServiceModel.capMilliseconds)
            tables.notes.append(
                ServiceModel.Note(
                    finding: report.finding, reason: report.reason, run: commit.run, token: commit.token,
                    notBefore: time.advanced(byMilliseconds: asked)))
        } else {
            noteUnsent(token)
        }
    }

    private func noteUnsent(_ token: Int64?) {
        guard let token, tables.service.trialToken == token else { return }
        tables.notes.append(ServiceModel.Note(finding: .unsent, token: token))
    }

    private func project(_ state: RunState, _ run: Int) {
        tables.runs[run].state = state.state
        tables.runs[run].status = state.status
        tables.runs[run].reason = state.reason
        tables.runs[run].lastError = state.lastError ?? state.gaveUp?.error
        tables.runs[run].ownsKey = bug == .keyReleasedEarly && state.status.isEnded ? false : state.ownsKey
        tables.runs[run].mayBeLeft = state.mayBeLeft
        if state.ending?.status == .released, state.status == .held { onRelease(.releaseHeld) }
        if state.status == .released { onRelease(.released) }
    }

    static func actor(_ worker: Int) -> String { "worker:\(worker)" }

    // MARK: Release, append, append_late

    /// Gives back what the worker cannot read or reach: due again later, in the line in which it stands. What somebody
    /// has written meanwhile does not wait.
    func release(run: Int, token: Int64, worker: Int, dueMilliseconds: Int64, waitReason: WaitReason? = nil) {
        defer {
            recorder?.release(run: run, token: token, worker: worker, dueMilliseconds, waitReason, self, at: clock())
        }
        guard var task = runs[run].task, let lease = runs[run].lease, lease.token == token else { return }
        flushed()
        let time = clock()
        let due = time.advanced(byMilliseconds: dueMilliseconds)
        // One that is over would bring the run again at once, and in vain.
        if let deadline = task.deadline, deadline <= time { task.deadline = due }
        if task.seq > lease.seq {
            task.due = min(task.due, due)
        } else {
            task.due = min(due, task.deadline ?? due)
            task.waitReason = waitReason
        }
        task.epoch = lease.epoch
        task.seq = max(task.seq, lease.seq)
        tables.runs[run].lease = nil
        tables.runs[run].task = bug == .releaseLosesTask ? nil : task
        noteUnsent(token)
        checker.waits(run, runs[run], after: lease.seq, at: time)
        checker.settled(run, runs[run], at: time)
    }

    /// Renews the lease of a request under way. False: it is somebody else's, or has ended.
    func renew(run: Int, token: Int64, worker: Int, leaseMilliseconds: Int64) -> Bool {
        let isRenewed = renewed(run, token, leaseMilliseconds)
        recorder?.renew(
            run: run, token: token, worker: worker, leaseMilliseconds, answer: isRenewed, self, at: clock())
        return isRenewed
    }

    private func renewed(_ run: Int, _ token: Int64, _ milliseconds: Int64) -> Bool {
        let time = clock()
        guard let lease = runs[run].lease, lease.token == token, lease.expires > time else { return false }
        flushed()
        let ends = max(lease.expires, time.advanced(byMilliseconds: milliseconds))
        tables.runs[run].lease?.expires = ends
        if tables.service.trialToken == token {
            tables.notes.append(ServiceModel.Note(finding: .renewed, token: token, notBefore: ends))
        }
        checker.renewed(run, limit: tables.service.concurrent)
        return true
    }

    enum AppendAnswer: String { case accepted, behind, keyTaken }

    /// A person's verb; refused when the run has moved on since it was looked at.
    func append(run: Int, expectedSeq: Int64, _ verb: OperatorActionEvent, actor: String) -> AppendAnswer {
        let answer = appended(run, expectedSeq: expectedSeq, verb, actor: actor)
        recorder?.append(run: run, expectedSeq: expectedSeq, verb, actor: actor, answer: answer, self, at: clock())
        return answer
    }

    private func appended(_ run: Int, expectedSeq: Int64, _ verb: OperatorActionEvent, actor: String) -> AppendAnswer {
        if expectedSeq != runs[run].seq, bug != .personOverwrites { return .behind }
        let after = verb.after
        if after.ownsKey, !runs[run].ownsKey, isTaken(run) { return .keyTaken }
        if verb.event.type == .runResolved, holder(of: verb.event, run: run) != nil { return .keyTaken }
        let time = clock()
        let row = runs[run]
        let epoch = row.currentEpoch
        record(run, verb.event, epoch: epoch, actor: actor, at: time)
        if row.task == nil || !after.hasTask || after.status != row.status || after.state != row.state
            || after.ownsKey != row.ownsKey
        {
            tables.runs[run].state = after.state
            tables.runs[run].status = after.status
            tables.runs[run].reason = after.reason
            let isTooEarly = bug == .keyFreedBeforeUndo && verb.event.type == .releaseRequested
            tables.runs[run].ownsKey = after.ownsKey && !isTooEarly
            tables.runs[run].mayBeLeft =
                bug == .leftForgottenWithKey ? after.mayBeLeft && after.ownsKey : after.mayBeLeft
            tables.runs[run].epoch = epoch
        }
        if after.hasTask {
            var task = row.task ?? Task(due: time, service: "", epoch: epoch, seq: 0)
            task.seq = runs[run].seq
            if bug != .newsWaits || row.task == nil {
                task.due = min(task.due, time)
                task.service = ""
                task.waitReason = nil
            }
            tables.runs[run].task = task
        } else {
            tables.runs[run].task = nil
            tables.runs[run].lease = nil
        }
        checker.waits(run, runs[run], after: row.seq, at: time)
        checker.settled(run, runs[run], at: time)
        return .accepted
    }

    /// The key goes to a new run, in one transaction.
    func takeOver(run: Int, expectedSeq: Int64, _ verb: OperatorActionEvent, actor: String) -> AppendAnswer {
        let answer = takenOver(run, expectedSeq: expectedSeq, verb, actor: actor)
        recorder?.takeOver(run: run, expectedSeq: expectedSeq, verb, actor: actor, answer: answer, self, at: clock())
        return answer
    }

    private func takenOver(_ run: Int, expectedSeq: Int64, _ verb: OperatorActionEvent, actor: String) -> AppendAnswer {
        if expectedSeq != runs[run].seq, bug != .personOverwrites { return .behind }
        if isTaken(run) { return .keyTaken }
        let answer = appended(run, expectedSeq: expectedSeq, verb, actor: actor)
        if answer == .accepted {
            _ = create(fixture: runs[run].fixture, runs[run].key, actor: actor, insteadOf: run)
        }
        return answer
    }

    /// Another run has its key.
    private func isTaken(_ run: Int) -> Bool {
        holder(fixture: runs[run].fixture, runs[run].key).map { $0 != run } ?? false
    }

    /// What a worker without a lease still knows. Written once for an attempt and epoch. False: it was there already.
    @discardableResult
    func appendLate(run: Int, epoch: Int64, attempt: Identifier, body: JSONObject, worker: Int) -> Bool {
        let isNew = evidenceAppended(run, epoch: epoch, attempt, body, worker: worker)
        recorder?.appendLate(
            run: run, epoch: epoch, attempt: attempt, body, worker: worker, answer: isNew, self, at: clock())
        return isNew
    }

    private func evidenceAppended(
        _ run: Int, epoch: Int64, _ attempt: Identifier, _ body: JSONObject, worker: Int
    ) -> Bool {
        let late = EventType.attemptLate.rawValue
        guard
            !runs[run].events.contains(where: { $0.type == late && $0.attemptId == attempt && $0.epoch == epoch })
        else { return false }
        let time = clock()
        let row = runs[run]
        let wakes = settles(row, attempt, body)
        var body = body
        let isMade = Self.isAnswer(body) && body["outcome"] == "done" && body["made"] != false
        let isKnown = isMade && row.events.contains { Self.names($0, what: body) }
        if isKnown { body["known"] = true }
        if body["made"] != false, !isKnown {
            if let holder = holder(of: NewEvent(.attemptLate, ["thing": body["thing"] ?? .null]), run: run) {
                body["held_by"] = .string(Self.identifier(of: holder).description)
            }
        }
        let isLeft = isMade && !isKnown && row.status != .live && bug != .lateSuccessForgotten
        if isLeft, !row.ownsKey, row.status != .released {
            if let holder = holder(fixture: row.fixture, row.key) {
                body["key_with"] = .string(Self.identifier(of: holder).description)
            } else if !row.events.contains(where: { $0.type == EventType.runTakenOver.rawValue }) {
                tables.runs[run].ownsKey = true
            }
        }
        if wakes, row.status == .held {
            tables.runs[run].status = .live
            tables.runs[run].reason = nil
            tables.runs[run].mayBeLeft = false
            tables.runs[run].task = Task(due: time, service: "", epoch: row.epoch, seq: row.seq)
        } else if isLeft {
            tables.runs[run].mayBeLeft = true
        }
        if wakes, let task = tables.runs[run].task {
            tables.runs[run].task?.due = min(task.due, time)
            tables.runs[run].task?.service = ""
            tables.runs[run].task?.waitReason = nil
        }
        record(run, NewEvent(.attemptLate, body, attemptId: attempt), epoch: epoch, actor: Self.actor(worker), at: time)
        let seq = runs[run].seq
        tables.runs[run].task?.seq = seq
        if bug == .lateChangesState, body["outcome"] == "done" {
            tables.runs[run].status = .succeeded
            tables.runs[run].task = nil
        }
        checker.settled(run, runs[run], at: time)
        return true
    }

    /// An event before it says the same of the thing.
    private static func names(_ event: RecordedEvent, what late: JSONObject) -> Bool {
        let types = [EventType.attemptDone, .attemptSettled, .runResolved, .attemptLate].map(\.rawValue)
        return types.contains(event.type) && event.body["held_by"] == nil && event.body["state"] == late["state"]
            && NamedThing(event.body).isSame(as: NamedThing(late))
    }

    /// The answer of a call, and not that there is none.
    private static func isAnswer(_ body: JSONObject) -> Bool {
        (body["outcome"] == "done" || body["outcome"] == "not_done") && body["purpose"] == nil
            && body["repeatable"] != true
    }

    /// Nothing that may change the platform was sent after the call; and a hold is about that call.
    private func settles(_ row: Run, _ attempt: Identifier, _ body: JSONObject) -> Bool {
        guard Self.isAnswer(body), bug != .lateAnswerWaits else { return false }
        let sent = row.events.last {
            $0.type == EventType.attemptStarted.rawValue && $0.body["purpose"] != "lookup"
        }
        guard sent?.attemptId == attempt else { return false }
        if row.status == .live { return true }
        guard row.status == .held, let hold = row.events.last(where: { $0.type == EventType.runHeld.rawValue })?.body
        else { return false }
        return hold["code"] == "unknown_outcome" && hold["error"] != "deadline"
            && hold["attempt"] == .string(attempt.description)
    }

    // MARK: The service

    /// A person shuts it, for so long or until it is resumed.
    func pauseService(milliseconds: Int64?, actor: String) {
        flushed()
        let time = clock()
        tables.service.pause(until: milliseconds.map { time.advanced(byMilliseconds: $0) } ?? ServiceModel.endless)
        checker.pauses(until: tables.service.pausedUntil ?? time, at: time)
        recorder?.pause(milliseconds: milliseconds, actor: actor, self, at: time)
    }

    /// A person opens it again, whatever had shut it. False: it was open.
    @discardableResult
    func resumeService(actor: String) -> Bool {
        flushed()
        let time = clock()
        let wasShut = tables.service.resume(at: time)
        if wasShut { countLeases() }
        checker.pauseIs(nil)
        recorder?.resume(actor: actor, answer: wasShut, self, at: time)
        return wasShut
    }
}
