import ArgumentParser
import EventStore
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
        ) { state, _, _, store in
            let event = try state.releasing(reason: reason, leavesBehind: leavesBehind, startsAgain: startsAgain)
            if startsAgain { try await refuseWhatCannotStart(state, store) }
            return Act(event: event)
        }
    }

    /// What is taken back is gone, so whatever would keep the new run from starting is said before.
    private static func refuseWhatCannotStart(_ state: RunState, _ store: PostgresStore) async throws {
        guard let published = try await store.definition(workflow: state.workflow, version: nil) else { return }
        guard let newest = Definition.read(canonical: try JSONValue.parse(published.canonical)).definition else {
            throw DecideTexts.unreadableDefinition(state.workflow)
        }
        let name = DecideTexts.newest(newest.workflow, version: newest.version)
        let (problem, key) = newest.problem(withOlderInput: state.input)
        if let problem {
            throw DecideTexts.inputDoesNotFit(name, problem)
        }
        guard let key, key != state.key else { return }
        let others = try await store.runs(
            RunFilter(workflow: state.workflow, organisation: state.organisation, key: key, limit: 10))
        if let other = others.first(where: { $0.id != state.id && [.live, .held, .succeeded].contains($0.status) }) {
            throw DecideTexts.keyIsTaken(name, key, by: other.id.description)
        }
    }
}
