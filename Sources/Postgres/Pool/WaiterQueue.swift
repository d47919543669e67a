import DequeModule

/// Who waits, first come first served; giving up costs the same wherever one stands.
struct WaiterQueue {
    private var order: Deque<PoolMachine.WaiterID> = []
    /// The waiters that still wait; `order` may hold others too.
    private var waiting: Set<PoolMachine.WaiterID> = []

    var count: Int { waiting.count }

    /// The room it takes, those who gave up included.
    var length: Int { order.count }

    var all: [PoolMachine.WaiterID] { order.filter { waiting.contains($0) } }

    mutating func append(_ waiter: PoolMachine.WaiterID) {
        order.append(waiter)
        waiting.insert(waiter)
    }

    mutating func popFirst() -> PoolMachine.WaiterID? {
        while let waiter = order.popFirst() {
            if waiting.remove(waiter) != nil { return waiter }
        }
        return nil
    }

    /// False when it no longer waits.
    mutating func remove(_ waiter: PoolMachine.WaiterID) -> Bool {
        guard waiting.remove(waiter) != nil else { return false }
        // Many may give up while nobody is served; the order must not grow for ever.
        if order.count > 2 * waiting.count + 64 { order = Deque(all) }
        return true
    }
}
