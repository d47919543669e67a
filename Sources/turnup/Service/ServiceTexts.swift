import ArgumentParser
import Diagnostics
import EventStore

/// What the commands of services say. The words of breakers and limits are those of `Diagnostics`.
enum ServiceTexts {
    static func absent(_ name: String) -> CommandFailure {
        .badInput("there is no service \(name)", hint: "See \"turnup service list\".")
    }

    static func setBaseURL(_ name: String) -> String { "turnup service set \(name) --base-url URL" }

    // MARK: Show

    static func atMost(_ span: String) -> String { "at most \(span)" }
    static func requestId(isSent: Bool) -> String { isSent ? "sent" : "not sent" }

    /// How many runs wait; `longest` is a span, nil where nobody knows.
    static func waiting(_ count: Int, hasMore: Bool, longest: String?) -> String {
        guard count > 0 else { return "no run" }
        let counted = (hasMore ? "more than " : "") + TerminalTexts.counted(count, "run")
        return longest.map { "\(counted), the longest for \($0)" } ?? counted
    }

    // MARK: Statistics

    static func noForecast(_ count: Int) -> String {
        "\(count) became active, \(Activations.fewest) are needed to say how long keys take"
    }
    static func late(_ mostMilliseconds: Int64) -> String {
        "99 of 100 within \(Phrases.span(milliseconds: mostMilliseconds))"
    }
    static func open(_ count: Int) -> String { "\(TerminalTexts.counted(count, "key")) not active, or not yet" }
    static func ordinal(_ item: ServiceStatistics.Ordinal) -> String {
        "\(item.isLater ? "later" : "first") numbers: \(item.accepted) of \(TerminalTexts.counted(item.keys, "key")) accepted "
            + "(\(item.late) after a refusal), \(item.refused) refused to the end"
    }
    static func error(_ item: ServiceStatistics.ErrorSignature) -> String {
        "\(item.error): \(TerminalTexts.counted(item.count, "time")) in \(TerminalTexts.counted(item.runs, "run")), "
            + (item.firstDay == item.lastDay ? item.firstDay : "\(item.firstDay) to \(item.lastDay)")
    }
    static func clock(_ clock: ServiceStatistics.Clock) -> String {
        func signed(_ milliseconds: Int64) -> String {
            "\(milliseconds < 0 ? "-" : "+")\(Phrases.span(milliseconds: abs(milliseconds)))"
        }
        return "\(signed(clock.medianMilliseconds)) against ours (\(signed(clock.leastMilliseconds)) to "
            + "\(signed(clock.mostMilliseconds)), of \(TerminalTexts.counted(clock.count, "run")))"
    }
    static func repeated(_ key: ServiceStatistics.RepeatedKey) -> String {
        "\(key.fingerprint): \(TerminalTexts.counted(key.runs, "run")) of "
            + "\(TerminalTexts.counted(key.organisations, "organisation")), such as \(key.example)"
    }
    static func more(_ count: Int) -> String { "and \(count) more" }

    // MARK: Pause and resume

    static let pauseIsNothing = ValidationError("--for must be longer than 0")
    static let noReason = ValidationError("--reason must say why")
    static let longReason = ValidationError("--reason must be text of at most 1024 bytes")
    static func paused(_ name: String, until: String) -> String { "\(name) is paused \(until)" }
    static func howToResume(_ name: String) -> String { "turnup service resume \(name) ends the pause." }
    static func resumed(_ name: String, wasShut: Bool) -> String {
        wasShut ? "\(name) is resumed" : "\(name) was not paused"
    }

    // MARK: Check

    static func noBaseURL(_ name: String) -> CommandFailure {
        .badInput("service \(name) has no base URL", hint: setBaseURL(name))
    }

    static func unanswered(_ name: String, _ baseURL: String, error: String?, detail: String) -> CommandFailure {
        .failed("\(name) at \(baseURL): \(error ?? "no answer") \(detail)")
    }

    static func answered(_ name: String, _ baseURL: String, status: Int, span: String) -> String {
        "\(name) at \(baseURL) answers: \(status) in \(span)"
    }

    // MARK: Remove

    static func inUse(_ name: String, runs: Int) -> CommandFailure {
        .badInput(
            "\(name) was not removed: \(TerminalTexts.counted(runs, "live run")) may need it",
            hint: "See \"turnup runs --status live\" and --status held; --force lets them wait.")
    }

    static func removed(_ name: String) -> String { "Removed \(name)." }
    static func mayWait(_ name: String, runs: Int) -> String {
        "\(TerminalTexts.counted(runs, "live run")) may wait now. \(setBaseURL(name))"
    }

    // MARK: Set

    static func noName(_ name: String) -> ValidationError {
        ValidationError("\"\(name)\" is no service name: a letter, then letters, digits, _ or -")
    }

    static func badNetwork(_ text: String) -> ValidationError {
        ValidationError("--allow \(text): it must be public, loopback, private or a network such as 10.1.0.0/16")
    }

    static func badBaseURL(_ problem: String) -> ValidationError { ValidationError("--base-url: \(problem)") }
    static func badConcurrent(_ text: String) -> ValidationError {
        ValidationError("--concurrent \(text): it must be a number from 1 to 1000000, or none")
    }
    static func badRate(_ text: String, _ hint: String) -> ValidationError {
        ValidationError("--rate \(text): \(hint), or none")
    }
    static func badCap(_ text: String) -> ValidationError {
        ValidationError("--retry-after-cap \(text): it must be a duration from 1s to 7d, such as 10m, or default")
    }

    static func isSet(_ name: String, baseURL: String?) -> String { "\(name): \(baseURL ?? "no base URL yet")" }
    static func limits(_ limits: String) -> String { "limits: \(limits)" }
    static let perAlone = "--per alone limits nothing: give --concurrent or --rate too."

    static func unreachable(_ name: String, isLocal: Bool) -> String {
        "It cannot be reached so: only public addresses over https are, unless you allow others. "
            + "turnup service set \(name) --allow \(isLocal ? "loopback" : "private")"
    }

    // MARK: What is wrong with a base URL

    static func notURL(_ text: String) -> String { "\"\(text)\" is not a URL" }
    static let scheme = "it must begin with https:// or http://"
    static let noHost = "it has no host"
    static let holdsUser = "it must not hold a user or a password; use \"turnup secret set\""
    static func badPort(_ port: Int) -> String { "port \(port) is not from 1 to 65535" }
    static let hasQuery = "it must not have a query or a fragment"
}
