// The shape of the graph: what is reached, what ends, what spins.

extension DraftChecker {
    mutating func checkGraph() {
        let reached = graph.paths()
        if graph.start != nil {
            for (index, state) in graph.states.enumerated() where !reached.isReached[index] && !isFailureState(state) {
                report(
                    .unreachableState, state.path, .name,
                    "state \"\(state.name)\" is never reached: no next, choose, catch or await names it")
            }
        }
        checkWaysToEnd()
        checkCycles()
    }

    /// Whether uncaught errors lead to this state.
    private func isFailureState(_ state: DraftState) -> Bool {
        draft.failureStates.contains { $0.name == state.name }
    }

    private mutating func checkWaysToEnd() {
        var canEnd = Array(repeating: false, count: graph.states.count)
        var incoming = Array(repeating: [Int](), count: graph.states.count)
        for edge in graph.edges where edge.isExplicit { incoming[edge.to].append(edge.from) }
        // A state whose exits are wrong has its own problem; this rule stays silent about it.
        var queue = graph.states.indices.filter { index in
            let state = graph.states[index]
            let isOpen = state.isRace || [["next"], ["choose"], ["await"]].contains(state.exitKeywords)
            return !isOpen || !graph.edges.contains { $0.from == index && $0.isExplicit }
        }
        for index in queue { canEnd[index] = true }
        while let index = queue.popLast() {
            for from in incoming[index] where !canEnd[from] {
                canEnd[from] = true
                queue.append(from)
            }
        }
        for (index, state) in graph.states.enumerated() where !canEnd[index] {
            report(
                .noWayToEnd, state.path, .name, "state \"\(state.name)\" leads to no end",
                hint: "let next, choose, catch or await lead to a state with end")
        }
    }

    private mutating func checkCycles() {
        var blamed: Set<Int> = []
        for cycle in graph.busyCycles() {
            guard let first = cycle.first, blamed.insert(first).inserted else { continue }
            let names = (cycle + [first]).map { graph.states[$0].name }
            let words = (names.count > 6 ? Array(names.prefix(4)) + ["…"] + names.suffix(1) : names)
                .joined(separator: " > ")
            report(
                .busyCycle, graph.states[first].path, .name, "the way \(words) can go round without ever waiting",
                hint: "put a state with pause on it, or retry the error before catch sends it back")
        }
    }
}

// MARK: - Variables along the way

extension DraftChecker {
    /// A read of a variable that another read of the same place does not guard with `has`.
    struct Read: Hashable {
        let variable: String
        let path: DefinitionPath
    }

    /// E206: on every way from the start, something has filled the variable before it is read.
    mutating func checkVariables() {
        guard graph.start != nil else { return }
        let reads = allReads()
        for variable in reads.variables.sorted() {
            let paths = graph.paths { !$0.sets.contains(variable) }
            forEachUnset(variable, reads, paths) { read, index in
                reportUnset(read.variable, at: read.path, in: index, paths)
            }
        }
    }

    /// For a run that comes into a state from outside, with these variables set: the first variable that the run lacks,
    /// and the state that reads it. Nil when the run has every variable that it may need.
    func firstUnset(from state: String, having variables: Set<String>) -> (variable: String, state: String)? {
        guard let arrival = graph.states.firstIndex(where: { $0.name == state }) else { return nil }
        let reads = allReads()
        for variable in reads.variables.subtracting(variables).sorted() {
            var reader: Int?
            let paths = graph.paths(from: arrival) { !$0.sets.contains(variable) }
            forEachUnset(variable, reads, paths) { _, index in reader = reader ?? index }
            if let reader { return (variable, graph.states[reader].name) }
        }
        return nil
    }

    private struct AllReads {
        var ofState: [[Read]]
        var atExit: [[Read]]
        var variables: Set<String>
    }

    private func allReads() -> AllReads {
        var ofState: [[Read]] = graph.states.map { reads(in: $0) }
        let atExit: [[Read]] = graph.states.map { readsAfterAction(of: $0) }
        let readsOfOutput = draft.output.flatMap { reads(under: $0.path) }
        for (index, state) in graph.states.enumerated() where state.end == .succeeded {
            ofState[index] += readsOfOutput + readsOfInspect(of: state)
        }
        let variables = Set((ofState + atExit).joined().map(\.variable)).intersection(draft.data.map(\.name))
        return AllReads(ofState: ofState, atExit: atExit, variables: variables)
    }

    /// Calls `body` for each read of the variable on ways that do not set it.
    private func forEachUnset(
        _ variable: String, _ reads: AllReads, _ paths: DraftGraph.Paths, _ body: (Read, Int) -> Void
    ) {
        for index in graph.states.indices where paths.isReached[index] {
            for read in reads.ofState[index] where read.variable == variable { body(read, index) }
            guard !graph.setsOfAction[index].contains(variable) else { continue }
            for read in reads.atExit[index] where read.variable == variable { body(read, index) }
        }
    }

    private mutating func reportUnset(
        _ variable: String, at path: DefinitionPath, in index: Int, _ paths: DraftGraph.Paths
    ) {
        let state = graph.states[index].name
        let words = graph.words(for: paths, to: index)
        let isStart = paths.arrivals[index] == nil
        report(
            .unsetVariable, path, .value,
            "data.\(variable) may be unset in state \"\(state)\": "
                + (isStart ? "the run starts there" : "the path \(words) does not save it"),
            hint: "save or set it before, or guard it with has(data.\(variable))")
    }

    /// What the action, the catches and the look-up of a state read, with the reads of the call and its service.
    private func reads(in state: DraftState) -> [Read] {
        let later: [DefinitionPath.Step] = ["choose", "await", "identity", "show", "undo", "inspect"].map { .name($0) }
        var found = reads(under: state.path).filter { read in
            read.path.steps.dropFirst(2).first.map { !later.contains($0) } ?? true
        }
        if state.isRace { found += readsOfAwait(of: state) }
        return found + readsByName(state.call) + readsByName(state.reconcile?.call)
    }

    private func readsAfterAction(of state: DraftState) -> [Read] {
        ["choose", "identity", "show"].flatMap { reads(under: state.path.member($0)) }
            + (state.isRace ? [] : readsOfAwait(of: state))
    }

    private func readsOfAwait(of state: DraftState) -> [Read] {
        guard !state.awaits.isEmpty else { return [] }
        let awaited = Set(state.awaits.map(\.signal.value))
        let signals = draft.signals.filter { awaited.contains($0.name) }
        return reads(under: state.path.member("await")) + signals.flatMap { reads(under: $0.path) }
    }

    /// What a call reads beyond the state's own text: under `calls` and in its service.
    func readsByName(_ call: DraftState.Call?) -> [Read] {
        guard let call = draft.call(call) else { return [] }
        var found = call.name == nil ? [] : reads(under: call.path)
        if let service = draft.services.first(where: { $0.name == call.service?.value }) {
            found += reads(under: service.path)
        }
        return found
    }

    func reads(under prefix: DefinitionPath) -> [Read] {
        (usesByOwner[DefinitionPath(Array(prefix.steps.prefix(2)))] ?? []).filter { $0.path.starts(with: prefix) }
            .flatMap { use in
                let references = use.references
                let guarded = Set(
                    references.filter { $0.isPresenceTest && $0.root == "data" }.compactMap(\.path.first))
                return references.compactMap { reference -> Read? in
                    guard reference.root == "data", let name = reference.path.first, !guarded.contains(name) else {
                        return nil
                    }
                    return Read(variable: name, path: use.path)
                }
            }
    }
}
