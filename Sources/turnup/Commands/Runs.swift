public import ArgumentParser
import Diagnostics
import EventStore
import Foundation
public import WorkflowCore

struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List runs, the newest first.",
        discussion: """
            Examples:
              turnup runs --organisation academy --status live
              turnup runs --status live --older-than 2h --error timeout
              turnup runs --workflow whatsapp-number --watch
              turnup runs --json --limit 1000 --after 0192f0c1-7a2b-7000-8000-000000000000

            Durations are such as 90s, 15m, 2h or 3d. When there is more, --after for the next page is said on stderr; \
            runs that come meanwhile do not shift the pages. With --watch Ctrl-C ends it, with exit code 130.
            """)

    @OptionGroup var filter: RunFilterOptions
    @Option(help: ArgumentHelp("How many at most.", valueName: "number")) var limit = 50
    @Option(help: ArgumentHelp("Only what comes after this run in the list.", valueName: "run")) var after: String?
    @Flag(help: "Print one JSON object per line.") var json = false
    @Flag(help: "List again and again.") var watch = false
    @Option(help: ArgumentHelp("With --watch: how often.", valueName: "duration")) var every: DurationArgument?
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit must be from 1 to 10000") }
        if watch, json { throw ValidationError("--watch prints tables; --json lists once") }
        if every != nil, !watch { throw ValidationError("--every needs --watch") }
        if let every, every.milliseconds < 100 { throw ValidationError("--every must be at least 100ms") }
    }

    func run() async throws {
        try await Session.with(database) { session in
            guard watch else { return try await list(session) }
            try await StopFlag.withSignals { stop in
                let isTerminal = isatty(STDOUT_FILENO) == 1
                while !stop.isRaised {
                    // The whole page goes out in one write, so that a redrawn screen does not flicker.
                    let page = try await page(session)
                    Console.out(isTerminal ? "\u{1B}[H\u{1B}[2J" + page.text : page.text + "\n")
                    try await stop.sleep(.milliseconds(every?.milliseconds ?? 2000))
                }
                throw ExitCode(130)
            }
        }
    }

    private func list(_ session: Session) async throws {
        if json {
            let (runs, last) = try await runs(session)
            let now = try await session.store.now()
            for run in runs { Console.out(RunJSON.line(run, now: now)) }
            sayMore(last)
        } else {
            let page = try await page(session)
            Console.out(page.text)
            sayMore(page.last)
        }
    }

    private func sayMore(_ last: RunOverview?) {
        if let last { Console.note("There is more: --after \(last.id)") }
    }

    /// The runs, and the last of them when there are more.
    private func runs(_ session: Session) async throws -> ([RunOverview], last: RunOverview?) {
        var wanted = filter.filter(now: try await session.store.now())
        wanted.limit = limit + 1
        if let after { wanted.after = try await session.run(named: after).id }
        let runs = try await session.store.runs(wanted)
        return (Array(runs.prefix(limit)), runs.count > limit ? runs[limit - 1] : nil)
    }

    private func page(_ session: Session) async throws -> (text: String, last: RunOverview?) {
        let (runs, last) = try await runs(session)
        let now = try await session.store.now()
        let clock = ClockText()
        var table = Table("RUN", "ORGANISATION", "KEY", "STATE", "STATUS", "REQUESTED (\(clock.zoneName))", "WHY")
        for run in runs {
            table.add(
                run.id.description, run.organisation, run.key, run.state, run.status.rawValue,
                clock.dateAndTime(run.requestedAt), Explanation.text(run, now: now, clock: clock))
        }
        return (table.text, last)
    }
}

struct RunFilterOptions: ParsableArguments {
    @Option(help: "Only this workflow.") var workflow: String?
    @Option(help: "Only this organisation.") var organisation: String?
    @Option(help: "Only this key, such as a number.") var key: String?
    @Option(help: "Only this state.") var state: String?
    @Option(help: "Only live, held, succeeded, failed or cancelled ones.") var status: RunStatus?
    @Option(help: "Only those whose last error has this name.") var error: String?
    @Option(help: "Only live ones whose next call goes to this service.") var service: String?
    @Option(name: .customLong("older-than"), help: ArgumentHelp("Requested longer ago.", valueName: "duration"))
    var olderThan: DurationArgument?
    @Option(name: .customLong("newer-than"), help: ArgumentHelp("Requested more recently.", valueName: "duration"))
    var newerThan: DurationArgument?

    var isEmpty: Bool {
        let texts = [workflow, organisation, key, state, error, service]
        return texts.allSatisfy { $0 == nil } && status == nil && olderThan == nil && newerThan == nil
    }

    func filter(now: Instant) -> RunFilter {
        RunFilter(
            workflow: workflow, organisation: organisation, key: key, state: state, status: status, lastError: error,
            service: service,
            requestedSince: newerThan.map { now.advanced(byMilliseconds: -$0.milliseconds) },
            requestedBefore: olderThan.map { now.advanced(byMilliseconds: -$0.milliseconds) })
    }
}

/// A duration as definitions write it: 90s, 15m, 2h, 3d.
struct DurationArgument: ExpressibleByArgument {
    let milliseconds: Int64

    init?(argument: String) {
        guard let milliseconds = DurationText.milliseconds(argument) else { return nil }
        self.milliseconds = milliseconds
    }
}

extension RunStatus: ExpressibleByArgument {}

/// A run for programs. The names are the columns' names.
enum RunJSON {
    static func line(_ run: RunOverview, now: Instant) -> String {
        JSONText.object(members(run, now: now, service: nil))
    }

    /// With what the run has saved, secrets as fingerprints alone, and what a person may do about it; nil: not known.
    static func line(
        _ run: RunOverview, _ state: RunState, _ choices: [Advice.Choice]?, now: Instant, service: ServiceRecord?
    ) -> String {
        let secrets = state.secrets.map { secret in
            JSONValue.object(
                JSONObject([
                    ("name", .string(secret.reference.name)), ("version", .integer(secret.reference.version)),
                    ("fingerprint", .string(secret.reference.fingerprint)), ("sealed_at", .time(secret.sealedAt)),
                ]))
        }
        return JSONText.object(
            members(run, now: now, service: service) + [
                ("data", .object(state.data)), ("secrets", .array(secrets)), ("hold", state.hold.map(json) ?? .null),
                ("choices", choices.map { .array($0.map(\.json)) } ?? .null),
            ])
    }

    /// Why it is held, and what was found over there.
    private static func json(_ hold: Hold) -> JSONValue {
        .object(
            JSONObject([
                ("code", .string(hold.code)), ("since", .time(hold.since)),
                ("found", .array(hold.candidates.map { .object($0) })),
            ]))
    }

    private static func members(_ run: RunOverview, now: Instant, service: ServiceRecord?) -> [(String, JSONValue)] {
        [
            ("run", .string(run.id.description)), ("workflow", .string(run.workflow)),
            ("version", .integer(run.version)), ("organisation", .string(run.organisation)),
            ("key", .string(run.key)), ("state", .string(run.state)), ("status", .string(run.status.rawValue)),
            ("reason", .optional(run.reason)), ("error", .optional(run.lastError)), ("seq", .integer(run.seq)),
            ("requested_at", .time(run.requestedAt)),
            ("updated_at", .time(run.updatedAt)), ("ended_at", .time(run.endedAt)), ("due", .time(run.task?.due)),
            ("service", .optional(run.task?.service)), ("waiting", .optional(run.task?.waiting)),
            ("lease_owner", .optional(run.task?.leaseOwner)),
            ("why", .string(Explanation.text(run, now: now, service: service, clock: ClockText(isUTC: true)))),
        ]
    }
}
