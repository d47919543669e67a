import Diagnostics
import EventStore
import Foundation
import Synchronization
import WorkflowCore

/// Prints what `turnup verify` finds: violations on stdout as they come, progress on a terminal's stderr.
final class VerifyReport: Sendable {
    private let isJSON: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let hasProgress = Mutex(false)
    private let reached = Mutex<Identifier?>(nil)

    init(isJSON: Bool) { self.isJSON = isJSON }

    func print(_ violation: Violation) {
        clear()
        Console.out(isJSON ? Self.json(violation) : Self.text(violation))
    }

    func show(_ tally: VerifyTally) {
        reached.withLock { $0 = tally.after }
        guard isTerminal else { return }
        hasProgress.withLock { $0 = true }
        Console.progress(Self.counts(tally))
    }

    /// The verification was ended by an error.
    func broken(options: String) {
        clear()
        if let after = reached.withLock({ $0 }) { Console.note(Self.goOn(after, options)) }
    }

    private static func goOn(_ after: Identifier, _ options: String) -> String {
        "All runs up to \(after) were looked at. Go on with: turnup verify\(options) --after \(after)"
    }

    func end(_ tally: VerifyTally, seconds: Double, options: String) {
        clear()
        if isJSON {
            Console.out(
                JSONText.object([
                    ("kind", "summary"), ("runs", .integer(tally.runs)), ("events", .integer(tally.events)),
                    ("violations", .integer(tally.violations)), ("warnings", .integer(tally.warnings)),
                    ("milliseconds", .integer(Int64(seconds * 1000))), ("is_partial", .bool(tally.isPartial)),
                    ("after", .optional(tally.isPartial ? tally.after?.description : nil)),
                ]))
        } else {
            let end = tally.isPartial ? "Interrupted: " : ""
            Console.out("\(end)\(Self.counts(tally)), \(String(format: "%.1f", seconds)) s")
            if tally.isPartial, let after = tally.after { Console.out(Self.goOn(after, options)) }
        }
    }

    private func clear() {
        let isThere = hasProgress.withLock { value in
            defer { value = false }
            return value
        }
        if isThere { Console.progress("") }
    }

    private static func counts(_ tally: VerifyTally) -> String {
        let warnings = tally.warnings == 0 ? "" : ", \(tally.warnings) warnings"
        return "\(tally.runs) runs, \(tally.events) events, \(tally.violations) violations\(warnings)"
    }

    /// Two lines: where and what, then what to do.
    private static func text(_ violation: Violation) -> String {
        var place = violation.runId.map { "run \($0)" } ?? "installation"
        if let seq = violation.seq { place += " event \(seq)" }
        var facts: [String] = []
        if let expected = violation.expected { facts.append("expected \(expected)") }
        if let actual = violation.actual { facts.append("found \(actual)") }
        let text = facts.isEmpty ? "" : ": " + facts.joined(separator: ", ")
        let word = violation.code.isWarning ? "warning " : ""
        return Table.visible(
            "\(place)  \(word)\(violation.code.rawValue)  \(ViolationText.meaning(violation.code))\(text)")
            + "\n  \(ViolationText.advice(violation.code))"
    }

    private static func json(_ violation: Violation) -> String {
        JSONText.object([
            ("kind", .string(violation.code.isWarning ? "warning" : "violation")),
            ("run", .optional(violation.runId?.description)), ("code", .string(violation.code.rawValue)),
            ("seq", violation.seq.map { .integer($0) } ?? .null), ("expected", .optional(violation.expected)),
            ("actual", .optional(violation.actual)), ("what", .string(ViolationText.meaning(violation.code))),
            ("do", .string(ViolationText.advice(violation.code))),
        ])
    }
}
