import TestSupport
import Testing

@testable import Postgres

@Suite("Broken connections", .timeLimit(.minutes(15)))
struct FaultTests {
    @Test func `a session killed in a writing statement leaves the outcome unknown, in a reading one it does not`()
        async throws
    {
        for readOnly in [false, true] {
            let connection = try await PostgresConnection.connect(ThrowawayCluster.get().configuration())
            let processID = await connection.backendProcessID
            let task = Task {
                await postgresError { try await connection.query("SELECT pg_sleep(30)", readOnly: readOnly) }
            }
            try await waitUntilRunning("pg_sleep(30)", on: processID)
            try await terminate(processID)
            let error = try #require(await task.value)
            #expect(error.kind == (readOnly ? .connectionLost : .outcomeUnknown))
            #expect(error.sqlState == "57P01")
            #expect(error.isConnectionProblem)
            #expect(!connection.isOpen)
            #expect(error.statement == "SELECT pg_sleep(30)")
            await connection.close()
        }
    }

    @Test func `a lost answer to COMMIT is an unknown outcome, although the rows are there`() async throws {
        try await commitFault(.loseReply(to: "COMMIT\0"), rowsAfterwards: 1)
    }

    @Test func `a lost COMMIT is an unknown outcome, although nothing is there`() async throws {
        try await commitFault(.cutBefore("COMMIT\0"), rowsAfterwards: 0)
    }

    private func commitFault(_ fault: CuttableProxy.Fault, rowsAfterwards: Int64) async throws {
        let table = "commit_fault_\(rowsAfterwards)"
        try await withConnection { try await $0.execute("CREATE TABLE \(table) (a int)") }
        try await withProxy { proxy, configuration in
            let connection = try await PostgresConnection.connect(configuration)
            proxy.set(fault)
            let processID = await connection.backendProcessID
            let error = await postgresError {
                try await connection.withTransaction { _ = try $0.querySync("INSERT INTO \(table) VALUES (1)") }
            }
            #expect(proxy.faultCount == 1)
            #expect(error?.kind == .outcomeUnknown)
            #expect(error?.statement == "COMMIT of transaction")
            #expect(!connection.isOpen)
            try await wait(
                until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", [.int(Int64(processID))])
        }
        let count = try await withConnection { try await $0.query("SELECT count(*) FROM \(table)")[0].int(0) }
        #expect(count == rowsAfterwards)
    }

    @Test func `a connection lost inside a transaction is known to have changed nothing`() async throws {
        try await withProxy { proxy, configuration in
            let connection = try await PostgresConnection.connect(configuration)
            proxy.set(.loseReply(to: "generate_series"))
            let error = await postgresError {
                try await connection.withTransaction { connection in
                    _ = try connection.querySync("SELECT count(*) FROM generate_series(1, 3)")
                }
            }
            #expect(proxy.faultCount == 1)
            #expect(error?.kind == .connectionLost)
        }
    }

    @Test(arguments: [
        "CALL pg_temp.work('needle')", "-- SELECT\nCOMMIT /* needle */",
    ])
    func `a statement that might end the transaction is not trusted to be undone`(sql: String) async throws {
        try await withProxy { proxy, configuration in
            let connection = try await PostgresConnection.connect(configuration)
            try await connection.execute("CREATE PROCEDURE pg_temp.work(text) LANGUAGE sql AS 'SELECT 1'")
            proxy.set(.loseReply(to: "needle"))
            let error = await postgresError {
                try await connection.withTransaction { _ = try $0.querySync(sql) }
            }
            #expect(proxy.faultCount == 1)
            #expect(error?.kind == .outcomeUnknown)
        }
    }

    @Test func `an answer cut in the middle is no answer`() async throws {
        try await withProxy { proxy, configuration in
            for bytes in [1, 6, 40, 5000] {
                let connection = try await PostgresConnection.connect(configuration)
                proxy.set(.cutReply(afterBytes: bytes))
                let error = await postgresError {
                    try await connection.query("SELECT repeat('x', 100000)", readOnly: true)
                }
                #expect(error?.kind == .connectionLost, "after \(bytes) bytes")
                proxy.set(.none)
            }
            #expect(proxy.faultCount == 4)
        }
    }

    @Test
    func `a server that went away while the connection was idle is noticed before anything is sent`() async throws {
        let connection = try await PostgresConnection.connect(ThrowawayCluster.get().configuration())
        try await terminate(await connection.backendProcessID)
        let error = await postgresError { try await connection.query("SELECT 1") }
        #expect(error?.kind == .connectionLost)
        #expect(error?.isStaleConnection == true)
    }

    @Test
    func `a large parameter to a peer that does not read is given up, and is known not to have run`() async throws {
        try await withProxy { proxy, configuration in
            var configuration = configuration
            configuration.cancelGrace = .milliseconds(200)
            let connection = try await PostgresConnection.connect(configuration)
            proxy.set(.stall)
            let parameter = PostgresValue.bytes([UInt8](repeating: 1, count: 64 << 20))
            let error = await postgresError {
                try await connection.query("SELECT length($1)", [parameter], timeout: .milliseconds(200))
            }
            #expect(proxy.faultCount >= 1)
            #expect(error?.kind == .timeout)
            #expect(!connection.isOpen)
        }
    }

    @Test
    func `a large parameter to a server that is killed meanwhile ends in an error and not in SIGPIPE`() async throws {
        try await withProxy { proxy, configuration in
            let connection = try await PostgresConnection.connect(configuration)
            proxy.set(.cutBefore("needle"))
            let parameter = PostgresValue.text(
                "needle" + String(decoding: [UInt8](repeating: 65, count: 32 << 20), as: UTF8.self))
            let error = await postgresError { try await connection.query("SELECT length($1)", [parameter]) }
            #expect(proxy.faultCount == 1)
            #expect(error?.kind == .outcomeUnknown || error?.kind == .connectionLost)
            #expect(!connection.isOpen)
        }
    }

    @Test
    func `a statement whose answer never comes has an unknown outcome after the grace period, unless it only reads`()
        async throws
    {
        for readOnly in [false, true] {
            try await withProxy { proxy, configuration in
                var configuration = configuration
                configuration.cancelGrace = .milliseconds(100)
                let connection = try await PostgresConnection.connect(configuration)
                proxy.set(.swallowReplies)
                let error = await postgresError {
                    try await connection.query("SELECT 1", readOnly: readOnly, timeout: .milliseconds(100))
                }
                #expect(proxy.faultCount >= 1)
                #expect(error?.kind == (readOnly ? .timeout : .outcomeUnknown))
                #expect(!connection.isOpen)
            }
        }
    }
}
