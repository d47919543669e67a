/// What a new version does to runs under way: which follow it by `moved`, which stay, which would break.
public struct MovePlan {
    public enum Fate: Sendable, Hashable {
        /// `moved` takes the run to this state of the new version.
        case follows(state: String)
        /// The run goes on with the version it is pinned to.
        case stays(because: String)
        /// Nothing can take the run over: the new version does not have its state.
        case stranded
        /// The run would arrive, and lack a value in that state or later.
        case unset(variable: String, arrival: String, reader: String)

        public var name: String {
            switch self {
            case .follows: "follows"
            case .stays: "stays"
            case .stranded, .unset: "would break"
            }
        }
    }

    public let workflow: String
    public let version: Int
    /// The version whose runs follow; nil when none does.
    public let movedFrom: Int?
    /// Where `moved` stands in the file.
    public let place: DefinitionPath
    private let states: [String: String]
    private let movedVariables: [(name: String, reads: [String])]
    private let checker: DraftChecker
    /// What arriving runs lack, in a state or after it; the answer is the same for every run with the same variables.
    private var unsetAfter: [Arrival: Unset?] = [:]

    private struct Arrival: Hashable {
        let state: String
        let variables: Set<String>
    }

    private struct Unset {
        let variable: String
        let state: String
    }

    /// Nil when the definition does not even name its workflow and version. Give the tree in canonical order.
    public init?(of tree: JSONValue) {
        let (draft, uses, _) = Definition.draft(of: tree, .check)
        guard let workflow = draft.workflow?.value, let version = draft.version else { return nil }
        self.workflow = workflow
        self.version = version
        let move = draft.move
        movedFrom = move?.from?.value
        place = move?.path ?? DefinitionPath([.name("version")])
        // Where a name stands twice, the first entry counts. The repetition is a problem of its own.
        states = Dictionary((move?.states ?? []).map { ($0.old, $0.new.value) }) { first, _ in first }
        movedVariables = (move?.data ?? []).map { entry in
            let reads = (entry.template?.references ?? []).filter { $0.root == "data" && !$0.isPresenceTest }
            return (entry.name, reads.compactMap(\.path.first))
        }
        checker = DraftChecker(draft, uses)
    }

    /// What becomes of a live or held run.
    public mutating func fate(of run: RunState) -> Fate {
        guard run.version < version else { return .stays(because: "it runs version \(run.version)") }
        guard let movedFrom else { return .stays(because: "nothing is moved") }
        guard run.version == movedFrom else { return .stays(because: "only runs of version \(movedFrom) are moved") }
        let target = states[run.state] ?? run.state
        guard checker.graph.states.contains(where: { $0.name == target }) else { return .stranded }
        let held = Set(run.data.members.map(\.name) + run.secrets.map(\.reference.name))
        for variable in movedVariables {
            if let missing = variable.reads.first(where: { !held.contains($0) }) {
                return .unset(variable: missing, arrival: target, reader: "moved")
            }
        }
        let arrival = Arrival(state: target, variables: held.union(movedVariables.map(\.name)))
        if let unset = unset(after: arrival) {
            return .unset(variable: unset.variable, arrival: target, reader: unset.state)
        }
        if run.openAttempt != nil { return .stays(because: "an attempt is under way; it can follow after it") }
        if run.status == .held { return .stays(because: "it is held; it can follow once a person has decided") }
        return .follows(state: target)
    }

    private mutating func unset(after arrival: Arrival) -> Unset? {
        if let known = unsetAfter[arrival] { return known }
        let found = checker.firstUnset(from: arrival.state, having: arrival.variables).map {
            Unset(variable: $0.variable, state: $0.state)
        }
        unsetAfter.updateValue(found, forKey: arrival)
        return found
    }

    /// The problem with the new version when runs would lack a value; nil for any other fate. `DefinitionChange`
    /// reports stranded runs.
    public func problem(_ fate: Fate, state: String, count: Int) -> DefinitionProblem? {
        guard case .unset(let variable, let arrival, let reader) = fate else { return nil }
        let reading = reader == "moved" ? "data under moved reads it" : "state \"\(reader)\" reads it"
        return DefinitionProblem(
            path: place, spot: .name, code: .unsetVariable,
            message: "moved takes \(count) live run\(count == 1 ? "" : "s") from \"\(state)\" to \"\(arrival)\" "
                + "without data.\(variable), and \(reading)",
            hint: "give it a value in data under moved, or guard it with has(data.\(variable))")
    }
}
