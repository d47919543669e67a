extension Definition {
    /// JSON Schema (draft 7) of a definition file, for completion and a first check in editors.
    ///
    /// It is written from the table that the reader uses. Only `check` judges what depends on more than one value.
    public static var schema: JSONValue {
        var writer = SchemaWriter()
        var members: [JSONObject.Member] = [
            ("$schema", "http://json-schema.org/draft-07/schema#"),
            ("title", "Turnup workflow, dsl 1"),
        ]
        members += writer.members(of: Vocabulary.file)
        members.append(("definitions", .object(JSONObject(distinct: writer.definitions))))
        return .object(JSONObject(distinct: members))
    }
}

private struct SchemaWriter {
    /// The schema of every mapping met so far, by the mapping's title.
    var definitions: [JSONObject.Member] = []

    mutating func members(of shape: Vocabulary.Shape) -> [JSONObject.Member] {
        var properties: [JSONObject.Member] = []
        for keyword in shape.keywords {
            let note = keyword.support == .runs ? keyword.note : "\(keyword.note) Not run yet."
            properties.append((keyword.name, described(schema(of: keyword.form), note)))
        }
        var members: [JSONObject.Member] = [
            ("type", "object"), ("properties", .object(JSONObject(distinct: properties))),
            ("additionalProperties", shape.others.map { schema(of: $0.form) } ?? false),
        ]
        let required = shape.keywords.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { members.append(("required", .array(required))) }
        if let others = shape.others {
            let known: JSONValue = ["enum": .array(shape.keywords.map { .string($0.name) })]
            members.append(("propertyNames", ["anyOf": [known, Self.name(others.style)]]))
        }
        if !shape.atLeastOne.isEmpty { members.append(("anyOf", Self.presence(shape.atLeastOne))) }
        if !shape.exactlyOne.isEmpty { members.append(("oneOf", Self.presence(shape.exactlyOne))) }
        return members
    }

    private static func presence(_ names: [String]) -> JSONValue {
        .array(names.map { ["required": [.string($0)]] })
    }

    private func described(_ schema: JSONValue, _ note: String) -> JSONValue {
        guard case .object(let object) = schema else { return schema }
        // Draft 7 ignores what stands beside $ref.
        let members = object["$ref"] == nil ? object.members : [("allOf", [schema])]
        return .object(JSONObject(distinct: members + [("description", .string(note))]))
    }

    mutating func schema(of form: Vocabulary.Form) -> JSONValue {
        switch form {
        case .one: return ["const": 1]
        case .text: return ["type": "string", "minLength": 1]
        case .name(let style): return Self.name(style)
        case .flag: return ["type": "boolean"]
        case .integer(let range): return Self.number("integer", range)
        case .number(let range): return Self.number("number", range)
        case .duration: return ["type": "string", "pattern": .string(Self.duration)]
        case .rate: return ["type": "string", "pattern": .string("^[1-9][0-9]{0,6}/\(Self.duration.dropFirst())")]
        case .template: return ["type": ["string", "number", "boolean"]]
        case .condition: return ["type": ["string", "boolean"]]
        case .choice(let words): return ["enum": .array(words.map { .string($0) })]
        case .status:
            return [
                "anyOf": [Self.number("integer", 100...599), ["type": "string", "pattern": "^[1-5]xx$"]]
            ]
        case .request:
            let methods = DefinitionReader.methods.joined(separator: "|")
            return ["type": "string", "pattern": .string("^(\(methods)) [^ :]+:/")]
        case .tree: return ["type": ["string", "number", "boolean", "array", "object"]]
        case .single:
            let one: [JSONValue] = ["string", "number", "boolean", "null"]
            return ["type": .array(one + ["array"]), "items": ["type": .array(one)]]
        case .any: return [:]
        case .mapping(let shape): return reference(to: shape)
        case .names(let style, let form):
            return [
                "type": "object", "propertyNames": Self.name(style), "additionalProperties": schema(of: form),
            ]
        case .list(let form): return ["type": "array", "items": schema(of: form)]
        case .filledList(let form): return ["type": "array", "items": schema(of: form), "minItems": 1]
        case .oneOrMore(let form):
            let one = schema(of: form)
            return ["anyOf": [one, ["type": "array", "items": one, "minItems": 1]]]
        case .either(let forms):
            var choices: [JSONValue] = []
            for form in forms { choices.append(schema(of: form)) }
            return ["anyOf": .array(choices)]
        }
    }

    private mutating func reference(to shape: Vocabulary.Shape) -> JSONValue {
        let name = String(shape.title.map { $0 == " " ? "-" : $0 })
        if !definitions.contains(where: { $0.name == name }) {
            // Takes the mapping's place first, so that the definitions stand in the order of their first use.
            let index = definitions.count
            definitions.append((name, [:]))
            definitions[index].value = .object(JSONObject(distinct: members(of: shape)))
        }
        return ["$ref": .string("#/definitions/\(name)")]
    }

    /// A duration above zero.
    private static let duration =
        "^(?=.*[1-9])([0-9]{1,15}(ms|s|m|h|d)|P(?=[0-9T])([0-9]+W)?([0-9]+D)?(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+S)?)?)$"

    private static func number(_ type: String, _ range: ClosedRange<Int64>?) -> JSONValue {
        guard let range else { return ["type": .string(type)] }
        return [
            "type": .string(type), "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
        ]
    }

    private static func name(_ style: NameStyle) -> JSONValue {
        let longest = NameStyle.maximumLength - 1
        switch style {
        case .plain: return ["type": "string", "pattern": .string("^[A-Za-z][A-Za-z0-9_-]{0,\(longest)}$")]
        case .error:
            return [
                "type": "string", "pattern": .string("^[A-Za-z][A-Za-z0-9_-]{0,\(longest)}$"),
                "not": ["enum": .array(ErrorName.reserved.map { .string($0) })],
            ]
        case .variable:
            return [
                "type": "string", "pattern": .string("^[A-Za-z][A-Za-z0-9_]{0,\(longest)}$"),
                "not": ["enum": ["true", "false", "null", "in"]],
            ]
        case .header:
            return ["type": "string", "pattern": .string("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,\(longest + 1)}$")]
        case .field: return ["type": "string", "minLength": 1]
        }
    }
}
