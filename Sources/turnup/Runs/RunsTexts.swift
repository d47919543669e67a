import ArgumentParser

/// What is said about runs: the lists, the page of one run, and the choices that a person has. Why a run waits has the
/// words of `Diagnostics`.
enum RunsTexts {
    // MARK: Which run

    static func showHint(_ run: String) -> String { "See \"turnup show \(run)\"." }
    private static let listHint = "See \"turnup runs\"."

    static func noRun(_ name: String) -> CommandFailure { .badInput("there is no run \(name)", hint: listHint) }
    static func noId(_ name: String) -> CommandFailure {
        .badInput("\"\(name)\" is not a run's id", hint: listHint)
    }
    static func manyRuns(_ name: String) -> CommandFailure {
        .badInput("more than one run begins with \(name)", hint: "Give more of the id.")
    }
    static func noEvents(_ run: String) -> CommandFailure { .failed("run \(run): \(hasNoEvents)") }
    static let hasNoEvents = "it has no events: the database is inconsistent"

    // MARK: Options

    static let leftBehindAlone = ValidationError(
        "--left-behind lists runs that have ended: give no --service, nor --status live or held")
    static let driftedAlone = ValidationError(
        "--drifted lists succeeded runs: give no --left-behind and no other --status")
    static func noRequestId(_ text: String) -> ValidationError {
        ValidationError(
            "--request-id \(text): it must be what the platform's log shows as X-Request-Id, such as "
                + "0192f0c1-7a2b-7000-8000-000000000000")
    }
    static let watchOrJSON = ValidationError("--watch prints tables; --json lists once")
    static let everyNeedsWatch = ValidationError("--every needs --watch")
    static let everyIsShort = ValidationError("--every must be at least 100ms")

    // MARK: Comparing attempts

    private static let compareHint = "The numbers are those in the first column of \"turnup history\"."
    static let compareTwo = CommandFailure.badInput(
        "--compare takes two attempts, such as 3,5 or 5,good or 5,0192f0c1:6", hint: compareHint)
    static let goodComesSecond = CommandFailure.badInput(
        "\"good\" is the last attempt of the same call that went well, so it comes second: 5,good")
    static func noAttemptName(_ text: String) -> CommandFailure {
        .badInput("\"\(text)\" is not an attempt: give an event's number, RUN:NUMBER or good", hint: compareHint)
    }
    static func noAttempt(_ seq: Int64, run: String) -> CommandFailure {
        .badInput("event \(seq) of run \(run) belongs to no attempt", hint: compareHint)
    }
    static func noGoodAttempt(_ state: String) -> CommandFailure {
        .badInput("no attempt of state \(state) went well in the newest runs of its workflow")
    }
    static let sameAttempt = CommandFailure.badInput("that is one attempt, not two", hint: compareHint)
    static let compareAlone = ValidationError("--compare compares once; --follow goes on")
    static func attempt(_ seq: Int64, run: String?) -> String { run.map { "#\(seq) of \($0)" } ?? "#\(seq)" }
    static let absent = "-"
    static let nothingDiffers = "Nothing else differs."

    // MARK: Lists

    static func more(after run: String) -> String { "There is more: --after \(run)" }
    static func requested(_ zone: String) -> String { "REQUESTED (\(zone))" }

    // MARK: The page of a run

    static func title(workflow: String, key: String, organisation: String, date: String, run: String) -> String {
        "\(workflow) \(key) of \(organisation), \(date), run \(run)"
    }
    static func workflow(_ name: String, version: Int) -> String { "\(name) version \(version)" }
    static func ended(_ time: String, after span: String) -> String { "\(time), after \(span)" }
    static func attempts(_ count: Int64) -> String { "\(count) in this state" }
    static let adopted = "it goes on with something that it did not make"
    static func secret(_ name: String, fingerprint: String, version: Int) -> String {
        "\(name), fingerprint \(fingerprint), version \(version)"
    }
    static func events(_ count: Int64, run: String) -> String { "\(count); see \"turnup history \(run)\"" }
    static func leftBefore(_ run: String) -> String {
        "run \(run) had this key before and may have left something: turnup show \(run)"
    }

    // MARK: The choices

    static func noChoices(_ reason: String) -> String { "The choices cannot be shown: \(reason)." }
    static let choices = "The choices, as commands:"
    static func hasKey(_ run: String) -> String { "Run \(run) has its key: turnup show \(run)" }
    static func hasKeyNow(_ run: String) -> String { "Run \(run) has its key now: turnup show \(run)" }
    static let stillHasKey = "It still has its key."
    static func notRetried(_ reason: String) -> String { "It cannot be retried: \(reason)." }

    static let adopt = "What was found is ours"
    static let takenBack = "A person has taken it back"
    static let done = "It worked, or a person has seen to it; give what the answer would have given"
    static let retry = "Try again what failed; what may have worked is not sent again"
    static let retryUnchanged = "Try again, once what was changed is put back"
    static let retryAnyway = "Send it again although it may have worked: there may be two of it then"
    static let retryAnywayChanged = "Send it as it is now under a new idempotency key: there may be two of it then"
    static let abandon = "Give up: the run fails, and keeps its key while something of it may be there"
    static let adoptOfAnother =
        "Share what another run has; it stays that run's, and is never taken back for this one"
    static let abandonLeavingThenRedo = "Leave it there, and end the run; the new run with the same input starts then"
    static let cancelRedo = "Take it back all the same, but start no run after it"
    static let redoFollows = "a run with the same input starts, once this one is released"
    static let abandonLeaving = "Leave it there, and end the run"
    static let cancel = "Cancel it; what it has made is taken back where the workflow says how"
    static let cancelAgain = "Cancel it all the same; it keeps its key while something of it may be there"
    static let instead = "Start anew in its place; the new run takes the key"
    static func goOn(in state: String) -> String { "Go on in state \(state), with its data and fresh counters" }
    static func lateAnswer(_ values: [String]) -> String {
        "Its answer came late, and says that it has worked; take \(values.joined(separator: ", "))"
    }

    // MARK: Commands to copy

    static func command(_ name: String, run: String, _ words: String, seq: Int64) -> String {
        "turnup \(name) \(run)\(words.isEmpty ? "" : " " + words) \(ending(seq))"
    }

    static func enqueueInstead(_ words: [String], organisation: String, run: String, seq: Int64) -> String {
        "turnup enqueue \(words.joined(separator: " ")) --organisation \(organisation) --instead-of \(run) \(ending(seq))"
    }

    private static func ending(_ seq: Int64) -> String { "--expected-seq \(seq) --reason TEXT" }
}
