/// The states of a definition and the ways between them, for pictures.
///
/// The graph is made from the parsed file, so that it also shows what the engine does not run yet. It leaves out what
/// cannot be read; check the definition first.
public struct WorkflowGraph: Sendable, Equatable {
    public struct State: Sendable, Equatable {
        public let name: String
        public let isStart: Bool
        public let end: StateDefinition.EndStatus?
        /// What happens there, one thing per line.
        public let notes: [String]
    }

    public enum Way: Sendable, Equatable {
        case next
        case choose
        /// An error that retry did not mend.
        case caught
        case signal
    }

    public struct Edge: Sendable, Equatable {
        public let from: String
        public let to: String
        public let way: Way
        /// Empty when there is nothing to say.
        public let label: String
    }

    public let workflow: String
    /// In the order in which a run can reach the states; states that no run reaches come last.
    public let states: [State]
    public let edges: [Edge]

    /// Reads the tree of a definition file.
    public init(_ tree: JSONValue) {
        let draft = Definition.draft(of: tree, .check).draft
        var edges: [String: [Edge]] = [:]
        let known = Set(draft.states.map(\.name))
        for state in draft.states { edges[state.name] = Self.edges(of: state).filter { known.contains($0.to) } }
        var order: [String] = []
        var seen: Set<String> = []
        for root in [draft.start?.value].compactMap(\.self) + draft.states.map(\.name) {
            var queue = [root]
            var position = 0
            while position < queue.count {
                let name = queue[position]
                position += 1
                guard known.contains(name), seen.insert(name).inserted else { continue }
                order.append(name)
                queue += (edges[name] ?? []).map(\.to)
            }
        }
        let failure = draft.failureStates.first?.name
        workflow = draft.workflow?.value ?? ""
        states = order.compactMap { name in
            draft.states.first { $0.name == name }.map { state in
                State(
                    name: name, isStart: name == draft.start?.value, end: state.end,
                    notes: Self.notes(of: state, in: draft)
                        + (name == failure ? ["every error that nothing catches"] : []))
            }
        }
        self.edges = order.flatMap { edges[$0] ?? [] }
    }

    private static func edges(of state: DraftState) -> [Edge] {
        var edges: [Edge] = []
        func add(_ to: Located<String>?, _ way: Way, _ label: String) {
            guard let to else { return }
            edges.append(Edge(from: state.name, to: to.value, way: way, label: label))
        }
        add(state.next, .next, "")
        for branch in state.branches ?? [] {
            add(branch.next, .choose, branch.condition?.source ?? (branch.hasCondition ? "" : "otherwise"))
        }
        for entry in state.awaits { add(entry.next, .signal, "signal \(entry.signal.value)") }
        for entry in state.catches { add(entry.next, .caught, "catch \(names(entry.errors))") }
        return edges
    }

    private static func names(_ errors: [Located<String>]) -> String {
        errors.map(\.value).joined(separator: ", ")
    }

    private static func notes(of state: DraftState, in draft: Draft) -> [String] {
        var notes = [state.title].compactMap(\.self)
        if let call = draft.call(of: state) { notes.append(words(call)) }
        if let set = state.set { notes.append("set \(set.map(\.name).joined(separator: ", "))") }
        if state.hasPause { notes.append("pause \(state.pauseMilliseconds.map(DurationText.text) ?? "until a time")") }
        if let deadline = state.deadlineMilliseconds { notes.append("deadline \(DurationText.text(deadline))") }
        for entry in state.retry {
            let policy = draft.policies.first { $0.name == entry.policy?.value }?.policy
            notes.append("retry \(names(entry.errors)): \(policy.map(words) ?? entry.policy?.value ?? "")")
        }
        if state.retriesNothing { notes.append("no retry") }
        for entry in state.catches where entry.hasHold { notes.append("hold on \(names(entry.errors))") }
        if let call = draft.call(state.reconcile?.call) { notes.append("look up \(words(call))") }
        if let undo = draft.call(state.undo?.call) { notes.append("undo \(words(undo))") }
        return notes
    }

    private static func words(_ call: DraftCall) -> String {
        "\(call.method) \(call.service?.value ?? ""):\(call.urlPath?.source ?? "")"
    }

    private static func words(_ policy: RetryPolicy) -> String {
        var words = "\(policy.name), \(DurationText.text(policy.delayMilliseconds))"
        if policy.maximumDelayMilliseconds > policy.delayMilliseconds {
            words += " up to \(DurationText.text(policy.maximumDelayMilliseconds))"
        }
        if let within = policy.withinMilliseconds { words += ", for \(DurationText.text(within))" }
        if let attempts = policy.maximumAttempts { words += ", \(attempts) attempts" }
        return words
    }
}
