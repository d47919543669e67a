import Postgres
import Testing

@Suite("Stopping statements", .timeLimit(.minutes(15)))
struct CancelTests {
    @Test func `cancelling the task stops the statement on the server and leaves the connection usable`() async throws {
        try await withConnection { connection in
            let processID = await connection.backendProcessID
            let task = Task { await postgresError { try await connection.query("SELECT pg_sleep(60)") } }
            try await waitUntilRunning("pg_sleep(60)", on: processID)
            task.cancel()
            let error = await task.value
            #expect(error?.kind == .cancelled)
            #expect(error?.sqlState == "57014")
            try await expectUsable(connection)
        }
    }

    @Test
    func `a statement that takes longer than its timeout is stopped and leaves the connection usable`() async throws {
        try await withConnection { connection in
            let start = ContinuousClock.now
            let error = await postgresError {
                try await connection.query("SELECT pg_sleep(60)", timeout: .milliseconds(100))
            }
            #expect(error?.kind == .timeout)
            #expect(start.duration(to: .now) < .seconds(5))
            try await expectUsable(connection)
        }
    }

    @Test func `the configured timeout holds for statements without one of their own`() async throws {
        try await withConnection(try configured { $0.queryTimeout = .milliseconds(100) }) { connection in
            let error = await postgresError { try await connection.query("SELECT pg_sleep(60)") }
            #expect(error?.kind == .timeout)
        }
    }

    @Test func `the server's own statement timeout is its error and not ours`() async throws {
        try await withConnection(try configured { $0.statementTimeout = .milliseconds(50) }) { connection in
            let error = await postgresError { try await connection.query("SELECT pg_sleep(60)") }
            #expect(error?.kind == .server)
            #expect(error?.sqlState == "57014")
            try await expectUsable(connection)
        }
    }

    @Test func `a cancellation at any moment never hits the statement after it`() async throws {
        try await withConnection { connection in
            var cancelled = 0
            for round in 0..<120 {
                let task = Task {
                    await postgresError {
                        try await connection.query(
                            "SELECT pg_sleep(0.0\(round % 5))", readOnly: true, timeout: .seconds(10))
                    }
                }
                let delay = Task { try await Task.sleep(for: .microseconds(round * 40)) }
                _ = await delay.result
                task.cancel()
                let error = await task.value
                if let error {
                    #expect(error.kind == .cancelled)
                    cancelled += 1
                }
                try await expectUsable(connection)
            }
            #expect(cancelled > 0)
        }
    }

    @Test func `cancelling one caller leaves alone the statement of another on the same connection`() async throws {
        try await withConnection { blocker in
            try await blocker.execute("SELECT pg_advisory_lock(4711)")
            try await withConnection { connection in
                let processID = await connection.backendProcessID
                let running = Task {
                    try await connection.query("SELECT pg_advisory_xact_lock(4711), 7").onlyRow().int(1)
                }
                try await waitUntilRunning("pg_advisory_xact_lock(4711)", on: processID)
                let queued = Task { await postgresError { try await connection.query("SELECT pg_sleep(60)") } }
                queued.cancel()
                try await blocker.execute("SELECT pg_advisory_unlock(4711)")
                #expect(try await running.value == 7)
                #expect(await queued.value?.kind == .cancelled)
            }
        }
    }

    @Test func `a cancelled transaction is rolled back and leaves the connection usable`() async throws {
        try await withConnection { connection in
            try await connection.execute("CREATE TEMP TABLE t (a int)")
            let processID = await connection.backendProcessID
            let task = Task {
                await postgresError {
                    try await connection.withTransaction { connection in
                        try connection.querySync("INSERT INTO t VALUES (1)")
                        try connection.querySync("SELECT pg_sleep(60)")
                    }
                }
            }
            try await waitUntilRunning("pg_sleep(60)", on: processID)
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            let rows = try await connection.query("SELECT count(*) FROM t").onlyRow().int(0)
            #expect(rows == 0)
        }
    }

    @Test func `a transaction's timeout ends the statement that runs when the time is over`() async throws {
        try await withConnection { connection in
            let error = await postgresError {
                try await connection.withTransaction(timeout: .milliseconds(150)) { connection in
                    try connection.querySync("SELECT 1")
                    try connection.querySync("SELECT pg_sleep(60)")
                }
            }
            #expect(error?.kind == .timeout)
            try await expectUsable(connection)
        }
    }
}
