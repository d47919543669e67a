import Foundation
import Glibc

/// The operating system account that the server runs as.
struct ServerAccount: Equatable {
    let name: String
    let userIdentifier: uid_t
    let groupIdentifier: gid_t

    /// Whether this process has to give up its own rights to run something as this account.
    var isForeign: Bool { userIdentifier != geteuid() }

    /// PostgreSQL refuses to run as root, so for root another account is chosen: the owner of the data when there is
    /// some, else `postgres`, else `nobody`.
    static func choose(dataDirectory: String) throws(LocalPostgresError) -> ServerAccount {
        let own = geteuid()
        let owner = FileFacts(of: dataDirectory)?.owner
        if own != 0 {
            if let owner, owner != own {
                throw LocalPostgresError(
                    .folder,
                    "The data folder \(dataDirectory) belongs to \(describe(owner)), not to you (\(describe(own))).",
                    hint: "Choose a folder of your own with TURNUP_STATE_DIR, or run the command as its owner.")
            }
            return try find(own)
        }
        if let owner {
            guard owner != 0 else {
                throw LocalPostgresError(
                    .foreignData,
                    "The data folder \(dataDirectory) belongs to root, but PostgreSQL never runs as root.",
                    hint: "It was not made by turnup. Move it away, or choose another folder with TURNUP_STATE_DIR.")
            }
            return try find(owner)
        }
        for name in ["postgres", "nobody"] {
            if let account = lookUp({ getpwnam_r(name, $0, $1, $2, $3) }) { return account }
        }
        throw LocalPostgresError(
            .account, "PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as.",
            hint: "Install the package postgresql, which brings the account, or run turnup as an ordinary user.")
    }

    private static func find(_ identifier: uid_t) throws(LocalPostgresError) -> ServerAccount {
        if let account = lookUp({ getpwuid_r(identifier, $0, $1, $2, $3) }) { return account }
        throw LocalPostgresError(
            .account, "The user id \(identifier) has no account on this machine, and PostgreSQL needs its name.",
            hint: "Add the user to /etc/passwd, or name a database with --database-url.")
    }

    /// Name of a user for a message; its number when it has none.
    static func describe(_ identifier: uid_t) -> String {
        lookUp({ getpwuid_r(identifier, $0, $1, $2, $3) })?.name ?? "user id \(identifier)"
    }

    /// Home folder of the calling user as the account database has it.
    static func homeDirectory() -> String? {
        var home: String?
        _ = lookUp({ getpwuid_r(geteuid(), $0, $1, $2, $3) }, alsoRead: { home = String(cString: $0.pw_dir) })
        return home
    }

    private typealias Search = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func lookUp(_ search: Search, alsoRead: (passwd) -> Void = { _ in }) -> ServerAccount? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        return buffer.withUnsafeMutableBufferPointer { texts in
            guard let base = texts.baseAddress, search(&entry, base, texts.count, &found) == 0, found != nil else {
                return nil
            }
            alsoRead(entry)
            return ServerAccount(
                name: String(cString: entry.pw_name), userIdentifier: entry.pw_uid, groupIdentifier: entry.pw_gid)
        }
    }

    /// The command line that runs a program as this account.
    func commandLine(_ arguments: [String]) throws(LocalPostgresError) -> [String] {
        guard isForeign else { return arguments }
        if let setpriv = findProgram("setpriv") {
            return [setpriv, "--reuid=\(userIdentifier)", "--regid=\(groupIdentifier)", "--clear-groups"] + arguments
        }
        if let runuser = findProgram("runuser") {
            return [runuser, "-u", name, "--"] + arguments
        }
        throw LocalPostgresError(
            .account, "PostgreSQL must not run as root, and neither setpriv nor runuser is there to change to \(name).",
            hint: "Install the package util-linux, or run turnup as an ordinary user.")
    }

    /// Runs a program as this account, to its end.
    func run(
        _ arguments: [String], input: String = "", timeoutSeconds: Int = 120
    ) throws(LocalPostgresError) -> Command.Outcome {
        try Command(commandLine(arguments), input: input, timeoutSeconds: timeoutSeconds).run()
    }

    /// Fails with the name of the first folder on the way to one of the paths that this account may not enter.
    func requireReach(_ directories: [String]) throws(LocalPostgresError) {
        guard isForeign else { return }
        var ancestors: [String] = []
        for directory in directories {
            var path = ""
            for part in directory.split(separator: "/") {
                path += "/\(part)"
                if !ancestors.contains(path) { ancestors.append(path) }
            }
        }
        // Asking the system as that account covers access lists too, which permission bits do not show.
        let script = #"for folder do cd "$folder" 2>/dev/null || { printf %s "$folder"; exit 7; }; done"#
        let outcome = try run(["/bin/sh", "-c", script, "sh"] + ancestors)
        guard !outcome.succeeded else { return }
        guard outcome.exitCode == 7 else {
            throw LocalPostgresError(
                .account, "Could not run a program as the account \(name): \(lastLines(of: outcome.output)).",
                hint: "In a container, root needs the capabilities SETUID and SETGID for it.")
        }
        let facts = FileFacts(of: outcome.output)
        let mode = facts.map { " (mode 0\(String($0.permissions, radix: 8)), owner \(Self.describe($0.owner)))" } ?? ""
        throw LocalPostgresError(
            .folder,
            "PostgreSQL runs as the account \(name) here, because it refuses root, "
                + "and \(name) may not enter \(outcome.output)\(mode).",
            hint: "Choose a folder that \(name) can reach, such as /var/lib/turnup, with TURNUP_STATE_DIR.")
    }
}

/// A program in one of the system's usual folders.
func findProgram(_ name: String) -> String? {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]
        .map { "\($0)/\(name)" }
        .first { access($0, X_OK) == 0 }
}

/// The end of a program's output, for a message.
func lastLines(of output: String, count: Int = 4) -> String {
    output.split(separator: "\n").suffix(count).joined(separator: "; ")
}
