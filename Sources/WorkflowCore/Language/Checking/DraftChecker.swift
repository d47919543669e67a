/// The rules that need more than one place of a definition. It works on a draft, so that one mistake hides no other.
struct DraftChecker {
    /// The draft, in which misspelt calls are replaced by those that were meant.
    let draft: Draft
    /// The draft as it was written.
    private let original: Draft
    let uses: [ExpressionUse]
    /// The uses by the section and the name that they stand under, such as `states.requested`.
    let usesByOwner: [DefinitionPath: [ExpressionUse]]
    let graph: DraftGraph
    var problems: [DefinitionProblem] = []
    var guesses = NameGuesses()

    init(_ draft: Draft, _ uses: [ExpressionUse]) {
        original = draft
        self.draft = draft.guessing(&guesses)
        self.uses = uses
        usesByOwner = Dictionary(grouping: uses) { DefinitionPath(Array($0.path.steps.prefix(2))) }
        graph = DraftGraph(self.draft, &guesses)
    }

    /// What a definition needs to make sense at all: every name in it exists, every state has one way on.
    mutating func checkSoundness() {
        checkNames()
        checkExits()
        checkEnds()
    }

    /// All other rules, but for `checkUsage`.
    mutating func checkRules() {
        checkGraph()
        checkVariables()
        checkCalls()
        checkEntries()
        checkWaits()
        checkLearned()
        checkUndos()
        checkProbes()
        checkMove()
        checkValues()
        checkExpressions()
    }

    mutating func report(
        _ code: ProblemCode, _ path: DefinitionPath, _ spot: DefinitionPath.Spot = .value, _ message: String,
        declaredAt: DefinitionPath? = nil, hint: String? = nil
    ) {
        problems.append(
            DefinitionProblem(
                path: path, spot: spot, code: code, message: message, declaredAt: declaredAt, hint: hint))
    }

    /// A hint, as long as there are few problems: hints cost time, and nobody reads the hundredth.
    func suggestion(_ name: String, among names: [String], prefix: String = "") -> String? {
        guard problems.count < 100 else { return nil }
        return NearestName.of(name, among: names).map { "did you mean \"\(prefix)\($0)\"?" }
    }

    /// Whose problem it is, for messages: `state "requested"`, `output "client"`.
    static func subject(_ path: DefinitionPath) -> String {
        guard case .name(let section)? = path.steps.first else { return "the file" }
        guard path.steps.count > 1, case .name(let name) = path.steps[1] else { return section }
        return switch section {
        case "states": "state \"\(name)\""
        case "calls": "call \"\(name)\""
        case "services": "service \"\(name)\""
        case "errors": "error \"\(name)\""
        case "output": "output \"\(name)\""
        case "probes": "probe \"\(name)\""
        case "signals": "signal \"\(name)\""
        default: section
        }
    }
}

/// A list of names in which many names are looked up.
private struct Names {
    let list: [String]
    let set: Set<String>

    init(_ list: [String]) {
        self.list = list
        set = Set(list)
    }
}

// MARK: - Names and exits

extension DraftChecker {
    private mutating func checkNames() {
        let states = Names(draft.states.map(\.name))
        let policies = Names(draft.policies.map(\.name))
        let signals = Names(draft.signals.map(\.name))
        let calls = Names(draft.calls.compactMap(\.name))
        let services = Names(draft.services.map(\.name))
        let errors = Names(draft.errors.map(\.name) + ErrorName.reserved)
        if let start = draft.start { need(start, "start", in: states) }
        for state in original.states {
            let subject = "state \"\(state.name)\": "
            if let next = state.next { need(next, subject + "next", in: states) }
            for branch in state.branches ?? [] {
                if let next = branch.next { need(next, subject + "choose", in: states) }
            }
            for entry in state.catches {
                if let next = entry.next { need(next, subject + "catch", in: states) }
                for error in entry.errors { needError(error, subject + "catch", in: errors) }
            }
            for entry in state.allRetries {
                for error in entry.errors { needError(error, subject + "retry", in: errors) }
                if let policy = entry.policy {
                    need(policy, subject + "retry", in: policies, what: "policy ")
                }
            }
            for error in state.inspect?.drifted ?? [] { needError(error, subject + "drifted", in: errors) }
            for entry in state.awaits {
                need(entry.signal, subject + "await", in: signals, what: "signal ", at: .name)
                if let next = entry.next { need(next, subject + "await", in: states) }
            }
            for (call, keyword) in state.calls {
                switch call {
                case .named(let name): need(name, subject + keyword, in: calls)
                case .inline(let call): needService(call, in: services)
                }
            }
        }
        for call in draft.calls { needService(call, in: services) }
        checkProbeNames(original.probes)
    }

    private mutating func needService(_ call: DraftCall, in services: Names) {
        guard let service = call.service else { return }
        need(
            service, "\(Self.subject(call.path)): request", in: services, what: "service ")
    }

    private mutating func need(
        _ name: Located<String>, _ subject: String, in names: Names, what: String = "",
        at spot: DefinitionPath.Spot = .value
    ) {
        guard !names.set.contains(name.value) else { return }
        report(
            .unknownName, name.path, spot, "\(subject) names \(what)\"\(name.value)\", which does not exist",
            hint: suggestion(name.value, among: names.list))
    }

    private mutating func needError(_ name: Located<String>, _ subject: String, in errors: Names) {
        guard !ErrorName.isKnown(name.value) else { return }
        need(name, subject, in: errors, what: "error ")
    }

    private mutating func checkExits() {
        for state in draft.states {
            let name = "state \"\(state.name)\""
            let actions = state.actionKeywords
            switch state.exitKeywords.count {
            case 0:
                report(
                    .wrongExit, state.path, .name, "\(name) has no exit: give it next, choose, await or end")
            case 1: break
            case 2 where state.isRace: break
            default:
                report(
                    .wrongExit, state.path, .name,
                    "\(name) has more than one exit: \(DefinitionReader.listed(state.exitKeywords))",
                    hint: "keep one of them")
            }
            if actions.count > 1 {
                report(
                    .wrongExit, state.path, .name,
                    "\(name) has more than one action: \(DefinitionReader.listed(actions))",
                    hint: "make a state of each")
            }
            if let inspect = state.inspect, state.end != .succeeded {
                report(
                    .wrongExit, inspect.path, .name,
                    "\(name) does not end with success, so there is nothing to inspect",
                    hint: "move inspect into the state with end: succeeded")
            }
            if state.exitKeywords == ["end"] {
                let others =
                    actions + (state.retry.isEmpty ? [] : ["retry"]) + (state.catches.isEmpty ? [] : ["catch"])
                    + state.callKeywords + (state.deadlineMilliseconds == nil ? [] : ["deadline"])
                if !others.isEmpty {
                    report(
                        .wrongExit, state.path, .name,
                        "\(name) ends the run, so it cannot have \(DefinitionReader.listed(others))",
                        hint: "do it in a state before")
                }
            } else if state.call == nil {
                if !state.retry.isEmpty || state.retriesNothing {
                    report(
                        .wrongExit, state.path.member("retry"), .name, "\(name) has nothing to retry: it has no call")
                }
                for keyword in state.callKeywords {
                    report(
                        .wrongExit, state.path.member(keyword), .name,
                        "\(name) has nothing for \(keyword): it has no call",
                        hint: "give it a call, or remove \(keyword)")
                }
            }
            if let branches = state.branches { checkBranches(branches, state) }
        }
    }

    private mutating func checkBranches(_ branches: [DraftBranch], _ state: DraftState) {
        let path = state.path.member("choose")
        guard let last = branches.last else {
            return report(
                .wrongExit, path, .value, "state \"\(state.name)\" chooses among nothing",
                hint: "list at least one next")
        }
        for branch in branches.dropLast() where !branch.hasCondition {
            report(
                .wrongExit, branch.path, .value,
                "a branch without when takes every run, so the branches after it are never reached",
                hint: "move it to the end")
        }
        if last.hasCondition {
            report(
                .wrongExit, last.path, .value, "state \"\(state.name)\" has no exit when no condition holds",
                hint: "add a last branch without when")
        }
    }

    private mutating func checkEnds() {
        guard !draft.states.isEmpty else { return }
        let path = DefinitionPath([.name("states")])
        let isUnclear = draft.states.contains { $0.exitKeywords.contains("end") && $0.end == nil }
        for status in [StateDefinition.EndStatus.succeeded, .failed] where !isUnclear {
            guard !draft.states.contains(where: { $0.end == status }) else { continue }
            report(
                .missingEnd, path, .name, "no state has end: \(status.rawValue)",
                hint: "add a state such as \(status == .failed ? "failed" : "active"): {end: \(status.rawValue)}")
        }
        let failures = draft.failureStates
        if failures.count > 1 {
            report(
                .missingEnd, path, .name,
                "states \(DefinitionReader.listed(failures.map { "\"\($0.name)\"" })) have end: failed, so it is unclear "
                    + "where uncaught errors go",
                hint: "call one of them failed")
        }
    }
}
