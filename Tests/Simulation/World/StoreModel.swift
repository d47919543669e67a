import WorkflowCore

/// The tables, with the semantics of `sql/functions`; one method is one transaction.
final class StoreModel {
    struct Run {
        let fixture: Int
        let key: String
        var events: [RecordedEvent] = []
        var state: String
        var status = RunStatus.live
        var reason: String?
        var seq: Int64 = 0
        var epoch: Int64 = 0
        var holdsKey = true
        /// As of the last commit; later events are folded at the claim.
        var snapshot: RunState?
        var task: Task?
    }

    struct Task {
        var due: Instant
        var service: String?
        var owner: Int?
        var expires: Instant?
    }

    struct Claim {
        let run: Int
        let epoch: Int64
        let snapshot: RunState?
        let tail: [RecordedEvent]
        let now: Instant
    }

    struct Commit {
        var run: Int
        var epoch: Int64
        var baseSeq: Int64
        var events: [NewEvent]
        var state: RunState
        var dueMilliseconds: Int64 = 0
        var keepsLease = false
        var service: String?
        /// Set by a planted bug only: the due time, made elsewhere than in the database.
        var dueBySender: Instant?
    }

    enum Answer: Equatable {
        case accepted(at: Instant)
        case already(at: Instant)
        case behind
        case fenced
    }

    private(set) var runs: [Run] = []
    var pausedUntil: Instant?
    var isDown = false
    let bug: Bug?
    private let checker: Checker
    private let clock: () -> Instant

    init(bug: Bug?, checker: Checker, clock: @escaping () -> Instant) {
        self.bug = bug
        self.checker = checker
        self.clock = clock
    }

    static func identifier(of run: Int) -> Identifier { Identifier(high: 7, low: UInt64(run) + 1) }

    // MARK: Enqueue

    /// The run that has the key, or a new one.
    func enqueue(fixture: Int, key: String) -> Int {
        if bug != .keyOfSecondRun, let holder = holder(fixture: fixture, key) { return holder }
        let definition = Fixtures.all[fixture].definition
        runs.append(Run(fixture: fixture, key: key, state: definition.start))
        let run = runs.count - 1
        let time = clock()
        checker.enqueued(run, fixture: fixture, key: key)
        record(
            run,
            NewEvent(
                .runRequested,
                [
                    "workflow": .string(definition.workflow), "version": .integer(definition.version),
                    "definition": "abcdef", "organisation": "org", "key": .string(key),
                    "state": .string(definition.start), "input": ["number": .string(key)],
                ]), epoch: 0, actor: "sql:test", at: time)
        runs[run].task = Task(due: time)
        checker.settled(run, runs[run], at: time)
        return run
    }

    // MARK: Claim

    func claim(worker: Int, limit: Int, leaseMilliseconds: Int64) -> [Claim] {
        let time = clock()
        var due: [(due: Instant, run: Int)] = []
        for (index, run) in runs.enumerated() {
            guard let task = run.task, task.due <= time else { continue }
            if let expires = task.expires, expires > time, bug != .claimOverLease { continue }
            due.append((task.due, index))
        }
        due.sort { ($0.due, $0.run) < ($1.due, $1.run) }
        return due.prefix(limit).map { _, run in
            let isRescue = runs[run].task?.expires != nil
            if bug != .rescueWithoutEpoch || !isRescue { runs[run].epoch += 1 }
            let expires = time.advanced(byMilliseconds: leaseMilliseconds)
            runs[run].task?.owner = worker
            runs[run].task?.expires = expires
            checker.claimed(run, epoch: runs[run].epoch, at: time, wasLeased: isRescue)
            let known = runs[run].snapshot?.seq ?? 0
            return Claim(
                run: run, epoch: runs[run].epoch, snapshot: runs[run].snapshot,
                tail: runs[run].events.filter { $0.seq > known }, now: time)
        }
    }

    /// When a worker should look again.
    func nextDue() -> Instant? {
        var earliest: Instant?
        for run in runs {
            guard let task = run.task else { continue }
            let ready = max(task.due, task.expires ?? task.due)
            if earliest.map({ ready < $0 }) ?? true { earliest = ready }
        }
        return earliest
    }

    // MARK: Commit

    /// What the epoch check of a commit looks at.
    func heads(_ run: Int) -> (epoch: Int64, seq: Int64) { (runs[run].epoch, runs[run].seq) }

    func commit(
        _ commit: Commit, worker: Int, leaseMilliseconds: Int64, headsReadBefore: (epoch: Int64, seq: Int64)? = nil
    ) -> Answer {
        let time = clock()
        let (epoch, seq) = headsReadBefore ?? heads(commit.run)
        let isOwn = epoch == commit.epoch || bug == .noEpochCheck
        guard isOwn, seq == commit.baseSeq else {
            if bug != .blindSecondCommit, let landed = landed(commit, worker: worker) { return .already(at: landed) }
            return isOwn ? .behind : .fenced
        }
        write(commit, worker: worker, leaseMilliseconds: leaseMilliseconds, at: time)
        return .accepted(at: time)
    }

    /// All of our events at their places: an epoch belongs to one claim of one worker.
    private func landed(_ commit: Commit, worker: Int) -> Instant? {
        let there = runs[commit.run].events.filter { $0.seq > commit.baseSeq }.prefix(commit.events.count)
        guard !there.isEmpty, there.count == commit.events.count else { return nil }
        let isOurs = zip(there, commit.events).allSatisfy { there, event in
            there.epoch == commit.epoch && there.actor == Self.actor(worker) && there.type == event.type.rawValue
                && there.attemptId == event.attemptId && there.body == event.body
        }
        return isOurs ? there.last?.recordedAt : nil
    }

    private func write(_ commit: Commit, worker: Int, leaseMilliseconds: Int64, at time: Instant) {
        let run = commit.run
        for event in commit.events {
            record(run, event, epoch: commit.epoch, actor: Self.actor(worker), at: time)
        }
        let state = commit.state.committed(at: time)
        if bug != .projectionLater || commit.events.count < 2 { project(state, run) }
        runs[run].snapshot = state
        if state.status == .live {
            var task = runs[run].task ?? Task(due: time)
            var due = commit.dueBySender ?? time.advanced(byMilliseconds: commit.dueMilliseconds)
            if !commit.keepsLease, commit.service != nil, let pause = pausedUntil, pause > due { due = pause }
            task.due = due
            task.service = commit.service
            task.owner = commit.keepsLease ? worker : nil
            task.expires = commit.keepsLease ? time.advanced(byMilliseconds: leaseMilliseconds) : nil
            runs[run].task = task
        } else if bug != .endedKeepsTask || !state.status.isEnded, bug != .heldKeepsTask || state.status != .held {
            runs[run].task = nil
        }
        checker.settled(run, runs[run], at: time)
    }

    private func project(_ state: RunState, _ run: Int) {
        runs[run].state = state.state
        runs[run].status = state.status
        runs[run].reason = state.reason
        runs[run].holdsKey = bug == .keyReleasedEarly && state.status.isEnded ? false : state.holdsKey
    }

    static func actor(_ worker: Int) -> String { worker == 0 ? "worker:0" : "worker:\(worker)" }

    private func record(_ run: Int, _ event: NewEvent, epoch: Int64, actor: String, at time: Instant) {
        let recorded = RecordedEvent(
            seq: runs[run].seq + 1, type: event.type.rawValue, body: event.body, epoch: epoch,
            attemptId: event.attemptId, actor: actor, recordedAt: time)
        runs[run].events.append(recorded)
        runs[run].seq = recorded.seq
        checker.recorded(run, recorded, type: event.type, runEpoch: runs[run].epoch)
    }

    // MARK: Release, append, append_late

    func release(run: Int, epoch: Int64, worker: Int, dueMilliseconds: Int64, service: String?) {
        guard runs[run].epoch == epoch, var task = runs[run].task, task.owner == worker else { return }
        let time = clock()
        let known = runs[run].snapshot?.seq ?? 0
        let isNews = runs[run].events.contains {
            $0.seq > known && $0.epoch == epoch && $0.actor != Self.actor(worker)
        }
        task.due = time.advanced(byMilliseconds: dueMilliseconds)
        if service != nil, let pause = pausedUntil, pause > task.due { task.due = pause }
        if isNews, bug != .newsWaits { task.due = time }
        task.service = service ?? task.service
        task.owner = nil
        task.expires = nil
        runs[run].task = bug == .releaseLosesTask ? nil : task
        checker.released(run, runs[run], at: time)
        checker.settled(run, runs[run], at: time)
    }

    enum AppendAnswer { case accepted, behind, keyTaken }

    /// A person's verb; refused when the run has moved on since it was looked at.
    func append(run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String) -> AppendAnswer {
        if expectedSeq != runs[run].seq, bug != .personOverwrites { return .behind }
        if verb.after.holdsKey, !runs[run].holdsKey, let holder = holder(fixture: runs[run].fixture, runs[run].key),
            holder != run
        {
            return .keyTaken
        }
        let time = clock()
        record(run, verb.event, epoch: runs[run].epoch, actor: actor, at: time)
        project(verb.after, run)
        if runs[run].status == .live {
            let due = min(runs[run].task?.due ?? time, time)
            runs[run].task = runs[run].task ?? Task(due: due)
            runs[run].task?.due = due
        } else {
            runs[run].task = nil
        }
        checker.settled(run, runs[run], at: time)
        return .accepted
    }

    /// The key goes to a new run, in one transaction.
    func supersede(run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String) -> AppendAnswer {
        let hasHolder = holder(fixture: runs[run].fixture, runs[run].key).map { $0 != run } ?? false
        if hasHolder { return .keyTaken }
        let answer = append(run: run, expectedSeq: expectedSeq, verb, actor: actor)
        if answer == .accepted { _ = enqueue(fixture: runs[run].fixture, key: runs[run].key) }
        return answer
    }

    private func holder(fixture: Int, _ key: String) -> Int? {
        runs.firstIndex { $0.holdsKey && $0.fixture == fixture && $0.key == key }
    }

    /// What a worker without a lease still knows. Written once for an attempt and epoch.
    func appendLate(run: Int, epoch: Int64, attempt: Identifier, body: JSONObject, worker: Int) {
        let late = EventType.attemptLate.rawValue
        guard
            !runs[run].events.contains(where: { $0.type == late && $0.attemptId == attempt && $0.epoch == epoch })
        else { return }
        let time = clock()
        record(run, NewEvent(.attemptLate, body, attemptId: attempt), epoch: epoch, actor: Self.actor(worker), at: time)
        if bug == .lateChangesState, body["outcome"] == "done" {
            runs[run].status = .succeeded
            runs[run].task = nil
        }
        checker.settled(run, runs[run], at: time)
    }

    func pauseService(milliseconds: Int64) {
        let ends = clock().advanced(byMilliseconds: milliseconds)
        pausedUntil = max(pausedUntil ?? ends, ends)
        for index in runs.indices where runs[index].task?.service != nil {
            guard let task = runs[index].task, task.expires == nil, task.due < ends else { continue }
            runs[index].task?.due = ends
        }
    }

    func resumeService() { pausedUntil = nil }
}
