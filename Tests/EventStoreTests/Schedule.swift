import Foundation
import Testing
import WorkflowCore

/// What a simulated world asked of its model of the store, one after the other.
struct Schedule: Sendable {
    let seed: String
    let calls: [JSONValue]
    /// All events of all runs, as they stood in the end.
    let streams: [JSONValue]

    struct File: Sendable {
        let definitions: [JSONValue]
        let schedules: [Schedule]
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
        var definitions: [JSONValue] = []
        var schedules: [Schedule] = []
        var seed = ""
        var calls: [JSONValue] = []
        for line in text.components(separatedBy: "\n") where !line.isEmpty {
            let item = try JSONValue.parse(line)
            if item["call"] != nil {
                calls.append(item)
            } else if let begun = item["schedule"]?.stringValue {
                (seed, calls) = (begun, [])
            } else if let streams = item["streams"]?.arrayValue {
                schedules.append(Schedule(seed: seed, calls: calls, streams: streams))
            } else {
                definitions = item["definitions"]?.arrayValue ?? []
            }
        }
        return File(definitions: definitions, schedules: schedules)
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
