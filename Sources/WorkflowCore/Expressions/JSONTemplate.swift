/// A JSON tree with templates at its leaves: the body of a request, for example.
public indirect enum JSONTemplate: Sendable, Equatable {
    /// A part without expressions.
    case literal(JSONValue)
    case template(Template)
    case array([JSONTemplate])
    case object([Member])

    public struct Member: Sendable, Equatable {
        public let name: String
        public let value: JSONTemplate

        public init(name: String, value: JSONTemplate) {
            self.name = name
            self.value = value
        }
    }
}

/// Which text of a tree is no template.
public struct JSONTemplateError: Error, Sendable, Equatable {
    /// Names and positions from the top.
    public let path: [String]
    public let error: ExpressionSyntaxError

    public init(path: [String], error: ExpressionSyntaxError) {
        self.path = path
        self.error = error
    }
}

extension JSONTemplate {
    /// Reads every string of the tree as a template; names of members are taken as they are.
    public init(parsing value: JSONValue) throws(JSONTemplateError) {
        try self.init(parsing: value, path: [])
    }

    private init(parsing value: JSONValue, path: [String]) throws(JSONTemplateError) {
        switch value {
        case .null, .bool, .number: self = .literal(value)
        case .string(let text):
            let template: Template
            do throws(ExpressionSyntaxError) {
                template = try Template.parse(text)
            } catch {
                throw JSONTemplateError(path: path, error: error)
            }
            self = template.literalText.map { .literal(.string($0)) } ?? .template(template)
        case .array(let items):
            var templates: [JSONTemplate] = []
            for (position, item) in items.enumerated() {
                templates.append(try JSONTemplate(parsing: item, path: path + [String(position)]))
            }
            self = .array(templates)
        case .object(let object):
            var members: [Member] = []
            for (name, value) in object.members {
                members.append(Member(name: name, value: try JSONTemplate(parsing: value, path: path + [name])))
            }
            self = .object(members)
        }
        if let literal = literalValue { self = .literal(literal) }
    }

    /// The value, when there is no expression in it.
    public var literalValue: JSONValue? {
        switch self {
        case .literal(let value): return value
        case .template(let template): return template.literalText.map(JSONValue.string)
        case .array(let items):
            var values: [JSONValue] = []
            for item in items {
                guard let value = item.literalValue else { return nil }
                values.append(value)
            }
            return .array(values)
        case .object(let members):
            var values: [(String, JSONValue)] = []
            for member in members {
                guard let value = member.value.literalValue else { return nil }
                values.append((member.name, value))
            }
            return .object(JSONObject(values))
        }
    }

    /// The paths it reads; offsets count in the template that each stands in.
    public var references: [ExpressionReference] {
        switch self {
        case .literal: []
        case .template(let template): template.references
        case .array(let items): items.flatMap(\.references)
        case .object(let members): members.flatMap(\.value.references)
        }
    }

    /// The tree to send. A template whose value is null drops its member of an object; a null that is written in the
    /// file stays. A sealed secret is an error.
    public func evaluate(_ scope: ExpressionScope) throws(ExpressionError) -> JSONTemplateResult {
        var containsSecret = false
        let value = try evaluate(scope, &containsSecret)
        return JSONTemplateResult(value: value, containsSecret: containsSecret)
    }

    private func evaluate(
        _ scope: ExpressionScope, _ containsSecret: inout Bool
    ) throws(ExpressionError) -> JSONValue {
        switch self {
        case .literal(let value): return value
        case .template(let template):
            switch try template.evaluate(scope) {
            case .plain(let value): return value
            case .secret(let secret):
                guard let revealed = secret.revealed else {
                    throw ExpressionError(
                        code: .secret, message: "the secret is sealed here; only a request can open it",
                        source: template.source, offset: 0)
                }
                containsSecret = true
                return .string(revealed.revealText())
            }
        case .array(let items):
            var values: [JSONValue] = []
            for item in items { values.append(try item.evaluate(scope, &containsSecret)) }
            return .array(values)
        case .object(let members):
            var object = JSONObject()
            for member in members {
                let value = try member.value.evaluate(scope, &containsSecret)
                if case .template = member.value, value.isNull { continue }
                object[member.name] = value
            }
            return .object(object)
        }
    }
}

/// A tree to send. With secrets in it, it must not be shown, so it has no description and no mirror.
public struct JSONTemplateResult: Sendable {
    private let value: JSONValue
    public let containsSecret: Bool

    init(value: JSONValue, containsSecret: Bool) {
        self.value = value
        self.containsSecret = containsSecret
    }

    /// The tree with all secrets in plain text, for the one place that sends it.
    public func reveal() -> JSONValue { value }

    /// The tree, when no secret is in it.
    public var plain: JSONValue? { containsSecret ? nil : value }

    public var isNull: Bool { value.isNull }
}

extension JSONTemplateResult: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { containsSecret ? "<json with secrets>" : "<json>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
