import WorkflowCore

/// The schema of definition files for editors: the text of `turnup workflow schema`.
public enum WorkflowSchema {
    /// JSON Schema (draft 7), indented, with a line break at its end.
    public static func text() -> String { indented(Definition.schema, "") + "\n" }

    private static func indented(_ value: JSONValue, _ margin: String) -> String {
        let inner = margin + "  "
        switch value {
        case .array(let items) where items.contains { $0.objectValue != nil || $0.arrayValue != nil }:
            return "[\n" + items.map { inner + indented($0, inner) }.joined(separator: ",\n") + "\n\(margin)]"
        case .object(let object) where !object.isEmpty:
            let members = object.members.map { member in
                "\(inner)\(JSONValue.string(member.name).serialized()): \(indented(member.value, inner))"
            }
            return "{\n" + members.joined(separator: ",\n") + "\n\(margin)}"
        default: return value.serialized()
        }
    }
}
