/// A condition or a value in a definition: the subset of CEL that the language reference gives.
///
/// It ends by construction: no loops, no clock, no random. Choices where CEL leaves room:
/// - `&&` and `||` take any order: `false && error` and `error && false` are false.
/// - Numbers of answers are ints when they are whole and fit 64 bits, else doubles; all comparisons of
///   numbers are exact, by their decimal text. A longer whole number can be compared and passed on.
/// - A member or an element of something that has none (null, text) is `missing`, as if it were absent.
/// - `has(a.b.c)` is false when any part behind `a` is missing.
public struct Expression: Sendable {
    public let source: String
    /// The paths it reads, in the order of the text.
    public let references: [ExpressionReference]
    let root: ExpressionNode

    init(source: String, root: ExpressionNode) {
        self.source = source
        self.root = root
        references = root.references()
    }

    /// Reads an expression; offsets of errors count Unicode scalars.
    public static func parse(_ source: String) throws(ExpressionSyntaxError) -> Expression {
        let (node, _) = try ExpressionParser.parse(
            source: source, scalars: Array(source.unicodeScalars), from: 0, inTemplate: false)
        return Expression(source: source, root: node)
    }

    /// The value in a scope. Secrets come out as secrets, from whatever operator they went through.
    public func evaluate(_ scope: ExpressionScope) throws(ExpressionError) -> ExpressionValue {
        var evaluator = ExpressionEvaluator(scope: scope, source: source)
        return try evaluator.result(of: root)
    }

    /// The value of a condition; anything but true or false is an error.
    public func holds(_ scope: ExpressionScope) throws(ExpressionError) -> Bool {
        let value = try evaluate(scope)
        if case .plain(.bool(let flag)) = value { return flag }
        throw ExpressionError(
            code: .expression, message: "a condition must be true or false, and this is \(value.typeName)",
            source: source, offset: root.offset)
    }
}

extension Expression: Equatable {
    /// Two expressions with the same source are equal.
    public static func == (left: Expression, right: Expression) -> Bool {
        left.source.hasSameScalars(as: right.source)
    }
}

/// A path that an expression reads, as far as the text alone tells it: `response.body.items[0].id` is
/// root `response`, path `body`, `items`.
public struct ExpressionReference: Sendable, Equatable {
    public let root: String
    public let path: [String]
    /// Unicode scalars of the source before the root.
    public let offset: Int
    /// Within `has(…)`: it asks whether the path is there.
    public let isPresenceTest: Bool

    public init(root: String, path: [String], offset: Int, isPresenceTest: Bool = false) {
        self.root = root
        self.path = path
        self.offset = offset
        self.isPresenceTest = isPresenceTest
    }

    /// For example `response.body.items`.
    public var text: String { ([root] + path).joined(separator: ".") }

    func moved(by distance: Int) -> ExpressionReference {
        ExpressionReference(root: root, path: path, offset: offset + distance, isPresenceTest: isPresenceTest)
    }
}

extension ExpressionNode {
    /// Member names from the start of a path, and how many steps they take.
    static func staticNames(of steps: [Step]) -> [String] {
        var names: [String] = []
        for step in steps {
            switch step {
            case .member(let name, _): names.append(name)
            case .index(let node, _):
                guard case .literal(.string(let name)) = node.kind else { return names }
                names.append(name)
            case .method: return names
            }
        }
        return names
    }

    func references(isPresenceTest: Bool = false) -> [ExpressionReference] {
        switch kind {
        case .literal: return []
        case .name(let name):
            return [ExpressionReference(root: name, path: [], offset: offset, isPresenceTest: isPresenceTest)]
        case .path(let base, let steps):
            var found: [ExpressionReference]
            if case .name(let name) = base.kind {
                let path = Self.staticNames(of: steps)
                found = [
                    ExpressionReference(root: name, path: path, offset: base.offset, isPresenceTest: isPresenceTest)
                ]
            } else {
                found = base.references()
            }
            for step in steps {
                switch step {
                case .member: break
                case .index(let node, _): found += node.references()
                case .method(_, let argument, _): found += argument?.references() ?? []
                }
            }
            return found
        case .list(let nodes), .and(let nodes), .or(let nodes): return nodes.flatMap { $0.references() }
        case .call(let function, let node): return node.references(isPresenceTest: function == .has)
        case .unary(_, let node): return node.references()
        case .sum(let first, let terms): return first.references() + terms.flatMap { $0.node.references() }
        case .comparison(_, let left, let right): return left.references() + right.references()
        case .conditional(let condition, let first, let second):
            return condition.references() + first.references() + second.references()
        }
    }
}
