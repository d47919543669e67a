import Diagnostics
import EventStore
import WorkflowCore

/// What a person may do about a run that waits for one or has failed: the evidence, and commands to copy.
struct OperatorChoices {
    let run: RunOverview
    let state: RunState
    let definition: Definition
    let events: [RecordedEvent]

    /// One thing to do, and how to say it: more than one command where several things were found.
    struct Choice {
        let name: String
        let meaning: String
        let commands: [String]

        var json: JSONValue {
            .object(
                JSONObject([
                    ("choice", .string(name)), ("meaning", .string(meaning)),
                    ("commands", .array(commands.map { .string($0) })),
                ]))
        }
    }

    /// Nil for runs that need nobody. Throws bad input where the definition cannot be read any more.
    static func about(_ run: RunOverview, _ state: RunState, _ session: Session) async throws -> OperatorChoices? {
        guard state.status == .held || state.status == .failed || state.status == .cancelled else { return nil }
        let definition = try await session.definition(workflow: run.workflow, version: run.version)
        let events = try await session.store.events(of: run.id, after: 0).filter { $0.seq <= state.seq }
        return OperatorChoices(run: run, state: state, definition: definition, events: events)
    }

    /// For people; nil where nothing is to be said.
    var text: String? {
        var lines = holdLines
        let (choices, notes) = choices
        if !choices.isEmpty || state.status == .failed { lines.append(RunsTexts.choices) }
        lines += notes.map { "  \($0)" }
        for choice in choices {
            lines.append("  \(choice.meaning):")
            lines += choice.commands.map { "    \($0)" }
        }
        if let other = state.keyWith { lines.append(RunsTexts.hasKey(other)) }
        if let other = state.takenOverBy { lines = [RunsTexts.hasKeyNow(other)] }
        return lines.isEmpty ? nil : lines.map(Table.visible).joined(separator: "\n")
    }

    private var holdLines: [String] {
        guard state.status == .held, let hold = state.hold else {
            return state.status == .cancelled && state.ownsKey ? [RunsTexts.stillHasKey] : []
        }
        let clock = ClockText()
        var lines = ["held since    \(clock.dateAndTime(hold.since)) \(clock.zoneName)"]
        lines += evidence.map { "evidence      \($0)" }
        for (index, find) in hold.candidates.enumerated() {
            let values = find.members.map { "\($0.name)=\($0.value.stringValue ?? $0.value.serialized())" }
            lines.append("found \(index + 1)       \(values.joined(separator: " "))")
        }
        return lines + [""]
    }

    /// The choices, and notes on why a choice that one would expect is missing.
    var choices: ([Choice], notes: [String]) {
        guard state.takenOverBy == nil else { return ([], []) }
        var choices: [Choice] = []
        var notes: [String] = []
        if state.status == .held, let hold = state.hold {
            choices = hold.choices.compactMap(HoldChoice.init).map { choice in
                Choice(
                    name: choice.rawValue, meaning: meaning(choice),
                    commands: words(choice, finds: hold.candidates.count).map { command("resolve", $0) })
            }
            if let late = state.offeredLateAnswer {
                let values = late.saved.members.map { "\($0.name)=\($0.value.stringValue ?? $0.value.serialized())" }
                let names = values + late.sealed.map { state.reference(toLate: $0).name + " " + $0.fingerprint }
                choices.insert(
                    Choice(
                        name: "late_answer",
                        meaning: RunsTexts.lateAnswer(names),
                        commands: [command("resolve", "--late-answer")]), at: 0)
            }
            if state.ending?.startsAgain == true {
                choices.append(
                    Choice(
                        name: "cancel", meaning: RunsTexts.cancelRedo,
                        commands: [command("cancel", "")]))
            } else if state.ending == nil {
                choices.append(
                    Choice(
                        name: "cancel",
                        meaning: state.cancel == nil ? RunsTexts.cancel : RunsTexts.cancelAgain,
                        commands: [command("cancel", "")]))
            }
        } else if state.status == .failed {
            do throws(OperatorActionRefusal) {
                let after = try state.retrying(reason: "-", definition).after
                choices.append(
                    Choice(
                        name: "retry", meaning: RunsTexts.goOn(in: after.state),
                        commands: [command("retry", "")]))
            } catch {
                notes.append(RunsTexts.notRetried(error.message))
            }
        }
        if state.status == .held || state.ownsKey { choices.append(instead) }
        return (choices, notes)
    }

    /// The attempt that nobody knows the outcome of, or else the last one.
    private var evidence: [String] {
        let closings = Set([EventType.attemptDone, .attemptNotDone, .attemptUnknown].map(\.rawValue))
        let subject = state.unknown?.attemptId ?? events.last { closings.contains($0.type) }?.attemptId
        guard let subject else { return [] }
        let clock = ClockText()
        var timeline = Timeline(clock: clock)
        return events.compactMap { event in
            let entry = timeline.entry(event)
            return event.attemptId == subject ? EventLine.text(entry, clock: clock) : nil
        }
    }

    private func meaning(_ choice: HoldChoice) -> String {
        let takesBack = state.ending != nil || state.isReplacing
        let isChanged = state.hold?.code == Hold.requestChanged
        return switch choice {
        case .adopt where state.hold?.error == Hold.thingOfAnotherRun: RunsTexts.adoptOfAnother
        case .adopt: RunsTexts.adopt
        case .done where takesBack: RunsTexts.takenBack
        case .done: RunsTexts.done
        case .retry where isChanged: RunsTexts.retryUnchanged
        case .retryAnyway where isChanged: RunsTexts.retryAnywayChanged
        case .retry: RunsTexts.retry
        case .retryAnyway: RunsTexts.retryAnyway
        case .abandon where state.ending?.startsAgain == true: RunsTexts.abandonLeavingThenRedo
        case .abandon where takesBack: RunsTexts.abandonLeaving
        case .abandon: RunsTexts.abandon
        }
    }

    private func words(_ choice: HoldChoice, finds: Int) -> [String] {
        switch choice {
        case .adopt where finds > 1: (1...finds).map { "--adopt \($0)" }
        case .done where state.ending == nil && !state.isReplacing: ["--done\(wanted)"]
        case .adopt, .done, .retry, .retryAnyway, .abandon:
            ["--" + choice.rawValue.replacing("_", with: "-")]
        }
    }

    /// What the lost answer would have filled and is not there yet.
    private var wanted: String {
        guard case .call(let call) = definition.state(state.state)?.action else { return "" }
        let missing = call.save.map(\.name).filter { state.data[$0] == nil && state.secret($0) == nil }
        func isSecret(_ name: String) -> Bool { definition.variable(name)?.isSecret == true }
        return missing.filter { !isSecret($0) }.map { " \($0)=VALUE" }.joined()
            + missing.filter(isSecret).map { " --secret \($0)=@FILE" }.joined()
    }

    private func command(_ name: String, _ words: String) -> String {
        RunsTexts.command(name, run: run.id.description, words, seq: state.seq)
    }

    private var instead: Choice {
        let input = state.input.members.map { item in
            ShellWord.quoted("\(item.name)=\(item.value.stringValue ?? item.value.serialized())")
        }
        let words = [ShellWord.quoted(run.workflow)] + input
        return Choice(
            name: "instead", meaning: RunsTexts.instead,
            commands: [
                RunsTexts.enqueueInstead(
                    words, organisation: ShellWord.quoted(run.organisation), run: run.id.description, seq: state.seq)
            ])
    }
}
