import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look whether what succeeded runs have made is still there and works.",
        discussion: """
            A worker sends what the "inspect" of the run's own definition says, under the limits of its service, and comes to \
            a verdict: present, drifted (gone, or it no longer works) or unknown (the platform did not tell). Nothing is \
            mended by itself: "turnup runs --drifted" lists what has drifted, and "turnup redo" makes it anew.

            Examples:
              turnup inspect 0192f0c1 --wait
              turnup inspect --all
              turnup inspect --organisation academy

            With --wait the exit code is 0 for present, else 1. Ctrl-C while waiting ends the waiting, not the inspection.
            """)

    @Argument(help: "The runs' ids, or their beginnings.") var runs: [String] = []
    @Flag(help: "All succeeded runs whose definitions say how.") var all = false
    @Flag(help: "Wait for the verdict of the one run that is named, and show what happens.") var wait = false
    @OptionGroup var options: OperatorActionOptions

    func validate() throws {
        try options.check(named: runs, needsReason: false, ofAll: all)
        if all, !runs.isEmpty { throw DecideTexts.runsOrAll }
        if wait, runs.count != 1 || options.dryRun { throw DecideTexts.waitForOneRun }
    }

    func run() async throws {
        let reason = options.reason?.text ?? DecideTexts.inspectionReason
        let verb = OperatorAction(
            name: "inspect", statuses: [.succeeded], isHarmless: true, leavesOut: ["no_inspect"]
        ) { state, definition, _, _ in
            OperatorAction.Act(event: try state.askingForInspection(reason: reason, definition))
        }
        guard wait, let name = runs.first else { return try await verb.run(runs, options) }
        let (id, seq) = try await Session.with(options.database) { session in
            let run = try await session.run(named: name)
            return (run.id, run.seq)
        }
        try await verb.run([id.description], options)
        try await Session.with(options.database) { session in
            // The signals are trapped from the asking on, so they are asked about here as well.
            try await StopFlag.withSignals { stop in
                let watcher = RunWatcher(session: session, json: options.json)
                try await watcher.followInspection(id, after: seq, until: stop)
            }
        }
    }
}
