import Foundation
import Glibc

/// The server's first process, found by its own file and believed only when the process really is our server.
struct ServerProcess {
    enum Phase: Equatable {
        case starting
        case ready
        case stopping
    }

    let identifier: pid_t
    let phase: Phase

    /// What `postmaster.pid` names: a live server of this folder, or something else.
    enum Finding {
        case none
        /// The file is stale, and its number now belongs to another process, which would stop PostgreSQL from starting.
        case stale
        case server(ServerProcess)
    }

    static func find(_ layout: ClusterLayout) -> Finding {
        guard let text = try? String(contentsOfFile: layout.processFile, encoding: .utf8) else { return .none }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let identifier = lines.first.flatMap({ pid_t($0.trimmingCharacters(in: .whitespaces)) }),
            identifier > 0, FileManager.default.fileExists(atPath: "/proc/\(identifier)")
        else { return .none }
        guard isServer(identifier, of: layout) else { return .stale }
        // The eighth line is the server's own word on how far it is.
        let word = lines.count > 7 ? lines[7].trimmingCharacters(in: .whitespaces) : ""
        let phase: Phase =
            switch word {
            case "ready", "standby": .ready
            case "stopping": .stopping
            default: .starting
            }
        return .server(ServerProcess(identifier: identifier, phase: phase))
    }

    /// Whether a live process was started as PostgreSQL for this data folder, by the folder's owner.
    ///
    /// Its command line says so to everyone; its working folder may be hidden even from root in a container.
    static func isServer(_ identifier: pid_t, of layout: ClusterLayout) -> Bool {
        guard isAlive(identifier),
            let owner = FileFacts(of: layout.dataDirectory)?.owner,
            FileFacts(of: "/proc/\(identifier)")?.owner == owner
        else { return false }
        let arguments = arguments(of: identifier)
        guard arguments.first?.hasSuffix("/postgres") == true, let flag = arguments.firstIndex(of: "-D") else {
            return false
        }
        return arguments.dropFirst(flag + 1).first == layout.dataDirectory
    }

    /// Whether a process that was our server has ended; one that is ending has no command line any more.
    static func isGone(_ identifier: pid_t, of layout: ClusterLayout) -> Bool {
        !isAlive(identifier) || !(arguments(of: identifier).isEmpty || isServer(identifier, of: layout))
    }

    private static func arguments(of identifier: pid_t) -> [String] {
        let bytes = FileManager.default.contents(atPath: "/proc/\(identifier)/cmdline") ?? Data()
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A process that has ended but was not collected by its parent counts as gone.
    static func isAlive(_ identifier: pid_t) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8),
            let name = status.lastIndex(of: ")")
        else { return false }
        let state = status[status.index(after: name)...].first { $0 != " " }
        return state != "Z" && state != "X"
    }
}
