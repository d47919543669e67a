import ArgumentParser
import Diagnostics
import EventStore
import Vault
import WorkflowCore

/// One thing that a person does to runs.
struct OperatorAction {
    struct Act {
        let event: OperatorActionEvent
        var sealed: [SealedSecret] = []
    }

    let name: String
    /// Runs of other statuses are left out when filters say which runs.
    let statuses: Set<RunStatus>
    /// It brings secrets, which the installation's vault seals.
    var sealsSecrets = false
    /// It leads to an end without success, so it says what may be left on the platform.
    var saysLeftBehind = false
    /// It changes nothing that could not be changed back, so nobody confirms how many runs there are.
    var isHarmless = false
    /// The codes of refusals that only leave a run out, when more than one was meant.
    var leavesOut: Set<String> = []
    /// The event for a run as it stands. Throws `OperatorActionRefusal`, or `CommandFailure` for values that do not fit.
    let act: (RunState, Definition, Vault?, PostgresStore) async throws -> Act

    /// Does it to each of the runs, one after the other. A run that refuses does not stop the rest.
    func run(_ names: [String], _ options: OperatorActionOptions) async throws {
        try await Session.with(options.database) { session in
            let targets = OperatorActionTargets(session: session, options: options, verb: self)
            let chosen = try await names.isEmpty ? targets.matching() : targets.named(names)
            try await StopFlag.withSignals(saying: DecideTexts.stopping) { stop in
                let vault = sealsSecrets ? try await session.vault() : nil
                var work = OperatorActionWork(verb: self, options: options, session: session, vault: vault)
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

private struct OperatorActionWork {
    let verb: OperatorAction
    let options: OperatorActionOptions
    let session: Session
    let vault: Vault?
    private var definitions: [String: Definition] = [:]
    private var done = 0
    private var refused = 0
    private var leftOut = 0

    init(verb: OperatorAction, options: OperatorActionOptions, session: Session, vault: Vault?) {
        self.verb = verb
        self.options = options
        self.session = session
        self.vault = vault
    }

    mutating func run(_ targets: [OperatorActionTarget], _ stop: StopFlag) async throws {
        for (index, target) in targets.enumerated() {
            if stop.isRaised {
                Console.note(DecideTexts.stopped(tally, left: targets.count - index))
                throw ExitCode(130)
            }
            let answer: Result
            do { answer = try await apply(target, stop) } catch {
                if targets.count > 1 { Console.note(DecideTexts.ended(at: "\(target.id)", tally)) }
                throw error
            }
            try report(answer, target, isOnly: targets.count == 1)
        }
        if leftOut > 0 { Console.note(DecideTexts.saysNotHow(leftOut, verb.name)) }
        if targets.count != 1 { Console.note("\(tally).") }
        if refused > 0 { throw DecideTexts.refused(refused, of: targets.count) }
    }

    private enum Result {
        case accepted(RunState, [LeftBehind])
        case refused(Refusal)
        /// It has so many events now, and nothing was written.
        case moved(Int64)
    }

    /// How long a run is looked at again and again because it moves on. A fast worker on a busy machine may be ahead a
    /// hundred times.
    private static let longestLooking: Duration = .seconds(30)

    private var tally: String {
        DecideTexts.tally(done: done, refused: refused, isDryRun: options.dryRun)
    }

    /// Looks at the run and appends. A run that moves on meanwhile is looked at again, because workers move runs all
    /// the time; but a caller who said where the run must stand is told.
    private mutating func apply(_ target: OperatorActionTarget, _ stop: StopFlag) async throws -> Result {
        let began = ContinuousClock.now
        var looks = 0
        var known: RunState?
        while true {
            let answer = try await look(target, &known)
            guard case .moved(let seq) = answer else { return answer }
            looks += 1
            // The stream was put back to an older state.
            if let seen = known, seq < seen.seq { known = nil }
            if let expected = target.expectedSeq {
                return .refused(behind(target, DecideTexts.otherSeq(seq, expected: expected)))
            }
            guard began.duration(to: .now) < Self.longestLooking, !stop.isRaised else {
                return .refused(behind(target, DecideTexts.alwaysMoved(looks)))
            }
        }
    }

    /// `known` is what an earlier look has folded: only what came after it is read, so that a fast run can be met.
    private mutating func look(_ target: OperatorActionTarget, _ known: inout RunState?) async throws -> Result {
        do {
            if let filter = target.filter, let run = try await session.store.run(target.id), !filter.matches(run) {
                return .refused(behind(target, DecideTexts.filtersMatchNoMore))
            }
            for event in try await session.store.events(of: target.id, after: known?.seq ?? 0) {
                known = try evolve(known, run: target.id, event)
            }
            guard let state = known else {
                return .refused(Refusal(code: "unreadable", message: RunsTexts.hasNoEvents))
            }
            if let expected = target.expectedSeq, state.seq != expected { return .moved(state.seq) }
            let act = try await verb.act(state, try await definition(of: state), vault, session.store)
            if options.dryRun { return .accepted(act.event.after, try await left(by: act, of: target, at: state.seq)) }
            let answer = try await session.store.append(
                AppendRequest(
                    runId: target.id, expectedSeq: state.seq, event: act.event.event, actor: options.actor.name,
                    stateAfter: act.event.after, sealed: act.sealed))
            switch answer {
            // Read only now: a run that moves all the time would have moved on meanwhile.
            case .accepted:
                return .accepted(act.event.after, try await left(by: act, of: target, at: state.seq))
            case .behind(let seq): return .moved(seq)
            }
        } catch let error as OperatorActionRefusal {
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

    private func behind(_ target: OperatorActionTarget, _ how: String) -> Refusal {
        Refusal(
            code: "behind", message: DecideTexts.movedOn(how), hint: DecideTexts.decideAgain("\(target.id)"))
    }

    private mutating func definition(of state: RunState) async throws -> Definition {
        let name = "\(state.version) \(state.workflow)"
        if let known = definitions[name] { return known }
        let found = try await session.definition(workflow: state.workflow, version: state.version)
        definitions[name] = found
        return found
    }

    private func left(by act: OperatorAction.Act, of target: OperatorActionTarget, at seq: Int64) async throws
        -> [LeftBehind]
    {
        guard verb.saysLeftBehind else { return [] }
        return try await session.leftBehind(target.id, upTo: seq, then: act.event.event).items
    }

    /// Throws the refusal of the only run: it is the command's own error then.
    private mutating func report(_ answer: Result, _ target: OperatorActionTarget, isOnly: Bool) throws {
        switch answer {
        case .accepted(let state, let left):
            done += 1
            if options.json {
                print(target, options.dryRun ? "would_be_accepted" : "accepted", state: state, leftBehind: left)
            } else {
                let taken = DecideTexts.taken(
                    verb.name, isDryRun: options.dryRun, status: state.status.rawValue, state: state.state)
                Console.out(Table.visible("\(target.id)  \(target.key)  \(taken)"))
                for item in left { Console.out(Table.visible("  \(LeftBehindText.line(item))")) }
                if verb.saysLeftBehind, state.openAttempt != nil {
                    Console.out(DecideTexts.underWay("\(target.id)"))
                }
            }
        case .refused(let refusal) where !isOnly && verb.leavesOut.contains(refusal.code): leftOut += 1
        case .refused(let refusal):
            refused += 1
            if options.json { print(target, "refused", refusal: refusal) }
            let message = Table.visible(DecideTexts.refusal("\(target.id)", refusal.message))
            if isOnly { throw CommandFailure(exitCode: refusal.exitCode, message: message, hint: refusal.hint) }
            Console.error(message)
        case .moved: break  // `apply` looks again or refuses
        }
    }

    private func print(
        _ target: OperatorActionTarget, _ answer: String, state: RunState? = nil, leftBehind: [LeftBehind] = [],
        refusal: Refusal? = nil
    ) {
        var members: [(String, JSONValue)] = [
            ("run", .string(target.id.description)), ("key", .string(target.key)), ("verb", .string(verb.name)),
            ("answer", .string(answer)),
        ]
        if let state {
            members += [
                ("seq", .integer(state.seq)), ("status", .string(state.status.rawValue)),
                ("state", .string(state.state)),
            ]
            if verb.saysLeftBehind { members.append(("left_behind", .array(leftBehind.map(\.json)))) }
        }
        if let refusal { members += [("code", .string(refusal.code)), ("message", .string(refusal.message))] }
        Console.out(JSONText.object(members))
    }
}
