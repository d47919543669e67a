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
        /// Why it waits though nothing was tried.
        var waiting: String?
        /// When it must be looked at, whatever it waits for.
        var deadline: Instant?
        var owner: Int?
        var expires: Instant?
    }

    struct Claim {
        let run: Int
        let epoch: Int64
        let snapshot: RunState?
        let tail: [RecordedEvent]
        let now: Instant
        let due: Instant
        /// The lease of another claim was over.
        let isRescue: Bool
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
        var waiting: String?
        var deadlineMilliseconds: Int64?
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
    /// What the database draws itself: how long after a pause each run comes back.
    private var chance: Chance
    /// Writes down every call, to be made again on a real database.
    var recorder: Recorder?

    init(bug: Bug?, checker: Checker, chance: Chance, clock: @escaping () -> Instant) {
        self.bug = bug
        self.checker = checker
        self.chance = chance
        self.clock = clock
    }

    static func identifier(of run: Int) -> Identifier { Identifier(high: 7, low: UInt64(run) + 1) }

    // MARK: Enqueue

    enum EnqueueAnswer: Equatable {
        case created(Int)
        case existing(Int)
        /// The run that has the key has failed or was cancelled: a person decides first.
        case conflict(Int)

        var run: Int {
            switch self {
            case .created(let run), .existing(let run), .conflict(let run): run
            }
        }
    }

    /// The run that has the key, or a new one.
    func enqueue(fixture: Int, key: String) -> EnqueueAnswer {
        let answer = holderOrNew(fixture: fixture, key)
        recorder?.enqueue(fixture: fixture, key: key, answer: answer, self, at: clock())
        return answer
    }

    private func holderOrNew(fixture: Int, _ key: String) -> EnqueueAnswer {
        if bug != .keyOfSecondRun, let holder = holder(fixture: fixture, key) {
            let status = runs[holder].status
            return status == .failed || status == .cancelled ? .conflict(holder) : .existing(holder)
        }
        return .created(create(fixture: fixture, key, actor: "sql:test"))
    }

    private func create(fixture: Int, _ key: String, actor: String, insteadOf: Int? = nil) -> Int {
        let definition = Fixtures.all[fixture].definition
        runs.append(Run(fixture: fixture, key: key, state: definition.start))
        let run = runs.count - 1
        let time = clock()
        checker.enqueued(run, fixture: fixture, key: key)
        var body: JSONObject = [
            "workflow": .string(definition.workflow), "version": .integer(definition.version),
            "definition": "abcdef", "organisation": "org", "key": .string(key),
            "state": .string(definition.start), "input": ["number": .string(key)],
        ]
        if let insteadOf { body["instead_of"] = .string(Self.identifier(of: insteadOf).description) }
        record(run, NewEvent(.runRequested, body), epoch: 0, actor: actor, at: time)
        runs[run].task = Task(due: time)
        checker.settled(run, runs[run], at: time)
        return run
    }

    // MARK: Claim

    func claim(worker: Int, limit: Int, leaseMilliseconds: Int64) -> [Claim] {
        let claims = leased(worker: worker, limit: limit, leaseMilliseconds: leaseMilliseconds)
        recorder?.claim(worker: worker, limit: limit, leaseMilliseconds, answer: claims, self, at: clock())
        return claims
    }

    private func leased(worker: Int, limit: Int, leaseMilliseconds: Int64) -> [Claim] {
        let time = clock()
        var due: [(due: Instant, run: Int)] = []
        for (index, run) in runs.enumerated() {
            guard let task = run.task, task.due <= time else { continue }
            if let expires = task.expires, expires > time, bug != .claimOverLease { continue }
            due.append((task.due, index))
        }
        due.sort { ($0.due, $0.run) < ($1.due, $1.run) }
        return due.prefix(limit).map { due, run in
            let isRescue = runs[run].task?.expires != nil
            if bug != .rescueWithoutEpoch || !isRescue { runs[run].epoch += 1 }
            let expires = time.advanced(byMilliseconds: leaseMilliseconds)
            runs[run].task?.owner = worker
            runs[run].task?.expires = expires
            runs[run].task?.waiting = nil
            checker.claimed(run, epoch: runs[run].epoch, at: time, wasLeased: isRescue)
            let known = runs[run].snapshot?.seq ?? 0
            return Claim(
                run: run, epoch: runs[run].epoch, snapshot: runs[run].snapshot,
                tail: runs[run].events.filter { $0.seq > known }, now: time, due: due,
                isRescue: isRescue)
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
        recorder?.nextDue(answer: earliest, at: clock())
        return earliest
    }

    /// What stands in the stream after a place.
    func events(of run: Int, after seq: Int64, worker: Int) -> [RecordedEvent] {
        let events = runs[run].events.filter { $0.seq > seq }
        recorder?.events(of: run, after: seq, worker: worker, answer: events, at: clock())
        return events
    }

    // MARK: Commit

    /// What the epoch check of a commit looks at.
    func heads(_ run: Int) -> (epoch: Int64, seq: Int64) { (runs[run].epoch, runs[run].seq) }

    func commit(
        _ commit: Commit, worker: Int, leaseMilliseconds: Int64, headsReadBefore: (epoch: Int64, seq: Int64)? = nil
    ) -> Answer {
        let answer = written(
            commit, worker: worker, leaseMilliseconds: leaseMilliseconds, headsReadBefore: headsReadBefore)
        recorder?.commit(commit, worker: worker, leaseMilliseconds, answer: answer, self, at: clock())
        return answer
    }

    private func written(
        _ commit: Commit, worker: Int, leaseMilliseconds: Int64, headsReadBefore: (epoch: Int64, seq: Int64)?
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
            let due = commit.dueBySender ?? time.advanced(byMilliseconds: commit.dueMilliseconds)
            let shut = commit.keepsLease ? nil : shutEnd(commit.service, after: due, at: time)
            task.deadline = commit.deadlineMilliseconds.map { time.advanced(byMilliseconds: $0) }
            task.due = earlier(shut ?? due, commit.keepsLease ? nil : task.deadline)
            task.service = commit.service
            task.waiting = commit.waiting ?? (shut == nil ? nil : Self.servicePaused)
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

    func release(
        run: Int, epoch: Int64, worker: Int, dueMilliseconds: Int64, service: String?, waiting: String? = nil,
        deadlineMilliseconds: Int64? = nil
    ) {
        defer {
            recorder?.release(
                run: run, epoch: epoch, worker: worker, dueMilliseconds, service, waiting, deadlineMilliseconds, self,
                at: clock())
        }
        guard runs[run].epoch == epoch, var task = runs[run].task, task.owner == worker else { return }
        let time = clock()
        let known = runs[run].snapshot?.seq ?? 0
        let isNews = runs[run].events.contains {
            $0.seq > known && $0.epoch == epoch && $0.actor != Self.actor(worker)
        }
        let due = time.advanced(byMilliseconds: dueMilliseconds)
        let shut = shutEnd(service, after: due, at: time)
        task.deadline = deadlineMilliseconds.map { time.advanced(byMilliseconds: $0) } ?? task.deadline
        task.due = isNews && bug != .newsWaits ? time : earlier(shut ?? due, task.deadline)
        task.waiting = waiting ?? (shut == nil ? nil : Self.servicePaused)
        task.service = service ?? task.service
        task.owner = nil
        task.expires = nil
        runs[run].task = bug == .releaseLosesTask ? nil : task
        checker.released(run, runs[run], at: time)
        checker.settled(run, runs[run], at: time)
    }

    enum AppendAnswer: String { case accepted, behind, keyTaken }

    /// A person's verb; refused when the run has moved on since it was looked at.
    func append(run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String) -> AppendAnswer {
        let answer = appended(run, expectedSeq: expectedSeq, verb, actor: actor)
        recorder?.append(run: run, expectedSeq: expectedSeq, verb, actor: actor, answer: answer, self, at: clock())
        return answer
    }

    private func appended(_ run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String) -> AppendAnswer {
        if expectedSeq != runs[run].seq, bug != .personOverwrites { return .behind }
        if verb.after.holdsKey, !runs[run].holdsKey, isTaken(run) { return .keyTaken }
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
        let answer = superseded(run, expectedSeq: expectedSeq, verb, actor: actor)
        recorder?.supersede(run: run, expectedSeq: expectedSeq, verb, actor: actor, answer: answer, self, at: clock())
        return answer
    }

    private func superseded(_ run: Int, expectedSeq: Int64, _ verb: VerbEvent, actor: String) -> AppendAnswer {
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

    private func holder(fixture: Int, _ key: String) -> Int? {
        runs.firstIndex { $0.holdsKey && $0.fixture == fixture && $0.key == key }
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
        record(run, NewEvent(.attemptLate, body, attemptId: attempt), epoch: epoch, actor: Self.actor(worker), at: time)
        if bug == .lateChangesState, body["outcome"] == "done" {
            runs[run].status = .succeeded
            runs[run].task = nil
        }
        checker.settled(run, runs[run], at: time)
        return true
    }

    // MARK: The service

    private static let servicePaused = "service_paused"

    private func earlier(_ time: Instant, _ deadline: Instant?) -> Instant { deadline.map { min($0, time) } ?? time }

    /// When a run whose call goes to a shut service comes back, if that is later than it wants.
    private func shutEnd(_ service: String?, after due: Instant, at time: Instant) -> Instant? {
        guard service != nil, let pause = pausedUntil, pause > time, pause > due else { return nil }
        return jittered(pause)
    }

    private func jittered(_ time: Instant) -> Instant {
        Instant(microseconds: time.microseconds + chance.between(0, 999_999))
    }

    func pauseService(milliseconds: Int64, worker: Int) {
        let time = clock()
        let asked = time.advanced(byMilliseconds: milliseconds)
        let ends = max(pausedUntil ?? asked, asked)
        pausedUntil = ends
        for index in runs.indices {
            guard var task = runs[index].task, task.service != nil, task.due < ends,
                task.expires.map({ $0 <= time }) ?? true
            else { continue }
            task.due = earlier(jittered(ends), task.deadline)
            task.waiting = Self.servicePaused
            runs[index].task = task
        }
        recorder?.pause(milliseconds: milliseconds, worker: worker, answer: ends, self, at: time)
    }

    /// False: it was open.
    @discardableResult
    func resumeService(worker: Int) -> Bool {
        let time = clock()
        let wasShut = pausedUntil != nil
        pausedUntil = nil
        for index in runs.indices where wasShut {
            guard var task = runs[index].task, task.waiting == Self.servicePaused, task.due > time else { continue }
            task.due = min(task.due, jittered(time))
            runs[index].task = task
        }
        recorder?.resume(worker: worker, answer: wasShut, self, at: time)
        return wasShut
    }
}
