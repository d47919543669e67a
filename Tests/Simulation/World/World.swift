import WorkflowCore

/// One seed's world: workers, the store, the platform and people, on one virtual clock.
final class World {
    static let leaseMilliseconds: Int64 = 10_000
    static let epochStart = Instant(microseconds: 1_700_000_000_000_000)
    /// Steps with faults; then everything heals.
    static let roughActions = 750
    static let mostActions = 6000
    /// After the faults stopped, so long until every run has ended or is held: the longest wait that a platform asks
    /// for, the longest backoffs of one state after the other, and leases.
    static let settlingMilliseconds: Int64 = 1_200_000

    let seed: UInt64
    let bug: Bug?
    var chance: Chance
    var faults: Faults
    /// Apart from the other: a world without lies draws as it always did.
    var lieChance: Chance
    var lies = Lies()
    /// Microseconds since the world began; the database's clock shows it too.
    private(set) var now: Int64 = 0
    private(set) var actions = 0
    private var agenda = Agenda()
    let checker: Checker
    let store: StoreModel
    let platform = PlatformModel()
    var workers: [Process] = []
    let marks: Marks
    let trace: Trace
    private var attempts: UInt64 = 0
    /// The database's clock was set back by so much; never forward, which would cut leases short.
    private var clockOffset: Int64 = 0
    /// What a worker has in hand and must have written before it is quiet.
    var learned: [Learned] = []
    private(set) var isHealed = false
    var pendingEnqueues = 0

    struct Learned {
        let run: Int
        let attempt: Identifier
        let epoch: Int64
        let worker: Int
        let incarnation: Int
    }

    init(seed: UInt64, bug: Bug?, marks: Marks, isTracing: Bool = false) {
        self.seed = seed
        self.bug = bug
        self.marks = marks
        chance = Chance(seed: seed)
        faults = Faults.drawn(&chance)
        lieChance = Chance(seed: seed ^ 0x6C69_6573)
        let trace = Trace(isOn: isTracing)
        self.trace = trace
        let checker = Checker(trace: trace)
        self.checker = checker
        let clock = Clock()
        self.clock = clock
        store = StoreModel(bug: bug, checker: checker) { clock.now }
    }

    /// The database's clock, shared with the store.
    private final class Clock {
        var now = World.epochStart
    }

    private let clock: Clock

    var databaseTime: Instant { clock.now }

    // MARK: Time

    func after(_ microseconds: Int64, _ action: @escaping () -> Void) {
        agenda.add(at: now + max(0, microseconds), tie: chance.next(), action)
    }

    func milliseconds(_ low: Int64, _ high: Int64) -> Int64 { chance.between(low * 1000, high * 1000) }

    func newAttempt() -> Identifier {
        attempts += 1
        return Identifier(high: 2, low: attempts)
    }

    /// The name under which the platform knows what a run creates.
    func reference(of run: Int) -> String {
        let row = store.runs[run]
        let fixture = Fixtures.all[row.fixture]
        if fixture.sharesNames { return "name-\(row.key)" }
        return fixture.choosesId ? "key-\(row.key)" : "run-\(run)"
    }

    /// What is written down is asked of a real store, for which the platform does not matter.
    var tellsLies: Bool { store.recorder == nil }

    // MARK: The run of a world

    /// Runs the seed to its end. The violation, when there is one, is the checker's.
    func run() {
        setUp()
        while checker.violation == nil, actions < Self.roughActions, !isWrittenDown, step(), !isOver {}
        if checker.violation == nil, !isWrittenDown { settle() }
        // The actions hold the world, and the world holds them.
        agenda.removeAll()
        platform.queued = []
        for worker in workers { worker.parked = [] }
        workers = []
    }

    /// Only its calls were asked for, and there are enough.
    private var isWrittenDown: Bool { store.recorder?.isFull ?? false }

    private func settle() {
        heal()
        let end = now + Self.settlingMilliseconds * 1000
        while checker.violation == nil, !isQuiet {
            guard step(), now <= end, actions < Self.mostActions else {
                complainOfUnrest()
                break
            }
        }
        if checker.violation == nil { checkAtTheEnd() }
    }

    private func step() -> Bool {
        guard let (time, action) = agenda.next() else { return false }
        now = time
        clock.now = Instant(microseconds: Self.epochStart.microseconds + time + clockOffset)
        checker.worldTime = time
        actions += 1
        action()
        return true
    }

    /// Nothing more would happen, faults or not.
    private var isOver: Bool { pendingEnqueues == 0 && isQuiet && !store.runs.isEmpty }

    var isQuiet: Bool {
        pendingEnqueues == 0 && workers.allSatisfy { $0.inHand == 0 } && !store.hasLiveRuns
    }

    private func setUp() {
        setUpLies()
        store.tables.service.concurrent = faults.concurrent > 0 ? faults.concurrent : nil
        // What is written down is made again on a database that forgets nothing.
        store.losesClaims = faults.losesClaims && store.recorder == nil
        store.refusesRedo = faults.refusesRedo && store.recorder == nil
        store.onRelease = { [marks] in marks.hit($0) }
        let count = 2 + chance.below(3)
        for index in 0..<count {
            let offset = chance.between(-faults.clockOffsetMilliseconds, faults.clockOffsetMilliseconds)
            let worker = Process(
                world: self, index: index, wallOffsetMicroseconds: offset * 1000,
                driftPerMillion: chance.between(-300, 300))
            workers.append(worker)
            after(milliseconds(0, 1000)) { worker.poll() }
        }
        pendingEnqueues = 10 + chance.below(10)
        for _ in 0..<pendingEnqueues {
            let fixture = chance.below(tellsLies ? Fixtures.all.count : Fixtures.honest.count)
            let key = "\(chance.below(40))"
            after(milliseconds(0, 40_000)) { self.enqueue(fixture, key) }
        }
        for _ in 0..<faults.storeOutages {
            after(milliseconds(500, 90_000)) { self.storeOutage() }
        }
        for _ in 0..<faults.platformOutages {
            after(milliseconds(500, 90_000)) { self.platformOutage() }
        }
        for _ in 0..<faults.clockSteps {
            after(milliseconds(500, 90_000)) { self.setClockBack() }
        }
        for _ in 0..<faults.failOvers {
            after(milliseconds(2000, 90_000)) { self.failOver() }
        }
        for _ in 0..<faults.servicePauses {
            after(milliseconds(500, 90_000)) { self.personPauses() }
        }
        for _ in 0..<faults.personActs {
            after(milliseconds(500, 120_000)) { self.personLooks() }
        }
    }

    private func setClockBack() {
        // The clock of a database on which it is made again goes forward only.
        guard !isHealed, store.recorder == nil else { return }
        // A tenth of the time for which a platform honours an idempotency value is kept back for this.
        let span = milliseconds(10, 2000)
        clockOffset -= span
        marks.hit(.clockSetBack)
        trace.note("the database's clock is set back by \(span / 1000) ms")
    }

    private func storeOutage() {
        guard !isHealed else { return }
        store.isDown = true
        marks.hit(.storeOutage)
        trace.note("the store goes away")
        if store.losesClaims, store.crash() { marks.hit(.claimsLost) }
        after(chance.below(2) == 0 ? milliseconds(5, 300) : milliseconds(100, 15_000)) {
            self.store.isDown = false
            self.trace.note("the store is back")
        }
    }

    /// A standby takes over that is so far behind.
    private func failOver() {
        guard !isHealed, store.recorder == nil else { return }
        let copy = store.copy()
        after(Int64(chance.pick([50, 300, 1000, 3000])) * 1000) {
            guard !self.isHealed, self.store.failOver(to: copy) else { return }
            self.marks.hit(.failOver)
            self.trace.note("a standby takes over")
            // Somebody looks at once what has become of it.
            for run in self.store.runs.indices where self.checker.shadows[run].isPutBack {
                self.personLooks(at: run, thinking: self.milliseconds(1, 60))
            }
        }
    }

    private func platformOutage() {
        guard !isHealed else { return }
        platform.isDown = true
        marks.hit(.platformOutage)
        trace.note("the platform goes away")
        after(milliseconds(500, 60_000)) {
            self.platform.isDown = false
            self.trace.note("the platform is back")
        }
    }

    private func heal() {
        isHealed = true
        faults = .none
        lies.end()
        store.isDown = false
        platform.isDown = false
        thaw()
        trace.note("all faults stop")
        store.resumeService(actor: "person:ana")
        for worker in workers { worker.heal() }
    }

    // MARK: The client that starts runs

    /// Enqueues until it is acknowledged; a lost answer is asked again.
    private func enqueue(_ fixture: Int, _ key: String) {
        let again = { self.after(self.milliseconds(100, 2000)) { self.enqueue(fixture, key) } }
        if store.isDown || chance.hits(faults.lostRequest) { return again() }
        let answer = store.enqueue(fixture: fixture, key: key)
        let run = answer.run
        if case .created = answer { plantNamesake(of: run) }
        if chance.hits(faults.lostReply) { return again() }
        pendingEnqueues -= 1
        checker.acknowledged(run, fixture: fixture, key: key, store)
    }
}

/// What happened, as text when it is asked for, and always as a hash.
final class Trace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lines: [String] = []
    private let isOn: Bool
    var stamp: () -> String = { "" }

    init(isOn: Bool) { self.isOn = isOn }

    func note(_ text: @autoclosure () -> String) {
        if isOn { lines.append("\(stamp()) \(text())") }
    }

    func mix(_ value: UInt64) {
        hash = (hash ^ value) &* 0x100_0000_01B3
        hash ^= hash >> 29
    }
}
