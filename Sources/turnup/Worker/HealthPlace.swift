import Foundation
import LocalPostgres
import Logging
import Worker

/// Where this machine's workers give their health when nobody names a place.
enum HealthPlace {
    static let fileName = "worker.sock"

    /// The service manager's folder for this worker, else the folder of this account's installation.
    static func folder() throws -> String {
        if let given = ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first {
            return String(given)
        }
        return try LocalPostgres().stateDirectory
    }

    /// The worker's own place. A second worker of the same folder gets a name with its process id.
    static func chosen() throws -> HealthAddress {
        let folder = try folder()
        if ProcessInfo.processInfo.environment["RUNTIME_DIRECTORY"]?.isEmpty != false {
            try LocalPostgres().makeStateDirectory()
        }
        let path = folder + "/" + fileName
        return try HealthAddress(HealthServer.answers(path) ? "\(folder)/worker-\(getpid()).sock" : path)
    }

    /// All sockets of workers that can be found, alive or not.
    static func known() -> [HealthAddress] {
        var folders = Set([try? folder()].compactMap { $0 })
        let running = "/run/turnup"
        for name in (try? FileManager.default.contentsOfDirectory(atPath: running)) ?? [] {
            folders.insert("\(running)/\(name)")
        }
        return folders.sorted().flatMap { folder in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            return names.filter { $0.hasPrefix("worker") && $0.hasSuffix(".sock") }.sorted()
                .compactMap { try? HealthAddress("\(folder)/\($0)") }
        }
    }

    /// Opens the place that was asked for, or the usual one; nil when there shall be none, or the usual one cannot be had.
    static func open(_ asked: String?, logger: Logger, pages: @escaping HealthServer.Pages) async throws
        -> HealthServer?
    {
        if asked == "none" { return nil }
        do {
            let address = try asked.map { try HealthAddress($0) } ?? chosen()
            let server = try await HealthServer.open(address, logger: logger, pages: pages)
            logger.notice("\(WorkerTexts.healthIsAt("\(server.address)"))")
            return server
        } catch {
            guard asked == nil else { throw CommandFailure(exitCode: 3, message: "\(error)") }
            logger.warning("\(WorkerTexts.noHealth)", metadata: ["reason": "\(error)"])
            return nil
        }
    }
}
