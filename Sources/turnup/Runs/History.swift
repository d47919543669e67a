import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the events of a run: what was tried, what was answered, and when the next try is.",
        discussion: """
            Example:
              turnup history 0192f0c1
              turnup history 0192f0c1 --follow
              turnup history 0192f0c1 --json | jq .body.evidence
              turnup history 0192f0c1 --compare 3,5
              turnup history 0192f0c1 --compare 5,good

            --compare shows only what differs between two attempts, which are named by the numbers of their events, in \
            another run as RUN:NUMBER; "good" is the last attempt of the same call that went well, in this run, this \
            organisation, or the workflow.
            """)

    @Argument(help: "The run's id, or its beginning.") var run: String
    @Flag(help: "Go on printing until the run ends or is held.") var follow = false
    @Flag(help: "Print one JSON object per event, with the whole evidence.") var json = false
    @Flag(help: "Print times in UTC.") var utc = false
    @Option(help: ArgumentHelp("Only what differs between two attempts.", valueName: "number,number"))
    var compare: String?
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if follow, compare != nil { throw RunsTexts.compareAlone }
    }

    func run() async throws {
        try await Session.with(database) { session in
            let found = try await session.run(named: run)
            let clock = ClockText(isUTC: utc)
            if let compare {
                return try await HistoryCompare(session: session, run: found, clock: clock).print(compare, json: json)
            }
            if follow {
                _ = try await RunWatcher(session: session, json: json, clock: clock).follow(found.id)
                return
            }
            let events = try await session.store.events(of: found.id, after: 0)
            if json {
                for event in events { Console.out(EventJSON.line(found.id, event)) }
            } else {
                Console.out(HistoryPage.text(found, events, clock: clock))
            }
        }
    }
}

/// A run's timeline as a table.
enum HistoryPage {
    static func text(_ run: RunOverview, _ events: [RecordedEvent], clock: ClockText) -> String {
        var table = Table("#", clock.zoneName, "STATE", "TRY", "EVENT")
        for entry in Timeline.entries(events, clock: clock) {
            table.add(
                "\(entry.seq)", clock.time(entry.time), entry.state, entry.attempt.map(String.init) ?? "", entry.text)
        }
        return RunsTexts.title(
            workflow: run.workflow, key: Table.visible(run.key), organisation: Table.visible(run.organisation),
            date: clock.date(run.requestedAt), run: run.id.description) + "\n" + table.text
    }
}
