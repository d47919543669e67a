import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

struct StatisticsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statistics", abstract: "Compare the fleet statistics with the log, or write them anew from it.",
        discussion: """
            Workers keep one row for each run that was held or has ended: its key, and how the platform took it. \
            "turnup service show NAME", "turnup report" and "turnup diagnose" read these rows.

            Examples:
              turnup statistics verify
              turnup statistics rebuild
            """,
        subcommands: [Verify.self, Rebuild.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prove that each row is what the run's events say. Changes nothing.",
            discussion: "Exit codes: 0 all rows are right, 1 some differ, 130 interrupted.")

        @OptionGroup var options: StatisticsOptions

        func run() async throws { try await options.run(writes: false) }
    }

    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the rows that are missing or differ from the log. Workers may go on meanwhile.")

        @OptionGroup var options: StatisticsOptions

        func run() async throws { try await options.run(writes: true) }
    }
}

struct StatisticsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Go on after this run, where another one was interrupted.", valueName: "run id"))
    var after: String?
    @Flag(help: "Print one JSON object per line, the last one a summary.") var json = false
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        if let after, Identifier(after) == nil { throw StatisticsTexts.noWholeId }
    }

    func run(writes: Bool) async throws {
        try await Session.with(database, connections: 2) { session in
            try await StopFlag.withSignals { stop in
                let began = ContinuousClock.now
                let place = after.flatMap { Identifier($0) }
                let tally = try await FleetCheck(store: session.store).run(writes: writes, after: place) { difference in
                    Console.out(
                        json ? StatisticsJSON.line(difference) : Table.visible(StatisticsTexts.differs(difference)))
                } goesOn: { _ in
                    !stop.isRaised
                }
                let seconds = (ContinuousClock.now - began) / .seconds(1)
                Console.out(
                    json
                        ? StatisticsJSON.line(tally, isWritten: writes)
                        : StatisticsTexts.end(tally, isWritten: writes, seconds: seconds))
                if stop.isRaised {
                    if let last = tally.last { Console.note(StatisticsTexts.goOn(after: "\(last)")) }
                    throw ExitCode(130)
                }
                if !writes, tally.differing > 0 { throw ExitCode(1) }
            }
        }
    }
}

enum StatisticsJSON {
    static func line(_ difference: FleetCheck.Difference) -> String {
        JSONText.object([
            ("run", .string(difference.run.description)), ("has_row", .bool(difference.row != nil)),
            ("log", .string("\(difference.log)")), ("row", .optional(difference.row.map { "\($0)" })),
        ])
    }

    static func line(_ tally: FleetCheck.Tally, isWritten: Bool) -> String {
        JSONText.object([
            ("runs", .integer(tally.runs)), ("events", .integer(tally.events)),
            ("differing", .integer(tally.differing)), ("waiting", .integer(tally.waiting)),
            ("written", .bool(isWritten)), ("last", .optional(tally.last?.description)),
        ])
    }
}
