import Foundation
import Glibc
import Testing

@testable import LocalPostgres

@Suite(.timeLimit(.minutes(15)), .blocking)
struct PlaceTests {
    private static let isRoot = geteuid() == 0

    @Test func `a path too long for a socket gets a short private one, and destroy removes both`() throws {
        let folder = try Folder(named: "turnup-\(String(repeating: "long", count: 25))\(getpid())")
        let cluster = try makeCluster(in: folder.path)
        let status = try cluster.server.ensureRunning()
        #expect(!status.socketDirectory.hasPrefix(folder.path))
        #expect(cluster.server.layout.socketFile.utf8.count <= ClusterLayout.longestSocketPath)
        #expect(FileFacts(of: status.socketDirectory)?.permissions == 0o700)
        #expect(try cluster.server.run(sql: "SELECT 1") == "1")
        try cluster.destroy()
        #expect(!exists(status.socketDirectory))
        #expect(!exists(cluster.directory))
    }

    @Test func `a path full of quotes, spaces and signs is carried to every program unharmed`() throws {
        let folder = try Folder(named: #"turnup it's "odd" \ $HOME `x` 100% #\#(getpid())"#)
        let cluster = try makeCluster(in: folder.path)
        let status = try cluster.server.ensureRunning()
        #expect(status.socketDirectory.hasPrefix(folder.path))
        #expect(try cluster.server.run(sql: "SHOW data_directory") == status.dataDirectory)
        try cluster.server.stop()
        #expect(try cluster.server.ensureRunning().state == .running)
    }

    @Test func `a comma in the path moves the socket elsewhere, because libpq would split it`() throws {
        let folder = try Folder(named: "turnup,comma-\(getpid())")
        let cluster = try makeCluster(in: folder.path)
        try cluster.server.ensureRunning()
        #expect(try cluster.server.run(sql: "SELECT 1") == "1")
    }

    @Test(.enabled(if: isRoot, "only root gives up rights to run the server"))
    func `root is told which private folder the server's account may not enter`() throws {
        let folder = try Folder(permissions: 0o700)
        let cluster = try makeCluster(in: folder.path)
        let error = try localError { try cluster.server.ensureRunning() }
        #expect(error.code == .folder)
        #expect(error.message.contains("may not enter \(folder.path) (mode 0700, owner root)"))
        #expect(error.hint.contains("TURNUP_STATE_DIR"))
    }

    @Test(.enabled(if: isRoot, "needs root to become somebody else"))
    func `an ordinary user gets a server of their own in a private folder`() async throws {
        let folder = try Folder(permissions: 0o700)
        try #require(chown(folder.path, 65534, 65534) == 0)
        let path = folder.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            try #require(setgid(65534) == 0 && setuid(65534) == 0)
            let cluster = try makeCluster(in: path)
            let status = try cluster.server.ensureRunning()
            let process = try #require(status.processIdentifier)
            #expect(FileFacts(of: "/proc/\(process)")?.owner == 65534)
            #expect(try cluster.server.run(sql: "SELECT session_user") == "turnup_admin")
            #expect(try cluster.server.ensureRunning() == status)
            try cluster.server.stop()
            try cluster.destroy()
            #expect(listing(path).isEmpty)
        }
    }

    @Test(.enabled(if: isRoot, "needs root to become somebody else"))
    func `a folder of somebody else is refused by its owner's name`() async throws {
        let cluster = try makeCluster()
        try cluster.server.ensureRunning()
        let directory = cluster.directory
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            try #require(setgid(65534) == 0 && setuid(65534) == 0)
            let server = try LocalPostgres(configuration: .init(stateDirectory: directory))
            let error = try localError { try server.ensureRunning() }
            #expect(error.code == .folder)
            #expect(error.message.contains("belongs to root"))
        }
    }

    @Test func `a link or a file where a private folder should be is refused`() throws {
        let folder = try Folder()
        try #require(symlink("/tmp", "\(folder.path)/link") == 0)
        try "".write(toFile: "\(folder.path)/file", atomically: true, encoding: .utf8)
        for name in ["link", "file"] {
            let error = try localError { try makePrivateDirectory("\(folder.path)/\(name)", permissions: 0o700) }
            #expect(error.code == .folder)
            #expect(error.message.contains("\(folder.path)/\(name)"))
        }
    }

    @Test func `the state folder follows the call, then the environment, then the account`() throws {
        func place(_ named: String?, _ environment: [String: String]) throws -> String {
            try ClusterLayout(stateDirectory: named, environment: environment).stateDirectory
        }
        #expect(try place("/a/b/", ["TURNUP_STATE_DIR": "/c"]) == "/a/b")
        #expect(try place(nil, ["TURNUP_STATE_DIR": "/c//d"]) == "/c/d")
        if Self.isRoot {
            #expect(try place(nil, ["XDG_STATE_HOME": "/c", "HOME": "/h"]) == "/var/lib/turnup")
        } else {
            #expect(try place(nil, ["XDG_STATE_HOME": "/c", "HOME": "/h"]) == "/c/turnup")
            #expect(try place(nil, ["XDG_STATE_HOME": "not/absolute", "HOME": "/h"]) == "/h/.local/state/turnup")
        }
        #expect(try localError { _ = try place("/a\nb", [:]) }.code == .folder)
    }

    @Test func `the address spells out what variables of libpq would change, and escapes what a URI would`() throws {
        let server = try LocalPostgres(configuration: .init(stateDirectory: "/srv/50% off/ü"))
        #expect(
            server.url == "postgresql:///turnup?host=/srv/50%25%20off/%C3%BC/postgresql/run&port=5432&user=turnup")
        #expect(server.url(database: "a/b?c").hasPrefix("postgresql:///a%2Fb%3Fc?host="))
    }
}
