import ArgumentParser
import EventStore
import Vault
import WorkflowCore

/// One thing that a person does to runs.
struct Verb {
    struct Act {
        let event: VerbEvent
        var sealed: [SealedSecret] = []
    }

    let name: String
    /// Runs of other statuses are left out when filters say which runs.
    let statuses: Set<RunStatus>
    /// It brings secrets, which the installation's vault seals.
    var sealsSecrets = false
    /// The event for a run as it stands. Throws `VerbRefusal`, or `CommandFailure` for values that do not fit.
    let act: (RunState, Definition, Vault?) throws -> Act

    /// Does it to each of the runs, one after the other. A run that refuses does not stop the rest.
    func run(_ names: [String], _ options: VerbOptions) async throws {
        try await Session.with(options.database) { session in
            let targets = VerbTargets(session: session, options: options, verb: self)
            let chosen = try await names.isEmpty ? targets.matching() : targets.named(names)
            let note = "Stopping after the run that is under way ..."
            try await StopFlag.withSignals(saying: note) { stop in
                let vault = sealsSecrets ? try await session.vault() : nil
                var work = VerbWork(verb: self, options: options, session: session, vault: vault)
                try await work.run(chosen, stop)
            }
        }
    }
}

/// Why one run was left as it is.
private struct Refusal {
    let code: String
    let message: String
    var hint: String?
    /// 1: the run does not take it; 2: bad input.
    var exitCode: Int32 = 1
}

private struct VerbWork {
    let verb: Verb
    let options: VerbOptions
    let session: Session
    let vault: Vault?
    private var definitions: [String: Definition] = [:]
    private var done = 0
    private var refused = 0

    init(verb: Verb, options: VerbOptions, session: Session, vault: Vault?) {
        self.verb = verb
        self.options = options
        self.session = session
        self.vault = vault
    }

    mutating func run(_ targets: [VerbTarget], _ stop: StopFlag) async throws {
        for (index, target) in targets.enumerated() {
            if stop.isRaised {
                Console.note("Stopped: \(tally); \(VerbTargets.counted(targets.count - index)) left as they were.")
                throw ExitCode(130)
            }
            let answer: Result
            do { answer = try await apply(target) } catch {
                if targets.count > 1 { Console.note("Ended at run \(target.id): \(tally).") }
                throw error
            }
            try report(answer, target, isOnly: targets.count == 1)
        }
        if targets.count != 1 { Console.note("\(tally).") }
        if refused > 0 {
            throw CommandFailure.failed("\(refused) of \(VerbTargets.counted(targets.count)) refused")
        }
    }

    private enum Result {
        case accepted(RunState)
        case refused(Refusal)
    }

    private var tally: String {
        "\(VerbTargets.counted(done)) \(options.dryRun ? "would be done" : "done"), \(refused) refused"
    }

    private mutating func apply(_ target: VerbTarget) async throws -> Result {
        do {
            guard let state = try await session.store.fold(target.id) else {
                return .refused(Refusal(code: "unreadable", message: "it has no events: the database is inconsistent"))
            }
            guard state.seq == target.seq else { return .refused(behind(target, now: state.seq)) }
            let act = try verb.act(state, try await definition(of: state), vault)
            if options.dryRun { return .accepted(act.event.after) }
            let answer = try await session.store.append(
                AppendRequest(
                    runId: target.id, expectedSeq: state.seq, event: act.event.event, actor: options.actor.name,
                    stateAfter: act.event.after, sealed: act.sealed))
            switch answer {
            case .accepted: return .accepted(act.event.after)
            case .behind(let seq): return .refused(behind(target, now: seq))
            }
        } catch let error as VerbRefusal {
            let isBadInput = error.code == "bad_value" || error.code == "no_reason"
            return .refused(
                Refusal(code: error.code, message: error.message, hint: error.hint, exitCode: isBadInput ? 2 : 1))
        } catch let error as EvolveError {
            return .refused(Refusal(code: "unreadable", message: error.description))
        } catch let error as CommandFailure {
            let code = error.exitCode == 2 ? "bad_value" : "unreadable"
            return .refused(
                Refusal(code: code, message: error.message, hint: error.hint, exitCode: error.exitCode))
        } catch let error as StoreError where error.code == .keyConflict || error.code == .refused {
            return .refused(Refusal(code: error.code.rawValue, message: error.message, hint: error.hint))
        }
    }

    private func behind(_ target: VerbTarget, now seq: Int64) -> Refusal {
        Refusal(
            code: "behind",
            message: "it has moved on since it was looked at: it has \(seq) events now, not \(target.seq)",
            hint: "See \"turnup show \(target.id)\", then decide again.")
    }

    private mutating func definition(of state: RunState) async throws -> Definition {
        let name = "\(state.version) \(state.workflow)"
        if let known = definitions[name] { return known }
        let found = try await session.definition(workflow: state.workflow, version: state.version)
        definitions[name] = found
        return found
    }

    /// Throws the refusal of the only run: it is the command's own error then.
    private mutating func report(_ answer: Result, _ target: VerbTarget, isOnly: Bool) throws {
        switch answer {
        case .accepted(let state):
            done += 1
            let word = options.dryRun ? "would be taken" : "taken"
            if options.json {
                print(target, options.dryRun ? "would_be_accepted" : "accepted", state: state)
            } else {
                Console.out(
                    Table.visible(
                        "\(target.id)  \(target.key)  \(verb.name) \(word): \(state.status.rawValue), state \(state.state)"
                    ))
            }
        case .refused(let refusal):
            refused += 1
            if options.json { print(target, "refused", refusal: refusal) }
            let message = Table.visible("run \(target.id): \(refusal.message)")
            if isOnly { throw CommandFailure(exitCode: refusal.exitCode, message: message, hint: refusal.hint) }
            Console.error(message)
        }
    }

    private func print(_ target: VerbTarget, _ answer: String, state: RunState? = nil, refusal: Refusal? = nil) {
        var members: [(String, JSONValue)] = [
            ("run", .string(target.id.description)), ("key", .string(target.key)), ("verb", .string(verb.name)),
            ("answer", .string(answer)),
        ]
        if let state {
            members += [
                ("seq", .integer(state.seq)), ("status", .string(state.status.rawValue)),
                ("state", .string(state.state)),
            ]
        }
        if let refusal { members += [("code", .string(refusal.code)), ("message", .string(refusal.message))] }
        Console.out(JSONText.object(members))
    }
}
