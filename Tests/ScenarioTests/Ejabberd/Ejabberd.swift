import Foundation
import FoundationNetworking
import Glibc
import Synchronization

/// A real third party: an ejabberd of one test's own, started by hand on loopback, with its database, its log and its
/// settings in one folder. It answers calls over HTTP to whoever is on this machine.
final class Ejabberd: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static let host = "localhost"

    /// Beside other suites it is too slow to start, so only `make ejabberd`, which sees to Debian's packages, runs it.
    static var isAskedFor: Bool { ProcessInfo.processInfo.environment["TURNUP_EJABBERD"] != nil }

    private static var program: String? {
        ["/usr/bin/erl", "/usr/local/bin/erl"].first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static let libraries = ["/usr/lib/erlang/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]

    private struct Server: Sendable {
        /// Kills the server when its input ends, however this process ends.
        let guardian: Process
        let leash: Pipe
        let process: pid_t
    }

    let port: Int
    private let folder: String
    private let server = Mutex<Server?>(nil)

    /// Runs `body` with a started server, which is gone afterwards.
    static func with(_ body: (Ejabberd) async throws -> Void) async throws {
        let ejabberd = try Ejabberd()
        do {
            try await ejabberd.start()
            try await body(ejabberd)
        } catch {
            await ejabberd.remove()
            throw error
        }
        await ejabberd.remove()
    }

    private init() throws {
        port = try Self.freePort()
        folder = NSTemporaryDirectory() + "turnup-ejabberd-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let settings = """
            hosts: [\(Self.host)]
            loglevel: warning
            auth_method: internal
            oauth_access: all
            listen:
              - port: \(port)
                ip: 127.0.0.1
                backlog: 100
                module: ejabberd_http
                request_handlers: {/api: mod_http_api}
            api_permissions:
              this machine: {who: {ip: 127.0.0.1/8}, what: "*"}
            modules: {mod_admin_extra: {}}

            """
        try settings.write(toFile: "\(folder)/ejabberd.yml", atomically: true, encoding: .utf8)
    }

    // MARK: - Its life

    /// Returns when it answers. Its accounts outlive a kill.
    func start() async throws {
        guard server.withLock({ $0 == nil }), let program = Self.program else {
            throw Failure(description: "it cannot be started")
        }
        let guardian = Process()
        let leash = Pipe()
        let said = Pipe()
        guardian.executableURL = URL(fileURLWithPath: "/bin/sh")
        // Without a name of its own it is no node that others could reach, and starts no daemon beside it.
        guardian.arguments = [
            "-c",
            """
            exec 3<&0
            "$ERL" -noinput -mnesia dir "\\"$FOLDER/database\\"" -s ejabberd </dev/null 3<&- >>"$FOLDER/console" 2>&1 &
            echo $!
            exec >/dev/null
            cat <&3
            kill -KILL $!
            """,
        ]
        guardian.environment = [
            "PATH": "/usr/bin:/bin", "HOME": folder, "ERL": program, "FOLDER": folder,
            "ERL_LIBS": Self.libraries.joined(separator: ":"), "ERL_CRASH_DUMP": "/dev/null",
            "EJABBERD_CONFIG_PATH": "\(folder)/ejabberd.yml", "EJABBERD_LOG_PATH": "\(folder)/ejabberd.log",
        ]
        guardian.standardInput = leash
        guardian.standardOutput = said
        try guardian.run()
        let text = String(decoding: said.fileHandleForReading.availableData, as: UTF8.self)
        guard let process = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(description: "no process was started: \(text)")
        }
        server.withLock { $0 = Server(guardian: guardian, leash: leash, process: process) }
        let isUp = await eventually(seconds: 90) { (try? await call("status", [:])) != nil }
        guard isUp else {
            let console = (try? String(contentsOfFile: "\(folder)/console", encoding: .utf8)) ?? ""
            throw Failure(description: "ejabberd does not answer: \(console.suffix(2000))")
        }
    }

    /// The whole process stands still; the system goes on to take connections and requests for it.
    func freeze() { send(SIGSTOP) }

    func thaw() { send(SIGCONT) }

    private func send(_ signal: Int32) {
        server.withLock { if let server = $0 { _ = Glibc.kill(server.process, signal) } }
    }

    /// As if its machine had lost it: nothing is written any more, and open connections end.
    func kill() async {
        let running = server.withLock { server in
            defer { server = nil }
            return server
        }
        guard let server = running else { return }
        _ = Glibc.kill(server.process, SIGKILL)
        try? server.leash.fileHandleForWriting.close()
        _ = await eventually(seconds: 30) { Glibc.kill(server.process, 0) != 0 && !server.guardian.isRunning }
    }

    private func remove() async {
        await kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: - What it has

    func register(_ user: String, password: String) async throws {
        _ = try await call("register", ["user": user, "host": Self.host, "password": password])
    }

    /// Returns when these accounts are on disk: ejabberd answers before it writes, and a kill takes what is not written.
    func hasWritten(_ users: [String]) async throws {
        let database = "\(folder)/database"
        let isWritten = await eventually(seconds: 60) {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: database)) ?? []
            let files = names.compactMap { FileManager.default.contents(atPath: "\(database)/\($0)") }
            return users.allSatisfy { user in files.contains { $0.range(of: Data(user.utf8)) != nil } }
        }
        guard isWritten else { throw Failure(description: "ejabberd has not written the accounts of \(users)") }
    }

    func users() async throws -> Set<String> {
        try JSONDecoder().decode(Set<String>.self, from: await call("registered_users", ["host": Self.host]))
    }

    func accepts(_ password: String, of user: String) async throws -> Bool {
        let answer = try await call("check_password", ["user": user, "host": Self.host, "password": password])
        return try JSONDecoder().decode(Int.self, from: answer) == 0
    }

    /// Whose tokens there are, one entry for each token.
    func tokenOwners() async throws -> [String] {
        struct Token: Decodable { let user: String }
        let tokens = try JSONDecoder().decode([Token].self, from: await call("oauth_list_tokens", [:]))
        return tokens.map { $0.user.replacingOccurrences(of: "@\(Self.host)", with: "") }.sorted()
    }

    @discardableResult
    private func call(_ name: String, _ arguments: [String: String]) async throws -> Data {
        guard let url = URL(string: "http://127.0.0.1:\(port)/api/\(name)") else { throw URLError(.badURL) }
        var request = URLRequest(url: url, timeoutInterval: 20)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONEncoder().encode(arguments)
        let (data, response) = try await URLSession.shared.data(for: request)
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        guard status == 200 else {
            throw Failure(description: "\(name) answered \(status): \(String(decoding: data, as: UTF8.self))")
        }
        return data
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 ? getsockname(descriptor, $0, &size) : -1
            }
        }
        guard result == 0 else { throw Failure(description: "there is no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
