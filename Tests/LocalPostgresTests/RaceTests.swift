import Foundation
import Glibc
import Testing

@testable import LocalPostgres

@Suite(.timeLimit(.minutes(15)), .blocking)
struct RaceTests {
    @Test func `four threads that start at once get one server`() async throws {
        let cluster = try makeCluster()
        let server = cluster.server
        let found = try await withThrowingTaskGroup(of: LocalPostgresStatus.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try server.ensureRunning()
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(found.map(\.processIdentifier)).count == 1)
        try requireOneServer(of: server.layout, found.first?.processIdentifier)
    }

    @Test func `two processes that start at once get one server`() async throws {
        let cluster = try makeCluster()
        let directory = cluster.directory
        async let first = #expect(processExitsWith: .success) { [directory = directory as String] in
            try startAndNote(directory)
        }
        async let second = #expect(processExitsWith: .success) { [directory = directory as String] in
            try startAndNote(directory)
        }
        _ = await (first, second)
        let notes = listing(directory).filter { $0.hasPrefix("note-") }
        try #require(notes.count == 2)
        let servers = try Set(notes.map { try String(contentsOfFile: "\(directory)/\($0)", encoding: .utf8) })
        #expect(servers == ["\(cluster.server.status().processIdentifier ?? 0)"])
        #expect(listing(cluster.server.layout.serverDirectory).filter { $0.hasPrefix("new-") }.isEmpty)
    }

    @Test func `a command that finds the lock taken says who to look for`() throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let impatient = try LocalPostgres(
            configuration: .init(stateDirectory: cluster.directory, timeoutSeconds: 0))
        let error = try localError {
            try ClusterLock.holding(cluster.server.layout.lockFile, timeoutSeconds: 1) {
                () throws(LocalPostgresError) in
                _ = try impatient.stop()
            }
        }
        #expect(error.code == .busy)
        #expect(error.message.contains(cluster.server.layout.lockFile))
        #expect(cluster.server.status().state == .running)
    }
}

private func startAndNote(_ directory: String) throws {
    let server = try LocalPostgres(configuration: .init(stateDirectory: directory, durable: false))
    let process = try #require(try server.ensureRunning().processIdentifier)
    try "\(process)".write(toFile: "\(directory)/note-\(getpid())", atomically: true, encoding: .utf8)
}
