import ArgumentParser
import EventStore
import Foundation
import WorkflowCore

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove that events, runs, the queue and sealed secrets agree.",
        discussion: """
            Folds every stream with the workers' own code and again in SQL, recomputes the hash chains, and compares \
            with the run and task rows. It changes nothing, and workers may go on meanwhile. Without an option it looks \
            at everything; with one, at some runs and at the guards of the installation. It reads page by page in the order \
            of the ids; one that was interrupted says where it stood, and goes on there with --after.

            Examples:
              turnup verify
              turnup verify --run 0192f0c1-7a2b
              turnup verify --workflow whatsapp-number --since 2h
              turnup verify --sample 1000 --json
              turnup verify --after 0192f0c1-7a2b-7000-8000-000000000000

            Exit codes: 0 no violation (warnings do not count), 1 violations, 2 bad input, 3 the database is not to be \
            had, 130 interrupted. What each code means and what to do: docs/guide/verify.md.
            """)

    @Option(help: ArgumentHelp("Only this run.", valueName: "run")) var run: String?
    @Option(help: "Only runs of this workflow.") var workflow: String?
    @Option(help: ArgumentHelp("Only runs changed within this time, and live ones.", valueName: "duration"))
    var since: DurationArgument?
    @Option(help: ArgumentHelp("Only about so many runs, new ones and any.", valueName: "number")) var sample: Int?
    @Option(help: ArgumentHelp("Go on after this run, where another one was interrupted.", valueName: "run id"))
    var after: String?
    @Flag(help: "Print one JSON object per line, the last one a summary.") var json = false
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        let ways = [run != nil, workflow != nil || since != nil, sample != nil].count { $0 }
        if ways > 1 { throw VerifyTexts.threeWays }
        if let sample, !(1...1_000_000).contains(sample) {
            throw TerminalTexts.outOfRange("--sample", "1 to 1000000")
        }
        if let after {
            guard Identifier(after) != nil else { throw VerifyTexts.noWholeId }
            if run != nil || sample != nil { throw VerifyTexts.afterAlone }
        }
        if workflow?.isEmpty == true { throw TerminalTexts.isEmpty("--workflow") }
    }

    func run() async throws {
        try await Session.with(database, connections: 2) { session in
            let scope = try await scope(session)
            try await StopFlag.withSignals { stop in
                let report = VerifyReport(isJSON: json)
                let began = ContinuousClock.now
                let tally: VerifyTally
                do {
                    tally = try await Verifier(store: session.store).verify(scope, after: place) { violation in
                        report.print(violation)
                    } goesOn: { tally in
                        report.show(tally)
                        return !stop.isRaised
                    }
                } catch {
                    report.broken(options: wayOptions)
                    throw error
                }
                if let run, tally.runs == 0, tally.violations == 0, !tally.isPartial {
                    throw RunsTexts.noRun(Table.visible(run))
                }
                report.end(tally, seconds: (ContinuousClock.now - began) / .seconds(1), options: wayOptions)
                if tally.isPartial { throw ExitCode(130) }
                if tally.violations > 0 { throw ExitCode(1) }
            }
        }
    }

    private var place: Identifier? { after.flatMap { Identifier($0) } }

    /// What another call needs to look at the same runs.
    private var wayOptions: String {
        (workflow.map { " --workflow \($0)" } ?? "") + (since.map { " --since \($0.text)" } ?? "")
    }

    private func scope(_ session: Session) async throws -> VerifyScope {
        if let run {
            // The row of a damaged run may be gone, so a whole id is taken as it is.
            if let id = Identifier(run) { return .runs([id]) }
            return .runs([try await session.run(named: run).id])
        }
        if let sample { return .sample(sample) }
        guard workflow != nil || since != nil else { return .everything }
        if let workflow { _ = try await session.published(workflow, version: nil) }
        let now = try await session.store.now()
        return .matching(
            workflow: workflow, changedSince: since.map { now.advanced(byMilliseconds: -$0.milliseconds) })
    }
}
