import ArgumentParser
import WorkflowCore

/// What the commands say with which a person decides something about runs. Why a run refuses has the words of
/// `WorkflowCore`.
enum DecideTexts {
    // MARK: Options

    static let badActor = ValidationError("--actor is a kind and a name, such as person:ana or service:billing")
    static let actorIsWorker = ValidationError("--actor cannot be a worker")
    static let blankReason = ValidationError("--reason is blank; it stays in the history, so say why")
    static let longReason = ValidationError("--reason may have 4096 bytes")
    /// In the words of the parser, which asks for what is always needed.
    static let noReason = ValidationError("Missing expected argument '--reason <text>'")
    static let confirmIsNumber = ValidationError("--confirm is a number of runs")
    static let seqIsNumber = ValidationError("--expected-seq is a number of events")
    static let whichRuns = ValidationError("name runs, or say which with filters such as --workflow and --error")
    static let runsOrFilters = ValidationError("name runs or give filters, not both")
    static let runsOrAll = ValidationError("name runs or give --all, not both")
    static let seqOfOneRun = ValidationError("--expected-seq is for one run")
    static let waitForOneRun = ValidationError("--wait is for one run that is named")
    static let oneDecision = ValidationError(
        "say one of --late-answer, --adopt, --done, --retry, --retry-anyway and --abandon")
    static let findsFromOne = ValidationError("--adopt counts the finds from 1")
    static let valuesNeedDecision = ValidationError("values and --secret go with --done or --adopt")
    static let valuesOfOneRun = ValidationError("values and --secret are for one run")
    static let theOnlyOne = "the only one"

    /// The reason in the history when a person asks for an inspection and gives none.
    static let inspectionReason = "asked for by hand"

    // MARK: Which runs

    static func twice(_ run: String) -> CommandFailure { .badInput("run \(run) is named twice") }
    static func chosen(_ verb: String, _ runs: Int) -> String { "\(verb): \(counted(runs))" }
    static func more(_ runs: Int) -> String { "... and \(runs) more" }
    static func otherStatuses(_ runs: Int, _ verb: String, statuses: [String]) -> String {
        "\(counted(runs)) left out: \(verb) is for \(statuses.joined(separator: ", ")) runs."
    }

    static let question = "Type the number of runs to go on: "
    static func nobodyToAsk(_ runs: Int) -> CommandFailure {
        .badInput(
            "\(counted(runs)) would change, and there is no terminal to confirm that",
            hint: "Give --confirm \(runs). \(nothingDone)")
    }
    static let notTheNumber = CommandFailure.failed("that is not the number", hint: nothingDone)
    static func otherNumber(_ runs: Int, confirmed: Int) -> CommandFailure {
        .failed("\(counted(runs)) would change, not \(confirmed)", hint: nothingDone)
    }
    private static let nothingDone = "Nothing was done."

    // MARK: What was done

    static let stopping = "Stopping after the run that is under way ..."
    static func stopped(_ tally: String, left: Int) -> String {
        "Stopped: \(tally); \(counted(left)) left as they were."
    }
    static func ended(at run: String, _ tally: String) -> String { "Ended at run \(run): \(tally)." }
    static func saysNotHow(_ runs: Int, _ verb: String) -> String {
        "\(counted(runs)) left out: their definitions do not say how to \(verb) them."
    }
    static func tally(done: Int, refused: Int, isDryRun: Bool) -> String {
        "\(counted(done)) \(isDryRun ? "would be done" : "done"), \(refused) refused"
    }
    static func refused(_ refused: Int, of runs: Int) -> CommandFailure {
        .failed("\(refused) of \(counted(runs)) refused")
    }
    static func taken(_ verb: String, isDryRun: Bool, status: String, state: String) -> String {
        "\(verb) \(isDryRun ? "would be taken" : "taken"): \(status), state \(state)"
    }
    static func underWay(_ run: String) -> String {
        "  A request is under way; \"turnup show \(run)\" says later what came of it."
    }
    static func refusal(_ run: String, _ message: String) -> String { "run \(run): \(message)" }

    // MARK: Why no run could follow

    static func unreadableDefinition(_ workflow: String) -> CommandFailure {
        .failed("the stored definition of \(workflow) cannot be read by this version")
    }
    static func newest(_ workflow: String, version: Int) -> String {
        "\(workflow) version \(version), by which the new run would start,"
    }
    static func inputDoesNotFit(_ definition: String, _ problem: String) -> OperatorActionRefusal {
        OperatorActionRefusal(
            "cannot_start_again", "\(definition) does not take its input: \(problem)",
            hint: "\(nothingDone) Release it, and enqueue a new run with the input that is wanted now.")
    }
    static func keyIsTaken(_ definition: String, _ key: String, by run: String) -> OperatorActionRefusal {
        OperatorActionRefusal(
            "cannot_start_again", "\(definition) gives it the key \"\(key)\", which run \(run) has",
            hint: "\(nothingDone) See \"turnup show \(run)\".")
    }

    // MARK: Why a run is left as it is

    static func movedOn(_ how: String) -> String { "it has moved on since it was looked at: \(how)" }
    static func decideAgain(_ run: String) -> String { "See \"turnup show \(run)\", then decide again." }
    static func otherSeq(_ seq: Int64, expected: Int64) -> String { "it has \(seq) events now, not \(expected)" }
    static func alwaysMoved(_ looks: Int) -> String { "\(looks) times, always before this could be written" }
    static let filtersMatchNoMore = "the filters do not match it any more"
    static func lateSecretGone(_ name: String) -> CommandFailure {
        .failed("the sealed value \(name) of the late answer is gone")
    }
    static func notSecret(_ name: String) -> CommandFailure {
        .badInput("\(name) is not secret", hint: EnqueueTexts.giveValue(name))
    }

    private static func counted(_ runs: Int) -> String { TerminalTexts.counted(runs, "run") }
}
