import Foundation
import Glibc

/// The folder with the server's programs, and their version.
struct ServerBinaries {
    static let oldestMajorVersion = 14

    let directory: String
    let majorVersion: Int

    var initdb: String { "\(directory)/initdb" }
    var postgres: String { "\(directory)/postgres" }
    var psql: String {
        // Some distributions package the client apart from the server.
        access("\(directory)/psql", X_OK) == 0 ? "\(directory)/psql" : findProgram("psql") ?? "\(directory)/psql"
    }

    /// Finds the programs, preferring those that match existing data.
    ///
    /// - Parameters:
    ///   - named: the one folder to use, with no search; from the caller or `TURNUP_POSTGRES_BIN`.
    ///   - dataVersion: major version of the existing data folder.
    static func find(
        named: String?, dataVersion: Int?, searchPath: String
    ) throws(LocalPostgresError) -> ServerBinaries {
        if let named {
            guard isServerDirectory(named) else {
                throw LocalPostgresError(
                    .notInstalled, "There are no PostgreSQL server programs (initdb, postgres) in \(named).",
                    hint: "TURNUP_POSTGRES_BIN must name their folder, for instance /usr/lib/postgresql/15/bin.")
            }
            return try choose(from: [named], dataVersion: dataVersion)
        }
        let found = candidates(searchPath: searchPath)
        guard !found.isEmpty else {
            throw LocalPostgresError(
                .notInstalled, "No PostgreSQL server programs (initdb, postgres) were found on this machine.",
                hint: "Install them (Debian, Ubuntu: apt-get install postgresql), name their folder with "
                    + "TURNUP_POSTGRES_BIN, or name a database with --database-url.")
        }
        return try choose(from: found, dataVersion: dataVersion)
    }

    private static func choose(
        from directories: [String], dataVersion: Int?
    ) throws(LocalPostgresError) -> ServerBinaries {
        var seen: [ServerBinaries] = []
        for directory in directories {
            guard let version = try version(of: directory) else { continue }
            let binaries = ServerBinaries(directory: directory, majorVersion: version)
            if version >= oldestMajorVersion, dataVersion == nil || dataVersion == version { return binaries }
            seen.append(binaries)
        }
        let list = seen.map { "\($0.majorVersion) in \($0.directory)" }.joined(separator: ", ")
        guard let dataVersion, seen.contains(where: { $0.majorVersion >= oldestMajorVersion }) else {
            throw LocalPostgresError(
                .tooOld,
                seen.isEmpty
                    ? "The programs in \(directories.joined(separator: ", ")) do not say their version."
                    : "PostgreSQL \(oldestMajorVersion) or newer is needed; found \(list).",
                hint: "Install a newer one, or name its folder with TURNUP_POSTGRES_BIN.")
        }
        throw LocalPostgresError(
            .versionMismatch,
            "The private database was made by PostgreSQL \(dataVersion), but the programs found are version \(list).",
            hint: "Install PostgreSQL \(dataVersion) beside them (apt-get install postgresql-\(dataVersion)) or name "
                + "its folder with TURNUP_POSTGRES_BIN; or move the data with pg_upgrade.")
    }

    private static func candidates(searchPath: String) -> [String] {
        let path = searchPath.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        var found: [String] = []
        let programs = path.map { directory in "\(directory)/pg_config" }
        if let program = programs.first(where: { access($0, X_OK) == 0 }),
            let outcome = try? Command([program, "--bindir"], timeoutSeconds: 10).run(), outcome.succeeded
        {
            found.append(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let packaged = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        found += packaged.compactMap(Int.init).sorted(by: >).map { "/usr/lib/postgresql/\($0)/bin" }
        found += path
        var known: Set<String> = []
        return found.filter { isServerDirectory($0) && known.insert(resolvedPath($0)).inserted }
    }

    private static func isServerDirectory(_ path: String) -> Bool {
        path.hasPrefix("/") && ["initdb", "postgres"].allSatisfy { access("\(path)/\($0)", X_OK) == 0 }
    }

    private static func version(of directory: String) throws(LocalPostgresError) -> Int? {
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "postgres (PostgreSQL) 19devel"
        let output = try Command(["\(directory)/postgres", "--version"], timeoutSeconds: 10).run().output
        guard let marker = output.range(of: "(PostgreSQL) ") else { return nil }
        return Int(output[marker.upperBound...].prefix(while: \.isNumber))
    }
}
