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
