/// Text with expressions in `${…}`. `$${` stands for a literal `${`; inserted values are never read again.
public struct Template: Sendable {
    public enum Part: Sendable, Equatable {
        case text(String)
        /// With the Unicode scalars of the template before the expression's first one.
        case expression(Expression, offset: Int)
    }

    public let source: String
    public let parts: [Part]

    /// Reads a template; offsets of errors count Unicode scalars of the template.
    public static func parse(_ source: String) throws(ExpressionSyntaxError) -> Template {
        guard source.utf8.count <= ExpressionLimits.textBytes else {
            throw ExpressionSyntaxError(
                code: .limit, message: "the text is longer than \(ExpressionLimits.textBytes) bytes", source: source,
                offset: 0)
        }
        guard source.utf8.contains(UInt8(ascii: "$")) else { return Template(literal: source) }
        let scalars = Array(source.unicodeScalars)
        var parts: [Part] = []
        var text = String.UnicodeScalarView()
        var index = 0
        while index < scalars.count {
            if scalars[index...].starts(with: "$${".unicodeScalars) {
                text.append(contentsOf: "${".unicodeScalars)
                index += 3
            } else if scalars[index...].starts(with: "${".unicodeScalars) {
                if !text.isEmpty { parts.append(.text(String(text))) }
                text = String.UnicodeScalarView()
                let start = index + 2
                let (node, end) = try ExpressionParser.parse(
                    source: source, scalars: scalars, from: start, inTemplate: true)
                var inner = String.UnicodeScalarView()
                inner.append(contentsOf: scalars[start..<end])
                parts.append(
                    .expression(Expression(source: String(inner), root: node.moved(by: -start)), offset: start))
                index = end + 1
            } else {
                text.append(scalars[index])
                index += 1
            }
        }
        if !text.isEmpty { parts.append(.text(String(text))) }
        return Template(source: source, parts: parts)
    }

    private init(source: String, parts: [Part]) {
        self.source = source
        self.parts = parts
    }

    private init(literal: String) { self.init(source: literal, parts: literal.isEmpty ? [] : [.text(literal)]) }

    /// Whether it holds no expression.
    public var isLiteral: Bool { literalText != nil }

    /// The text, when there is no expression in it.
    public var literalText: String? {
        var literal = ""
        for part in parts {
            guard case .text(let text) = part else { return nil }
            literal += text
        }
        return literal
    }

    /// The paths it reads, with offsets in the template.
    public var references: [ExpressionReference] {
        parts.flatMap { part in
            guard case .expression(let expression, let offset) = part else { return [ExpressionReference]() }
            return expression.references.map { $0.moved(by: offset) }
        }
    }

    /// The value. A template that is a single `${x}` keeps the type of x. In mixed text, strings, numbers and bools are
    /// written out; null, lists and objects are errors. Text with a secret in it is a secret.
    public func evaluate(_ scope: ExpressionScope) throws(ExpressionError) -> ExpressionValue {
        if parts.count == 1, case .expression(let expression, let offset) = parts[0] {
            return try evaluate(expression, offset, scope)
        }
        var whole = ""
        var isSecret = false
        for part in parts {
            var piece: String
            var position = 0
            switch part {
            case .text(let text): piece = text
            case .expression(let expression, let offset):
                position = offset
                let value = try evaluate(expression, offset, scope)
                if case .secret = value { isSecret = true }
                piece = try text(of: value, at: offset)
            }
            guard whole.utf8.count + piece.utf8.count <= ExpressionLimits.textBytes else {
                throw ExpressionError(
                    code: .limit, message: "the text grows beyond \(ExpressionLimits.textBytes) bytes", source: source,
                    offset: position)
            }
            whole += piece
        }
        if isSecret { return .secret(SecretValue(reference: nil, revealed: Secret(whole))) }
        return .plain(.string(whole))
    }

    /// The value as plain text; a secret, null, a list and an object are errors.
    public func text(_ scope: ExpressionScope) throws(ExpressionError) -> String {
        let value = try evaluate(scope)
        if case .secret = value {
            throw ExpressionError(code: .secret, message: "a secret must not stand here", source: source, offset: 0)
        }
        return try text(of: value, at: 0)
    }

    private func evaluate(
        _ expression: Expression, _ offset: Int, _ scope: ExpressionScope
    ) throws(ExpressionError) -> ExpressionValue {
        do throws(ExpressionError) {
            return try expression.evaluate(scope)
        } catch {
            throw ExpressionError(
                code: error.code, message: error.message, source: source, offset: error.offset + offset)
        }
    }

    private func text(of value: ExpressionValue, at offset: Int) throws(ExpressionError) -> String {
        switch value {
        case .secret(let secret):
            if let revealed = secret.revealed { return revealed.revealText() }
            throw ExpressionError(
                code: .secret, message: "the secret is sealed here; only a request can put its text together",
                source: source, offset: offset)
        case .plain(let value):
            if let text = ExpressionEvaluator.text(of: .json(value)) { return text }
            throw ExpressionError(
                code: .expression,
                message: "within text only a string, number or bool can be written, not \(value.typeName)",
                source: source, offset: offset)
        }
    }
}

extension Template: Equatable {
    /// Two templates with the same source are equal.
    public static func == (left: Template, right: Template) -> Bool { left.source.hasSameScalars(as: right.source) }
}

extension ExpressionNode {
    /// The same with other offsets, for an expression that is read out of a longer text.
    func moved(by distance: Int) -> ExpressionNode {
        let kind: Kind =
            switch kind {
            case .literal, .name: kind
            case .path(let base, let steps): .path(base.moved(by: distance), steps.map { $0.moved(by: distance) })
            case .list(let nodes): .list(nodes.map { $0.moved(by: distance) })
            case .and(let nodes): .and(nodes.map { $0.moved(by: distance) })
            case .or(let nodes): .or(nodes.map { $0.moved(by: distance) })
            case .call(let function, let node): .call(function, node.moved(by: distance))
            case .unary(let operators, let node): .unary(operators, node.moved(by: distance))
            case .sum(let first, let terms):
                .sum(
                    first.moved(by: distance),
                    terms.map { ($0.isMinus, $0.offset + distance, $0.node.moved(by: distance)) })
            case .comparison(let comparison, let left, let right):
                .comparison(comparison, left.moved(by: distance), right.moved(by: distance))
            case .conditional(let condition, let first, let second):
                .conditional(condition.moved(by: distance), first.moved(by: distance), second.moved(by: distance))
            }
        return ExpressionNode(kind: kind, offset: offset + distance)
    }
}

extension ExpressionNode.Step {
    func moved(by distance: Int) -> ExpressionNode.Step {
        switch self {
        case .member(let name, let offset): .member(name, offset: offset + distance)
        case .index(let node, let offset): .index(node.moved(by: distance), offset: offset + distance)
        case .method(let method, let argument, let offset):
            .method(method, argument?.moved(by: distance), offset: offset + distance)
        }
    }
}
