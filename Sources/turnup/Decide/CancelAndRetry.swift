import ArgumentParser
import WorkflowCore

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End runs, as soon as a request that is under way has its answer.",
        discussion: """
            What a run has made is taken back where its definition says how; what may be left behind is said. A held run \
            needs no decision for it.

            Examples:
              turnup cancel 0192f0c1 --reason 'the customer has left'
              turnup cancel --organisation academy --older-than 2d --reason 'the customer has left'

            With filters the runs are shown, and their number must be typed or given with --confirm.
            """)

    @Argument(help: "The runs' ids, or their beginnings.") var runs: [String] = []
    @OptionGroup var options: OperatorActionOptions

    func validate() throws { try options.check(named: runs) }

    func run() async throws {
        let reason = options.reasonText
        let verb = OperatorAction(name: "cancel", statuses: [.live, .held], saysLeftBehind: true) { state, _, _, _ in
            OperatorAction.Act(event: try state.cancelling(reason: reason))
        }
        try await verb.run(runs, options)
    }
}

struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try now what waits for later, and once more what has failed.",
        discussion: """
            A live run tries at once. A held one tries again what is harmless to try. A failed one goes on in the state \
            where it failed, with its data and fresh counters.

            Examples:
              turnup retry 0192f0c1 --reason 'the platform is up again'
              turnup retry --status failed --error timeout --newer-than 1d --reason 'outage of today' --dry-run
            """)

    @Argument(help: "The runs' ids, or their beginnings.") var runs: [String] = []
    @OptionGroup var options: OperatorActionOptions

    func validate() throws { try options.check(named: runs) }

    func run() async throws {
        let reason = options.reasonText
        let verb = OperatorAction(name: "retry", statuses: [.live, .held, .failed]) { state, definition, _, _ in
            OperatorAction.Act(event: try state.retrying(reason: reason, definition))
        }
        try await verb.run(runs, options)
    }
}
