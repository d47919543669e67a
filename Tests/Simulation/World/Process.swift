import WorkerMachines
import WorkflowCore

/// One worker's process: its clocks, and what it has in hand.
final class Process {
    let world: World
    let index: Int
    let wallOffsetMicroseconds: Int64
    let driftPerMillion: Int64
    /// Rises when the process dies; what was under way for an earlier one never comes back.
    private(set) var incarnation = 0
    private(set) var isPaused = false
    private(set) var wokeAt: Int64 = 0
    var parked: [(incarnation: Int, action: () -> Void)] = []
    var inHand = 0
    private var isPolling = false
    private var backOffMilliseconds: Int64 = 0
    /// The machine that production drives, and what its tickets stand for.
    private var queue = CommitQueue()
    private var commits: [CommitQueue.Ticket: PendingCommit] = [:]
    private var lastTicket: CommitQueue.Ticket = 0

    struct PendingCommit {
        var commit: StoreModel.Commit
        /// Gets the answer, and when it was asked for. Nil: nobody knows; true: it is not asked again.
        let then: (StoreModel.Answer?, Int64) -> Bool
    }

    static let places = 6

    init(world: World, index: Int, wallOffsetMicroseconds: Int64, driftPerMillion: Int64) {
        self.world = world
        self.index = index
        self.wallOffsetMicroseconds = wallOffsetMicroseconds
        self.driftPerMillion = driftPerMillion
    }

    /// The monotonic clock, which may run a little fast or slow.
    var clock: Int64 { world.now + world.now / 1_000_000 * driftPerMillion }

    /// The wall clock, which may be anything.
    var wallClock: Instant {
        Instant(microseconds: World.epochStart.microseconds + world.now + wallOffsetMicroseconds)
    }

    // MARK: Coming back to the process

    /// Goes on in this process so much later, unless it has died; a paused one goes on when it wakes.
    /// Every such step is a place to crash or to pause at.
    /// `for`: the process that asked, when this is about the answer to it.
    func later(
        _ microseconds: Int64, at point: Point, run: Int? = nil, for asker: Int? = nil, _ action: @escaping () -> Void
    ) {
        let mine = asker ?? incarnation
        world.after(microseconds) { [self] in
            guard incarnation == mine else { return }
            if isPaused { return parked.append((mine, action)) }
            if world.chance.hits(world.faults.crash) {
                world.marks.hit(.crash(point), cell: cell(run))
                return crash()
            }
            if world.chance.hits(world.faults.pause) {
                world.marks.hit(.pause(point), cell: cell(run))
                parked.append((mine, action))
                return pause()
            }
            action()
        }
    }

    private func cell(_ run: Int?) -> Int? {
        run.flatMap { world.marks.cell(fixture: world.store.runs[$0].fixture, state: world.store.runs[$0].state) }
    }

    private func crash() {
        world.trace.note("worker \(index) dies with \(inHand) runs in hand")
        incarnation += 1
        parked = []
        inHand = 0
        isPolling = false
        queue = CommitQueue()
        commits = [:]
        later(world.milliseconds(100, 5000), at: .poll) { [self] in poll() }
    }

    private func pause() {
        let span = world.chance.pick([500, 3000, 8000, 11_000, 25_000, 50_000])
        world.trace.note("worker \(index) stops for \(span) ms")
        isPaused = true
        let mine = incarnation
        world.after(Int64(span) * 1000) { [self] in
            if incarnation == mine { wake() }
        }
    }

    private func wake() {
        guard isPaused else { return }
        world.trace.note("worker \(index) wakes")
        isPaused = false
        wokeAt = world.now
        let waiting = parked
        parked = []
        for (offset, item) in waiting.enumerated() {
            world.after(Int64(offset)) { [self] in
                guard incarnation == item.incarnation else { return }
                if isPaused { parked.append(item) } else { item.action() }
            }
        }
    }

    func heal() {
        wake()
        poll()
    }

    // MARK: The store

    /// Asks the store, over a connection that may fail on either way. Nil: nobody knows whether it was done.
    func ask<Answer>(
        at point: Point, run: Int? = nil, _ work: @escaping () -> Answer, then: @escaping (Answer?) -> Void
    ) {
        let there = travel()
        let back = travel()
        let chance = world.faults
        let asker = incarnation
        func mark(_ fault: Fault) { world.marks.hit(fault, cell: cell(run)) }
        if world.chance.hits(chance.aborted) || world.chance.hits(chance.lostRequest) {
            mark(.commitLost(point))
            return later(there + back, at: point, run: run) { then(nil) }
        }
        if world.chance.hits(chance.lostReply) {
            mark(.commitUnknown(point))
            world.after(there) { [self] in if !world.store.isDown { _ = work() } }
            return later(there + back, at: point, run: run) { then(nil) }
        }
        if world.chance.hits(chance.lateTwin) {
            mark(.commitLate(point))
            world.after(world.milliseconds(1, 20_000)) { [self] in if !world.store.isDown { _ = work() } }
            return later(there + back, at: point, run: run) { then(nil) }
        }
        world.after(there) { [self] in
            let answer = world.store.isDown ? nil : work()
            later(back, at: point, run: run, for: asker) { then(answer) }
        }
    }

    private func travel() -> Int64 {
        world.chance.hits(world.faults.slowStore)
            ? world.milliseconds(100, 12_000) : world.chance.between(200, 8000)
    }

    // MARK: Committing

    /// Writes until the commit's fate is known; the same commit again is safe.
    func commit(_ commit: StoreModel.Commit, then: @escaping (StoreModel.Answer?, Int64) -> Bool) {
        lastTicket += 1
        commits[lastTicket] = PendingCommit(commit: commit, then: then)
        perform(queue.submit(lastTicket))
    }

    private func perform(_ actions: [CommitQueue.Action]) {
        for action in actions {
            switch action {
            case .write(let tickets, let flow, _): write(tickets, flow)
            case .pause(let flow, let milliseconds):
                later(milliseconds * 1000, at: .outage) { [self] in perform(queue.pauseOver(flow: flow)) }
            case .fail: world.checker.fail("WORLD", run: 0, "a commit fails though the database only ever is away")
            }
        }
    }

    private func write(_ tickets: [CommitQueue.Ticket], _ flow: Int) {
        let batch = tickets.compactMap { ticket in commits[ticket].map { (ticket, $0.commit) } }
        let sentAt = clock
        let (store, index) = (world.store, index)
        let heads = batch.map { world.bug == .leaseReadBeforeLock ? store.heads($0.1.run) : nil }
        ask(
            at: .commit, run: batch.first?.1.run,
            {
                zip(batch, heads).map { item, heads in
                    store.commit(
                        item.1, worker: index, leaseMilliseconds: World.leaseMilliseconds, headsReadBefore: heads)
                }
            },
            then: { [self] answers in
                guard let answers else {
                    for (ticket, _) in batch { lost(ticket, sentAt) }
                    return perform(queue.failed(flow: flow, .outage))
                }
                for (item, answer) in zip(batch, answers) {
                    _ = commits.removeValue(forKey: item.0)?.then(answer, sentAt)
                }
                perform(queue.written(flow: flow))
            })
    }

    private func lost(_ ticket: CommitQueue.Ticket, _ sentAt: Int64) {
        guard let pending = commits[ticket] else { return }
        if pending.then(nil, sentAt) { commits[ticket] = nil }
        // Planted: what stands there now is taken as the base, without asking whose it is.
        guard world.bug == .blindSecondCommit else { return }
        commits[ticket]?.commit.baseSeq = world.store.runs[pending.commit.run].seq
        commits[ticket]?.commit.baseHash = world.store.runs[pending.commit.run].hash
    }

    // MARK: Claiming

    func poll() {
        guard !isPolling, !isPaused else { return }
        isPolling = true
        let free = Self.places - inHand
        guard free > 0 else { return sleep(1000) }
        let sentAt = clock
        let room = 1 + world.chance.below(free)
        let roomEach = world.chance.below(3) == 0 ? 1 + world.chance.below(room) : room
        ask(
            at: .claim,
            { [self] in
                let answer = world.store.claim(
                    worker: index, room: room, roomEach: roomEach, leaseMilliseconds: World.leaseMilliseconds)
                return (answer.claims, answer.lines, world.databaseTime)
            },
            then: { [self] answer in
                guard let (claims, lines, time) = answer else {
                    return sleep(max(100, world.chance.between(100, 2000)))
                }
                // Most of all where a promise of the platform is about to run out.
                let often = claims.contains { $0.isAboutToExpire } ? 25 : 1
                guard !claims.isEmpty, world.chance.hits(world.faults.lateClaim * often) else {
                    return take(claims, lines, at: time, room: room, sentAt: sentAt)
                }
                later(world.milliseconds(4000, World.leaseMilliseconds - 500), at: .claim) { [self] in
                    take(claims, lines, at: time, room: room, sentAt: sentAt)
                }
            })
    }

    private func take(
        _ claims: [StoreModel.Claim], _ lines: [StoreModel.LineAnswer], at time: Instant, room: Int, sentAt: Int64
    ) {
        inHand += claims.count
        for claim in claims {
            if claim.isTrial { world.marks.hit(.trial) }
            RunDriver(self, claim, claimSentAt: sentAt)?.handle(.claimed)
        }
        if claims.count >= room { return sleep(0) }
        let left = lines.compactMap { $0.next?.milliseconds(since: time) }.min()
        // Due, and yet not given out: look again after 1, 2, 4 … milliseconds.
        backOffMilliseconds = left ?? 1 <= 0 ? min(1000, max(1, backOffMilliseconds * 2)) : 0
        sleep(min(isWatching ? 1000 : 5000, left.map { $0 > 0 ? $0 + 1 : backOffMilliseconds } ?? .max))
    }

    /// Polling less often costs the world fewer empty steps; it says nothing about the engine.
    private var isWatching: Bool { world.chance.below(4) == 0 }

    private func sleep(_ milliseconds: Int64) {
        let mine = incarnation
        world.after(max(1, milliseconds) * 1000) { [self] in
            guard incarnation == mine else { return }
            isPolling = false
            if isPaused { parked.append((mine, { self.poll() })) } else { poll() }
        }
    }

    func give() {
        inHand -= 1
    }
}

extension StoreModel.Claim {
    /// The time in which the call may be sent again is over soon.
    fileprivate var isAboutToExpire: Bool {
        guard let sentAt = snapshot?.idempotencyFirstSentAt else { return false }
        let left = Fixtures.honouredMilliseconds - now.milliseconds(since: sentAt)
        return (5000...20_000).contains(left)
    }
}
