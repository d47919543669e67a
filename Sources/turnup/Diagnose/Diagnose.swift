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

            With --probe a worker sends one harmless request that the run's definition declares under "probes", and the \
            diagnosis follows with what it told. It says first which accounts are touched, and asks. At most \
            \(ProbeDefinition.mostOfRun) a day for a run, and \(ProbeDefinition.mostOfOrganisation) for an organisation. \
            Ctrl-C while waiting ends the waiting, not the probe. The exit code is 1 when the platform did not answer it.

            Examples:
              turnup diagnose 0192f0c1
              turnup diagnose 0192f0c1 --probe older-key
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
    @Option(help: ArgumentHelp("Have this probe sent, and say what it told.", valueName: "name")) var probe: String?
    @OptionGroup(title: "With --probe") var probing: ProbeOptions
    @OptionGroup var database: DatabaseOptions

    /// Each run is judged by itself, which reads its organisation and its fleet.
    private static let mostRuns = 1000

    func validate() throws {
        guard [run != nil, organisation != nil, all].count(where: \.self) == 1 else { throw DiagnoseTexts.whichRuns }
        guard (1...Self.mostRuns).contains(limit) else {
            throw TerminalTexts.outOfRange("--limit", "1 to \(Self.mostRuns)")
        }
        if probe != nil, run == nil { throw DiagnoseTexts.probeOfOneRun }
        if probe == nil, !probing.isEmpty { throw DiagnoseTexts.onlyWithProbe }
        if let organisation, organisation.isEmpty { throw DiagnoseTexts.blankOrganisation }
    }

    func run() async throws {
        try await Session.with(database) { session in
            if let run {
                let found = try await session.run(named: run)
                if let probe { return try await send(probe, for: found, session) }
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

    /// The signals are trapped from the asking on, so they are asked about here as well.
    private func send(_ probe: String, for run: RunOverview, _ session: Session) async throws {
        try await StopFlag.withSignals { stop in
            let answer = try await ProbeRun(session: session, name: probe, options: probing, json: json)
                .run(run, until: stop)
            let found = try await session.run(named: run.id.description)
            let verdict = try await session.diagnose(found)
            if json {
                Console.out(VerdictJSON.line(found, verdict, probe: probe, answer: answer))
            } else {
                if case .asked = answer { Console.out(DiagnoseTexts.isAsked(probe, of: "\(run.id)")) }
                Console.out("\n" + VerdictPage.text(found, verdict))
            }
            switch answer {
            case .asked: return
            case .dropped(let event): throw DiagnoseTexts.dropped(probe, event.body["why"]?.stringValue ?? "")
            case .told where answer.isAnswered: return
            case .told: throw DiagnoseTexts.unanswered(probe)
            }
        }
    }
}

extension Session {
    func diagnose(_ run: RunOverview) async throws -> Verdict {
        var fleets = FleetCache()
        return try await diagnose(run, &fleets)
    }

    func diagnose(_ run: RunOverview, _ fleets: inout FleetCache) async throws -> Verdict {
        Diagnostics.diagnose(try await evidence(run, &fleets))
    }

    func evidence(_ run: RunOverview) async throws -> Evidence {
        var fleets = FleetCache()
        return try await evidence(run, &fleets)
    }

    private func evidence(_ run: RunOverview, _ fleets: inout FleetCache) async throws -> Evidence {
        // It names the probes; and the key, for a run that was given none yet.
        let definition = try? await definition(workflow: run.workflow, version: run.version)
        return try await Evidence.gather(
            run, from: store, keyName: definition?.nameOfKey, probes: definition?.probes ?? [], &fleets)
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
