extension FieldDefinition {
    /// What is wrong with a value, as a sentence for people that starts with the field's name; nil when it
    /// fits. A secret's value is never quoted.
    public func problem(with value: JSONValue) -> String? {
        guard kinds.contains(where: { $0.admits(value) }) else {
            let wanted = kinds.map(\.phrase).joined(separator: " or ")
            return "\(name) must be \(wanted); this is \(Self.phrase(for: value))"
        }
        if let allowedValues, !allowedValues.contains(value) {
            let list = allowedValues.prefix(10).map { $0.serialized() }.joined(separator: ", ")
            return "\(name) must be one of \(list)\(allowedValues.count > 10 ? ", …" : "")\(quoted(value))"
        }
        switch value {
        case .string(let text): return problem(withText: text)
        case .number(let number):
            if let minimum, number < minimum { return "\(name) must be at least \(minimum.text)\(quoted(value))" }
            if let maximum, number > maximum { return "\(name) must be at most \(maximum.text)\(quoted(value))" }
        case .null, .bool, .array, .object: break
        }
        return nil
    }

    private func problem(withText text: String) -> String? {
        if minimumLength != nil || maximumLength != nil {
            let length = text.unicodeScalars.count
            let told = isSecret ? "" : "; this has \(length)"
            if let minimumLength, length < minimumLength {
                return "\(name) must have at least \(minimumLength) characters\(told)"
            }
            if let maximumLength, length > maximumLength {
                return "\(name) must have at most \(maximumLength) characters\(told)"
            }
        }
        guard let pattern else { return nil }
        do throws(PatternError) {
            if try Pattern.parse(pattern).matches(text) { return nil }
            return "\(name) must match \(pattern)\(quoted(.string(text)))"
        } catch {
            return "\(name) cannot be checked: its pattern is wrong, \(error)"
        }
    }

    private func quoted(_ value: JSONValue) -> String {
        let text = value.serialized()
        return isSecret || text.unicodeScalars.count > 80 ? "" : "; this is \(text)"
    }

    private static func phrase(for value: JSONValue) -> String {
        if case .number(let number) = value, !number.isWhole { return "a number with a fraction" }
        return Kind.allCases.first { $0.admits(value) }?.phrase ?? value.typeName
    }
}

extension FieldDefinition.Kind {
    /// Whether a value is of this kind; `1.0` is an integer, as in JSON Schema.
    public func admits(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.string, .string), (.number, .number), (.boolean, .bool), (.object, .object), (.array, .array),
            (.null, .null):
            true
        case (.integer, .number(let number)): number.isWhole
        default: false
        }
    }

    fileprivate var phrase: String {
        switch self {
        case .string: "text"
        case .integer: "a whole number"
        case .number: "a number"
        case .boolean: "true or false"
        case .object: "an object"
        case .array: "a list"
        case .null: "null"
        }
    }
}
