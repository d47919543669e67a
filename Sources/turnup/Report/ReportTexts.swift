import Foundation

/// What `turnup report` says beside the report itself, whose words are those of `Diagnostics`.
enum ReportTexts {
    static func written(_ path: String) -> String { "The page with plots is in \(path)." }
    static func unwritable(_ path: String, _ error: any Error) -> CommandFailure {
        .badInput(TerminalTexts.unwritable(path, error.localizedDescription), hint: "Name a file that can be written.")
    }
}
