import ArgumentParser

/// What `turnup enqueue` says.
enum EnqueueTexts {
    // MARK: Options

    static func noUUID(_ id: String) -> ValidationError { ValidationError("--id \(id) is not a UUID") }
    static let needFrom = ValidationError("--format, --rejected, --strict and --resume need --from")
    static let inputFromFile = ValidationError("with --from the input comes from the file, not as name=value")
    static func forOneRun(_ option: String) -> ValidationError {
        ValidationError("\(option) is for one run, not for a file")
    }
    static let waitForOneRun = ValidationError("--wait is for one run; with --from see \"turnup runs --watch\"")
    static let nothingToResumeLater = ValidationError("--strict leaves nothing to resume")
    static let needInsteadOf = ValidationError("--reason and --expected-seq need --instead-of")
    static let insteadOfNeedsReason = ValidationError("--instead-of needs --reason: it stays in the history")

    // MARK: Results

    static func wasThere(run: String) -> String { "run \(run) (was there already)" }
    static func isNew(run: String) -> String { "run \(run)" }
    static let wasThere = "It was there already, with the same input."

    static func tally(created: Int64, existing: Int64, rejected: Int64) -> String {
        "\(created) created, \(existing) there already, \(rejected) rejected"
    }

    static func speed(rows: Int64, seconds: Int, perSecond: Int) -> String {
        "\(TerminalTexts.counted(rows, "row")) in \(seconds) s, \(perSecond) a second."
    }

    static func rejected(_ rows: Int64, in path: String) -> CommandFailure {
        .failed(rows == 1 ? "1 row was rejected" : "\(rows) rows were rejected", hint: rejectsHint(path))
    }

    static func nothingEnqueued(badRows: Int64, in path: String) -> CommandFailure {
        .badInput(
            "\(badRows) \(badRows == 1 ? "row is" : "rows are") bad, so nothing was enqueued", hint: rejectsHint(path))
    }

    private static func rejectsHint(_ path: String) -> String { "See \(path): it holds them, with the reasons." }

    // MARK: Time

    /// `limit` is such as `1.5 s`.
    static func notCreated(within limit: String, reason: String) -> CommandFailure {
        CommandFailure(
            exitCode: 3, message: "the run was not created: the database did not answer within \(limit)",
            hint: "Nothing was written. It said: \(reason)")
    }

    static func unknown(run: String, within limit: String) -> CommandFailure {
        CommandFailure(
            exitCode: 3,
            message: "it is not known whether run \(run) was created: no answer came within \(limit), "
                + "or the connection broke",
            hint: "Repeat the same command with --id \(run): it answers the run that is there, or makes it once.")
    }

    // MARK: What a run will wait for

    static func notLookedUp(_ reason: String) -> String {
        "Whether it will have to wait could not be looked up: \(reason)"
    }

    static func waitsForBaseURL(_ service: String) -> String {
        "It will wait: service \(service) has no base URL. \(ServiceTexts.setBaseURL(service))"
    }

    static func waitsForCredential(_ name: String) -> String {
        "It will wait: the credential \(name) is not set. turnup secret set \(name)"
    }

    // MARK: Values

    static func notNameValue(_ text: String) -> CommandFailure { .badInput("\"\(text)\" is not name=value") }

    static func noInput(_ name: String, _ workflow: String, declared: [String]) -> CommandFailure {
        .badInput("\(workflow) has no input \"\(name)\"", hint: "Declared: \(declared.joined(separator: ", ")).")
    }

    static func noVariable(_ name: String, _ workflow: String, declared: [String]) -> CommandFailure {
        .badInput(
            "\(workflow) has no variable \"\(name)\"",
            hint: declared.isEmpty ? "It has none at all." : "Declared: \(declared.joined(separator: ", ")).")
    }

    /// `what` is "input" or "variable"; `kinds` what its declaration allows.
    static func wrongKind(_ what: String, _ name: String, _ kinds: [String], given text: String) -> String {
        "\(what) \"\(name)\" must be \(kinds.joined(separator: " or ")), not \"\(text)\""
    }

    static func twice(_ what: String, _ name: String) -> CommandFailure {
        .badInput("\(what) \"\(name)\" is given twice")
    }

    static func missing(_ name: String) -> String { "input \"\(name)\" is missing" }
    static func giveValue(_ name: String) -> String { "Give it as \(name)=VALUE." }

    static func secretInTheOpen(_ name: String) -> CommandFailure {
        .badInput(
            "\(name) is secret, and a value on the command line can be read by others",
            hint: "Give it with --secret \(name)=@FILE.")
    }

    // MARK: Watching a run

    static func goesOn(run: String) -> CommandFailure { .failed("run \(run) goes on", hint: RunsTexts.showHint(run)) }

    static func ended(run: String, status: String, state: String, reason: String) -> CommandFailure {
        .failed("run \(run) is \(status) in state \(state): \(reason)", hint: RunsTexts.showHint(run))
    }

    static func isReleased(run: String) -> CommandFailure {
        .failed("run \(run) is being released", hint: RunsTexts.showHint(run))
    }

    static func inspected(run: String, verdict: String) -> CommandFailure {
        .failed("run \(run) is inspected: \(verdict)", hint: RunsTexts.showHint(run))
    }

    // MARK: The file, and where it stands

    static func noFormat(_ path: String) -> CommandFailure {
        .badInput("the name of \(path) does not say its format", hint: "Give --format csv or --format jsonl.")
    }

    static let theInput = "the input"
    static func isFolder(_ path: String) -> CommandFailure { .badInput("\(path) is a folder") }
    static func notFromThere(_ path: String, _ reason: String) -> CommandFailure {
        .failed("\(path) cannot be read from another place: \(reason)")
    }
    static let strictNeedsFile = CommandFailure.badInput(
        "--strict needs a file, because it is read twice", hint: "Save the rows first.")

    static func stopped(afterLine line: Int64, _ tally: String) -> String { "Stopped after line \(line): \(tally)." }
    static let resumeHint = "The same command with --resume goes on."
    static let againHint = "The same rows again change nothing; those that are there already are passed over."

    static let pipeNotResumed = CommandFailure.badInput(
        "a pipe cannot be resumed", hint: "Give the rows again: none is doubled.")

    static func begunBefore(_ path: String, record: String) -> CommandFailure {
        .badInput(
            "\(path) was begun before and has not ended",
            hint: "--resume goes on with it. To start anew, remove \(record); rows that are there are passed over.")
    }

    static func nothingToResume(_ record: String) -> CommandFailure {
        .badInput(
            "there is nothing to resume: no \(record)", hint: "It has ended, or it never began. Leave --resume out.")
    }

    static func changedSince(_ path: String, record: String) -> CommandFailure {
        .badInput(
            "\(path) has changed since it was begun",
            hint: "Remove \(record) and start anew: rows that are there already are passed over.")
    }

    static func otherPurpose(_ path: String) -> CommandFailure {
        .badInput(
            "\(path) was begun with another workflow, version or organisation", hint: "Give the same ones.")
    }

    static func noRecord(_ path: String) -> CommandFailure {
        .failed("\(path) is not a record of progress", hint: "Remove it to start anew.")
    }

    static func recordNotWritten(_ path: String, _ reason: String) -> CommandFailure {
        .failed(
            "the progress cannot be written to \(path): \(reason)",
            hint: "Copy the file to a folder of your own, or give it on stdin with --from -.")
    }

    // MARK: The reject file

    static func shorterThanBefore(_ path: String) -> CommandFailure {
        .badInput("\(path) is shorter than it was", hint: "Start anew without --resume.")
    }

    static func rejectsNotThere(_ path: String) -> CommandFailure {
        .badInput(TerminalTexts.unwritable(path, TerminalTexts.isNoRegularFile), hint: otherRejectsHint)
    }

    static func rejectsOverRows(_ path: String) -> CommandFailure {
        .badInput("\(path) cannot take the rejected rows: the rows are read from it", hint: otherRejectsHint)
    }

    private static let otherRejectsHint = "Name another one with --rejected."

    // MARK: The head line

    static let emptyFile = CommandFailure.badInput("the file is empty; its first line must name the columns")
    static func unreadableHead(line: Int64, _ reason: String) -> CommandFailure {
        .badInput("the head line \(line) cannot be read: \(reason)")
    }
    static func columnTwice(_ column: String) -> CommandFailure {
        .badInput("the column \"\(column)\" stands there twice")
    }

    static func noColumn(_ column: String, _ workflow: String, allowed: [String]) -> CommandFailure {
        .badInput(
            "\(workflow) has no input \"\(column)\"", hint: "Columns may be \(allowed.joined(separator: ", ")).")
    }

    static func columnMissing(_ column: String) -> CommandFailure {
        .badInput("the column \"\(column)\" is missing: the input has no default")
    }
    static let noOrganisation = CommandFailure.badInput(
        "no organisation is named", hint: "Give --organisation, or a column \"organisation\".")

    // MARK: Why a row is rejected

    static func fieldCount(_ fields: Int, columns: Int) -> String {
        "the row has \(fields) fields, and the file \(columns) columns"
    }
    static func badVersion(_ text: String) -> String { "version must be a whole number; this is \"\(text)\"" }
    static let hugeVersion = "version is out of range"
    static func undeclared(_ name: String, version: Int) -> String {
        "input \"\(name)\" is not declared by version \(version)"
    }
    static func undeclared(_ name: String) -> String { "input \"\(name)\" is not declared by the workflow" }
    static func notPublished(_ workflow: String, version: Int) -> String {
        "workflow \"\(workflow)\" version \(version) is not published"
    }
    static func notJSON(_ reason: String) -> String { "the line is not JSON: \(reason)" }
    static func notObject(_ type: String) -> String { "the line must hold an object; this is \(type)" }
    static let holdsNUL = "the line holds a NUL character"
    static func besideInput(_ name: String) -> String {
        "\"\(name)\" beside the input must be organisation or due, as text, or version, a number"
    }
    static func badDue(_ text: String) -> String {
        "due must be a time with its zone, such as 2026-12-31T08:00:00Z; this is \"\(text)\""
    }

    /// Why a run that somebody watches does not move.
    static func waits(_ why: String) -> String { "waits: \(why)" }

    static func tooLong(kibibytes: Int) -> String { "the row is longer than \(kibibytes) KiB" }
    static let notText = "the row is not UTF-8 text without NUL characters"
    static let openQuote = "a quote is opened and not closed"
    static let loneReturn = "a carriage return stands alone"
    static let behindQuote = "something follows a closing quote"
    static let quoteInside = "a quote stands inside a field without quotes"
}
