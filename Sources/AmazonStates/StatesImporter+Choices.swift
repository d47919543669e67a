import WorkflowCore

/// Rules of Choice states as conditions.
extension StatesImporter {
    /// nil when a problem was reported. `ignored` are the names beside the rule.
    mutating func condition(_ node: Located, _ ignored: [String] = []) -> String? {
        let members = node.members.filter { !ignored.contains($0.name) }
        if members.count == 1, let (name, inner) = members.first {
            switch name {
            case "And": return joined(inner, " && ")
            case "Or": return joined(inner, " || ")
            case "Not": return condition(inner).map { "!(\($0))" }
            default: break
            }
        }
        guard members.count == 2, let variable = node["Variable"], let path = variable.value.stringValue,
            let (test, operand) = members.first(where: { $0.name != "Variable" })
        else {
            refuse(node.path, "a rule must have Variable and one test, or And, Or or Not")
            return nil
        }
        guard let left = expression(path, variable, .document) else { return nil }
        return self.test(test, left, operand)
    }

    private mutating func joined(_ node: Located, _ word: String) -> String? {
        var parts: [String] = []
        for item in node.items {
            guard let part = condition(item) else { return nil }
            parts.append("(\(part))")
        }
        if parts.isEmpty { refuse(node.path, "And and Or need rules") }
        return parts.isEmpty ? nil : parts.joined(separator: word)
    }

    private mutating func test(_ name: String, _ left: String, _ operand: Located) -> String? {
        switch (name, operand.value) {
        case ("IsPresent", .bool(let flag)): return flag ? "has(\(left))" : "!has(\(left))"
        case ("IsNull", .bool(let flag)): return "\(left) \(flag ? "==" : "!=") null"
        case ("BooleanEquals", .bool(let flag)): return "\(left) == \(flag)"
        case ("StringMatches", .string(let pattern)): return matches(left, pattern, operand)
        default: break
        }
        for (symbol, words) in ChoiceRules.names.sorted(by: { $0.key < $1.key }) {
            switch (name, operand.value) {
            case ("String\(words)", .string(let text)): return "\(left) \(symbol) \(ReadPath.literal(text))"
            case ("Numeric\(words)", .number(let number)): return "\(left) \(symbol) \(number.text)"
            case ("String\(words)Path", .string(let path)), ("Numeric\(words)Path", .string(let path)),
                ("Boolean\(words)Path", .string(let path)):
                return expression(path, operand, .document).map { "\(left) \(symbol) \($0)" }
            default: continue
            }
        }
        refuse(operand.path, "the test \(name) is not taken with this value", at: .name, code: .unknownKey)
        return nil
    }

    /// Patterns with a star at either end.
    private mutating func matches(_ left: String, _ pattern: String, _ node: Located) -> String? {
        var text = String.UnicodeScalarView()
        var stars: [Int] = []
        var length = 0
        var rest = pattern.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if scalar == "*" {
                stars.append(length)
            } else {
                if scalar == "\\", let next = rest.popFirst() { text.append(next) } else { text.append(scalar) }
                length += 1
            }
        }
        let literal = ReadPath.literal(String(text))
        switch stars {
        case []: return "\(left) == \(literal)"
        case [0]: return "\(left).endsWith(\(literal))"
        case [length]: return "\(left).startsWith(\(literal))"
        case [0, length]: return "\(left).contains(\(literal))"
        default:
            refuse(node.path, "of patterns only text, text*, *text and *text* are taken")
            return nil
        }
    }
}
