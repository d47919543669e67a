import WorkflowCore

/// The tables, with the semantics of `sql/functions`; one method is one transaction.
final class StoreModel {
    struct Run {
        let fixture: Int
        let key: String
        var events: [RecordedEvent] = []
        /// One for each event; no two are ever the same, as if each covered all before it.
        var hashes: [Int64] = []
        var state: String
        var status = RunStatus.live
        var reason: String?
        var lastError: String?
        /// As of the last time without a task.
        var epoch: Int64 = 0
        var ownsKey = true
        /// Something of it may be on the platform, and it is not on its way.
        var mayBeLeft = false
        /// As of the last commit, but for intents; later events are folded at the claim.
        var snapshot: RunState?
        var task: Task?
        var lease: Lease?

        var seq: Int64 { Int64(events.count) }
        var hash: Int64 { hashes.last ?? 0 }
        var currentEpoch: Int64 { task.map { max($0.epoch, lease?.epoch ?? 0) } ?? epoch }
    }

    struct Task {
        var due: Instant
        /// In whose line it stands; empty: it needs no service now.
        var service: String
        /// Why it waits though nothing was tried.
        var waitReason: WaitReason?
        /// When it must be looked at, whatever it waits for.
        var deadline: Instant?
        var epoch: Int64 = 0
        var seq: Int64
    }

    struct Lease {
        /// Drawn with each claim; never twice, whatever the database forgets.
        let token: Int64
        let epoch: Int64
        let worker: Int
        var expires: Instant
        /// The service that one request may be sent to; empty: none.
        var service: String
        /// It was taken, or was there, while the service's requests at once were counted.
        var isCounted = false
        /// Of the stream's end at the claim, or of an intent since.
        var seq: Int64
    }

    struct Claim {
        let run: Int
        let token: Int64
        let epoch: Int64
        let hash: Int64
        let service: String
        let isTrial: Bool
        let snapshot: RunState?
        let tail: [RecordedEvent]
        let now: Instant
        let due: Instant
        /// The lease of another claim was over.
        let isRescue: Bool
    }

    struct LineAnswer {
        let service: String
        /// When there may be more; nil: when something happens.
        var next: Instant?
        /// The end of a pause.
        var shutUntil: Instant?
        var taken = 0
        /// Whoever came into the line now would have to wait for the end of somebody's request.
        var isBusy = false
    }

    /// All that a transaction changes.
    struct Tables {
        var runs: [Run] = []
        var service = ServiceModel()
        var notes: [ServiceModel.Note] = []
        /// Which run has what, as long as it has its key.
        var things: [Thing: Int] = [:]
    }

    var tables = Tables()
    var runs: [Run] { tables.runs }
    /// Asked after every step of a world, so it copies no row.
    var hasLiveRuns: Bool { tables.runs.indices.contains { tables.runs[$0].status == .live } }
    var isDown = false
    let bug: Bug?
    let checker: Checker
    let clock: () -> Instant
    /// Writes down every call, to be made again on a real database.
    var recorder: Recorder?
    /// No run may start with the input of an old one any more.
    var refusesRedo = false
    /// Told of what comes of releases.
    var onRelease: (Fault) -> Void = { _ in }
    private var drawn: Int64 = 0
    /// Claims commit without waiting for the disk: what a crash of the database takes back.
    var losesClaims = false
    private var unflushed: Tables?
    /// Rises when something was taken back.
    private(set) var generation = 0

    init(bug: Bug?, checker: Checker, clock: @escaping () -> Instant) {
        self.bug = bug
        self.checker = checker
        self.clock = clock
    }

    /// Version 7 ids of the time at which every world begins, in the order of the runs.
    static func identifier(of run: Int) -> Identifier {
        Identifier(unixMilliseconds: World.epochStart.microseconds / 1000, random: (0, UInt64(run) + 1))
    }

    /// A token or a hash.
    func draw() -> Int64 {
        drawn += 1
        return drawn
    }

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

    func create(
        fixture: Int, _ key: String, actor: String, insteadOf: Int? = nil, redoOf: Int? = nil
    ) -> Int {
        let definition = Fixtures.all[fixture].definition
        tables.runs.append(Run(fixture: fixture, key: key, state: definition.start))
        let run = runs.count - 1
        let time = clock()
        checker.enqueued(run, fixture: fixture, key: key)
        var body: JSONObject = [
            "workflow": .string(definition.workflow), "version": .integer(definition.version),
            "definition": .string(Fixtures.digest), "organisation": "org", "key": .string(key),
            "state": .string(definition.start), "input": ["number": .string(key)],
        ]
        if let insteadOf { body["instead_of"] = .string(Self.identifier(of: insteadOf).description) }
        if let redoOf { body["redo_of"] = .string(Self.identifier(of: redoOf).description) }
        record(run, NewEvent(.runRequested, body), epoch: 0, actor: actor, at: time)
        tables.runs[run].task = Task(
            due: time, service: definition.firstService,
            deadline: time.advanced(byMilliseconds: definition.deadlineMilliseconds), seq: 1)
        checker.settled(run, runs[run], at: time)
        return run
    }

    func holder(fixture: Int, _ key: String) -> Int? {
        runs.firstIndex { $0.ownsKey && $0.fixture == fixture && $0.key == key }
    }

    func record(_ run: Int, _ event: NewEvent, epoch: Int64, actor: String, at time: Instant) {
        unflushed = nil
        let recorded = RecordedEvent(
            seq: runs[run].seq + 1, type: event.type.rawValue, body: event.body, epoch: epoch,
            attemptId: event.attemptId, actor: actor, recordedAt: time)
        tables.runs[run].events.append(recorded)
        tables.runs[run].hashes.append(draw())
        checker.recorded(run, recorded, type: event.type)
    }

    // MARK: Claim

    /// Up to so many runs in all, and of each line.
    func claim(worker: Int, room: Int, roomEach: Int, leaseMilliseconds: Int64) -> (
        claims: [Claim], lines: [LineAnswer]
    ) {
        if losesClaims, unflushed == nil { unflushed = tables }
        let time = clock()
        let (gone, late) = (abandoned(at: time), overdue(at: time))
        let room = untied(room, gone.map { runs[$0].lease?.expires }, late.map { runs[$0].task?.deadline })
        let hadNotes = !tables.notes.isEmpty
        var claims: [Claim] = []
        func take(_ run: Int, _ service: String) -> Claim {
            let claim = leased(run, worker, service, at: time, until: time.advanced(byMilliseconds: leaseMilliseconds))
            claims.append(claim)
            return claim
        }
        for run in gone.prefix(room) { _ = take(run, "") }
        for run in late.prefix(room - claims.count) { _ = take(run, "") }
        var lines: [LineAnswer] = []
        for service in ["", ServiceModel.name] {
            let most = min(roomEach, room - claims.count)
            guard most > 0 else { continue }
            lines.append(line(service, most, at: time, take))
        }
        recorder?.claim(
            worker: worker, room: room, roomEach: roomEach, leaseMilliseconds, answer: claims, lines,
            isNews: hadNotes, self, at: time)
        return (claims, lines)
    }

    /// A real database may give out any of the leases that ended at the same time, so none of them is left out.
    private func untied(_ room: Int, _ gone: [Instant?], _ late: [Instant?]) -> Int {
        func extended(_ times: [Instant?], _ room: Int) -> Int {
            var count = min(room, times.count)
            while count > 0, count < times.count, times[count] == times[count - 1] { count += 1 }
            return count
        }
        let first = extended(gone, room)
        return max(room, first + extended(late, max(0, room - first)))
    }

    private func abandoned(at time: Instant) -> [Int] {
        runs.indices.filter { runs[$0].lease.map { $0.expires <= time } ?? false }
            .sorted { earlier(runs[$0].lease?.expires, $0, runs[$1].lease?.expires, $1) }
    }

    private func overdue(at time: Instant) -> [Int] {
        runs.indices
            .filter { runs[$0].lease == nil && runs[$0].task?.deadline.map { $0 <= time } ?? false }
            .sorted { earlier(runs[$0].task?.deadline, $0, runs[$1].task?.deadline, $1) }
    }

    private func earlier(_ left: Instant?, _ leftRun: Int, _ right: Instant?, _ rightRun: Int) -> Bool {
        guard let left, let right, left != right else { return leftRun < rightRun }
        return left < right
    }

    private func leased(_ run: Int, _ worker: Int, _ service: String, at time: Instant, until expires: Instant) -> Claim
    {
        let row = runs[run]
        let isRescue = row.lease != nil
        let raised: Int64 = bug == .rescueWithoutEpoch && isRescue ? 0 : 1
        let epoch = (row.lease?.epoch ?? row.task?.epoch ?? 0) + raised
        let lease = Lease(
            token: draw(), epoch: epoch, worker: worker, expires: expires, service: service,
            seq: row.lease?.seq ?? row.task?.seq ?? 0)
        tables.runs[run].lease = lease
        let state = tables.service
        let isSlow = state.failures == 0 && state.slowStart(at: time) != nil
        tables.runs[run].lease?.isCounted = service == ServiceModel.name && (state.concurrent != nil || isSlow)
        checker.claimed(run, epoch: epoch, at: time)
        let known = row.snapshot?.seq ?? 0
        return Claim(
            run: run, token: lease.token, epoch: epoch, hash: row.hash, service: service,
            isTrial: service == ServiceModel.name && tables.service.failures > 0, snapshot: row.snapshot,
            tail: Array(row.events.dropFirst(Int(known))), now: time, due: row.task?.due ?? time, isRescue: isRescue)
    }

    /// What may be sent now, in the order of the due times.
    private func line(_ service: String, _ room: Int, at time: Instant, _ take: (Int, String) -> Claim) -> LineAnswer {
        var answer = LineAnswer(service: service)
        let isLimited = service == ServiceModel.name
        if isLimited {
            let notes = tables.notes
            tables.notes = []
            tables.service.take(notes, at: time)
            if tables.service.reopenedAt == time { countLeases() }
            if let shut = tables.service.shutUntil(time) {
                answer.next = shut == ServiceModel.endless ? nil : shut
                answer.shutUntil = shut
                return answer
            }
        }
        var ready: [Int] = []
        for (index, run) in runs.enumerated() {
            guard let task = run.task, task.service == service, run.lease == nil || bug == .claimOverLease else {
                continue
            }
            // Whose deadline comes now is claimed for that.
            let isTooLate = task.deadline.map { $0 <= time.advanced(byMilliseconds: 200) } ?? false
            if task.due > time {
                answer.next = min(answer.next ?? task.due, task.due)
            } else if !isTooLate {
                ready.append(index)
            }
        }
        if ready.isEmpty, recorder == nil { return answer }
        ready.sort { earlier(runs[$0].task?.due, $0, runs[$1].task?.due, $1) }
        let (allowed, freeAt) = isLimited ? left(of: room, at: time) : (room, nil)
        if allowed <= 0 {
            answer.isBusy = true
            if !ready.isEmpty { answer.next = freeAt }
            return answer
        }
        if isLimited, tables.service.failures > 0, let trial = tables.service.trial(of: ready) { ready = [trial] }
        let claims = ready.prefix(allowed).map { take($0, service) }
        answer.taken = claims.count
        if let trial = claims.first, trial.isTrial {
            tables.service.trialToken = trial.token
            tables.service.trialExpires = runs[trial.run].lease?.expires
            answer.next = tables.service.trialExpires
        } else if claims.count < ready.count {
            answer.next = time
        }
        return answer
    }

    /// It has just been opened again, and lets requests through slowly at first: all that is under way counts.
    func countLeases() {
        for run in runs.indices where runs[run].lease?.service == ServiceModel.name {
            tables.runs[run].lease?.isCounted = true
        }
    }

    /// How many requests the service takes now; none: when to ask again.
    private func left(of room: Int, at time: Instant) -> (allowed: Int, freeAt: Instant?) {
        let service = tables.service
        if service.failures > 0, let trial = service.trialExpires, trial > time { return (0, trial) }
        let allowed = service.failures > 0 ? 1 : room
        let slow = service.failures > 0 ? nil : service.slowStart(at: time)
        guard let limit = [service.concurrent, slow].compactMap({ $0 }).min() else { return (allowed, nil) }
        let used = runs.compactMap(\.lease).filter { $0.isCounted && $0.expires > time }
        let soon = slow == nil ? nil : time.advanced(byMilliseconds: 200)
        return (min(allowed, limit - used.count), [used.map(\.expires).min(), soon].compactMap { $0 }.min())
    }

    /// What stands in the stream after a place, and the hash of its last event.
    func tail(of run: Int, after seq: Int64, worker: Int) -> (events: [RecordedEvent], hash: Int64?) {
        let events = Array(runs[run].events.dropFirst(Int(seq)))
        recorder?.events(of: run, after: seq, worker: worker, answer: events, at: clock())
        return (events, events.isEmpty ? nil : runs[run].hash)
    }

    // MARK: Loss

    /// The server dies and comes back: claims that no flush has covered are gone. False: there were none.
    func crash() -> Bool {
        guard let before = unflushed else { return false }
        takeBack(before)
        return true
    }

    struct Copy {
        fileprivate let tables: Tables
        fileprivate let generation: Int
        fileprivate let facts: Checker.Facts
    }

    /// What a standby has by now.
    func copy() -> Copy { Copy(tables: tables, generation: generation, facts: checker.facts) }

    /// A standby that did not get the last commits takes over. False: it would have lost a run, which is another story.
    func failOver(to copy: Copy) -> Bool {
        guard copy.generation == generation, copy.tables.runs.count == runs.count else { return false }
        for (run, row) in runs.enumerated() where row.seq > copy.tables.runs[run].seq {
            let lost = row.events.dropFirst(copy.tables.runs[run].events.count)
            checker.putBack(run, to: copy.facts, losing: Array(lost))
        }
        takeBack(copy.tables)
        checker.pauseIs(copy.facts.personsPause)
        return true
    }

    private func takeBack(_ before: Tables) {
        for (run, row) in before.runs.enumerated() { checker.claimsLost(run, epoch: row.currentEpoch) }
        tables = before
        unflushed = nil
        generation += 1
    }

    func flushed() { unflushed = nil }
}
