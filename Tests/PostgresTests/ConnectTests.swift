import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Postgres

@Suite("Connecting and setting the session up", .timeLimit(.minutes(15)))
struct ConnectTests {
    @Test func `PG* variables in the environment change none of the settings relied upon`() async throws {
        let configuration = try configured {
            $0.statementTimeout = .milliseconds(7001)
            $0.lockTimeout = .seconds(3)
            $0.idleInTransactionTimeout = .seconds(9)
        }
        try await withConnection(configuration) { connection in
            #expect(getenv("PGDATESTYLE") != nil)
            let expected = [
                "client_encoding": "UTF8", "DateStyle": "ISO, MDY", "TimeZone": "UTC",
                "standard_conforming_strings": "on", "bytea_output": "hex", "extra_float_digits": "1",
                "application_name": "postgres-tests", "statement_timeout": "7001ms", "lock_timeout": "3s",
                "idle_in_transaction_session_timeout": "9s",
            ]
            for (name, value) in expected {
                let actual = try await connection.query("SELECT current_setting($1)", [.text(name)]).onlyRow()
                #expect(try actual.string(0) == value, "\(name)")
            }
        }
    }

    @Test
    func `over TCP a dead peer is noticed within about a minute, unless the connection string says otherwise`() throws {
        var configuration = PostgresConfiguration(connectionString: "host=/tmp keepalives_idle=7")
        let keywords = configuration.keywords
        // Of two with the same name libpq takes the later one; those of the connection string stand in "dbname".
        func value(_ name: String) -> Int? { keywords.last { $0.keyword == name }.flatMap { Int($0.value) } }
        let (idle, interval) = (try #require(value("keepalives_idle")), try #require(value("keepalives_interval")))
        #expect(idle + interval * (try #require(value("keepalives_count"))) <= 60)
        #expect((1...60_000).contains(try #require(value("tcp_user_timeout"))))
        let places = ["keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"].map { name in
            keywords.lastIndex { $0.keyword == name }
        }
        let own = try #require(keywords.firstIndex { $0.keyword == "dbname" })
        #expect(places.allSatisfy { $0.map { $0 < own } == true })
        configuration.overrides = ["tcp_user_timeout": "5000"]
        #expect(configuration.keywords.last { $0.keyword == "tcp_user_timeout" }?.value == "5000")
    }

    @Test(arguments: [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")])
    func `commits outlast a crash of the server though the role's default is off; what concerns replicas stays`(
        given: String, found: String
    ) async throws {
        var configuration = try configured { _ in }
        configuration.overrides["options"] = "-c synchronous_commit=\(given)"
        try await withConnection(configuration) { connection in
            let row = try await connection.query("SELECT current_setting('synchronous_commit')").onlyRow()
            #expect(try row.string(0) == found)
        }
    }

    @Test func `a URI and a keyword string lead to the same database as overrides do`() async throws {
        let cluster = try ThrowawayCluster.get()
        let encoded = cluster.directory.replacing("/", with: "%2F")
        for text in [
            "postgresql://postgres@\(encoded):5432/postgres?application_name=by-uri",
            "host=\(cluster.directory) port=5432 user=postgres dbname=postgres application_name=by-uri",
        ] {
            let connection = try await PostgresConnection.connect(PostgresConfiguration(connectionString: text))
            let row = try await connection.query("SELECT current_database(), current_setting('application_name')")
            #expect(try row[0].string(0) == "postgres")
            #expect(try row[0].string(1) == "by-uri")
            #expect(await connection.serverDescription == "\(cluster.directory):5432/postgres")
            await connection.close()
        }
        let overridden = PostgresConfiguration(
            connectionString: "postgresql://postgres@\(encoded):5432/absent", overrides: ["dbname": "template1"])
        let connection = try await PostgresConnection.connect(overridden)
        let name = try await connection.query("SELECT current_database()").onlyRow().string(0)
        #expect(name == "template1")
        await connection.close()
    }

    @Test func `of several hosts the dead one is skipped and one that accepts writes is taken`() async throws {
        let cluster = try ThrowawayCluster.get()
        let hosts = ["host": "/tmp/nobody-listens-here,\(cluster.directory)", "port": "5432,5432"]
        let wanted = hosts.merging(["target_session_attrs": "read-write"]) { $1 }
        let connection = try await PostgresConnection.connect(cluster.configuration(wanted))
        try await expectUsable(connection)
        #expect(await connection.serverDescription.hasPrefix(cluster.directory))
        await connection.close()
        // The same server, asked for a standby, is refused: so the attribute is looked at.
        let standby = hosts.merging(["target_session_attrs": "standby"]) { $1 }
        let error = await postgresError { try await PostgresConnection.connect(cluster.configuration(standby)) }
        #expect(error?.kind == .connectionFailed)
        #expect(error?.isConnectionProblem == true)
    }

    @Test func `a role or database that does not exist is told apart from an absent server`() async throws {
        let cluster = try ThrowawayCluster.get()
        let role = await postgresError {
            try await PostgresConnection.connect(cluster.configuration(["user": "nobody-here"]))
        }
        #expect(role?.kind == .authenticationFailed)
        #expect(role?.sqlState == "28000")
        let database = await postgresError {
            try await PostgresConnection.connect(cluster.configuration(["dbname": "absent"]))
        }
        #expect(database?.kind == .connectionFailed)
        #expect(database?.sqlState == "3D000")
        #expect(database?.message.contains("LOCATION") == false)
        let server = await postgresError {
            try await PostgresConnection.connect(cluster.configuration(["host": "/tmp/nobody-listens-here"]))
        }
        #expect(server?.kind == .connectionFailed)
        #expect(server?.sqlState == nil)
    }

    @Test func `no error shows a password, not even one that was mistaken for something else`() async throws {
        for text in [
            "postgresql://user:se/cret@localhost/db", "postgresql://user:12/secret@localhost/db",
            "postgresql://user:s@cret@localhost/db", "host=localhost password='secret", "postgresql://u:s%zzcret@h/d",
            "host=/tmp/nobody-listens-here password=secret", "postgresql://u:secret@localhost:port/d",
            "postgres//u:secret@localhost/d", "u:secret@localhost",
        ] {
            let configuration = PostgresConfiguration(connectionString: text)
            let error = await postgresError { try await PostgresConnection.connect(configuration) }
            let shown = "\(try #require(error)) \(configuration) " + String(reflecting: configuration)
            #expect(!shown.contains("cret"), "\(shown)")
        }
    }

    @Test func `a server that accepts and says nothing is given up after the connect timeout, or when cancelled`()
        async throws
    {
        try await withProxy { proxy, configuration in
            proxy.set(.stall)
            var configuration = configuration
            configuration.connectTimeout = .milliseconds(150)
            let late = await postgresError { try await PostgresConnection.connect(configuration) }
            #expect(late?.kind == .connectionFailed)
            configuration.connectTimeout = .seconds(60)
            let patient = configuration
            let task = Task { await postgresError { try await PostgresConnection.connect(patient) } }
            try await waitFor { proxy.faultCount >= 2 }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
            #expect(proxy.faultCount >= 2)
        }
    }

    @Test func `a silent host among several is left for the next one after its share of the time`() async throws {
        let cluster = try ThrowawayCluster.get()
        try await withProxy { proxy, configuration in
            proxy.set(.stall)
            var configuration = configuration
            configuration.overrides["host"] = "\(proxy.directory),/tmp/nobody-listens-here,\(cluster.directory)"
            configuration.overrides["port"] = "5432,5432,5432"
            configuration.connectTimeout = .seconds(3)
            let connection = try await PostgresConnection.connect(configuration)
            #expect(proxy.faultCount == 1)
            #expect(await connection.serverDescription.hasPrefix(cluster.directory))
            try await expectUsable(connection)
            await connection.close()
        }
    }

    @Test func `calls after close are errors, and closing twice is fine`() async throws {
        let connection = try await PostgresConnection.connect(ThrowawayCluster.get().configuration())
        #expect(connection.isOpen)
        await connection.close()
        await connection.close()
        #expect(!connection.isOpen)
        let error = await postgresError { try await connection.query("SELECT 1") }
        #expect(error?.kind == .connectionClosed)
        let transaction = await postgresError { try await connection.withTransaction { _ in } }
        #expect(transaction?.kind == .connectionClosed)
    }

    @Test func `a connection that is let go ends its session`() async throws {
        var connection: PostgresConnection? = try await .connect(ThrowawayCluster.get().configuration())
        let processID = try #require(await connection?.backendProcessID)
        connection = nil
        try await wait(
            until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", [.int(Int64(processID))])
    }

    @Test func `the connection's own thread is recognised as its isolation`() async throws {
        try await withConnection { connection in
            try await connection.withTransaction { connection in
                connection.assertIsolated()
                connection.assumeIsolated { $0.assertIsolated() }
            }
        }
    }

    @Test func `a verbose connection error is taken apart by its code, whatever its language`() {
        let text = """
            connection to server at "db", port 5432 failed: FATAL:  28P01: password authentication failed
            LOCATION:  auth_failed, auth.c:334
            """
        let (message, sqlState) = Wire.readVerbose(text)
        #expect(sqlState == "28P01")
        #expect(message == "connection to server at \"db\", port 5432 failed: FATAL: password authentication failed")
        #expect(Wire.readVerbose("FEHLER:  57P03: später").sqlState == "57P03")
        #expect(Wire.readVerbose("no code here").sqlState == nil)
    }
}

/// Waits for a condition of this process, yielding in between, for at most twenty seconds.
func waitFor(_ condition: @Sendable () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while !condition() {
        if ContinuousClock.now > end {
            Issue.record("The condition never came true.")
            return
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}
