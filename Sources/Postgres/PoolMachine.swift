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
        case leased
    }

    private struct Slot {
        var state: State
        var opened: MonotonicTime
    }

    let limits: PostgresPoolLimits
    private var slots: [ConnectionID: Slot] = [:]
    /// Least recently used first; taken from the end, so that those not needed grow old.
    private var idle: [ConnectionID] = []
    private var waiters: [WaiterID] = []
    private var lastID = 0
    private(set) var isClosed = false

    init(limits: PostgresPoolLimits) {
        self.limits = limits
    }

    var openCount: Int { slots.count }
    var idleCount: Int { idle.count }
    var waiterCount: Int { waiters.count }
    var leasedCount: Int { slots.values.count { $0.state == .leased } }
    /// Nothing is open and nothing is being opened.
    var isEmpty: Bool { slots.isEmpty }

    mutating func acquire(_ waiter: WaiterID) -> Acquired {
        guard !isClosed else { return .closed }
        if waiters.isEmpty, let id = idle.popLast() {
            slots[id]?.state = .leased
            return .lease(id)
        }
        waiters.append(waiter)
        return .wait(open: openForWaiters())
    }

    /// The waiter gave up; false when it was served or told before.
    mutating func abandon(_ waiter: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(of: waiter) else { return false }
        waiters.remove(at: index)
        return true
    }

    mutating func opened(_ id: ConnectionID, now: MonotonicTime) -> Next {
        guard slots[id]?.state == .opening else { return .close(id, open: nil) }
        slots[id]?.opened = now
        return settle(id, now: now)
    }

    mutating func openingFailed(_ id: ConnectionID) -> OpeningFailed {
        slots[id] = nil
        // Waiters beyond the connections still being opened would otherwise wait for nobody.
        guard !waiters.isEmpty, waiters.count > openingCount else { return .nothing }
        let told = waiters.removeFirst()
        return .fail(told, open: openForWaiters())
    }

    mutating func released(_ id: ConnectionID, isHealthy: Bool, now: MonotonicTime) -> Next {
        guard let slot = slots[id], slot.state == .leased else { return .nothing }
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
        let closing = Closing(idle: idle, waiters: waiters)
        for id in idle { slots[id] = nil }
        idle = []
        waiters = []
        return closing
    }

    private var openingCount: Int { slots.values.count { $0.state == .opening } }

    private mutating func settle(_ id: ConnectionID, now: MonotonicTime) -> Next {
        guard !isClosed else { return discard(id) }
        if !waiters.isEmpty {
            slots[id]?.state = .leased
            return .hand(id, to: waiters.removeFirst())
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
        guard waiters.count > openingCount, slots.count < limits.maximum else { return nil }
        return newSlot()
    }

    private mutating func newSlot() -> ConnectionID {
        lastID += 1
        slots[lastID] = Slot(state: .opening, opened: MonotonicTime(nanoseconds: 0))
        return lastID
    }
}
