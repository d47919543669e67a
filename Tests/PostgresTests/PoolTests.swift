import Synchronization
import Testing

@testable import Postgres

@Suite("The pool", .timeLimit(.minutes(15)))
struct PoolTests {
    private func withPool(
        maximum: Int = 4, acquireTimeout: Duration = .seconds(20),
        configuration: PostgresConfiguration? = nil,
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        let configuration = try configuration ?? ThrowawayCluster.get().configuration()
        let pool = PostgresPool(
            configuration, limits: PostgresPoolLimits(maximum: maximum), acquireTimeout: acquireTimeout)
        do {
            try await body(pool)
            await pool.close()
        } catch {
            await pool.close()
            throw error
        }
    }

    @Test func `many callers share few connections`() async throws {
        try await withPool(maximum: 3) { pool in
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 0..<200 {
                    group.addTask { try await pool.query("SELECT $1::int8", [.int(Int64(number))])[0].int(0) }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 19_900)
            #expect(pool.size.open <= 3)
            #expect(pool.size.idle == pool.size.open)
        }
    }

    @Test func `a caller that waits too long is told, and one that is cancelled stops waiting`() async throws {
        try await withPool(maximum: 1) { pool in
            try await pool.withConnection { _ in
                let late = await postgresError {
                    try await pool.withConnection(timeout: .milliseconds(50)) { _ in }
                }
                #expect(late?.kind == .timeout)
                #expect(late?.message.contains("1 of 1 open") == true)
                let task = Task { await postgresError { try await pool.withConnection { _ in } } }
                task.cancel()
                #expect(await task.value?.kind == .cancelled)
                let queued = Task { await postgresError { try await pool.withConnection { _ in } } }
                try await waitFor { pool.waiterCount == 1 }
                queued.cancel()
                #expect(await queued.value?.kind == .cancelled)
                #expect(pool.waiterCount == 0)
            }
            try await pool.query("SELECT 1")
        }
    }

    @Test func `a call that says nothing else waits for the pool's own time, and no longer`() async throws {
        let patience = Duration.milliseconds(300)
        try await withPool(maximum: 1, acquireTimeout: patience) { pool in
            try await pool.withConnection { _ in
                let calls: [@Sendable () async throws -> Void] = [
                    { try await pool.query("SELECT 1") }, { try await pool.execute("SELECT 1") },
                    { try await pool.withTransaction { _ in } }, { try await pool.withConnection { _ in } },
                ]
                for call in calls {
                    let began = ContinuousClock.now
                    let error = Mutex<PostgresError?>(nil)
                    let waiting = Task {
                        let found = await postgresError { try await call() }
                        error.withLock { $0 = found }
                    }
                    // The lent connection stays lent until the call has given up.
                    try await waitFor { error.withLock { $0 } != nil }
                    #expect(began.duration(to: .now) >= patience)
                    waiting.cancel()
                    await waiting.value
                    #expect(error.withLock { $0?.kind } == .timeout)
                    #expect(error.withLock { $0?.message.contains("\(patience)") } == true)
                }
            }
        }
    }

    @Test func `what a borrower leaves open is rolled back before the next one comes`() async throws {
        try await withPool(maximum: 1) { pool in
            try await pool.execute("CREATE TABLE IF NOT EXISTS left_open (a int)")
            let first = try await pool.withConnection { connection in
                try await connection.execute("BEGIN; INSERT INTO left_open VALUES (1)")
                return await connection.backendProcessID
            }
            let (second, count) = try await pool.withConnection { connection in
                let count = try await connection.query("SELECT count(*) FROM left_open").onlyRow().int(0)
                return (await connection.backendProcessID, count)
            }
            #expect(count == 0)
            #expect(first == second)
        }
    }

    @Test func `connections a restarted server has closed are replaced without the caller noticing`() async throws {
        try await withPool(maximum: 3, configuration: try configured { $0.applicationName = "pool-restart" }) { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { try await pool.query("SELECT pg_sleep(0.1)") } }
                try await group.waitForAll()
            }
            let idle = pool.size.idle
            #expect(idle > 1)
            let ended = try await withConnection { connection in
                try await connection.query(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pool-restart'"
                ).onlyRow().int(0)
            }
            #expect(ended == Int64(idle))
            try await wait(
                until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pool-restart')")
            try await pool.query("SELECT 1")
            let answer = try await pool.withTransaction { try $0.querySync("SELECT 2").onlyRow().int(0) }
            #expect(answer == 2)
        }
    }

    @Test func `a broken connection is discarded, and the pool goes on`() async throws {
        try await withPool(maximum: 1) { pool in
            let error = await postgresError {
                try await pool.withConnection { connection in
                    try await terminate(await connection.backendProcessID)
                    try await connection.query("SELECT 1")
                }
            }
            #expect(error?.kind == .connectionLost)
            #expect(pool.size.open == 0)
            try await pool.query("SELECT 1")
        }
    }

    @Test func `a lost connection that is made again is counted, one that was merely too many or fell idle is not`()
        async throws
    {
        try await withPool(maximum: 2) { pool in
            try await pool.query("SELECT 1")
            _ = try await pool.withConnection { _ in try await pool.query("SELECT 2") }
            #expect(pool.generation == 0)
            let processID = try await pool.withConnection { connection in await connection.backendProcessID }
            try await terminate(processID)
            for _ in 0..<3 { try await pool.query("SELECT 3") }
            _ = try await pool.withConnection { _ in try await pool.query("SELECT 4") }
            #expect(pool.generation == 1)
        }
    }

    @Test func `a commit gets its connection while all others are lent and many wait`() async throws {
        let configuration = try ThrowawayCluster.get().configuration()
        let pool = PostgresPool(configuration, limits: PostgresPoolLimits(maximum: 2, reservedForCommits: 1))
        try await pool.withConnection { _ in
            let readers = (0..<5).map { _ in Task { try await pool.query("SELECT 1", readOnly: true) } }
            try await waitFor { pool.waiterCount == 5 }
            try await pool.query("SELECT 2", lane: .commits)
            let inside = try await pool.withTransaction(lane: .commits) {
                try $0.querySync("SELECT 3").onlyRow().int(0)
            }
            #expect(inside == 3 && pool.waiterCount == 5)
            for reader in readers { reader.cancel() }
        }
        await pool.close()
    }

    @Test func `a server that cannot be reached is the error of every caller`() async throws {
        try await withPool(
            maximum: 2, configuration: try configured { $0.overrides["host"] = "/tmp/nobody-listens-here" }
        ) { pool in
            await withTaskGroup(of: PostgresError.Kind?.self) { group in
                for _ in 0..<10 { group.addTask { await postgresError { try await pool.query("SELECT 1") }?.kind } }
                for await kind in group { #expect(kind == .connectionFailed) }
            }
        }
    }

    @Test func `closing waits for what is lent, fails those who wait, and ends every session`() async throws {
        try await withPool(maximum: 1, configuration: try configured { $0.applicationName = "pool-closing" }) { pool in
            let entered = Gate()
            let leave = Gate()
            let borrower = Task {
                try await pool.withConnection { connection in
                    entered.open()
                    await leave.wait()
                    try await expectUsable(connection)
                }
            }
            await entered.wait()
            let waiter = Task { await postgresError { try await pool.withConnection { _ in } } }
            try await waitFor { pool.waiterCount == 1 }
            let isClosed = Atomic<Bool>(false)
            async let closing: Void = {
                await pool.close()
                isClosed.store(true, ordering: .releasing)
            }()
            #expect(await waiter.value?.kind == .poolClosed)
            let closedTooEarly = isClosed.load(ordering: .acquiring)
            #expect(!closedTooEarly)
            leave.open()
            try await borrower.value
            await closing
            let late = await postgresError { try await pool.query("SELECT 1") }
            #expect(late?.kind == .poolClosed)
            try await wait(
                until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'pool-closing')")
        }
    }

    @Test func `cancelled borrowers at any moment lose no connection`() async throws {
        try await withPool(maximum: 2) { pool in
            for round in 0..<60 {
                let tasks = (0..<4).map { number in
                    Task { try await pool.query("SELECT pg_sleep(0.00\(number))") }
                }
                let delay = Task { try await Task.sleep(for: .microseconds(round * 30)) }
                _ = await delay.result
                for task in tasks { task.cancel() }
                for task in tasks { _ = await task.result }
            }
            #expect(pool.waiterCount == 0)
            let size = pool.size
            #expect(size.open <= 2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await pool.query("SELECT 1") } }
                try await group.waitForAll()
            }
        }
    }
}

/// Lets waiters pass once it is open.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
