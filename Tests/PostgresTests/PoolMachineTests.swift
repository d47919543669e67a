import Testing

@testable import Postgres

@Suite("The pool's decisions")
struct PoolMachineTests {
    private func time(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    private func machine(
        minimum: Int = 0, maximum: Int = 2, maximumIdle: Duration = .seconds(10), maximumAge: Duration = .seconds(100)
    ) -> PoolMachine {
        PoolMachine(
            limits: PostgresPoolLimits(
                minimum: minimum, maximum: maximum, maximumIdle: maximumIdle, maximumAge: maximumAge))
    }

    private func abandon(_ waiter: Int, _ machine: inout PoolMachine) -> Bool { machine.abandon(waiter) }

    @Test func `connections are opened for waiters up to the maximum, and handed out first come first served`() {
        var machine = machine()
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.acquire(2) == .wait(open: 2))
        #expect(machine.acquire(3) == .wait(open: nil))
        #expect(machine.opened(2, now: time(0)) == .hand(2, to: 1))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 2))
        #expect(machine.released(1, isHealthy: true, now: time(1)) == .hand(1, to: 3))
        #expect(machine.released(2, isHealthy: true, now: time(1)) == .nothing)
        #expect(machine.acquire(4) == .lease(2))
        #expect(machine.openCount == 2)
    }

    @Test func `a newcomer does not overtake those who wait`() {
        var machine = machine(maximum: 1)
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 1))
        #expect(machine.acquire(2) == .wait(open: nil))
        #expect(machine.acquire(3) == .wait(open: nil))
        #expect(machine.released(1, isHealthy: true, now: time(0)) == .hand(1, to: 2))
    }

    @Test func `a waiter that gave up gets nothing, and giving up twice or after being served does nothing`() {
        var machine = machine(maximum: 1)
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.acquire(2) == .wait(open: nil))
        #expect(abandon(1, &machine))
        #expect(abandon(1, &machine) == false)
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 2))
        #expect(abandon(2, &machine) == false)
        #expect(machine.waiterCount == 0)
    }

    @Test func `a connection nobody waits for any more stays for the next`() {
        var machine = machine()
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(abandon(1, &machine))
        #expect(machine.opened(1, now: time(0)) == .nothing)
        #expect(machine.acquire(2) == .lease(1))
    }

    @Test
    func `a connection that cannot be opened fails the first who waits, and the next attempt is for the others`() {
        var machine = machine(maximum: 1)
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.acquire(2) == .wait(open: nil))
        #expect(machine.openingFailed(1) == .fail(1, open: 2))
        #expect(machine.openingFailed(2) == .fail(2, open: nil))
        #expect(machine.isEmpty)
    }

    @Test func `a broken or aged connection is discarded and replaced when someone waits`() {
        var machine = machine(maximum: 1)
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 1))
        #expect(machine.acquire(2) == .wait(open: nil))
        #expect(machine.released(1, isHealthy: false, now: time(1)) == .close(1, open: 2))
        #expect(machine.opened(2, now: time(1)) == .hand(2, to: 2))
        #expect(machine.released(2, isHealthy: true, now: time(101)) == .close(2, open: nil))
        #expect(machine.isEmpty)
    }

    @Test func `giving a connection back twice does nothing the second time`() {
        var machine = machine()
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 1))
        #expect(machine.released(1, isHealthy: true, now: time(0)) == .nothing)
        #expect(machine.released(1, isHealthy: true, now: time(0)) == .nothing)
        #expect(machine.idleCount == 1)
    }

    @Test
    func `unused connections go after their time, down to the minimum; old ones go in any case and are replaced`() {
        var machine = machine(minimum: 1, maximum: 3)
        #expect(machine.tidy(now: time(0)).open == [1])
        #expect(machine.opened(1, now: time(0)) == .nothing)
        #expect(machine.acquire(1) == .lease(1))
        #expect(machine.acquire(2) == .wait(open: 2))
        #expect(machine.opened(2, now: time(1)) == .hand(2, to: 2))
        #expect(machine.released(1, isHealthy: true, now: time(2)) == .nothing)
        #expect(machine.released(2, isHealthy: true, now: time(3)) == .nothing)
        #expect(machine.tidy(now: time(11)).close.isEmpty)
        #expect(machine.tidy(now: time(12)).close == [1])
        #expect(machine.tidy(now: time(50)).close.isEmpty)
        let old = machine.tidy(now: time(101))
        #expect(old.close == [2])
        #expect(old.open == [3])
    }

    @Test func `closing tells all who wait, closes what is idle, and is over when the rest has come back`() {
        var machine = machine(maximum: 2)
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 1))
        #expect(machine.acquire(2) == .wait(open: 2))
        #expect(machine.opened(2, now: time(0)) == .hand(2, to: 2))
        #expect(machine.released(2, isHealthy: true, now: time(0)) == .nothing)
        #expect(machine.close() == PoolMachine.Closing(idle: [2], waiters: []))
        #expect(machine.acquire(3) == .closed)
        #expect(!machine.isEmpty)
        #expect(machine.released(1, isHealthy: true, now: time(1)) == .close(1, open: nil))
        #expect(machine.isEmpty)
        #expect(machine.tidy(now: time(2)).open.isEmpty)
    }

    @Test func `a connection that opens after closing is closed at once`() {
        var machine = machine()
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.close() == PoolMachine.Closing(idle: [], waiters: [1]))
        #expect(machine.opened(1, now: time(0)) == .close(1, open: nil))
        #expect(machine.isEmpty)
    }

    private func laned(maximum: Int, reserved: Int) -> PoolMachine {
        PoolMachine(limits: PostgresPoolLimits(maximum: maximum, reservedForCommits: reserved))
    }

    @Test func `ordinary callers never take what is kept for commits, and a commit finds it at once`() {
        var machine = laned(maximum: 2, reserved: 1)
        #expect(machine.acquire(1) == .wait(open: 1))
        #expect(machine.acquire(2) == .wait(open: nil))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 1))
        #expect(machine.acquire(3, .commits) == .wait(open: 2))
        #expect(machine.opened(2, now: time(0)) == .hand(2, to: 3))
        #expect(machine.released(2, isHealthy: true, now: time(1)) == .nothing)
        #expect(machine.acquireIdle(.ordinary) == nil)
        #expect(machine.acquire(4, .commits) == .lease(2))
        #expect(machine.released(1, isHealthy: true, now: time(1)) == .hand(1, to: 2))
    }

    @Test func `commits go before those who wait longer, and take ordinary connections too`() {
        var machine = laned(maximum: 2, reserved: 1)
        #expect(machine.acquire(1, .commits) == .wait(open: 1))
        #expect(machine.opened(1, now: time(0)) == .hand(1, to: 1))
        #expect(machine.acquire(2, .commits) == .wait(open: 2))
        #expect(machine.opened(2, now: time(0)) == .hand(2, to: 2))
        #expect(machine.acquire(3) == .wait(open: nil))
        #expect(machine.acquire(4, .commits) == .wait(open: nil))
        #expect(machine.released(1, isHealthy: true, now: time(1)) == .hand(1, to: 4))
        #expect(machine.released(2, isHealthy: true, now: time(1)) == .hand(2, to: 3))
        #expect(machine.leasedCount == 2)
    }

    @Test func `at least one connection is left for everything that is no commit`() {
        #expect(PostgresPoolLimits(maximum: 1, reservedForCommits: 5).reservedForCommits == 0)
        #expect(PostgresPoolLimits(maximum: 3, reservedForCommits: 5).reservedForCommits == 2)
    }

    @Test func `those who give up leave nothing behind, however many they are`() {
        var queue = WaiterQueue()
        queue.append(0)
        for waiter in 1...10_000 {
            queue.append(waiter)
            let isRemoved = queue.remove(waiter)
            #expect(isRemoved && queue.length < 200)
        }
        #expect(queue.all == [0] && queue.count == 1)
    }
}
