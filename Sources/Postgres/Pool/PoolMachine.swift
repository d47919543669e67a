/// Decides who gets which connection; knows no connection, no clock and no task.
///
/// Every method takes one event and answers what is to be done about it.
struct PoolMachine {
    typealias ConnectionID = Int
    typealias WaiterID = Int

    enum Acquired: Equatable {
        case lease(ConnectionID)
        /// The waiter stands in the queue; a connection is to be opened when an id is given.
        case wait(open: ConnectionID?)
        case closed
    }

    enum Next: Equatable {
        case nothing
        case hand(ConnectionID, to: WaiterID)
        /// Close this one; open a replacement when an id is given.
        case close(ConnectionID, open: ConnectionID?)
    }

    enum OpeningFailed: Equatable {
        case nothing
        /// Tell this waiter; open one more for those behind it when an id is given.
        case fail(WaiterID, open: ConnectionID?)
    }

    struct Closing: Equatable {
        var idle: [ConnectionID]
        var waiters: [WaiterID]
    }

    private enum State: Equatable {
        case opening
        case idle(since: MonotonicTime)
        case leased(PostgresLane)
    }

    private struct Slot {
        var state: State
        var opened: MonotonicTime
    }

    let limits: PostgresPoolLimits
    private var slots: [ConnectionID: Slot] = [:]
    /// The least recently used connection comes first. Connections are taken from the end, so that those not needed
    /// grow old.
    private var idle: [ConnectionID] = []
    private var waiters: [PostgresLane: WaiterQueue] = [:]
    private var leased: [PostgresLane: Int] = [:]
    private var lastID = 0
    private(set) var isClosed = false

    init(limits: PostgresPoolLimits) {
        self.limits = limits
    }

    var openCount: Int { slots.count }
    var idleCount: Int { idle.count }
    var waiterCount: Int { PostgresLane.allCases.reduce(0) { $0 + waiters(in: $1) } }
    var leasedCount: Int { leased.values.reduce(0, +) }
    /// Nothing is open and nothing is being opened.
    var isEmpty: Bool { slots.isEmpty }

    mutating func acquire(_ waiter: WaiterID, _ lane: PostgresLane = .ordinary) -> Acquired {
        guard !isClosed else { return .closed }
        if let id = acquireIdle(lane) { return .lease(id) }
        waiters[lane, default: WaiterQueue()].append(waiter)
        return .wait(open: openForWaiters())
    }

    /// An unused connection, when there is one and nobody waits for it.
    mutating func acquireIdle(_ lane: PostgresLane) -> ConnectionID? {
        guard !isClosed, waiters(in: lane) == 0, room(in: lane) > 0, let id = idle.popLast() else { return nil }
        lease(id, lane)
        return id
    }

    /// The waiter gave up; false when it was served or told before.
    mutating func abandon(_ waiter: WaiterID) -> Bool {
        for lane in PostgresLane.allCases where waiters[lane]?.remove(waiter) == true { return true }
        return false
    }

    mutating func opened(_ id: ConnectionID, now: MonotonicTime) -> Next {
        guard slots[id]?.state == .opening else { return .close(id, open: nil) }
        slots[id]?.opened = now
        return settle(id, now: now)
    }

    mutating func openingFailed(_ id: ConnectionID) -> OpeningFailed {
        slots[id] = nil
        // The waiters outnumber the connections being opened: one of them would wait for nothing.
        guard servableWaiters > openingCount, let (told, _) = popServable() else { return .nothing }
        return .fail(told, open: openForWaiters())
    }

    mutating func released(_ id: ConnectionID, isHealthy: Bool, now: MonotonicTime) -> Next {
        guard let slot = slots[id], case .leased(let lane) = slot.state else { return .nothing }
        leased[lane, default: 0] -= 1
        guard isHealthy, now.since(slot.opened) < limits.maximumAge else { return discard(id) }
        return settle(id, now: now)
    }

    /// Idle connections that have grown too old, and connections to open up to the minimum.
    mutating func tidy(now: MonotonicTime) -> (close: [ConnectionID], open: [ConnectionID]) {
        guard !isClosed else { return ([], []) }
        var closing: [ConnectionID] = []
        for id in idle {
            guard let slot = slots[id], case .idle(let since) = slot.state else { continue }
            let isOld = now.since(slot.opened) >= limits.maximumAge
            let isUnused = now.since(since) >= limits.maximumIdle && slots.count - closing.count > limits.minimum
            if isOld || isUnused { closing.append(id) }
        }
        for id in closing { slots[id] = nil }
        idle.removeAll { closing.contains($0) }
        var opening: [ConnectionID] = []
        while slots.count < limits.minimum { opening.append(newSlot()) }
        return (closing, opening)
    }

    mutating func close() -> Closing {
        isClosed = true
        let closing = Closing(idle: idle, waiters: PostgresLane.allCases.flatMap { waiters[$0]?.all ?? [] })
        for id in idle { slots[id] = nil }
        idle = []
        waiters = [:]
        return closing
    }

    private var openingCount: Int { slots.values.count { $0.state == .opening } }

    private mutating func settle(_ id: ConnectionID, now: MonotonicTime) -> Next {
        guard !isClosed else { return discard(id) }
        if let (waiter, lane) = popServable() {
            lease(id, lane)
            return .hand(id, to: waiter)
        }
        slots[id]?.state = .idle(since: now)
        idle.append(id)
        return .nothing
    }

    private mutating func discard(_ id: ConnectionID) -> Next {
        slots[id] = nil
        return .close(id, open: isClosed ? nil : openForWaiters())
    }

    private mutating func openForWaiters() -> ConnectionID? {
        guard servableWaiters > openingCount, slots.count < limits.maximum else { return nil }
        return newSlot()
    }

    private mutating func lease(_ id: ConnectionID, _ lane: PostgresLane) {
        slots[id]?.state = .leased(lane)
        leased[lane, default: 0] += 1
    }

    private func waiters(in lane: PostgresLane) -> Int { waiters[lane]?.count ?? 0 }

    /// How many connections more the lane may have.
    private func room(in lane: PostgresLane) -> Int {
        switch lane {
        case .commits: .max
        case .ordinary: limits.maximum - limits.reservedForCommits - leased[.ordinary, default: 0]
        }
    }

    /// Those who would get a connection if there were enough of them.
    private var servableWaiters: Int {
        PostgresLane.allCases.reduce(0) { $0 + min(waiters(in: $1), max(0, room(in: $1))) }
    }

    /// The next to be served: commits before all others.
    private mutating func popServable() -> (WaiterID, PostgresLane)? {
        for lane in PostgresLane.allCases where room(in: lane) > 0 {
            if let waiter = waiters[lane]?.popFirst() { return (waiter, lane) }
        }
        return nil
    }

    private mutating func newSlot() -> ConnectionID {
        lastID += 1
        slots[lastID] = Slot(state: .opening, opened: MonotonicTime(nanoseconds: 0))
        return lastID
    }
}
