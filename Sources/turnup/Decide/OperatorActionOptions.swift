import ArgumentParser
import WorkflowCore

/// What all commands have in common that decide something about runs.
struct OperatorActionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Why; it stays in the history.", valueName: "text")) var reason: Reason?
    @Option(
        name: .customLong("expected-seq"),
        help: ArgumentHelp(
            "Refuse when the run has more events than these, as \"turnup show\" printed them; otherwise it is taken as it "
                + "stands.", valueName: "number"))
    var expectedSeq: Int64?
    @Option(
        help: ArgumentHelp("How many runs it must be; without a terminal filters need it.", valueName: "number"))
    var confirm: Int?
    @Flag(name: .customLong("dry-run"), help: "Say what would be done, and do nothing.") var dryRun = false
    @Flag(help: "Print one JSON object for each run.") var json = false
    @OptionGroup var actor: ActorOption
    @OptionGroup(title: "Which runs, when none is named") var filter: RunFilterOptions
    @OptionGroup var database: DatabaseOptions

    /// Empty where none was asked for; the commands that need one have checked that.
    var reasonText: String { reason?.text ?? "" }

    func validate() throws {
        try reason?.validate()
        if let confirm, confirm < 0 { throw DecideTexts.confirmIsNumber }
        if let expectedSeq, expectedSeq < 1 { throw DecideTexts.seqIsNumber }
    }

    /// `ofAll`: neither runs nor filters need be given.
    func check(named runs: [String], needsReason: Bool = true, ofAll: Bool = false) throws {
        if needsReason, reason == nil { throw DecideTexts.noReason }
        if runs.isEmpty, filter.isEmpty, !ofAll { throw DecideTexts.whichRuns }
        if !runs.isEmpty, !filter.isEmpty { throw DecideTexts.runsOrFilters }
        if expectedSeq != nil, runs.count != 1 { throw DecideTexts.seqOfOneRun }
    }
}
