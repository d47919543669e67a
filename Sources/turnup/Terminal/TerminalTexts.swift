import ArgumentParser
import Foundation

/// What the program itself says, and what commands of several folders say alike.
enum TerminalTexts {
    /// `1 run`, `2 runs`.
    static func counted(_ count: some BinaryInteger, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }

    // MARK: The command line

    static func noCommand(_ name: String) -> String { "there is no command \"\(name)\"" }
    static let commandsHint = "See \"turnup --help\"."
    static func subcommandsHint(_ names: [String]) -> String { "There are: \(names.joined(separator: ", "))." }
    static let notUnderstood = "the command line is not understood"
    static let durationHint = "A duration is such as 90s, 15m, 2h or 3d."
    static let usageHint = "See \"turnup --help\" or \"turnup help COMMAND\"."
    static let interrupted = "interrupted"

    // MARK: Options

    /// `range` is such as `1 to 50000`.
    static func outOfRange(_ option: String, _ range: String) -> ValidationError {
        ValidationError("\(option) must be from \(range)")
    }

    static func isEmpty(_ option: String) -> ValidationError { ValidationError("\(option) is empty") }
    static func isMissing(_ option: String) -> ValidationError { ValidationError("\(option) is missing") }

    // MARK: Files

    /// What the system said last; to be asked before anything else can change `errno`.
    static var systemReason: String { String(cString: strerror(errno)) }

    static func unreadable(_ name: String, _ reason: String = systemReason) -> String {
        "\(name) cannot be read: \(reason)"
    }

    static func unwritable(_ name: String, _ reason: String = systemReason) -> String {
        "\(name) cannot be written: \(reason)"
    }

    static let isFolder = "it is a folder"
    static let isNoRegularFile = "it is not a regular file"
    static func isTooLarge(mebibytes: Int) -> String { "it has more than \(mebibytes) MiB" }
    static let standardInput = "standard input"
    static let standardOutput = "standard output"

    // MARK: The database

    static let databaseHint =
        "Check --database-url, TURNUP_DATABASE_URL or libpq's variables, and that the server runs."
}
