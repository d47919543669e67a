import WorkflowCore

/// Names, kinds and defaults of an input, as `turnup.check_input` and `turnup.key_of` check them.
enum InputCheck {
    static func checked(_ input: JSONObject, declared: JSONObject) throws(StoreError) -> JSONObject {
        guard !holdsNul(.object(input)) else {
            throw StoreError(.badInput, "the input is not JSON that can be kept: it holds a NUL character")
        }
        let complete = completed(input, declared: declared)
        for field in declared.members {
            let rules = field.value.objectValue ?? JSONObject()
            if rules["secret"]?.boolValue == true {
                throw StoreError(.badInput, "input \"\(field.name)\" is secret and cannot come through SQL")
            }
            guard complete[field.name] != nil else {
                throw StoreError(.badInput, "input \"\(field.name)\" is missing")
            }
            let kinds = rules["type"]?.arrayValue ?? [rules["type"] ?? .null]
            let value = complete[field.name] ?? .null
            guard kinds.contains(where: { isOf(kind: $0.stringValue ?? "", value) }) else {
                let names = kinds.compactMap(\.stringValue).joined(separator: " or ")
                throw StoreError(.badInput, "input \"\(field.name)\" must be \(names), not \(schemaName(of: value))")
            }
        }
        for member in input.members where declared[member.name] == nil {
            throw StoreError(.badInput, "input \"\(member.name)\" is not declared by the workflow")
        }
        return complete
    }

    /// The input with the defaults of the declared fields that it does not give.
    static func completed(_ input: JSONObject, declared: JSONObject) -> JSONObject {
        var complete = input
        for field in declared.members where complete[field.name] == nil {
            if let standard = field.value["default"] { complete[field.name] = standard }
        }
        return complete
    }

    /// PostgreSQL cannot keep the character U+0000.
    static func holdsNul(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .number: false
        case .string(let text): text.utf8.contains(0)
        case .array(let items): items.contains { holdsNul($0) }
        case .object(let object): object.members.contains { $0.name.utf8.contains(0) || holdsNul($0.value) }
        }
    }

    static func key(_ parts: JSONValue, _ input: JSONObject) throws(StoreError) -> String {
        var key = ""
        for part in parts.arrayValue ?? [] {
            if let text = part["text"]?.stringValue {
                key += text
                continue
            }
            let name = part["input"]?.stringValue ?? ""
            switch input[name] {
            case .string(let text): key += text
            case .number(let number): key += number.text
            case .bool(let flag): key += flag ? "true" : "false"
            default:
                throw StoreError(
                    .badInput, "input \"\(name)\" is part of the key and must be text, a number or true/false")
            }
        }
        guard key.utf8.count <= 1024 else {
            throw StoreError(.badInput, "the key of the run has \(key.utf8.count) bytes; it may have 1024")
        }
        guard !key.isEmpty else { throw StoreError(.badInput, "the key of the run would be empty") }
        return key
    }

    private static func isOf(kind: String, _ value: JSONValue) -> Bool {
        if kind == "integer", case .number(let number) = value { return number.isWhole }
        return kind == schemaName(of: value)
    }

    /// The JSON Schema word, which PostgreSQL's `jsonb_typeof` uses too.
    private static func schemaName(of value: JSONValue) -> String {
        value.typeName == "bool" ? "boolean" : value.typeName
    }
}
