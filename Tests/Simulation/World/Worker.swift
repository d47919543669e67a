import WorkflowCore

/// One worker process: its clocks, and what it has in hand.
final class Worker {
    let world: World
    let index: Int
    let wallOffsetMicroseconds: Int64
    let driftPerMillion: Int64
    /// Rises when the process dies; what was under way for an earlier one never comes back.
    private(set) var incarnation = 0
    private(set) var isPaused = false
    var parked: [(incarnation: Int, action: () -> Void)] = []
    var inHand = 0
    private var isPolling = false
    private var backOffMilliseconds: Int64 = 0

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
        later(world.milliseconds(100, 5000), at: .poll) { [self] in poll() }
    }

    private func pause() {
        let span = world.chance.pick([500, 3000, 11_000, 25_000, 50_000])
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

    // MARK: Claiming

    func poll() {
        guard !isPolling, !isPaused else { return }
        isPolling = true
        let free = Self.places - inHand
        guard free > 0 else { return sleep(1000) }
        let sentAt = clock
        let limit = 1 + world.chance.below(free)
        ask(
            at: .claim,
            { [self] in
                world.store.claim(worker: index, limit: limit, leaseMilliseconds: World.leaseMilliseconds)
            },
            then: { [self] claims in
                guard let claims else { return sleep(max(100, world.chance.between(100, 2000))) }
                inHand += claims.count
                for claim in claims {
                    let processor = Processor(self, claim, claimSentAt: sentAt)
                    processor?.begin()
                }
                if claims.count == limit { return sleep(0) }
                let left = world.store.nextDue().map { $0.milliseconds(since: world.databaseTime) } ?? 1000
                // Due, and yet not given out: look again after 1, 2, 4 … milliseconds.
                backOffMilliseconds = left < 0 ? min(1000, max(1, backOffMilliseconds * 2)) : 0
                sleep(min(isWatching ? 1000 : 5000, left >= 0 ? left + 1 : backOffMilliseconds))
            })
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
