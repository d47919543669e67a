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
        if let after = reached.withLock({ $0 }) { Console.note(VerifyTexts.goOn(after: "\(after)", options: options)) }
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
            Console.out(
                VerifyTexts.end(
                    Self.counts(tally), seconds: String(format: "%.1f", seconds), isPartial: tally.isPartial))
            if tally.isPartial, let after = tally.after {
                Console.out(VerifyTexts.goOn(after: "\(after)", options: options))
            }
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
        VerifyTexts.counts(
            runs: tally.runs, events: tally.events, violations: tally.violations, warnings: tally.warnings)
    }

    /// Two lines: where and what, then what to do.
    private static func text(_ violation: Violation) -> String {
        let place = VerifyTexts.place(run: violation.runId?.description, event: violation.seq)
        let text = VerifyTexts.facts(expected: violation.expected, actual: violation.actual)
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
