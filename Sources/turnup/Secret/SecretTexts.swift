import ArgumentParser

/// What the commands of credentials say, and what is said of a secret that is handed over. Never a value itself.
enum SecretTexts {
    // MARK: Options

    static let onCommandLine = ValidationError(
        "a value on the command line can be read by others; give --from-file, --from-env or nothing to be asked")
    static let noName = ValidationError(
        "that is no name of a credential: a letter, then letters, digits or _; its value is not given here")
    static let oneSource = ValidationError("give --from-file or --from-env, not both")

    // MARK: Where a value comes from

    static func valueOf(_ name: String) -> String { "Value of \(name): " }
    static let nobodyToAsk = CommandFailure.badInput(
        "there is no terminal to ask for the value", hint: "Give --from-file PATH or --from-env VARIABLE.")

    static func notInEnvironment(_ variable: String) -> CommandFailure {
        .badInput("the environment variable \(variable) is not set")
    }

    static let needsFile = CommandFailure.badInput(
        "a secret comes from a file, because a value on the command line can be read by others",
        hint: "Give it as --secret NAME=@FILE, or NAME=@- for standard input.")
    static let oneFromInput = CommandFailure.badInput("only one secret can come from standard input")
    static func twice(_ name: String) -> CommandFailure { .badInput("secret \"\(name)\" is given twice") }

    // MARK: What is wrong with a value

    static func notText(_ name: String) -> CommandFailure { .badInput("the value of \(name) is not UTF-8 text") }
    static func empty(_ name: String) -> CommandFailure { .badInput("the value of \(name) is empty") }
    static func tooLong(_ name: String) -> CommandFailure {
        .badInput("the value of \(name) is longer than 64 KiB or holds a NUL byte")
    }

    // MARK: Results

    static func stored(_ name: String, version: Int, fingerprint: String) -> String {
        "\(name): version \(version), fingerprint \(fingerprint)"
    }

    static func removed(_ name: String, versions: Int) -> String {
        "Removed \(name): \(TerminalTexts.counted(versions, "version"))."
    }

    static func removed(fingerprint: String) -> String { "\(fingerprint) removed" }

    static func absent(_ name: String, organisation: String?) -> CommandFailure {
        .badInput(
            "there is no credential \(name)\(organisation.map { " of organisation \($0)" } ?? "")",
            hint: "See \"turnup secret list\".")
    }
}
