import Foundation
import Glibc
import Testing

@testable import LocalPostgres

/// A cluster with the authentication of real use in a folder that vanishes with the test.
func makeCluster(
    in parentDirectory: String = "/tmp", _ configuration: LocalPostgresConfiguration = .init(durable: false)
) throws -> TemporaryPostgres {
    try TemporaryPostgres(
        parentDirectory: parentDirectory, configuration: configuration, authentication: .account)
}

/// Waits until a condition holds, looking often, and says which one never did.
func waitUntil(_ what: String, seconds: Int = 20, _ condition: () -> Bool) throws {
    let deadline = Deadline(seconds: seconds)
    while !condition() {
        try #require(!deadline.isOver, "waited \(seconds) s for: \(what)")
        usleep(5000)
    }
}

func exists(_ path: String) -> Bool {
    FileFacts(of: path) != nil
}

func listing(_ directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
}

/// The error that a body throws; a body that throws none fails the test.
func localError(_ body: () throws -> Void) throws -> LocalPostgresError {
    try #require(throws: LocalPostgresError.self) { try body() }
}

/// A folder that is removed at the end of the test.
final class Folder {
    let path: String

    init(named name: String = "turnup-test-\(UUID().uuidString.prefix(8))", permissions: mode_t = 0o755) throws {
        path = "/tmp/\(name)"
        try #require(mkdir(path, permissions) == 0)
        chmod(path, permissions)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Waits until exactly one process is PostgreSQL's first on a data folder; a second one would stay.
///
/// Its children carry the same command line for a moment after the fork, before they change it.
func requireOneServer(of layout: ClusterLayout, _ expected: pid_t?) throws {
    try waitUntil("one server on \(layout.dataDirectory)") {
        listing("/proc").compactMap { pid_t($0) }.filter { ServerProcess.isServer($0, of: layout) } == [expected]
    }
}
