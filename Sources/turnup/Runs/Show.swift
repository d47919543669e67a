import ArgumentParser
import Diagnostics
import EventStore
import WorkflowCore

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one run: where it stands, and why.",
        discussion: """
            A run is named by its id, or by the beginning of it as "turnup runs" prints it. Of a run that waits for a \
            person it shows the evidence and the choices, as commands, and of one that is held or has ended what was taken back \
            and what may be left on the platform. With --json these are "hold", "choices", "taken_back" and \
            "left_behind"; VALUE, FILE and TEXT in a command are yours to fill in.

            Example:
              turnup show 0192f0c1
            """)

    @Argument(help: "The run's id, or its beginning.") var run: String
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        try await Session.with(database) { session in
            let found = try await session.run(named: run)
            let now = try await session.store.now()
            var service: ServiceRecord?
            if let name = found.task?.service { service = try await session.store.service(name) }
            let wait = found.task == nil ? nil : try await session.store.wait(of: found.id)
            guard let state = try await session.store.fold(found.id) else {
                throw RunsTexts.noEvents("\(found.id)")
            }
            let left =
                state.status != .live && (state.status != .succeeded || state.mayBeLeft)
                ? try await session.leftBehind(found.id, upTo: state.seq) : LeftBehindFold(run: found.id)
            let others = try await session.store.runsThatMayHaveLeft(beside: found)
            let forecast = try await session.forecast(found, state)
            let probe = try await session.store.lastProbe(of: found.id)
            var advice: OperatorChoices?
            var unread: String?
            do { advice = try await OperatorChoices.about(found, state, session) } catch let error as CommandFailure {
                unread = RunsTexts.noChoices(error.message)
            }
            if json {
                let choices = unread == nil ? advice?.choices.0 ?? [] : nil
                return Console.out(
                    RunJSON.line(
                        found, state, choices, now: now, service: service, wait: wait, forecast: forecast, left: left,
                        others: others, probe: probe))
            }
            Console.out(Self.page(found, state, service, wait, forecast, now: now))
            if let probe {
                let line = ProbeLine.text(probe, now: now, clock: ClockText())
                Console.out(Table.visible("probe         \(line)"))
            }
            for item in left.takenBack { Console.out(Table.visible(LeftBehindText.line(item))) }
            for item in left.items { Console.out(Table.visible(LeftBehindText.line(item))) }
            for other in others { Console.out(RunsTexts.leftBefore("\(other)")) }
            if let text = unread ?? advice?.text { Console.out("\n" + text) }
        }
    }

    private static func page(
        _ run: RunOverview, _ state: RunState, _ service: ServiceRecord?, _ wait: RunWait?, _ forecast: Forecast?,
        now: Instant
    ) -> String {
        let clock = ClockText()
        var lines = [
            "run           \(run.id)", "workflow      \(RunsTexts.workflow(run.workflow, version: run.version))",
            "organisation  \(run.organisation)", "key           \(run.key)", "state         \(run.state)",
            "status        \(run.status.rawValue)",
            "why           \(Explanation.why(run, now: now, service: service, wait: wait, clock: clock).detail)",
            "requested     \(clock.dateAndTime(run.requestedAt)) \(clock.zoneName) "
                + "(\(Phrases.distance(from: now, to: run.requestedAt)))",
        ]
        if let forecast { lines.append("keys          \(forecast.text)") }
        if let ended = run.endedAt {
            let took = Phrases.span(milliseconds: ended.milliseconds(since: run.requestedAt))
            let time = "\(clock.dateAndTime(ended)) \(clock.zoneName)"
            lines.append("ended         \(RunsTexts.ended(time, after: took))")
        }
        if let inspection = state.inspection {
            lines.append("inspected     \(InspectionText.line(inspection, run.task, now: now, clock: clock))")
        }
        if state.attempts > 0 { lines.append("attempts      \(RunsTexts.attempts(Int64(state.attempts)))") }
        if state.ending?.startsAgain == true { lines.append("then          \(RunsTexts.redoFollows)") }
        if state.isAdopted { lines.append("adopted       \(RunsTexts.adopted)") }
        for member in state.data.members {
            lines.append("data          \(member.name)=\(member.value.stringValue ?? member.value.serialized())")
        }
        for secret in state.secrets {
            let reference = secret.reference
            let text = RunsTexts.secret(
                reference.name, fingerprint: reference.fingerprint, version: reference.version)
            lines.append("secret        \(text)")
        }
        lines.append("events        \(RunsTexts.events(run.seq, run: "\(run.id)"))")
        return lines.map(Table.visible).joined(separator: "\n")
    }
}

extension Session {
    /// When a key that is refused is usually accepted, by what the service did so far; nil: there is no such key, or too
    /// little is known.
    fileprivate func forecast(_ run: RunOverview, _ state: RunState) async throws -> Forecast? {
        guard run.status == .live, run.lastError != nil, !state.secrets.isEmpty, let service = run.task?.service else {
            return nil
        }
        return try await Activations.of(service: service, in: store).forecast
    }

    /// Finds a run by its id or by the beginning of it.
    func run(named name: String) async throws -> RunOverview {
        if let id = Identifier(name), let run = try await store.run(id) { return run }
        let isPrefix = !name.isEmpty && name.allSatisfy { $0 == "-" || ($0.isASCII && $0.isHexDigit) }
        guard isPrefix, name.count <= 36 else { throw RunsTexts.noId(name) }
        let found = try await store.runs(beginningWith: name.lowercased())
        switch found.count {
        case 0: throw RunsTexts.noRun(name)
        case 1: return found[0]
        default: throw RunsTexts.manyRuns(name)
        }
    }
}
