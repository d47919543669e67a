import WorkflowCore

/// JSON over several lines.
enum PrettyJSON {
    static func text(of value: JSONValue, indent: String = "") -> String {
        let inner = indent + "  "
        switch value {
        case .array(let items) where items.contains { $0.isStructured }:
            return "[\n" + items.map { inner + text(of: $0, indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .array(let items):
            return "[" + items.map { $0.serialized() }.joined(separator: ", ") + "]"
        case .object(let object) where !object.isEmpty:
            let lines = object.members.map { member in
                "\(inner)\(JSONValue.string(member.name).serialized()): \(text(of: member.value, indent: inner))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        case .null, .bool, .number, .string, .object: return value.serialized()
        }
    }
}

extension JSONValue {
    fileprivate var isStructured: Bool {
        switch self {
        case .array, .object: true
        case .null, .bool, .number, .string: false
        }
    }
}
