import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

struct Diagnose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why a run stands as it stands, with the evidence, and what would settle it.",
        discussion: """
            The verdict is settled (the log proves it), likely (something is still unproven), or open between several \
            explanations, with what is missing. Every fact names the run and the events that hold it: "turnup history RUN" \
            shows them. It reads the log alone: it sends nothing, opens no secret and changes nothing.

            Examples:
              turnup diagnose 0192f0c1
              turnup diagnose 0192f0c1 --json | jq .code
              turnup diagnose --organisation academy
              turnup diagnose --all --limit 200 --json
            """)

    @Argument(help: "The run's id, or its beginning.") var run: String?
    @Option(help: "The newest runs of this organisation instead.") var organisation: String?
    @Flag(help: "The newest runs of all organisations instead.") var all = false
    @Option(help: ArgumentHelp("With --organisation or --all: how many at most.", valueName: "number"))
    var limit = 50
    @Flag(help: "Print JSON, one object for each run.") var json = false
    @OptionGroup var database: DatabaseOptions

    /// Each run is judged by itself, which reads its organisation and its fleet.
    private static let mostRuns = 1000

    func validate() throws {
        guard [run != nil, organisation != nil, all].count(where: \.self) == 1 else { throw DiagnoseTexts.whichRuns }
        guard (1...Self.mostRuns).contains(limit) else {
            throw TerminalTexts.outOfRange("--limit", "1 to \(Self.mostRuns)")
        }
        if let organisation, organisation.isEmpty { throw DiagnoseTexts.blankOrganisation }
    }

    func run() async throws {
        try await Session.with(database) { session in
            if let run {
                let found = try await session.run(named: run)
                let verdict = try await session.diagnose(found)
                return Console.out(json ? VerdictJSON.line(found, verdict) : VerdictPage.text(found, verdict))
            }
            let runs = try await session.store.runs(RunFilter(organisation: organisation, limit: limit))
            guard !runs.isEmpty else { throw DiagnoseTexts.noRun(of: organisation) }
            var table = Table("RUN", "ORGANISATION", "KEY", "STATUS", "CONFIDENCE", "CODE", "WHY")
            var fleets = FleetCache()
            for run in runs {
                let verdict = try await session.diagnose(run, &fleets)
                if json { Console.out(VerdictJSON.line(run, verdict)) }
                table.add(
                    run.id.description, run.organisation, run.key, run.status.rawValue, verdict.confidence.rawValue,
                    verdict.code.rawValue,
                    verdict.sentence)
            }
            if !json { Console.out(table.text) }
        }
    }
}

extension Session {
    func diagnose(_ run: RunOverview) async throws -> Verdict {
        var fleets = FleetCache()
        return try await diagnose(run, &fleets)
    }

    func diagnose(_ run: RunOverview, _ fleets: inout FleetCache) async throws -> Verdict {
        // Only a run that was given no key yet needs the definition.
        let definition = try? await definition(workflow: run.workflow, version: run.version)
        return Diagnostics.diagnose(
            try await Evidence.gather(run, from: store, keyName: definition?.nameOfKey, &fleets))
    }
}

extension Definition {
    /// The secret that is saved by a call which is not harmless to repeat.
    fileprivate var nameOfKey: String? {
        for state in states {
            guard case .call(let call) = state.action, !call.isRepeatable else { continue }
            if let saved = call.save.first(where: { variable($0.name)?.isSecret == true }) { return saved.name }
        }
        return nil
    }
}
