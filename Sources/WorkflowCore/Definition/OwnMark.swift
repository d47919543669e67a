// Which values of a run tell its things from those of others.

extension ReconcileDefinition {
    /// Whether a find proves that this run made it: `where` compares a value that only this run has, and the lost
    /// request sent that value. Everything else that is found may have been there before.
    public func findsOwnMark(of create: CallDefinition) -> Bool {
        condition.ownMarks.contains { mark in
            create.sentReferences.contains { $0.root == mark.root && $0.path == mark.path }
                || (mark.path == ["key"] && mark.root == "state" && create.idempotency?.value == nil
                    && create.idempotency != nil)
        }
    }
}

extension CallDefinition {
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

    /// The run's id and its idempotency value, where the condition cannot hold without them.
    fileprivate var ownMarks: [ExpressionReference] {
        root.conjuncts.filter(\.comparesTexts).flatMap { part in
            let references = part.references()
            guard references.contains(where: { $0.root == "item" }) else { return [ExpressionReference]() }
            return references.filter {
                ($0.root == "run" && $0.path == ["id"]) || ($0.root == "state" && $0.path == ["key"])
            }
        }
    }
}

extension ExpressionNode {
    /// The parts that must all hold.
    fileprivate var conjuncts: [ExpressionNode] {
        if case .and(let nodes) = kind { return nodes.flatMap(\.conjuncts) }
        return [self]
    }

    /// `==`, or a search for a part of a text.
    fileprivate var comparesTexts: Bool {
        switch kind {
        case .comparison(.equal, _, _): true
        case .path(_, let steps):
            if case .method(let method, _, _)? = steps.last { method.takesArgument } else { false }
        default: false
        }
    }
}
