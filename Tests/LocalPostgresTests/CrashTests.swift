import Foundation
import Glibc
import Testing

@testable import LocalPostgres

@Suite(.timeLimit(.minutes(15)), .blocking)
struct CrashTests {
    @Test func `a killed server is started again with everything that was committed`() throws {
        let cluster = try makeCluster()
        let before = try #require(try cluster.server.ensureRunning().processIdentifier)
        try cluster.server.run(sql: "CREATE TABLE kept AS SELECT 7 AS value")
        try #require(kill(before, SIGKILL) == 0)
        let after = try #require(try cluster.server.ensureRunning().processIdentifier)
        #expect(after != before)
        #expect(try cluster.server.run(sql: "SELECT value FROM kept") == "7")

        try killServer(cluster)
        #expect(cluster.server.status().state == .stopped)
        #expect(exists(cluster.server.layout.processFile), "the crash leaves its file behind")
        #expect(try cluster.server.ensureRunning().processIdentifier != after)
    }

    @Test func `a server whose socket was cleaned up is made reachable again`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        try FileManager.default.removeItem(atPath: cluster.server.layout.socketDirectory)
        #expect(throws: LocalPostgresError.self) { try cluster.server.run(sql: "SELECT 1") }
        try cluster.server.ensureRunning()
        #expect(try cluster.server.run(sql: "SELECT 1") == "1")
    }

    @Test func `a statement that outlives the killed server delays the next start, no more`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let server = cluster.server
        // Computing without a pause, it notices neither the lost server nor the lost client.
        Thread.detachNewThread {
            _ = try? server.run(
                sql: """
                    DO $$ DECLARE enough timestamptz := clock_timestamp() + interval '2 seconds';
                    BEGIN WHILE clock_timestamp() < enough LOOP END LOOP; END $$
                    """)
        }
        try waitUntil("the statement runs") {
            (try? server.run(sql: "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO%' AND state = 'active'")) == "1"
        }
        try killServer(cluster)
        #expect(try server.ensureRunning().state == .running)
        #expect(try server.run(sql: "SELECT 1") == "1")
    }

    @Test func `a number that another process has now neither blocks a start nor is ever signalled`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let layout = cluster.server.layout
        let owner = try #require(FileFacts(of: layout.dataDirectory)?.owner)
        try cluster.server.run(sql: "CREATE TABLE kept AS SELECT 7 AS value")
        let file = try String(contentsOfFile: layout.processFile, encoding: .utf8)
        let socketFile = try String(contentsOfFile: "\(layout.socketFile).lock", encoding: .utf8)
        try killServer(cluster)

        // A process of the same account, because PostgreSQL believes only those to be servers.
        let account = try ServerAccount.choose(dataDirectory: layout.dataDirectory)
        let silence = open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(silence) }
        let other = try Command.spawn(account.commandLine(["/bin/sleep", "100"]), input: silence, output: silence)
        defer {
            kill(other, SIGKILL)
            _ = try? Command.collect(other, blocking: true)
        }
        try waitUntil("the other process has its account") { FileFacts(of: "/proc/\(other)")?.owner == owner }
        func renumbered(_ text: String) -> String {
            (["\(other)"] + text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().map(String.init))
                .joined(separator: "\n")
        }
        try renumbered(file).write(toFile: layout.processFile, atomically: false, encoding: .utf8)
        try renumbered(socketFile).write(toFile: "\(layout.socketFile).lock", atomically: false, encoding: .utf8)

        #expect(cluster.server.status().state == .stopped)
        #expect(try !cluster.server.stop())
        #expect(try cluster.server.ensureRunning().processIdentifier != other)
        #expect(try cluster.server.run(sql: "SELECT value FROM kept") == "7")
        #expect(ServerProcess.isAlive(other))
    }

    @Test func `the number of another PostgreSQL is not taken for this one`() throws {
        let cluster = try makeCluster()
        let other = try makeCluster()
        try cluster.server.ensureRunning()
        let layout = cluster.server.layout
        let process = try #require(try other.server.ensureRunning().processIdentifier)
        try killServer(cluster)
        let theirs = try String(contentsOfFile: other.server.layout.processFile, encoding: .utf8)
        try theirs.write(toFile: layout.processFile, atomically: false, encoding: .utf8)

        #expect(cluster.server.status().state == .stopped)
        #expect(try !cluster.server.stop())
        #expect(try cluster.server.ensureRunning().processIdentifier != process)
        #expect(other.server.status().processIdentifier == process)
        #expect(try other.server.run(sql: "SELECT 1") == "1")
    }

    @Test func `an initialisation killed in the middle is thrown away by the next start`() async throws {
        let cluster = try makeCluster()
        let directory = cluster.directory
        let layout = cluster.server.layout
        await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
            let server = try LocalPostgres(configuration: .init(stateDirectory: directory, durable: false))
            Thread.detachNewThread { _ = try? server.ensureRunning() }
            try waitUntil("initdb has begun") {
                listing(server.layout.serverDirectory).contains { $0.hasPrefix("new-") }
            }
            kill(getpid(), SIGKILL)
        }
        try #require(listing(layout.serverDirectory).contains { $0.hasPrefix("new-") }, "the fault must have fired")
        #expect(!exists(layout.dataDirectory))
        #expect(cluster.server.status().state == .absent)

        #expect(try cluster.server.ensureRunning().state == .running)
        #expect(listing(layout.serverDirectory).filter { $0.hasPrefix("new-") }.isEmpty)
    }

    @Test func `a folder that turnup did not make is refused by name and left alone`() throws {
        let cluster = try makeCluster()
        let layout = cluster.server.layout
        try cluster.server.ensureRunning()
        try cluster.server.stop()
        try FileManager.default.removeItem(atPath: layout.marker)
        let error = try localError { try cluster.server.ensureRunning() }
        #expect(error.code == .foreignData)
        #expect(error.message.contains(layout.dataDirectory))
        #expect(exists("\(layout.dataDirectory)/PG_VERSION"))
    }

    @Test func `data of another major version is not touched, and both versions are named`() throws {
        let cluster = try makeCluster()
        let layout = cluster.server.layout
        let version = try #require(try cluster.server.ensureRunning().majorVersion)
        try cluster.server.stop()
        try "13\n".write(toFile: "\(layout.dataDirectory)/PG_VERSION", atomically: false, encoding: .utf8)
        let error = try localError { try cluster.server.ensureRunning() }
        #expect(error.code == .versionMismatch)
        #expect(error.message.contains("PostgreSQL 13") && error.message.contains("\(version) in /"))
    }

    @Test func `when the process that owns a throw-away cluster is killed, nothing stays`() async throws {
        let folder = try Folder()
        let path = folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let cluster = try TemporaryPostgres(parentDirectory: path)
            let process = try #require(try cluster.server.ensureRunning().processIdentifier)
            try "\(process)".write(toFile: "\(path)/process", atomically: true, encoding: .utf8)
            kill(getpid(), SIGKILL)
        }
        let note = try String(contentsOfFile: "\(path)/process", encoding: .utf8)
        let process = try #require(pid_t(note))
        try waitUntil("the server is gone and its folder too", seconds: 10) {
            !ServerProcess.isAlive(process) && listing(path) == ["process"]
        }
    }

    @Test func `destroying a cluster whose server was killed gives its shared memory back`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let lines = try String(contentsOfFile: cluster.server.layout.processFile, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
        let segment = try #require(lines.dropFirst(6).first?.split(separator: " ").last)
        func isHeld() throws -> Bool {
            let table = try Command(["/bin/cat", "/proc/sysvipc/shm"]).run().output
            return table.split(separator: "\n").contains { $0.split(separator: " ").dropFirst().first == segment }
        }
        try killServer(cluster)
        try #require(try isHeld(), "a killed server leaves its segment")
        try cluster.destroy()
        #expect(try !isHeld())
        #expect(!exists(cluster.directory))
    }

    private func killServer(_ cluster: TemporaryPostgres) throws {
        let process = try #require(cluster.server.status().processIdentifier)
        try #require(kill(process, SIGKILL) == 0)
        try waitUntil("the server is dead") { !ServerProcess.isAlive(process) }
    }
}
