import Foundation
import Glibc

/// How clients prove who they are.
enum ClientAuthentication {
    /// By their operating system account: the server's own, or root.
    case account
    /// Whoever can enter the socket's folder may be any role; for throw-away clusters only.
    case socketDirectory
}

/// The server's configuration files, written anew before each start.
struct ClusterSettings {
    /// The role and the database that Turnup works with; the role is no superuser.
    static let role = "turnup"
    static let administrator = "turnup_admin"

    let layout: ClusterLayout
    let account: ServerAccount
    let durable: Bool
    let extra: [String: String]
    let authentication: ClientAuthentication

    var mainFile: String { "\(layout.configurationDirectory)/postgresql.conf" }
    private var ownFile: String { "\(layout.configurationDirectory)/local.conf" }
    private var accessFile: String { "\(layout.configurationDirectory)/hba.conf" }
    private var mapFile: String { "\(layout.configurationDirectory)/ident.conf" }

    func write() throws(LocalPostgresError) {
        try makePrivateDirectory(layout.configurationDirectory, permissions: account.isForeign ? 0o755 : 0o700)
        try write(main(), to: mainFile)
        if FileFacts(of: ownFile) == nil {
            try write("# Settings of your own; they take effect at the next start.\n", to: ownFile)
        }
        try write(access(), to: accessFile)
        try write(map(), to: mapFile)
    }

    private func main() throws(LocalPostgresError) -> String {
        var lines = [
            "# Written by turnup before each start; put settings of your own into local.conf beside this file.",
            "max_connections = 60",
            "shared_buffers = '128MB'",
            "jit = off",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "# One log file per weekday, overwritten a week later. Terse, because details quote rows.",
            "logging_collector = on",
            "log_directory = \(quoted(layout.logDirectory))",
            "log_filename = 'postgresql-%a.log'",
            "log_file_mode = 0600",
            "log_rotation_age = '1d'",
            "log_rotation_size = 0",
            "log_truncate_on_rotation = on",
            "log_line_prefix = '%m [%p] %u@%d '",
            "log_checkpoints = off",
            "log_error_verbosity = terse",
            "include 'local.conf'",
            "log_parameter_max_length = 0",
            "log_parameter_max_length_on_error = 0",
        ]
        if !durable {
            // Commits still reach the operating system, so they survive a killed server, but not a power failure.
            lines += ["fsync = off", "full_page_writes = off"]
            // Shared memory as files beside the data vanishes with it, even after a crash.
            lines.append("dynamic_shared_memory_type = mmap")
        }
        for (name, value) in extra.sorted(by: { $0.key < $1.key }) {
            guard name.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_.]*/) != nil, !value.contains(where: \.isNewline) else {
                throw LocalPostgresError(
                    .setting, "The setting \(name) cannot be written into the server's configuration.",
                    hint: "A name has letters, digits, underscores and dots; a value has no line break.")
            }
            lines.append("\(name) = \(quoted(value))")
        }
        let socketDirectory = layout.socketDirectory.replacingOccurrences(of: "\"", with: "\"\"")
        lines += [
            "# No network: these lines come last and win.",
            "listen_addresses = ''",
            "unix_socket_directories = \(quoted("\"\(socketDirectory)\""))",
            "unix_socket_permissions = 0700",
            "port = \(ClusterLayout.port)",
            "hba_file = \(quoted(accessFile))",
            "ident_file = \(quoted(mapFile))",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private func access() -> String {
        switch authentication {
        case .account: "local all all peer map=turnup\n"
        case .socketDirectory: "local all all trust\n"
        }
    }

    private func map() -> String {
        var lines = "# map, operating system account, role\n"
        for name in Set([account.name, "root"]).sorted() {
            for role in [Self.role, Self.administrator] {
                lines += "turnup \"\(name)\" \(role)\n"
            }
        }
        return lines
    }

    private func quoted(_ text: String) -> String {
        // Backslashes start an escape in the configuration file's strings, quotes are doubled.
        let escaped = text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "''")
        return "'\(escaped)'"
    }

    private func write(_ text: String, to path: String) throws(LocalPostgresError) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw LocalPostgresError(.folder, "Could not write \(path): \(error.localizedDescription)")
        }
        guard chmod(path, account.isForeign ? 0o644 : 0o600) == 0 else {
            throw LocalPostgresError(.folder, "Could not set the permissions of \(path): \(systemMessage()).")
        }
    }
}
