import WorkflowCore

/// Conditions as rules of a Choice state.
struct ChoiceRules {
    let definition: Definition

    init(_ definition: Definition) { self.definition = definition }

    /// nil when the other language has no words for it.
    func rule(_ shape: ExpressionShape) -> JSONObject? {
        switch shape {
        case .and(let parts): return joined("And", parts)
        case .or(let parts): return joined("Or", parts)
        case .not(let part): return rule(part).map { ["Not": .object($0)] }
        case .presence(let path): return variable(path, "IsPresent", true)
        case .path(let path): return variable(path, "BooleanEquals", true)
        case .comparison("in", .path(let path), .list(let items)):
            return joined("Or", items.map { .comparison("==", .path(path), $0) })
        case .comparison("!=", let left, let right):
            return rule(.comparison("==", left, right)).map { ["Not": .object($0)] }
        case .comparison(let name, .path(let path), .literal(let value)): return compare(path, name, value)
        case .comparison(let name, .literal(let value), .path(let path)):
            return Self.mirrored[name].flatMap { compare(path, $0, value) }
        case .comparison(let name, .path(let left), .path(let right)):
            guard let kind = kind(of: left), kind == self.kind(of: right), let comparison = Self.names[name],
                let other = StatesPath.text(right)
            else { return nil }
            return variable(left, "\(kind)\(comparison)Path", .string(other))
        case .search(let method, .path(let path), .literal(.string(let part))):
            let pattern = Self.escaped(part)
            return variable(
                path, "StringMatches",
                .string("\(method == "startsWith" ? "" : "*")\(pattern)\(method == "endsWith" ? "" : "*")"))
        case .literal, .list, .comparison, .search, .other: return nil
        }
    }

    static let names = [
        "==": "Equals", "<": "LessThan", "<=": "LessThanEquals", ">": "GreaterThan", ">=": "GreaterThanEquals",
    ]
    private static let mirrored = ["==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="]

    private func joined(_ name: String, _ parts: [ExpressionShape]) -> JSONObject? {
        var rules: [JSONValue] = []
        for part in parts {
            guard let rule = rule(part) else { return nil }
            rules.append(.object(rule))
        }
        return rules.isEmpty ? nil : [name: .array(rules)]
    }

    private func variable(_ path: ExpressionShape.Path, _ test: String, _ value: JSONValue) -> JSONObject? {
        StatesPath.text(path).map { ["Variable": .string($0), test: value] }
    }

    private func compare(_ path: ExpressionShape.Path, _ name: String, _ value: JSONValue) -> JSONObject? {
        guard let comparison = Self.names[name] else { return nil }
        switch value {
        case .string: return variable(path, "String\(comparison)", value)
        case .number: return variable(path, "Numeric\(comparison)", value)
        case .bool where name == "==": return variable(path, "BooleanEquals", value)
        case .null where name == "==": return variable(path, "IsNull", true)
        default: return nil
        }
    }

    /// The declared type of a variable or an input: a rule that compares two paths depends on their type.
    private func kind(of path: ExpressionShape.Path) -> String? {
        guard path.steps.count == 1, case .member(let name)? = path.steps.first else { return nil }
        let field = path.root == "input" ? definition.input.first { $0.name == name } : definition.variable(name)
        switch field?.kinds {
        case [.string]: return "String"
        case [.integer], [.number]: return "Numeric"
        case [.boolean]: return "Boolean"
        default: return nil
        }
    }

    private static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "*" || scalar == "\\" { escaped.append("\\") }
            escaped.append(scalar)
        }
        return String(escaped)
    }
}
