import ArgumentParser
import Diagnostics
import EventStore
import Vault
import WorkflowCore

/// Has one probe sent: says whom it touches, asks, writes the wish, and waits for the answer.
struct ProbeRun {
    let session: Session
    let name: String
    let options: ProbeOptions
    let json: Bool

    /// How long a run is looked at again and again because it moves on.
    private static let longestLooking: Duration = .seconds(30)
    private static let lookEvery: Duration = .milliseconds(200)

    /// What came of it.
    enum Answer {
        /// The event that closes the request.
        case told(RecordedEvent)
        case dropped(RecordedEvent)
        /// Nobody waits for it.
        case asked

        var event: RecordedEvent? {
            switch self {
            case .told(let event), .dropped(let event): event
            case .asked: nil
            }
        }

        /// Whether the platform said anything.
        var isAnswered: Bool {
            guard case .told(let event) = self else { return false }
            return event.body["evidence"]?["status"] != nil
        }
    }

    func run(_ run: RunOverview, until stop: StopFlag) async throws -> Answer {
        let began = ContinuousClock.now
        var isConfirmed = options.yes
        while true {
            let (asked, seq, whose) = try await wish(run)
            if !isConfirmed {
                Console.note(DiagnoseTexts.preview(asked.event.body, of: run, whose: whose))
                try confirm()
                isConfirmed = true
            }
            switch try await session.store.askForProbe(asked.event, of: run.id, at: seq, actor: options.actor.name) {
            case .accepted(let seq):
                return options.noWait ? .asked : try await follow(run.id, after: seq - 1, until: stop)
            case .mostOfRun: throw DiagnoseTexts.mostOfRun
            case .mostOfOrganisation: throw DiagnoseTexts.mostOf(run.organisation)
            case .servicePaused(let why):
                throw DiagnoseTexts.paused(asked.event.body["service"]?.stringValue ?? "", why)
            case .behind:
                guard began.duration(to: .now) < Self.longestLooking, !stop.isRaised else {
                    throw DiagnoseTexts.alwaysMoves
                }
            }
        }
    }

    /// The wish as the run stands now, and for a probe with an older key the run that it is taken from.
    private func wish(_ run: RunOverview) async throws -> (OperatorActionEvent, seq: Int64, whose: RunOverview?) {
        let definition = try await session.definition(workflow: run.workflow, version: run.version)
        guard let state = try await session.store.fold(run.id) else { throw RunsTexts.noEvents("\(run.id)") }
        var older: (key: PendingProbe.OlderKey, run: RunOverview)?
        if let probe = definition.probe(name), probe.credential == .older, let key = probe.key, state.secret(key) != nil
        {
            older = try await olderKey(probe, named: key, beside: run)
        }
        do {
            let asked = try state.askingForProbe(name, reason: options.reasonText, older: older?.key, definition)
            return (asked, state.seq, older?.run)
        } catch { throw CommandFailure.badInput("run \(run.id): \(error.message)", hint: error.hint) }
    }

    /// The best older key that is not forgotten. Nothing is opened here.
    private func olderKey(_ probe: ProbeDefinition, named key: String, beside run: RunOverview) async throws -> (
        PendingProbe.OlderKey, RunOverview
    )? {
        let evidence = try await session.evidence(run)
        for other in evidence.olderKeys(for: probe) {
            guard let reference = try await session.store.fold(other.run.id)?.secret(key)?.reference else { continue }
            let place = SecretPlace(
                scope: .run, scopeId: other.run.id.description, name: reference.name, version: reference.version)
            guard try await session.store.secretVersion(place) != nil else { continue }
            return (PendingProbe.OlderKey(run: other.run.id, reference: reference), other.run)
        }
        return nil
    }

    private func confirm() throws {
        guard let typed = Console.ask(DiagnoseTexts.question) else { throw DiagnoseTexts.nobodyToAsk }
        guard ["y", "yes"].contains(typed.lowercased()) else { throw DiagnoseTexts.notSent }
    }

    /// Prints what comes, until the probe is over.
    private func follow(_ id: Identifier, after seq: Int64, until stop: StopFlag) async throws -> Answer {
        var timeline = Timeline()
        let clock = ClockText()
        var seen: Int64 = 0
        var attempt: Identifier?
        while true {
            for event in try await session.store.events(of: id, after: seen) {
                seen = event.seq
                let line = EventLine.text(timeline.entry(event), clock: clock)
                guard event.seq > seq else { continue }
                if event.body["purpose"]?.stringValue == Purpose.probe.rawValue { attempt = event.attemptId }
                let isClosing = attempt != nil && event.attemptId == attempt && event.body["probe"] != nil
                let isDropped = event.type == EventType.probeDropped.rawValue
                if !json, isClosing || isDropped || event.seq == seq + 1 { Console.out(line) }
                if isDropped { return .dropped(event) }
                if isClosing, event.type != EventType.attemptStarted.rawValue { return .told(event) }
            }
            try await stop.sleep(Self.lookEvery)
            if stop.isRaised { throw ExitCode(130) }
        }
    }
}

/// What goes with `--probe`.
struct ProbeOptions: ParsableArguments {
    @Flag(help: "Send the probe without asking.") var yes = false
    @Flag(name: .customLong("no-wait"), help: "Do not wait for the probe's answer.") var noWait = false
    @Option(help: ArgumentHelp("Why the probe is sent; it stays in the history.", valueName: "text"))
    var reason: Reason?
    @OptionGroup var actor: ActorOption

    var reasonText: String { reason?.text ?? DiagnoseTexts.probeReason }
    var isEmpty: Bool { !yes && !noWait && reason == nil && actor.given == nil }

    func validate() throws { try reason?.validate() }
}
