import Diagnostics
import WorkflowCore

/// What `--json` prints: one object on one line.
enum JSONText {
    static func object(_ members: [(String, JSONValue)]) -> String {
        JSONValue.object(JSONObject(members)).serialized()
    }
}

extension JSONValue {
    /// RFC 3339, or null.
    static func time(_ instant: Instant?) -> JSONValue {
        instant.map { .string(ClockText.timestamp($0)) } ?? .null
    }

    static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
