import Foundation
import Testing
import WorkflowCore
import WorkflowFiles

/// One file of `Corpus/`: `NAME.yaml`, what it prints in `NAME.expected`, and `NAME.older.yaml` where it is compared
/// with an older version.
struct CorpusFile: Sendable, CustomTestStringConvertible {
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Corpus")

    static let broken = files(in: "broken")
    static let valid = files(in: "valid")

    let name: String
    private let folder: String

    var testDescription: String { name }

    private func url(_ suffix: String) -> URL {
        Self.directory.appendingPathComponent(folder).appendingPathComponent(name + suffix)
    }

    private static func files(in folder: String) -> [CorpusFile] {
        let place = directory.appendingPathComponent(folder)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
        return names.filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".older.yaml") }.sorted()
            .map { CorpusFile(name: String($0.dropLast(5)), folder: folder) }
    }

    func bytes() throws -> [UInt8] { Array(try Data(contentsOf: url(".yaml"))) }

    func expected() throws -> String { try String(contentsOf: url(".expected"), encoding: .utf8) }

    /// What `check` prints; files named for E104 are read for publishing.
    func check() throws -> WorkflowCheck {
        WorkflowFile.check(
            try bytes(), name: "\(name).yaml", mode: name.hasPrefix("e104") ? .publish : .check)
    }

    func problems() throws -> [WorkflowProblem] {
        var problems = try check().problems
        if let data = try? Data(contentsOf: url(".older.yaml")) {
            let older = try #require(
                WorkflowFile.check(Array(data), name: "\(name).yaml").tree, "the older version is no YAML")
            problems += WorkflowFile.changes(
                try bytes(), name: "\(name).yaml", after: older, liveRuns: ["somewhere": 2])
        }
        return ProblemList.ordered(problems)
    }

    /// With TURNUP_RECORD=1 the expected text is written anew, to be read before it is committed.
    func compare() throws {
        let actual = try problems().map { "\($0)\n" }.joined()
        if ProcessInfo.processInfo.environment["TURNUP_RECORD"] == "1" {
            try actual.write(to: url(".expected"), atomically: true, encoding: .utf8)
            Issue.record("recorded \(name).expected; read it, and run again without TURNUP_RECORD")
        } else {
            #expect(actual == (try expected()))
        }
    }
}
