/// A node of a parsed expression. Chains of an operator are one node, so that depth stays bounded.
struct ExpressionNode: Sendable {
    indirect enum Kind: Sendable {
        case literal(Literal)
        case name(String)
        case path(ExpressionNode, [Step])
        case list([ExpressionNode])
        case call(Function, ExpressionNode)
        /// Operators from the outermost inwards.
        case unary([Unary], ExpressionNode)
        case sum(ExpressionNode, [(isMinus: Bool, offset: Int, node: ExpressionNode)])
        case comparison(Comparison, ExpressionNode, ExpressionNode)
        case and([ExpressionNode])
        case or([ExpressionNode])
        case conditional(ExpressionNode, ExpressionNode, ExpressionNode)
    }

    enum Literal: Sendable {
        case null
        case bool(Bool)
        case integer(Int64)
        case double(JSONNumber)
        case string(String)
    }

    enum Step: Sendable {
        case member(String, offset: Int)
        case index(ExpressionNode, offset: Int)
        case method(Method, ExpressionNode?, offset: Int)

        var offset: Int {
            switch self {
            case .member(_, let offset), .index(_, let offset), .method(_, _, let offset): offset
            }
        }
    }

    enum Function: String, Sendable, CaseIterable {
        case has, size, string, int, fingerprint, last4
    }

    enum Method: String, Sendable, CaseIterable {
        case contains, startsWith, endsWith, lowerAscii, size

        var takesArgument: Bool {
            switch self {
            case .contains, .startsWith, .endsWith: true
            case .lowerAscii, .size: false
            }
        }
    }

    enum Unary: Sendable { case not, minus }

    enum Comparison: String, Sendable {
        case equal = "=="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case isIn = "in"
    }

    let kind: Kind
    /// Unicode scalars before it, or before its operator.
    let offset: Int
}

extension ExpressionNode {
    /// Whether the node certainly gives a new text, not a value that is stored somewhere.
    var isPutTogether: Bool {
        switch kind {
        case .sum: true
        case .path(_, let steps):
            steps.contains { step in
                if case .method(.lowerAscii, _, _) = step { true } else { false }
            }
        case .call(.string, let argument): argument.isPutTogether
        case .conditional(_, let first, let second): first.isPutTogether && second.isPutTogether
        case .literal, .name, .list, .call, .unary, .comparison, .and, .or: false
        }
    }

    /// Where a function is called first.
    func firstCall(of function: Function) -> Int? {
        if case .call(function, _) = kind { return offset }
        return children.lazy.compactMap { $0.firstCall(of: function) }.first
    }

    /// A value that is read from a root, such as `response.body.items[0].id`.
    struct Place {
        /// Unicode scalars before its root.
        let offset: Int
        let names: [String]
    }

    /// The values that the node reads, except those that it only asks for, only counts, or finds by a computed index.
    var placesRead: [Place] {
        switch kind {
        case .call(.has, _), .call(.size, _): return []
        case .name(let root): return [Place(offset: offset, names: [root])]
        case .path(let base, let steps):
            let arguments = children.dropFirst().flatMap(\.placesRead)
            guard case .name(let root) = base.kind else { return base.placesRead + arguments }
            var names = [root]
            for step in steps {
                switch step {
                case .member(let name, _): names.append(name)
                case .index(let node, _):
                    guard case .literal(let literal) = node.kind else { return arguments }
                    switch literal {
                    case .string(let name): names.append(name)
                    case .integer(let index): names.append("\(index)")
                    case .null, .bool, .double: return arguments
                    }
                case .method(.size, _, _): return arguments
                case .method: return [Place(offset: base.offset, names: names)] + arguments
                }
            }
            return [Place(offset: base.offset, names: names)] + arguments
        default: return children.flatMap(\.placesRead)
        }
    }

    private var children: [ExpressionNode] {
        switch kind {
        case .literal, .name: []
        case .path(let base, let steps):
            [base]
                + steps.compactMap { step in
                    switch step {
                    case .member: nil
                    case .index(let node, _): node
                    case .method(_, let argument, _): argument
                    }
                }
        case .list(let nodes), .and(let nodes), .or(let nodes): nodes
        case .call(_, let node), .unary(_, let node): [node]
        case .sum(let first, let terms): [first] + terms.map(\.node)
        case .comparison(_, let left, let right): [left, right]
        case .conditional(let condition, let first, let second): [condition, first, second]
        }
    }
}
