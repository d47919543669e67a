/// The meaning of an expression, for code that writes it in another language.
public indirect enum ExpressionShape: Sendable, Equatable {
    case literal(JSONValue)
    case path(Path)
    case list([ExpressionShape])
    /// `has(…)`.
    case presence(Path)
    case not(ExpressionShape)
    case and([ExpressionShape])
    case or([ExpressionShape])
    /// With its operator as it is written, such as `==` or `in`.
    case comparison(String, ExpressionShape, ExpressionShape)
    /// `contains`, `startsWith` or `endsWith`.
    case search(String, in: ExpressionShape, part: ExpressionShape)
    /// Arithmetic, other functions, branches, and what a computed index leads to.
    case other

    /// A root with fixed steps from it.
    public struct Path: Sendable, Equatable {
        public enum Step: Sendable, Equatable {
            case member(String)
            case index(Int)
        }

        public let root: String
        public let steps: [Step]

        public init(root: String, steps: [Step]) {
            self.root = root
            self.steps = steps
        }
    }
}

extension Expression {
    public var shape: ExpressionShape { root.shape }
}

extension ExpressionNode {
    fileprivate var shape: ExpressionShape {
        switch kind {
        case .literal(.null): return .literal(.null)
        case .literal(.bool(let flag)): return .literal(.bool(flag))
        case .literal(.integer(let value)): return .literal(.integer(value))
        case .literal(.double(let number)): return .literal(.number(number))
        case .literal(.string(let text)): return .literal(.string(text))
        case .name(let name): return .path(ExpressionShape.Path(root: name, steps: []))
        case .path(let base, let steps): return Self.shape(of: base.shape, steps[...])
        case .list(let nodes): return .list(nodes.map(\.shape))
        case .call(.has, let argument):
            if case .path(let path) = argument.shape { return .presence(path) }
            return .other
        case .call: return .other
        case .unary(let operators, let operand):
            guard operators.allSatisfy({ $0 == .not }) else { return .other }
            return operators.reduce(operand.shape) { shape, _ in .not(shape) }
        case .comparison(let comparison, let left, let right):
            return .comparison(comparison.rawValue, left.shape, right.shape)
        case .and(let nodes): return .and(nodes.map(\.shape))
        case .or(let nodes): return .or(nodes.map(\.shape))
        case .sum, .conditional: return .other
        }
    }

    private static func shape(of base: ExpressionShape, _ steps: ArraySlice<Step>) -> ExpressionShape {
        guard let step = steps.first else { return base }
        let rest = steps.dropFirst()
        if case .method(let method, let argument, _) = step, let argument, rest.isEmpty, method.takesArgument {
            return .search(method.rawValue, in: base, part: argument.shape)
        }
        guard case .path(let path) = base else { return .other }
        switch step {
        case .member(let name, _):
            return shape(of: .path(.init(root: path.root, steps: path.steps + [.member(name)])), rest)
        case .index(let node, _):
            switch node.shape {
            case .literal(.string(let name)):
                return shape(of: .path(.init(root: path.root, steps: path.steps + [.member(name)])), rest)
            case .literal(.number(let number)):
                guard let index = number.integer, index >= 0 else { return .other }
                return shape(
                    of: .path(.init(root: path.root, steps: path.steps + [.index(Int(clamping: index))])), rest)
            default: return .other
            }
        case .method: return .other
        }
    }
}
