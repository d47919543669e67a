// Which values of a run tell its things from those of others.

extension ReconcileDefinition {
    /// Whether a find proves that this run made it: `where` compares a value that only this run has, and the lost
    /// request sent that value. Everything else that is found may have been there before.
    public func findsOwnMark(of create: CallDefinition) -> Bool { condition.ownMarks.contains(where: create.sends) }

    /// Whether the create sends a value of the run that the condition compares; else a find is no sign of it.
    func comparesWhatIsSent(by create: CallDefinition) -> Bool { condition.runReferences.contains(where: create.sends) }
}

extension CallDefinition {
    /// Whether the request carries this value. An idempotency key without a value of its own is `state.key`.
    fileprivate func sends(_ value: ExpressionReference) -> Bool {
        if value.text == "state.key", let idempotency, idempotency.value == nil { return true }
        return sentReferences.contains { $0.text == value.text }
    }

    /// Whether the request names something that this run has: its id, or what its calls have saved. What stands in the input
    /// alone, such as a number, may be the name of what others made.
    var namesWhatTheRunHas: Bool { sentReferences.contains { $0.text == "run.id" || $0.root == "data" } }

    /// What the request carries beside its credentials.
    var sentReferences: [ExpressionReference] {
        var found = path.references + query.flatMap(\.value.references) + headers.flatMap(\.template.references)
        found += idempotency?.value?.references ?? []
        switch body {
        case .json(let template): found += template.references
        case .form(let fields): found += fields.flatMap(\.value.references)
        case nil: break
        }
        return found
    }
}

extension Expression {
    /// The values of the run that the condition reads, and not of the item.
    var runReferences: [ExpressionReference] {
        references.filter { ["run", "state", "input", "data"].contains($0.root) && !$0.isPresenceTest }
    }

    /// Whether the path or the query of the call holds a value that the condition compares.
    func sharesValue(with call: CallDefinition) -> Bool {
        let sent = call.path.references + call.query.flatMap(\.value.references)
        return runReferences.contains { mine in sent.contains { $0.root == mine.root && $0.path == mine.path } }
    }

    /// The run's id and its idempotency value, where the condition holds only for an item that bears them.
    fileprivate var ownMarks: [ExpressionReference] { root.conjuncts.compactMap(\.ownMark) }
}

extension ExpressionNode {
    /// The parts that must all hold.
    fileprivate var conjuncts: [ExpressionNode] {
        if case .and(let nodes) = kind { return nodes.flatMap(\.conjuncts) }
        return [self]
    }

    /// Of `item.a == run.id`, with fixed text around the id at most, or of a search for the id in `item.a`. Whatever else
    /// reads both may hold for an item of others.
    fileprivate var ownMark: ExpressionReference? {
        switch kind {
        case .comparison(.equal, let left, let right):
            if left.isPlainItem { return right.mark }
            return right.isPlainItem ? left.mark : nil
        case .path(let base, let steps):
            guard case .method(let method, let argument?, _)? = steps.last, method.takesArgument,
                case .name("item") = base.kind, Self.areMembers(steps.dropLast())
            else { return nil }
            return argument.mark
        default: return nil
        }
    }

    private static func areMembers(_ steps: some Sequence<Step>) -> Bool {
        steps.allSatisfy { step in
            if case .member = step { true } else { false }
        }
    }

    private var isPlainItem: Bool {
        switch kind {
        case .name("item"): return true
        case .path(let base, let steps):
            guard case .name("item") = base.kind else { return false }
            return Self.areMembers(steps)
        default: return false
        }
    }

    /// The one value of the run in a text of which all else is fixed.
    private var mark: ExpressionReference? {
        switch kind {
        case .path:
            let reference = references().first
            guard let reference, references().count == 1, !reference.isPresenceTest,
                ["run.id", "state.key"].contains(reference.text)
            else { return nil }
            return reference
        case .sum(let first, let terms):
            guard terms.allSatisfy({ !$0.isMinus }) else { return nil }
            let parts = [first] + terms.map(\.node)
            let marks = parts.compactMap(\.mark)
            let fixed = parts.count { part in
                if case .literal(.string) = part.kind { true } else { false }
            }
            return marks.count == 1 && fixed == parts.count - 1 ? marks[0] : nil
        default: return nil
        }
    }
}
