import WorkflowCore

/// `name=value` on the command line, taken as the kind that the definition declares.
enum TypedArguments {
    /// Text stays text; everything else is read as JSON. Nil when it is none of the declared kinds' spelling.
    static func value(_ text: String, _ field: FieldDefinition) -> JSONValue? {
        field.kinds.contains(.string) ? .string(text) : try? JSONValue.parse(text)
    }

    static func problem(_ text: String, _ field: FieldDefinition, called what: String) -> String {
        EnqueueTexts.wrongKind(what, field.name, field.kinds.map(\.rawValue), given: text)
    }

    /// A value that keeps all rules of its declaration. Throws bad input.
    static func checked(_ text: String, _ field: FieldDefinition, called what: String) throws -> JSONValue {
        guard let value = value(text, field) else {
            throw CommandFailure.badInput(problem(text, field, called: what))
        }
        if let problem = field.problem(with: value) { throw CommandFailure.badInput("\(what) \(problem)") }
        return value
    }

    /// Values of a run's variables. What is secret is never repeated in an error.
    static func variables(_ arguments: [String], _ definition: Definition) throws -> JSONObject {
        var values = JSONObject()
        for argument in arguments {
            let (name, text) = split(argument)
            guard let field = definition.variable(name) else { throw unknown(name, definition) }
            guard !field.isSecret else { throw EnqueueTexts.secretInTheOpen(name) }
            guard values[name] == nil else { throw EnqueueTexts.twice("variable", name) }
            values[name] = try checked(text, field, called: "variable")
        }
        return values
    }

    static func unknown(_ name: String, _ definition: Definition) -> CommandFailure {
        EnqueueTexts.noVariable(name, definition.workflow, declared: definition.data.map(\.name))
    }

    static func split(_ argument: String) -> (name: String, text: String) {
        guard let equals = argument.firstIndex(of: "=") else { return (argument, "") }
        return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
    }
}
