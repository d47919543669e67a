import WorkflowCore

/// `name=value` on the command line, taken as the kind that the definition declares.
enum TypedArguments {
    /// Text stays text; everything else is read as JSON.
    static func value(_ text: String, _ field: FieldDefinition, called what: String) throws -> JSONValue {
        if field.kinds.contains(.string) { return .string(text) }
        do throws(JSONError) { return try JSONValue.parse(text) } catch {
            let kinds = field.kinds.map(\.rawValue).joined(separator: " or ")
            throw CommandFailure.badInput("\(what) \"\(field.name)\" must be \(kinds), not \"\(text)\"")
        }
    }

    /// Values of a run's variables. What is secret is never repeated in an error.
    static func variables(_ arguments: [String], _ definition: Definition) throws -> JSONObject {
        var values = JSONObject()
        for argument in arguments {
            let (name, text) = split(argument)
            guard let field = definition.variable(name) else { throw unknown(name, definition) }
            guard !field.isSecret else {
                throw CommandFailure.badInput(
                    "\(name) is secret, and a value on the command line can be read by others",
                    hint: "Give it with --secret \(name)=@FILE.")
            }
            guard values[name] == nil else { throw CommandFailure.badInput("variable \"\(name)\" is given twice") }
            let value = try value(text, field, called: "variable")
            if let problem = field.problem(with: value) { throw CommandFailure.badInput("variable \(problem)") }
            values[name] = value
        }
        return values
    }

    static func unknown(_ name: String, _ definition: Definition) -> CommandFailure {
        let declared = definition.data.map(\.name).joined(separator: ", ")
        return .badInput(
            "\(definition.workflow) has no variable \"\(name)\"",
            hint: declared.isEmpty ? "It has none at all." : "Declared: \(declared).")
    }

    static func split(_ argument: String) -> (name: String, text: String) {
        guard let equals = argument.firstIndex(of: "=") else { return (argument, "") }
        return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
    }
}
