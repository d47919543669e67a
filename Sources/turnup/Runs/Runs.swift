import ArgumentParser
import Diagnostics
import EventStore
import Foundation
import WorkflowCore

struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List runs, the newest first.",
        discussion: """
            Examples:
              turnup runs --organisation academy --status live
              turnup runs --status live --older-than 2h --error timeout
              turnup runs --left-behind --organisation academy
              turnup runs --workflow whatsapp-number --watch
              turnup runs --request-id 0192f0c1-7a2b-7000-8000-000000000000
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
        guard (1...10_000).contains(limit) else { throw TerminalTexts.outOfRange("--limit", "1 to 10000") }
        if watch, json { throw RunsTexts.watchOrJSON }
        if every != nil, !watch { throw RunsTexts.everyNeedsWatch }
        if let every, every.milliseconds < 100 { throw RunsTexts.everyIsShort }
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
            let services = try await servicesByName(session)
            let waits = try await session.waits(of: runs)
            for run in runs {
                Console.out(
                    RunJSON.line(run, now: now, service: services[run.task?.service ?? ""], wait: waits[run.id]))
            }
            sayMore(last)
        } else {
            let page = try await page(session)
            Console.out(page.text)
            sayMore(page.last)
        }
    }

    private func sayMore(_ last: RunOverview?) {
        if let last { Console.note(RunsTexts.more(after: "\(last.id)")) }
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
        let services = try await servicesByName(session)
        let waits = try await session.waits(of: runs)
        let clock = ClockText()
        var table = Table("RUN", "ORGANISATION", "KEY", "STATE", "STATUS", "REQUESTED (\(clock.zoneName))", "WHY")
        for run in runs {
            table.add(
                run.id.description, run.organisation, run.key, run.state, run.status.rawValue,
                clock.dateAndTime(run.requestedAt),
                Explanation.why(
                    run, now: now, service: services[run.task?.service ?? ""], wait: waits[run.id], clock: clock
                ).detail)
        }
        return (table.text, last)
    }

    /// Why runs wait is said by their services, too.
    private func servicesByName(_ session: Session) async throws -> [String: ServiceRecord] {
        Dictionary(try await session.store.services().map { ($0.name, $0) }) { first, _ in first }
    }
}

extension Session {
    func waits(of runs: [RunOverview]) async throws -> [Identifier: RunWait] {
        try await store.waits(of: runs.compactMap { $0.status == .live ? $0.id : nil })
    }
}
