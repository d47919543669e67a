import CYaml
import WorkflowCore

/// Lists and mappings as keys. Yams hashes each key with all that is in it, so that keys within keys take time without
/// bounds; they are found before it reads the text.
enum YAMLKeys {
    private struct Collection {
        let isMapping: Bool
        let isKey: Bool
        var expectsKey: Bool

        mutating func takeNode() -> Bool {
            guard isMapping else { return false }
            defer { expectsKey.toggle() }
            return expectsKey
        }
    }

    /// The first list or mapping that is a key within a key. What is no YAML is left to Yams.
    static func firstWithinKey(_ text: String) -> YAMLProblem? {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { return nil }
        defer { yaml_parser_delete(&parser) }
        var text = text
        return text.withUTF8 { bytes in
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            return firstWithinKey(&parser)
        }
    }

    private static func firstWithinKey(_ parser: inout yaml_parser_t) -> YAMLProblem? {
        var open: [Collection] = []
        var keys = 0
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_SCALAR_EVENT, YAML_ALIAS_EVENT:
                if let last = open.indices.last { _ = open[last].takeNode() }
            case YAML_MAPPING_START_EVENT, YAML_SEQUENCE_START_EVENT:
                let isKey = open.indices.last.map { open[$0].takeNode() } ?? false
                if isKey { keys += 1 }
                if keys > 1 {
                    let mark = event.start_mark
                    return YAMLProblem(
                        SourcePosition(line: Int(mark.line) + 1, column: Int(mark.column) + 1), .unknownKey,
                        "a key must be a word, not a list or a mapping")
                }
                open.append(
                    Collection(isMapping: event.type == YAML_MAPPING_START_EVENT, isKey: isKey, expectsKey: true))
            case YAML_MAPPING_END_EVENT, YAML_SEQUENCE_END_EVENT:
                if open.popLast()?.isKey == true { keys -= 1 }
            case YAML_STREAM_END_EVENT: return nil
            default: break
            }
        }
    }
}
