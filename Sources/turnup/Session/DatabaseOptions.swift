import ArgumentParser
import Foundation
import LocalPostgres

/// Which database a command works on.
struct DatabaseOptions: ParsableArguments {
    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp("libpq URI or keyword string; also TURNUP_DATABASE_URL.", valueName: "url"))
    var databaseURL: String?

    @Option(
        name: .customLong("database-url-file"),
        help: ArgumentHelp(
            "File with that text; also TURNUP_DATABASE_URL_FILE, or systemd's credential database-url.",
            valueName: "path"))
    var databaseURLFile: String?

    @Option(
        name: .customLong("key-file"),
        help: ArgumentHelp(
            "File with the sealing keys; also TURNUP_KEY_FILE, or systemd's credential keys.json.", valueName: "path"))
    var keyFile: String?

    /// What libpq looks at when it is given nothing.
    private static let libpqVariables = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE", "PGPORT", "PGUSER"]

    /// The named database; an empty text leaves it to libpq's own variables; nil: none is named anywhere.
    ///
    /// Errors: `CommandFailure` for a file that cannot be read, or that everybody can.
    var named: String? {
        get throws {
            let environment = ProcessInfo.processInfo.environment
            if let databaseURL { return databaseURL }
            if let databaseURLFile { return try Self.url(in: databaseURLFile) }
            if let url = environment["TURNUP_DATABASE_URL"], !url.isEmpty { return url }
            if let path = environment["TURNUP_DATABASE_URL_FILE"], !path.isEmpty { return try Self.url(in: path) }
            if let path = CredentialFile.path(CredentialFile.databaseURL) { return try Self.url(in: path) }
            return Self.libpqVariables.contains { environment[$0]?.isEmpty == false } ? "" : nil
        }
    }

    private static func url(in path: String) throws -> String {
        try CredentialFile.text(path, what: SessionTexts.databaseAddress)
    }

    func validate() throws {
        if databaseURL != nil, databaseURLFile != nil {
            throw SessionTexts.oneAddress
        }
    }

    /// Whether the keys are kept beside the private PostgreSQL.
    var usesOwnKeyPath: Bool {
        keyFile == nil && ProcessInfo.processInfo.environment["TURNUP_KEY_FILE"]?.isEmpty != false
            && CredentialFile.path(CredentialFile.keys) == nil
    }

    /// Where the sealing keys are kept.
    func keyPath() throws -> String {
        if let keyFile { return keyFile }
        if let path = ProcessInfo.processInfo.environment["TURNUP_KEY_FILE"], !path.isEmpty { return path }
        if let path = CredentialFile.path(CredentialFile.keys) { return path }
        return try LocalPostgres().stateDirectory + "/keys.json"
    }

    /// Starts the private PostgreSQL of this user, and says so.
    static func startPrivate() throws -> LocalPostgres {
        let local = try LocalPostgres()
        let before = local.status().state
        if before == .absent { Console.note(SessionTexts.making(local.stateDirectory)) }
        _ = try local.ensureRunning()
        return local
    }
}

extension DatabaseOptions: CustomStringConvertible, CustomDebugStringConvertible {
    /// Says nothing of the URL, which may hold a password. The argument parser needs the mirror as it is.
    var description: String { "DatabaseOptions" }

    var debugDescription: String { description }
}
