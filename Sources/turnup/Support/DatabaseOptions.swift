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
        name: .customLong("key-file"),
        help: ArgumentHelp("File with the sealing keys; also TURNUP_KEY_FILE.", valueName: "path"))
    var keyFile: String?

    /// What libpq looks at when it is given nothing.
    private static let libpqVariables = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE", "PGPORT", "PGUSER"]

    /// The named database; an empty text leaves it to libpq's own variables; nil: none is named anywhere.
    var named: String? {
        let environment = ProcessInfo.processInfo.environment
        if let databaseURL { return databaseURL }
        if let url = environment["TURNUP_DATABASE_URL"], !url.isEmpty { return url }
        return Self.libpqVariables.contains { environment[$0]?.isEmpty == false } ? "" : nil
    }

    /// Whether the keys are kept beside the private PostgreSQL.
    var usesOwnKeyPath: Bool {
        keyFile == nil && ProcessInfo.processInfo.environment["TURNUP_KEY_FILE"]?.isEmpty != false
    }

    /// Where the sealing keys are kept.
    func keyPath() throws -> String {
        if let keyFile { return keyFile }
        if let path = ProcessInfo.processInfo.environment["TURNUP_KEY_FILE"], !path.isEmpty { return path }
        return try LocalPostgres().stateDirectory + "/keys.json"
    }

    /// Starts the private PostgreSQL of this user, and says so.
    static func startPrivate() throws -> LocalPostgres {
        let local = try LocalPostgres()
        let before = local.status().state
        if before == .absent { Console.note("Making a private PostgreSQL in \(local.stateDirectory) ...") }
        _ = try local.ensureRunning()
        return local
    }
}
