public import ArgumentParser
import Diagnostics
import EventStore
public import WorkflowCore

struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List runs, the newest first.",
        discussion: """
            Example:
              turnup runs --organisation academy --status live
            """)

    @Option(help: "Only this workflow.") var workflow: String?
    @Option(help: "Only this organisation.") var organisation: String?
    @Option(help: "Only this key, such as a number.") var key: String?
    @Option(help: "Only this state.") var state: String?
    @Option(help: "Only live, held, succeeded, failed or cancelled ones.") var status: RunStatus?
    @Option(help: ArgumentHelp("How many at most.", valueName: "number")) var limit = 50
    @Flag(help: "Print one JSON object per line.") var json = false
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 10000") }
    }

    func run() async throws {
        try await Session.with(database) { session in
            let runs = try await session.store.runs(
                RunFilter(
                    workflow: workflow, organisation: organisation, key: key, state: state, status: status,
                    limit: limit))
            let now = try await session.store.now()
            if json {
                for run in runs { Console.out(RunJSON.line(run, now: now)) }
                return
            }
            let clock = ClockText()
            var table = Table("RUN", "ORGANISATION", "KEY", "STATE", "STATUS", "REQUESTED (\(clock.zoneName))", "WHY")
            for run in runs {
                table.add(
                    run.id.description, run.organisation, run.key, run.state, run.status.rawValue,
                    clock.dateAndTime(run.requestedAt), Explanation.text(run, now: now, clock: clock))
            }
            Console.out(table.text)
            if runs.count == limit { Console.note("There may be more; see --limit.") }
        }
    }
}

extension RunStatus: ExpressibleByArgument {}

/// A run for programs. The names are the columns' names.
enum RunJSON {
    static func line(_ run: RunOverview, now: Instant) -> String {
        JSONText.object([
            ("run", .string(run.id.description)), ("workflow", .string(run.workflow)),
            ("version", .integer(run.version)), ("organisation", .string(run.organisation)),
            ("key", .string(run.key)), ("state", .string(run.state)), ("status", .string(run.status.rawValue)),
            ("reason", .optional(run.reason)), ("seq", .integer(run.seq)), ("requested_at", .time(run.requestedAt)),
            ("updated_at", .time(run.updatedAt)), ("ended_at", .time(run.endedAt)), ("due", .time(run.task?.due)),
            ("waiting", .optional(run.task?.waiting)), ("lease_owner", .optional(run.task?.leaseOwner)),
            ("why", .string(Explanation.text(run, now: now, clock: ClockText(isUTC: true)))),
        ])
    }
}
