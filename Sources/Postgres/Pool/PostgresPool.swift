import Logging
import Synchronization

/// How many connections a pool keeps and for how long.
public struct PostgresPoolLimits: Sendable {
    /// Kept open even when unused, from the first use on.
    public var minimum: Int
    public var maximum: Int
    /// Of the maximum, so many are lent for commits only; at least one is left for everything else.
    public var reservedForCommits: Int
    /// An unused connection beyond the minimum is closed after this time.
    public var maximumIdle: Duration
    /// A connection older than this is not used again.
    public var maximumAge: Duration

    public init(
        minimum: Int = 0, maximum: Int = 8, reservedForCommits: Int = 0, maximumIdle: Duration = .seconds(300),
        maximumAge: Duration = .seconds(3600)
    ) {
        self.maximum = max(1, maximum)
        self.reservedForCommits = min(max(0, reservedForCommits), self.maximum - 1)
        self.minimum = min(max(0, minimum), self.maximum)
        self.maximumIdle = maximumIdle
        self.maximumAge = maximumAge
    }
}

/// A bounded set of connections that callers borrow one at a time, first come first served.
///
/// It is a class with a lock and not an actor, so that borrowing an idle connection costs no change of thread and
/// cancelling a waiter needs no task of its own.
public final class PostgresPool: Sendable {
    private struct State {
        var machine: PoolMachine
        var connections: [PoolMachine.ConnectionID: PostgresConnection] = [:]
        var waiters: [PoolMachine.WaiterID: CheckedContinuation<Lease, any Error>] = [:]
        /// Waiters whose task was cancelled before they stood in the queue.
        var cancelled: Set<PoolMachine.WaiterID> = []
        var lastWaiter = 0
        var closers: [CheckedContinuation<Void, Never>] = []
        var tidying: Task<Void, Never>?
        var isTidyingStarted = false
        /// A connection was lost, or could not be made, and none has been made since.
        var isBroken = false
        var generation = 0
        /// When the server last met behind a pooler had started.
        var serverStart: Int64 = 0
    }

    struct Lease: Sendable {
        let id: PoolMachine.ConnectionID
        let connection: PostgresConnection
    }

    public let configuration: PostgresConfiguration
    /// How long a caller waits for a connection unless it says otherwise.
    public let acquireTimeout: Duration
    let limits: PostgresPoolLimits
    private let state: Mutex<State>

    public init(
        _ configuration: PostgresConfiguration, limits: PostgresPoolLimits = PostgresPoolLimits(),
        acquireTimeout: Duration = .seconds(30)
    ) {
        self.configuration = configuration
        self.limits = limits
        self.acquireTimeout = acquireTimeout
        state = Mutex(State(machine: PoolMachine(limits: limits)))
    }

    deinit {
        state.withLock { $0.tidying?.cancel() }
    }

    /// Connections open or being opened, and how many of them are unused.
    public var size: (open: Int, idle: Int) {
        state.withLock { ($0.machine.openCount, $0.machine.idleCount) }
    }

    /// How often a connection was made again after one was lost or refused, or a pooler led to another server or to a
    /// restarted one. When the number has changed, the server may be another one, or may have lost what it had
    /// acknowledged.
    public var generation: Int { state.withLock { $0.generation } }

    /// Callers that wait for a connection.
    public var waiterCount: Int { state.withLock { $0.machine.waiterCount } }

    /// Lends a connection to `body`. A transaction that `body` leaves open is rolled back; a connection on which that
    /// fails is discarded.
    ///
    /// Errors of its own: `timeout` when none became free in time, `poolClosed`, `cancelled`, and those of connecting.
    public func withConnection<Value>(
        lane: PostgresLane = .ordinary, timeout: Duration? = nil, isolation: isolated (any Actor)? = #isolation,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let lease = try await acquire(lane, timeout: timeout ?? acquireTimeout)
        do {
            let value = try await body(lease.connection)
            await giveBack(lease)
            return value
        } catch {
            await giveBack(lease)
            throw error
        }
    }

    /// Stops lending, fails those who wait, and returns once everything lent has come back and is closed.
    public func close() async {
        let (connections, waiters) = state.withLock { state in
            state.tidying?.cancel()
            let closing = state.machine.close()
            return (
                closing.idle.compactMap { state.connections.removeValue(forKey: $0) },
                closing.waiters.compactMap { state.waiters.removeValue(forKey: $0) }
            )
        }
        for waiter in waiters { waiter.resume(throwing: Self.closedError) }
        for connection in connections { await connection.close() }
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.machine.isEmpty { return true }
                state.closers.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    private static var closedError: PostgresError { PostgresError(.poolClosed, "The connection pool is closed.") }

    private static var cancelledError: PostgresError {
        PostgresError(.cancelled, "Cancelled while waiting for a connection.")
    }
}

extension PostgresPool {
    func acquire(_ lane: PostgresLane = .ordinary, timeout: Duration) async throws(PostgresError) -> Lease {
        startTidying()
        // An idle connection whose server went away is replaced without anyone noticing.
        while true {
            let lease = try await acquireOnce(lane, timeout: timeout)
            if lease.connection.isOpen { return lease }
            await giveBack(lease)
        }
    }

    private func acquireOnce(_ lane: PostgresLane, timeout: Duration) async throws(PostgresError) -> Lease {
        let (waiter, immediate) = state.withLock { state -> (Int, Lease?) in
            state.lastWaiter += 1
            guard let id = state.machine.acquireIdle(lane) else { return (state.lastWaiter, nil) }
            return (state.lastWaiter, state.connections[id].map { Lease(id: id, connection: $0) })
        }
        if let immediate { return immediate }
        defer { state.withLock { _ = $0.cancelled.remove(waiter) } }
        do {
            return try await withTaskCancellationHandler {
                try await wait(waiter, lane, timeout: timeout)
            } onCancel: {
                cancel(waiter)
            }
        } catch let error as PostgresError {
            throw error
        } catch {
            throw PostgresError(.connectionFailed, "\(error)")
        }
    }

    private func wait(_ waiter: Int, _ lane: PostgresLane, timeout: Duration) async throws -> Lease {
        var timer: Task<Void, any Error>?
        defer { timer?.cancel() }
        return try await withCheckedThrowingContinuation { continuation in
            let entry = state.withLock { state in enter(waiter, lane, continuation, &state) }
            switch entry {
            case .served(let lease): continuation.resume(returning: lease)
            case .refused(let error): continuation.resume(throwing: error)
            case .waiting(let opening):
                timer = Task { [weak self] in
                    try await Task.sleep(for: timeout)
                    self?.expire(waiter, timeout)
                }
                if let opening { open(opening) }
            }
        }
    }

    private enum Entry {
        case served(Lease)
        case refused(PostgresError)
        case waiting(open: PoolMachine.ConnectionID?)
    }

    private func enter(
        _ waiter: Int, _ lane: PostgresLane, _ continuation: CheckedContinuation<Lease, any Error>,
        _ state: inout State
    ) -> Entry {
        guard !state.cancelled.contains(waiter) else { return .refused(Self.cancelledError) }
        switch state.machine.acquire(waiter, lane) {
        case .closed: return .refused(Self.closedError)
        case .lease(let id):
            guard let connection = state.connections[id] else { return .refused(Self.closedError) }
            return .served(Lease(id: id, connection: connection))
        case .wait(let opening):
            state.waiters[waiter] = continuation
            return .waiting(open: opening)
        }
    }

    private func cancel(_ waiter: Int) {
        let continuation = state.withLock { state in
            guard state.machine.abandon(waiter) else {
                state.cancelled.insert(waiter)
                return CheckedContinuation<Lease, any Error>?.none
            }
            return state.waiters.removeValue(forKey: waiter)
        }
        continuation?.resume(throwing: Self.cancelledError)
    }

    private func expire(_ waiter: Int, _ timeout: Duration) {
        let (open, idle) = size
        let continuation = state.withLock { state in
            state.machine.abandon(waiter) ? state.waiters.removeValue(forKey: waiter) : nil
        }
        let counts = "\(open) of \(limits.maximum) open, \(idle) unused"
        continuation?.resume(
            throwing: PostgresError(.timeout, "No connection became free within \(timeout) (\(counts))."))
    }

    func giveBack(_ lease: Lease) async {
        if lease.connection.condition.value == .unsettled { await lease.connection.rollBack(label: "the pool") }
        let isHealthy = lease.connection.condition.value == .idle
        let serverStart = lease.connection.condition.serverStart.load(ordering: .acquiring)
        state.withLock { state in
            if !isHealthy { state.isBroken = true }
            guard serverStart != 0 else { return }
            if state.serverStart != serverStart, state.serverStart != 0 { state.generation += 1 }
            state.serverStart = serverStart
        }
        await perform { $0.released(lease.id, isHealthy: isHealthy, now: .now) }
    }

    /// Opens in a task of its own: the waiter that caused it may give up while others still need the connection.
    private func open(_ id: PoolMachine.ConnectionID) {
        Task {
            do throws(PostgresError) {
                let connection = try await PostgresConnection.connect(configuration)
                state.withLock { state in
                    state.connections[id] = connection
                    if state.isBroken { state.generation += 1 }
                    state.isBroken = false
                }
                await perform { $0.opened(id, now: .now) }
            } catch {
                openingFailed(id, error)
            }
        }
    }

    private func openingFailed(_ id: PoolMachine.ConnectionID, _ error: PostgresError) {
        configuration.logger.debug("PostgreSQL pool: \(error)")
        let (waiter, opening) = state.withLock {
            state -> (CheckedContinuation<Lease, any Error>?, PoolMachine.ConnectionID?) in
            state.isBroken = true
            guard case .fail(let waiter, let opening) = state.machine.openingFailed(id) else { return (nil, nil) }
            return (state.waiters.removeValue(forKey: waiter), opening)
        }
        waiter?.resume(throwing: error)
        if let opening { open(opening) }
        finishClosing()
    }

    private func perform(_ event: (inout PoolMachine) -> PoolMachine.Next) async {
        typealias Work = (
            waiter: CheckedContinuation<Lease, any Error>?, lease: Lease?, close: PostgresConnection?,
            open: PoolMachine.ConnectionID?
        )
        let work = state.withLock { state -> Work in
            switch event(&state.machine) {
            case .nothing: return (nil, nil, nil, nil)
            case .hand(let id, let waiter):
                let lease = state.connections[id].map { Lease(id: id, connection: $0) }
                return (state.waiters.removeValue(forKey: waiter), lease, nil, nil)
            case .close(let id, let opening):
                return (nil, nil, state.connections.removeValue(forKey: id), opening)
            }
        }
        if let lease = work.lease { work.waiter?.resume(returning: lease) }
        if let opening = work.open { open(opening) }
        await work.close?.close()
        finishClosing()
    }

    private func finishClosing() {
        let closers = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.machine.isClosed, state.machine.isEmpty else { return [] }
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }

    private func startTidying() {
        state.withLock { state in
            guard !state.isTidyingStarted, !state.machine.isClosed else { return }
            state.isTidyingStarted = true
            let interval = max(.milliseconds(100), min(.seconds(30), limits.maximumIdle / 2, limits.maximumAge / 2))
            state.tidying = Task { [weak self] in
                while !Task.isCancelled {
                    await self?.tidy()
                    try? await Task.sleep(for: interval)
                }
            }
        }
    }

    private func tidy() async {
        let (closing, opening) = state.withLock { state in
            let (closing, opening) = state.machine.tidy(now: .now)
            return (closing.compactMap { state.connections.removeValue(forKey: $0) }, opening)
        }
        for id in opening { open(id) }
        for connection in closing { await connection.close() }
    }
}
