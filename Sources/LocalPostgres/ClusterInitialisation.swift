import Foundation
import Glibc

/// Makes the data folder in one step: everything happens under another name, which is then changed.
struct ClusterInitialisation {
    let layout: ClusterLayout
    let account: ServerAccount
    let binaries: ServerBinaries
    let durable: Bool

    private static let temporaryPrefix = "new-"

    /// Refuses data that Turnup did not make; nothing is said about a folder that is absent or empty.
    static func requireOwnData(_ layout: ClusterLayout) throws(LocalPostgresError) {
        guard FileFacts(of: layout.dataDirectory) != nil, !isEmpty(layout.dataDirectory) else { return }
        guard FileFacts(of: layout.marker) != nil, layout.dataVersion != nil else {
            throw LocalPostgresError(
                .foreignData,
                "The folder \(layout.dataDirectory) holds something that turnup did not make, or that was not finished.",
                hint: "If nothing in it is needed, remove the folder and try again; else choose another place "
                    + "with TURNUP_STATE_DIR.")
        }
    }

    static func isNeeded(_ layout: ClusterLayout) -> Bool {
        FileFacts(of: layout.dataDirectory) == nil || isEmpty(layout.dataDirectory)
    }

    private static func isEmpty(_ directory: String) -> Bool {
        (try? FileManager.default.contentsOfDirectory(atPath: directory))?.isEmpty ?? false
    }

    func run() throws(LocalPostgresError) {
        try removeLeftovers()
        // A name used once: an initdb whose turnup was killed may still be writing into the last one.
        let temporary = "\(layout.serverDirectory)/\(Self.temporaryPrefix)\(UUID().uuidString.lowercased())"
        do {
            try makeCluster(in: temporary)
            try createDatabase(in: temporary)
            try finish(temporary)
        } catch {
            try? removeLeftovers()
            throw error
        }
    }

    /// Removes what a killed initialisation left behind; callers hold the lock, so nobody needs it.
    private func removeLeftovers() throws(LocalPostgresError) {
        _ = try account.run([
            "/bin/sh", "-c", #"rm -rf -- "$1"/\#(Self.temporaryPrefix)*"#, "sh", layout.serverDirectory,
        ])
    }

    private func makeCluster(in temporary: String) throws(LocalPostgresError) {
        // Locale C sorts alike on every machine and after every library update.
        var arguments = [
            binaries.initdb, "-D", temporary, "--username=\(ClusterSettings.administrator)", "--locale=C",
            "--encoding=UTF8", "--data-checksums", "--auth-local=peer", "--auth-host=reject",
        ]
        if !durable { arguments.append("--no-sync") }
        let outcome = try account.run(arguments, timeoutSeconds: 300)
        guard outcome.succeeded else {
            throw LocalPostgresError(
                .initialisation,
                "Could not make the private database in \(layout.dataDirectory): \(lastLines(of: outcome.output)).")
        }
    }

    /// Single-user mode needs no socket, no port and no password, so nobody can connect before all is in place.
    private func createDatabase(in temporary: String) throws(LocalPostgresError) {
        let role = ClusterSettings.role
        let outcome = try account.run(
            [
                binaries.postgres, "--single", "-D", temporary, "-c", "exit_on_error=on", "-c", "log_checkpoints=off",
                "-c", "fsync=\(durable ? "on" : "off")", "template1",
            ],
            input: """
                CREATE ROLE \(role) LOGIN CREATEDB CREATEROLE
                CREATE DATABASE \(role) OWNER \(role)

                """)
        guard outcome.succeeded else {
            throw LocalPostgresError(
                .initialisation,
                "Could not create the database \(role) in \(layout.dataDirectory): \(lastLines(of: outcome.output)).")
        }
    }

    private func finish(_ temporary: String) throws(LocalPostgresError) {
        let script = #"""
            umask 077
            echo "Made by turnup. The server is run by turnup; see conf/ two folders up." >"$1/turnup-cluster" &&
            if [ -d "$2" ]; then rmdir -- "$2"; fi &&
            if [ "$3" = durable ]; then sync -- "$1/turnup-cluster" "$1"; fi &&
            mv -T -- "$1" "$2" &&
            if [ "$3" = durable ]; then sync -- "${2%/*}"; fi
            """#
        let outcome = try account.run([
            "/bin/sh", "-c", script, "sh", temporary, layout.dataDirectory, durable ? "durable" : "temporary",
        ])
        guard outcome.succeeded else {
            throw LocalPostgresError(
                .initialisation,
                "Could not put the private database in place at \(layout.dataDirectory): "
                    + "\(lastLines(of: outcome.output)).")
        }
    }
}
