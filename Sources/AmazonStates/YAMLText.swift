import WorkflowCore

/// Writes JSON values as YAML that `WorkflowFile` reads back as the same values.
enum YAMLText {
    static func text(of value: JSONValue) -> String {
        guard case .object(let object) = value, !object.isEmpty else { return flow(value) + "\n" }
        return block(object, indent: "")
    }

    private static func block(_ object: JSONObject, indent: String) -> String {
        var text = ""
        for member in object.members {
            text += indent + scalar(member.name) + ":"
            switch member.value {
            case .object(let inner) where !inner.isEmpty:
                text += "\n" + block(inner, indent: indent + "  ")
            case .array(let items) where items.contains { $0.objectValue != nil }:
                text += "\n" + items.map { "\(indent)  - \(flow($0))\n" }.joined()
            default: text += " \(flow(member.value))\n"
            }
        }
        return text
    }

    private static func flow(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .number(let number): number.text
        case .string(let text): scalar(text)
        case .array(let items): "[\(items.map(flow).joined(separator: ", "))]"
        case .object(let object):
            "{\(object.members.map { "\(scalar($0.name)): \(flow($0.value))" }.joined(separator: ", "))}"
        }
    }

    private static func scalar(_ text: String) -> String {
        let isPlain = text.utf8.enumerated().allSatisfy { index, byte in
            byte.isASCIILetter || byte == UInt8(ascii: "_")
                || (index > 0 && (byte == UInt8(ascii: "-") || byte.isASCIIDigit))
        }
        if isPlain, !text.isEmpty, !["true", "false", "null"].contains(text) { return text }
        guard text.unicodeScalars.contains(where: needsEscape) else {
            return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
        var quoted = "\""
        for character in text.unicodeScalars {
            if character == "\"" || character == "\\" {
                quoted += "\\\(character)"
            } else if needsEscape(character) {
                let digits = String(character.value, radix: 16, uppercase: true)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                quoted.unicodeScalars.append(character)
            }
        }
        return quoted + "\""
    }

    /// Controls, and what YAML or editors take for line breaks or marks; all within four hex digits.
    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
