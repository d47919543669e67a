import ArgumentParser
import WorkflowCore

struct Release: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take back what succeeded runs have made, and let their keys go.",
        discussion: """
            A worker takes back what the run made, the newest first, as its definition says; then the run is released and \
            its key is free. When something has no undo, or may be there beside what the run goes on with, nothing is done, \
            unless --leave-behind says that it may stay: "turnup runs --left-behind" lists such runs.

            Examples:
              turnup release 0192f0c1 --reason 'the customer has left'
              turnup release 0192f0c1 --leave-behind --reason 'deleted by hand on the platform'
            """)

    @Argument(help: "The runs' ids, or their beginnings.") var runs: [String] = []
    @OptionGroup var left: LeaveBehindOption
    @OptionGroup var options: OperatorActionOptions

    func validate() throws { try options.check(named: runs) }

    func run() async throws {
        try await OperatorAction.releasing(self.left, options, startsAgain: false).run(runs, options)
    }
}

struct Redo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Release succeeded runs, and then start new ones with the same input.",
        discussion: """
            The new run starts when the old one is released, by the newest version of the workflow; the histories of both \
            name the other. A release that is held for a person starts nothing until it ends.

            Examples:
              turnup redo 0192f0c1 --reason 'the account is gone over there'
            """)

    @Argument(help: "The runs' ids, or their beginnings.") var runs: [String] = []
    @OptionGroup var left: LeaveBehindOption
    @OptionGroup var options: OperatorActionOptions

    func validate() throws { try options.check(named: runs) }

    func run() async throws {
        try await OperatorAction.releasing(self.left, options, startsAgain: true).run(runs, options)
    }
}

struct LeaveBehindOption: ParsableArguments {
    @Flag(
        name: .customLong("leave-behind"),
        help: "Let the key go although something that nothing takes back may stay on the platform.")
    var isSaid = false
}

extension OperatorAction {
    fileprivate static func releasing(
        _ left: LeaveBehindOption, _ options: OperatorActionOptions, startsAgain: Bool
    ) -> OperatorAction {
        let reason = options.reasonText
        let leavesBehind = left.isSaid
        return OperatorAction(
            name: startsAgain ? "redo" : "release", statuses: [.succeeded], saysLeftBehind: true
        ) { state, _, _, _ in
            Act(event: try state.releasing(reason: reason, leavesBehind: leavesBehind, startsAgain: startsAgain))
        }
    }
}
