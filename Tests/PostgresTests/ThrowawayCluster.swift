import Foundation
import Glibc
import Postgres
import Synchronization
import Testing

/// A private PostgreSQL for this test process: socket only, without fsync, stopped and removed at exit.
struct ThrowawayCluster: Sendable {
    struct Unavailable: Error, CustomStringConvertible {
        let description: String
    }

    let directory: String
    let binaries: String
    let port = 5432

    /// Started on first use; everyone shares it.
    static let shared = Result<ThrowawayCluster, any Error> { try start() }

    static func get() throws -> ThrowawayCluster { try shared.get() }

    static let hostileEnvironment = [
        "PGDATESTYLE": "German", "PGTZ": "Asia/Tokyo", "PGCLIENTENCODING": "LATIN1", "PGDATABASE": "absent",
        "PGOPTIONS": "-c standard_conforming_strings=off -c bytea_output=escape -c extra_float_digits=-10 "
            + "-c statement_timeout=100s -c lock_timeout=100s -c datestyle=SQL,DMY",
        "PGAPPNAME": "not-this", "PGPORT": "1",
    ]

    var socketPath: String { "\(directory)/.s.PGSQL.\(port)" }

    func configuration(_ overrides: [String: String] = [:]) -> PostgresConfiguration {
        let base = ["host": directory, "port": String(port), "user": "postgres", "dbname": "postgres"]
        return PostgresConfiguration(overrides: base.merging(overrides) { $1 }, applicationName: "postgres-tests")
    }

    private static func start() throws -> ThrowawayCluster {
        // Every test runs in a hostile environment: none of it may show. Set before the first connection, because
        // libpq reads the environment on all threads.
        for (name, value) in hostileEnvironment { setenv(name, value, 1) }
        let binaries = try findBinaries()
        var template = Array("/tmp/postgres-tests-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Unavailable(description: "no temporary directory: errno \(errno)")
        }
        let directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let cluster = ThrowawayCluster(directory: directory, binaries: binaries)
        if getuid() == 0, let user = getpwnam("postgres") {
            chown(directory, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        try cluster.run(
            "initdb",
            [
                "-D", "\(directory)/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N",
                "--no-locale", "--no-instructions",
            ])
        let settings = """
            listen_addresses = ''
            unix_socket_directories = '\(directory)'
            port = \(cluster.port)
            fsync = off
            synchronous_commit = off
            full_page_writes = off
            max_connections = 200
            shared_buffers = 32MB
            log_min_messages = fatal
            """
        let file = "\(directory)/data/postgresql.auto.conf"
        guard let handle = fopen(file, "a") else { throw Unavailable(description: "cannot write \(file)") }
        fputs(settings + "\n", handle)
        fclose(handle)
        try cluster.run("pg_ctl", ["-D", "\(directory)/data", "-w", "-t", "60", "-l", "\(directory)/log", "start"])
        startedCluster.withLock { $0 = cluster }
        atexit {
            guard let cluster = startedCluster.withLock({ $0 }) else { return }
            try? cluster.run("pg_ctl", ["-D", "\(cluster.directory)/data", "-w", "-m", "immediate", "stop"])
            try? FileManager.default.removeItem(atPath: cluster.directory)
        }
        return cluster
    }

    /// Runs one of PostgreSQL's programs, as the user `postgres` when we are root, because it refuses to run as root.
    func run(_ program: String, _ arguments: [String]) throws {
        var command = ["\(binaries)/\(program)"] + arguments
        if getuid() == 0 {
            command = ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + command
        }
        let output = "\(directory)/\(program).output"
        // Not Foundation's Process: it waits for a descriptor that the started server inherits and keeps.
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var argumentPointers: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        argumentPointers.append(nil)
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/bin:/bin"), strdup("LC_ALL=C"), nil]
        defer { for pointer in argumentPointers + environment { free(pointer) } }
        var child = pid_t()
        let code = posix_spawn(&child, command[0], &actions, nil, &argumentPointers, &environment)
        guard code == 0 else { throw Unavailable(description: "\(command[0]) cannot be run: errno \(code)") }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
            throw Unavailable(description: "\(program) ended with status \(status): \(text)")
        }
    }

    private static func findBinaries() throws -> String {
        var candidates: [String] = []
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        for version in versions.compactMap({ Int($0) }).sorted(by: >) {
            candidates.append("/usr/lib/postgresql/\(version)/bin")
        }
        candidates += ["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"]
        guard let found = candidates.first(where: { access("\($0)/initdb", X_OK) == 0 }) else {
            throw Unavailable(description: "PostgreSQL's server programs are not installed")
        }
        return found
    }
}

private let startedCluster = Mutex<ThrowawayCluster?>(nil)

/// A connection to the shared cluster, closed when `body` ends.
@discardableResult
func withConnection<Value>(
    _ configuration: PostgresConfiguration? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (PostgresConnection) async throws -> Value
) async throws -> Value {
    let configuration = try configuration ?? ThrowawayCluster.get().configuration()
    let connection = try await PostgresConnection.connect(configuration)
    do {
        let value = try await body(connection)
        await connection.close()
        return value
    } catch {
        await connection.close()
        throw error
    }
}

/// The configuration for the shared cluster with a change.
func configured(_ change: (inout PostgresConfiguration) -> Void) throws -> PostgresConfiguration {
    var configuration = try ThrowawayCluster.get().configuration()
    change(&configuration)
    return configuration
}

/// The error that `body` throws; nil when it throws none or another kind of error.
func postgresError<Value>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
) async -> PostgresError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? PostgresError
    }
}

/// Fails the test unless the connection still answers.
func expectUsable(_ connection: PostgresConnection) async throws {
    let answer = try await connection.query("SELECT 41 + 1", readOnly: true).onlyRow().int(0)
    #expect(answer == 42)
}

/// Waits until the SQL condition holds; the server does the waiting between two looks.
func wait(until condition: String, _ parameters: [PostgresValue] = []) async throws {
    try await withConnection { observer in
        try await observer.execute("SET statement_timeout = '20s'")
        try await observer.execute(
            """
            CREATE FUNCTION pg_temp.nap() RETURNS void LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.005); END $$
            """)
        for _ in 0..<4000 {
            if try await observer.query("SELECT \(condition)", parameters).onlyRow().bool(0) { return }
            try await observer.query("SELECT pg_temp.nap()")
        }
        Issue.record("never came true: \(condition)")
    }
}

/// Waits until the session runs a statement that contains this text.
func waitUntilRunning(_ text: String, on processID: Int32) async throws {
    try await wait(
        until: "EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE $2)",
        [.int(Int64(processID)), .text("%\(text)%")])
}

/// Ends a session from the server's side and waits until it is gone.
func terminate(_ processID: Int32) async throws {
    try await withConnection { try await $0.query("SELECT pg_terminate_backend($1)", [.int(Int64(processID))]) }
    try await wait(
        until: "NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", [.int(Int64(processID))])
}
