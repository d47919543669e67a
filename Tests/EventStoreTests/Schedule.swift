import Foundation
import Testing
import WorkflowCore

/// What a simulated world asked of its model of the store, one after the other.
struct Schedule: Sendable {
    let seed: String
    /// Requests to the service at the same time; nil: any number.
    let concurrent: Int64?
    let calls: [JSONValue]
    /// All events of all runs, as they stood in the end.
    let streams: [JSONValue]

    struct File: Sendable {
        var definitions: [JSONValue] = []
        /// The digest that all runs take for their definition's.
        var digest = ""
        /// The service that all of them call, and the longest wait that it may ask of everybody.
        var service = ""
        var capMilliseconds: Int64 = 0
        var schedules: [Schedule] = []
    }

    /// Lets the simulation record these seeds; with a planted bug, the first seed that it breaks.
    static func recorded(firstSeed: Int, seeds: Int, bug: String? = nil) async throws -> File {
        let path = NSTemporaryDirectory() + "schedules-\(UUID().uuidString).jsonl"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = try simulation()
        process.arguments =
            ["--record", path, "--first-seed", "\(firstSeed)", "--seeds", "\(seeds)"]
            + (bug.map { ["--bug", $0] } ?? [])
        process.standardInput = FileHandle.nullDevice
        let exitCode = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        try #require(exitCode == 0, "the simulation recorded nothing")
        return try read(String(contentsOfFile: path, encoding: .utf8))
    }

    private static func read(_ text: String) throws -> File {
        var file = File()
        var begun: JSONValue = [:]
        var calls: [JSONValue] = []
        for line in text.components(separatedBy: "\n") where !line.isEmpty {
            let item = try JSONValue.parse(line)
            if item["call"] != nil {
                calls.append(item)
            } else if item["schedule"] != nil {
                (begun, calls) = (item, [])
            } else if let streams = item["streams"]?.arrayValue {
                file.schedules.append(
                    Schedule(
                        seed: begun["schedule"]?.stringValue ?? "", concurrent: begun["concurrent"]?.integerValue,
                        calls: calls, streams: streams))
            } else {
                file.definitions = item["definitions"]?.arrayValue ?? []
                file.digest = item["digest"]?.stringValue ?? ""
                file.service = item["service"]?.stringValue ?? ""
                file.capMilliseconds = item["cap"]?.integerValue ?? 0
            }
        }
        return file
    }

    /// The program that was built with the tests, beside their bundle.
    private static func simulation() throws -> URL {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let bundles = CommandLine.arguments.filter { $0.hasSuffix(".xctest") }.map { URL(fileURLWithPath: $0) }
        let folders = bundles.map { $0.deletingLastPathComponent() } + [sources.appendingPathComponent(".build/debug")]
        let program = folders.map { $0.appendingPathComponent("Simulation") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        return try #require(program, "the simulation is not built")
    }
}
