import EventStore
import Foundation
import Glibc
import Postgres
import Synchronization

/// A PgBouncer in front of a server, gone when the value or the process is.
public final class TestPooler: Sendable {
    /// Where its socket lies: the host to connect to.
    public let directory: String
    public static let port = 6432

    private let process: Process
    private let lifeline: Mutex<Int32?>

    public enum Mode: String, Sendable {
        case transaction, statement, session
    }

    /// - Parameters:
    ///   - socketPath: the socket of the real server.
    ///   - ignoring: parameters of a connection's start that are let through without a word.
    public static func start(
        to socketPath: String, mode: Mode = .transaction, sessions: Int = 3, ignoring: [String] = []
    ) async throws -> TestPooler {
        try await onThreadOfItsOwn {
            try TestPooler(to: socketPath, mode: mode, sessions: sessions, ignoring: ignoring)
        }
    }

    private init(to socketPath: String, mode: Mode, sessions: Int, ignoring: [String]) throws {
        guard let template = strdup("/tmp/turnup-pooler-XXXXXX") else { throw POSIXError(.ENOMEM) }
        defer { free(template) }
        guard mkdtemp(template) != nil else { throw POSIXError(.EIO) }
        directory = String(cString: template)
        let server = URL(fileURLWithPath: socketPath)
        var lines = [
            "[databases]", "* = host=\(server.deletingLastPathComponent().path) port=\(server.pathExtension)",
            "[pgbouncer]", "listen_addr =", "listen_port = \(Self.port)", "unix_socket_dir = \(directory)",
            "auth_type = trust", "auth_file = \(directory)/users", "pool_mode = \(mode.rawValue)",
            "default_pool_size = \(sessions)", "max_client_conn = 500", "logfile = \(directory)/log", "syslog = 0",
        ]
        if !ignoring.isEmpty { lines.append("ignore_startup_parameters = \(ignoring.joined(separator: ", "))") }
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: "\(directory)/settings", atomically: true, encoding: .utf8)
        let users = ["turnup", "turnup_admin", "postgres", "stranger"].map { "\"\($0)\" \"\"\n" }.joined()
        try users.write(toFile: "\(directory)/users", atomically: true, encoding: .utf8)
        process = Self.prepare(
            directory: directory, owner: try FileManager.default.attributesOfItem(atPath: socketPath))
        // Closed to every other child from its first moment on, so that nobody keeps it open for us.
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw POSIXError(.EMFILE)
        }
        lifeline = Mutex(ends[1])
        process.standardInput = FileHandle(fileDescriptor: ends[0], closeOnDealloc: true)
        try process.run()
        let socket = "\(directory)/.s.PGSQL.\(Self.port)"
        for _ in 0..<500 where !FileManager.default.fileExists(atPath: socket) { usleep(20_000) }
        guard FileManager.default.fileExists(atPath: socket) else {
            let log = (try? String(contentsOfFile: "\(directory)/log", encoding: .utf8)) ?? "no log"
            stop()
            throw PoolerFailure(description: "pgbouncer did not start: \(log)")
        }
    }

    private struct PoolerFailure: Error, CustomStringConvertible {
        let description: String
    }

    deinit { stop() }

    /// Ends it and all its connections; calling it again does nothing.
    public func stop() {
        let end = lifeline.withLock { end in
            defer { end = nil }
            return end
        }
        guard let end else { return }
        close(end)
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// What it has written about itself.
    public var log: String { (try? String(contentsOfFile: "\(directory)/log", encoding: .utf8)) ?? "" }

    /// It refuses to run as root, and only the server's own account may use the server's socket. However this process
    /// ends, the pipe it holds open ends too, and the shell then kills the pooler, which may have inherited blocked signals.
    private static func prepare(directory: String, owner: [FileAttributeKey: Any]) -> Process {
        let account = (owner[.ownerAccountID] as? NSNumber)?.uint32Value ?? getuid()
        var command = ["pgbouncer", "-q", "\(directory)/settings"]
        if getuid() == 0 {
            for path in [directory, "\(directory)/settings", "\(directory)/users"] { chown(path, account, account) }
            command = ["setpriv", "--reuid=\(account)", "--clear-groups"] + command
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", #""$@" </dev/null & read -r _; kill -KILL $!"#, "sh"] + command
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PG") }
        environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + (environment["PATH"] ?? "")
        process.environment = environment
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}

extension TestDatabase {
    /// The database by way of a pooler of the test's own.
    public func withPooler<Value>(
        sessions: Int = 3, connections: Int = 8, _ body: (TestPooler, TestDatabase) async throws -> Value
    ) async throws -> Value {
        // Other tests of the same process may have made its environment hostile.
        let pooler = try await TestPooler.start(
            to: try await TestCluster.shared.socketPath(), sessions: sessions,
            ignoring: getenv("PGOPTIONS") == nil ? [] : ["options"])
        defer { pooler.stop() }
        let pooledURL = "postgresql:///\(name)?host=\(pooler.directory)&port=\(TestPooler.port)&user=turnup"
        let pooled = PostgresPool(
            PostgresConfiguration(connectionString: pooledURL, applicationName: "test"),
            limits: PostgresPoolLimits(maximum: connections))
        let database = TestDatabase(
            name: name, url: pooledURL, pool: pooled, store: .init(pool: pooled), vault: vault)
        do {
            let value = try await body(pooler, database)
            await pooled.close()
            return value
        } catch {
            await pooled.close()
            throw error
        }
    }
}
