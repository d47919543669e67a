/// The states of a draft and the ways between them.
struct DraftGraph {
    struct Edge {
        enum Kind {
            /// `next`, `choose` or `await`.
            case exit
            case caught
            /// To the failure state.
            case uncaught
        }

        let from: Int
        let to: Int
        /// Variables that are set on this way.
        let sets: Set<String>
        /// Whether this way costs time: a pause, a signal, a deadline, or a retry policy that gave up.
        let isDelayed: Bool
        let kind: Kind

        /// Written down, unlike the way of an uncaught error.
        var isExplicit: Bool { kind != .uncaught }
    }

    let states: [DraftState]
    let edges: [Edge]
    let start: Int?
    /// For each state, the variables that its action has set, whatever the way in which the action ended.
    let setsOfAction: [Set<String>]
    private let outgoing: [[Int]]

    init(_ draft: Draft, _ guesses: inout NameGuesses) {
        states = draft.states
        let names = draft.states.map(\.name)
        var indices: [String: Int] = [:]
        for (index, name) in names.enumerated() { indices[name] = index }
        func index(_ name: Located<String>?) -> Int? {
            guard let name else { return nil }
            return indices[name.value] ?? guesses.meant(by: name.value, among: names).flatMap { indices[$0] }
        }
        var edges: [Edge] = []
        var setsOfAction: [Set<String>] = []
        let failure = draft.failureStates.first.flatMap { indices[$0.name] }
        let rushed = draft.rushedPolicies
        for (from, state) in draft.states.enumerated() {
            let sets = draft.variablesSet(by: state)
            setsOfAction.append(sets)
            for entry in state.awaits {
                guard let to = index(entry.next) else { continue }
                let before = state.isRace ? [] : sets
                edges.append(
                    Edge(
                        from: from, to: to, sets: before.union(entry.save.map(\.name)), isDelayed: true, kind: .exit))
            }
            for target in [state.next] + (state.branches ?? []).map(\.next) {
                guard let to = index(target) else { continue }
                edges.append(Edge(from: from, to: to, sets: sets, isDelayed: state.hasPause, kind: .exit))
            }
            for entry in state.catches {
                guard let to = index(entry.next) else { continue }
                let isDelayed = entry.errors.allSatisfy { error in
                    error.value == "deadline" || draft.waits(for: error.value, in: state, rushed)
                }
                edges.append(
                    Edge(
                        from: from, to: to, sets: Set(entry.set.map(\.name)), isDelayed: isDelayed, kind: .caught))
            }
            if let failure, state.end == nil {
                edges.append(Edge(from: from, to: failure, sets: [], isDelayed: true, kind: .uncaught))
            }
        }
        self.edges = edges
        self.setsOfAction = setsOfAction
        start = index(draft.start)
        var outgoing = Array(repeating: [Int](), count: draft.states.count)
        for (number, edge) in edges.enumerated() { outgoing[edge.from].append(number) }
        self.outgoing = outgoing
    }

    /// How states are reached from the start.
    struct Paths {
        var isReached: [Bool]
        /// The edge that reaches a state first; nil for the start itself.
        var arrivals: [Edge?]
    }

    /// The shortest paths over the edges allowed, from the start or from another state.
    func paths(from first: Int? = nil, over isAllowed: (Edge) -> Bool = { _ in true }) -> Paths {
        var paths = Paths(
            isReached: Array(repeating: false, count: states.count),
            arrivals: Array(repeating: nil, count: states.count))
        guard let start = first ?? start else { return paths }
        paths.isReached[start] = true
        var queue = [start]
        var position = 0
        while position < queue.count {
            for number in outgoing[queue[position]] {
                let edge = edges[number]
                guard isAllowed(edge), !paths.isReached[edge.to] else { continue }
                paths.isReached[edge.to] = true
                paths.arrivals[edge.to] = edge
                queue.append(edge.to)
            }
            position += 1
        }
        return paths
    }

    /// `requested > qr-pending`.
    func words(for paths: Paths, to state: Int) -> String {
        var names = [states[state].name]
        var current = state
        while let edge = paths.arrivals[current] {
            names.append(states[edge.from].name)
            current = edge.from
        }
        if names.count > 6 { names = Array(names.prefix(3)) + ["…"] + Array(names.suffix(2)) }
        return names.reversed().joined(separator: " > ")
    }

    /// Cycles in which no step takes time, each as the indices of its states in order.
    func busyCycles() -> [[Int]] {
        var isDone = Array(repeating: false, count: states.count)
        var placeOnPath: [Int: Int] = [:]
        var found: [[Int]] = []
        for root in states.indices where !isDone[root] {
            var path: [(state: Int, nextEdge: Int)] = [(root, 0)]
            placeOnPath[root] = 0
            while let top = path.last {
                let ways = outgoing[top.state]
                guard top.nextEdge < ways.count else {
                    path.removeLast()
                    placeOnPath[top.state] = nil
                    isDone[top.state] = true
                    continue
                }
                path[path.count - 1].nextEdge += 1
                let edge = edges[ways[top.nextEdge]]
                guard !edge.isDelayed else { continue }
                if let place = placeOnPath[edge.to] {
                    found.append(path[place...].map(\.state))
                } else if !isDone[edge.to] {
                    placeOnPath[edge.to] = path.count
                    path.append((edge.to, 0))
                }
            }
        }
        return found
    }
}

extension Draft {
    func call(of state: DraftState) -> DraftCall? { self.call(state.call) }

    func call(_ call: DraftState.Call?) -> DraftCall? {
        switch call {
        case .inline(let call): call
        case .named(let name): calls.first { $0.name == name.value }
        case nil: nil
        }
    }

    /// Policies that give up before they have waited.
    var rushedPolicies: Set<String> {
        Set(policies.filter { $0.policy?.mayWait == false }.map(\.name))
    }

    /// Whether the state first retries the error, with waiting, before anything else happens.
    func waits(for error: String, in state: DraftState, _ rushed: Set<String>) -> Bool {
        let statuses = errors.first { $0.name == error }?.statuses ?? []
        for entry in state.retry {
            let names = entry.errors.map(\.value)
            let takesAll =
                names.contains { ErrorName.covers($0, error) }
                || (!statuses.isEmpty
                    && statuses.allSatisfy { status in names.contains { ErrorName.takes($0, status) } })
            guard entry.policy.map({ rushed.contains($0.value) }) == true else {
                if takesAll { return true }
                continue
            }
            if takesAll || names.contains(where: { ErrorName.covers(error, $0) }) { return false }
        }
        return false
    }

    /// The variables that the state sets in any case. After an adopted find, only the variables that the find saves are
    /// set, even if the answer would have given more.
    func variablesSet(by state: DraftState) -> Set<String> {
        var saved = Set((call(of: state)?.save ?? []).map(\.name))
        if let reconcile = state.reconcile, reconcile.one == .adopt {
            saved.formIntersection(reconcile.save.map(\.name))
        }
        return saved.union((state.set ?? []).map(\.name))
    }

    /// The draft with misspelt names of calls replaced by those that were meant; the original reports the slip itself.
    func guessing(_ guesses: inout NameGuesses) -> Draft {
        var draft = self
        let names = calls.compactMap(\.name)
        for (index, probe) in probes.enumerated() {
            guard let name = probe.call, let meant = guesses.meant(by: name.value, among: names + states.map(\.name))
            else { continue }
            draft.probes[index].call = Located(value: meant, path: name.path)
        }
        for (index, state) in states.enumerated() {
            func guess(_ call: DraftState.Call?) -> DraftState.Call? {
                guard case .named(let name) = call, let meant = guesses.meant(by: name.value, among: names) else {
                    return call
                }
                return .named(Located(value: meant, path: name.path))
            }
            draft.states[index].call = guess(state.call)
            if let undo = state.undo {
                draft.states[index].undo?.call = guess(undo.call)
                draft.states[index].undo?.gone?.call = guess(undo.gone?.call)
                draft.states[index].undo?.before = undo.before.compactMap(guess)
            }
            if let inspect = state.inspect {
                draft.states[index].inspect?.call = guess(inspect.call)
                draft.states[index].inspect?.lookUp?.call = guess(inspect.lookUp?.call)
                draft.states[index].inspect?.before = inspect.before.compactMap(guess)
            }
            draft.states[index].reconcile?.call = guess(state.reconcile?.call)
        }
        return draft
    }

    /// Where uncaught errors go: the state `failed` if it is such an end, else the ones that are.
    var failureStates: [DraftState] {
        let ends = states.filter { $0.end == .failed }
        return ends.first { $0.name == "failed" }.map { [$0] } ?? ends
    }
}
