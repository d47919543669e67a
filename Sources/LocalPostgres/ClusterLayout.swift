import Foundation
import Glibc

/// Where everything of one private PostgreSQL lies.
///
/// The parts that the server's account may write (`server`, the socket folder) are apart from those that it may only
/// read (`conf`) and from the lock, so that root never writes through a folder that somebody else controls.
struct ClusterLayout {
    static let port = 5432
    /// Bytes of a Unix socket's path that PostgreSQL and the system accept.
    static let longestSocketPath = 107

    let stateDirectory: String
    let socketDirectory: String
    /// Whether nobody named a folder and root's own is used.
    let isSystemDefault: Bool

    var directory: String { "\(stateDirectory)/postgresql" }
    var lockFile: String { "\(directory)/lock" }
    var configurationDirectory: String { "\(directory)/conf" }
    var serverDirectory: String { "\(directory)/server" }
    var dataDirectory: String { "\(serverDirectory)/data" }
    var marker: String { "\(dataDirectory)/turnup-cluster" }
    var processFile: String { "\(dataDirectory)/postmaster.pid" }
    var logDirectory: String { "\(serverDirectory)/log" }
    var startLog: String { "\(serverDirectory)/start.log" }
    var socketFile: String { "\(socketDirectory)/.s.PGSQL.\(Self.port)" }

    init(stateDirectory named: String?, environment: [String: String]) throws(LocalPostgresError) {
        var path: String
        var isSystemDefault = false
        if let chosen = named ?? environment["TURNUP_STATE_DIR"], !chosen.isEmpty {
            path = chosen.hasPrefix("/") ? chosen : FileManager.default.currentDirectoryPath + "/" + chosen
        } else if geteuid() == 0 {
            path = "/var/lib/turnup"
            isSystemDefault = true
        } else if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") {
            path = "\(state)/turnup"
        } else if let home = environment["HOME"] ?? ServerAccount.homeDirectory(), home.hasPrefix("/") {
            path = "\(home)/.local/state/turnup"
        } else {
            throw LocalPostgresError(
                .folder, "There is no home folder to keep the private database in.",
                hint: "Name a folder with TURNUP_STATE_DIR, or a database with --database-url.")
        }
        guard !path.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            throw LocalPostgresError(
                .folder, "The state folder's name holds a control character, which PostgreSQL cannot be told.",
                hint: "Choose another folder with TURNUP_STATE_DIR.")
        }
        path = resolvedPath(path.split(separator: "/").map { "/\($0)" }.joined())
        self.stateDirectory = path
        self.isSystemDefault = isSystemDefault
        self.socketDirectory = Self.socketDirectory(for: path)
    }

    /// The folder for the socket: beside the data where the path fits, else a short path that every command derives in
    /// the same way.
    ///
    /// libpq takes a comma in a host for the start of the next host and has no way to quote it.
    static func socketDirectory(for stateDirectory: String) -> String {
        let beside = "\(stateDirectory)/postgresql/run"
        let longest = "\(beside)/.s.PGSQL.\(port)"
        guard longest.utf8.count > longestSocketPath || beside.contains(",") else { return beside }
        // Variables of a login session (XDG_RUNTIME_DIR) would send two commands to two places.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in stateDirectory.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let suffix = String(hash, radix: 16)
        let owner = geteuid()
        return owner == 0 && FileFacts(of: "/run")?.isDirectory == true
            ? "/run/turnup-\(suffix)" : "/tmp/turnup-\(owner)-\(suffix)"
    }

    /// A libpq URI for one role and database; the port is spelled out because `PGPORT` would change it.
    func url(role: String, database: String) -> String {
        let plain = CharacterSet(
            charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
        func encoded(_ text: String) -> String { text.addingPercentEncoding(withAllowedCharacters: plain) ?? text }
        let name = encoded(database).replacingOccurrences(of: "/", with: "%2F")
        return "postgresql:///\(name)?host=\(encoded(socketDirectory))&port=\(Self.port)&user=\(encoded(role))"
    }

    /// Major version that made the data folder, `nil` when there is none.
    var dataVersion: Int? {
        (try? String(contentsOfFile: "\(dataDirectory)/PG_VERSION", encoding: .utf8))
            .flatMap { Int($0.prefix(while: \.isNumber)) }
    }

    /// Makes the folders above the lock, which both the calling user and the server's account must be able to enter.
    func makeOuterDirectories() throws(LocalPostgresError) {
        try makeStateDirectory()
        try makePrivateDirectory(directory, permissions: geteuid() == 0 ? 0o711 : 0o700)
    }

    func makeStateDirectory() throws(LocalPostgresError) {
        try makeDirectories(stateDirectory, permissions: geteuid() == 0 ? 0o755 : 0o700)
        if isSystemDefault, let facts = FileFacts(of: stateDirectory), facts.permissions & 0o001 == 0 {
            // Passing through is all the server's account needs; what lies inside stays as private as it was.
            chmod(stateDirectory, facts.permissions | 0o011)
        }
    }

    /// Makes the folders of the server's account and checks that it can reach them.
    func makeServerDirectories(_ account: ServerAccount) throws(LocalPostgresError) {
        try makePrivateDirectory(serverDirectory, permissions: 0o700, owner: account)
        try makePrivateDirectory(socketDirectory, permissions: 0o700, owner: account)
        try account.requireReach([serverDirectory, socketDirectory])
    }
}
