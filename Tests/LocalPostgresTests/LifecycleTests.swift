import Foundation
import Glibc
import Testing

@testable import LocalPostgres

@Suite(.timeLimit(.minutes(15)), .blocking)
struct LifecycleTests {
    @Test func `goes from absent to running to stopped and back, and says so`() throws {
        let cluster = try makeCluster()
        #expect(cluster.server.status().state == .absent)
        #expect(try !cluster.server.stop(), "there is nothing to stop yet")

        let running = try cluster.server.ensureRunning()
        #expect(running.state == .running)
        #expect(running == cluster.server.status())
        #expect(running.majorVersion ?? 0 >= ServerBinaries.oldestMajorVersion)
        #expect(FileFacts(of: running.dataDirectory)?.permissions == 0o700)
        #expect(FileFacts(of: running.socketDirectory)?.permissions == 0o700)
        let process = try #require(running.processIdentifier)

        #expect(try cluster.server.stop())
        #expect(!ServerProcess.isAlive(process))
        #expect(cluster.server.status().state == .stopped)
        #expect(try !cluster.server.stop())

        #expect(try cluster.server.ensureRunning().processIdentifier != process)
        try cluster.destroy()
        #expect(!exists(cluster.directory))
    }

    @Test func `a second start finds the first server and its data`() throws {
        let cluster = try makeCluster()
        let first = try cluster.server.ensureRunning()
        try cluster.server.run(sql: "CREATE TABLE kept AS SELECT 7 AS value")
        #expect(try cluster.server.ensureRunning() == first)
        try requireOneServer(of: cluster.server.layout, first.processIdentifier)
        try cluster.server.stop()
        try cluster.server.ensureRunning()
        #expect(try cluster.server.run(sql: "SELECT value FROM kept") == "7")
    }

    @Test func `works as a role without superuser rights in a database of its own`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let rights = try cluster.server.run(
            sql: "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'turnup'")
        #expect(rights == "f|t|t")
        let binaries = try ServerBinaries.find(named: nil, dataVersion: nil, searchPath: "/usr/bin")
        let answer = try Command([
            binaries.psql, "-XAtc",
            "CREATE TABLE t (); SELECT current_user, current_database(), pg_encoding_to_char(6)",
            cluster.server.url,
        ]).run()
        #expect(answer.output.hasSuffix("turnup|turnup|UTF8\n"))
    }

    @Test func `nothing listens on the network`() throws {
        let cluster = try makeCluster(.init(durable: false, extraSettings: ["listen_addresses": "127.0.0.1"]))
        let process = try #require(try cluster.server.ensureRunning().processIdentifier)
        #expect(try cluster.server.run(sql: "SHOW listen_addresses") == "")

        let sockets = Set(
            listing("/proc/\(process)/fd").compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\($0)")
            }.filter { $0.hasPrefix("socket:[") }.map { $0.dropFirst(8).dropLast() })
        func inodes(_ table: String, column: Int) throws -> Set<Substring> {
            // Foundation stops reading such a table after its first page.
            let text = try Command(["/bin/cat", "/proc/net/\(table)"]).run().output
            return Set(text.split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst(column).first })
        }
        let unix = try inodes("unix", column: 6)
        let network = try inodes("tcp", column: 9).union(inodes("tcp6", column: 9))
        #expect(!sockets.isDisjoint(with: unix), "the Unix socket must be among them")
        #expect(sockets.isDisjoint(with: network))
    }

    @Test func `survives the command that started it, in a session that Ctrl-C does not reach`() async throws {
        let cluster = try makeCluster()
        let directory = cluster.directory
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let server = try LocalPostgres(configuration: .init(stateDirectory: directory, durable: false))
            try server.ensureRunning()
        }
        let status = cluster.server.status()
        #expect(status.state == .running)
        let process = try #require(status.processIdentifier)
        #expect(getsid(process) > 0 && getsid(process) != getsid(0))
        #expect(getpgid(process) > 0 && getpgid(process) != getpgid(0))
    }

    @Test func `durable by default, modest, and silent about rows and parameters`() throws {
        let cluster = try makeCluster(.init(extraSettings: ["work_mem": "5MB", "max_connections": "17"]))
        try cluster.server.ensureRunning()
        let names = [
            "fsync", "full_page_writes", "data_checksums", "log_parameter_max_length_on_error", "log_error_verbosity",
            "log_truncate_on_rotation", "work_mem", "max_connections",
        ]
        let values = try names.map { try cluster.server.run(sql: "SHOW \($0)") }
        #expect(values == ["on", "on", "on", "0", "terse", "on", "5MB", "17"])
    }

    @Test func `a start removes logs of last week and logs that grew too long`() throws {
        let cluster = try makeCluster()
        let logs = try cluster.server.ensureRunning().logDirectory
        try cluster.server.stop()
        let today = listing(logs)
        let script = #"touch -d "7 days ago" "$1/postgresql-Old.log"; truncate -s 65M "$1/postgresql-Long.log""#
        try #require(try Command(["/bin/sh", "-c", script, "sh", logs]).run().succeeded)
        try #require(listing(logs).count == today.count + 2)
        try cluster.server.ensureRunning()
        #expect(!exists("\(logs)/postgresql-Old.log"))
        #expect(!exists("\(logs)/postgresql-Long.log"))
        #expect(Set(listing(logs)).isSuperset(of: today))
    }

    @Test func `a setting that cannot be written is refused by name`() throws {
        let cluster = try makeCluster(.init(durable: false, extraSettings: ["work_mem = '1MB'\nfsync": "off"]))
        #expect(try localError { try cluster.server.ensureRunning() }.code == .setting)
    }

    @Test func `a setting the server refuses is reported in the server's words`() throws {
        let cluster = try makeCluster(.init(durable: false, extraSettings: ["work_mem": "plenty"]))
        let error = try localError { try cluster.server.ensureRunning() }
        #expect(error.code == .start)
        #expect(error.message.contains(#"invalid value for parameter "work_mem": "plenty""#))
    }

    @Test func `a failing statement gives the server's message`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let error = try localError { try cluster.server.run(sql: "SELECT 1/0") }
        #expect(error.code == .statement)
        #expect(error.message.contains("division by zero"))
    }
}
