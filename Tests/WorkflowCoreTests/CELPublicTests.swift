import Foundation
import Testing
import WorkflowCore

/// Runs the cases that `.ci/cel-conformance` has read from CEL's public files.
@Suite("CEL's public files", .enabled(if: PublicCases.path != nil, "CEL_TESTDATA names no file with cases"))
struct CELPublicTests {
    @Test func `whatever the subset covers comes out as CEL says, by the public cases`() throws {
        let cases = try PublicCases.read()
        try #require(!cases.isEmpty)
        var counts: [PublicCases.Verdict: Int] = [:]
        var lines: [String] = []
        for item in cases {
            let (verdict, why) = try PublicCases.judge(item)
            counts[verdict, default: 0] += 1
            if verdict != .agrees { lines.append("\(verdict.rawValue): \(item["name"]?.stringValue ?? ""): \(why)") }
        }
        let summary = PublicCases.Verdict.allCases.map { "\(counts[$0] ?? 0) \($0.rawValue)" }
        lines.append("\(cases.count) cases: \(summary.joined(separator: ", "))")
        if let report = ProcessInfo.processInfo.environment["CEL_REPORT"] {
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: report))
        }
        #expect(counts[.disagrees] == nil, "\(lines.filter { $0.hasPrefix("disagrees") })")
    }
}

private enum PublicCases {
    enum Verdict: String, CaseIterable {
        case agrees
        /// Another result on purpose; the decision on the subset says why.
        case differs
        /// It needs a part of CEL that definitions do not have.
        case outside
        case disagrees
    }

    static var path: String? { ProcessInfo.processInfo.environment["CEL_TESTDATA"] }

    /// Long ints and doubles are compared by their exact values, where CEL rounds the int first.
    private static let exactNumbers: Set = [
        "not_lt_dyn_int_big_lossy_double", "not_gt_dyn_int_small_lossy_double", "not_lt_dyn_big_double_int",
        "not_gt_dyn_big_double_int", "not_lt_dyn_small_double_int", "lte_dyn_int_small_lossy_double",
        "lte_dyn_big_double_int", "gte_dyn_int_big_lossy_double", "gte_dyn_small_double_int",
    ]

    static func read() throws -> [JSONValue] {
        guard let path else { return [] }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        return try JSONValue.parse(bytes, limits: JSONLimits(bytes: 1 << 24)).arrayValue ?? []
    }

    static func judge(_ item: JSONValue) throws -> (Verdict, String) {
        if let reason = item["outside"]?.stringValue { return (.outside, reason) }
        let name = item["name"]?.stringValue?.split(separator: "/").last.map(String.init) ?? ""
        let source = withoutDyn(item["expression"]?.stringValue ?? "")
        var scope = ExpressionScope()
        for (name, value) in item["bindings"]?.objectValue?.members ?? [] {
            scope[name] = .json(try JSONValue.parse(value.stringValue ?? ""))
        }
        let (found, type) = ConformanceCase.outcome(of: source, in: scope)
        if ["!unsupported", "!unknown_function"].contains(found) { return (.outside, "\(source): \(found)") }
        let expected = item["value"]?.stringValue
        let agrees =
            if let expected { try type != nil && JSONValue.parse(found) == JSONValue.parse(expected) } else {
                type == nil
            }
        if agrees { return (.agrees, "") }
        let text = "\(source) is \(found), not \(expected ?? "an error")"
        return (exactNumbers.contains(name) ? .differs : .disagrees, text)
    }

    /// `dyn(x)` is x: it only stills CEL's type checker.
    private static func withoutDyn(_ source: String) -> String {
        source.replacing(/\bdyn\(([^()]*)\)/) { "\($0.1)" }
    }
}
