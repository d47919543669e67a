import Foundation
import WorkflowCore
import Yams

/// Reads YAML as JSON values: the core schema alone, so `0612345678`, `12:30:45`, `no` and `+34600111222` stay text.
///
/// Aliases, anchors, merge keys, tags, duplicate keys and further documents are refused.
struct YAMLReader {
    static let maximumDepth = 64

    private(set) var problems: [YAMLProblem] = []
    private(set) var root: JSONValue?
    private(set) var positions = PositionTree(name: nil, value: .start)
    /// Whether the values can be trusted enough to look for problems in the definition.
    private(set) var isReadable = true

    private var renamed: [SourcePosition: String] = [:]

    init(_ bytes: [UInt8]) {
        let source = SourceText(bytes)
        if let problem = source.problem {
            stop(problem)
            return
        }
        let composed = YAMLComposer.compose(source.text)
        guard let node = composed.root else {
            stop(composed.problem ?? YAMLProblem(.start, .notYAML, "the file is empty", hint: "start with dsl: 1"))
            return
        }
        renamed = composed.renamed
        // The parser owns the anchors that the nodes refer to.
        withExtendedLifetime(composed.parser) {
            (root, positions) = read(node, name: nil, depth: 0)
        }
    }

    private mutating func stop(_ problem: YAMLProblem) {
        problems.append(problem)
        isReadable = false
    }

    private mutating func read(
        _ node: Node, name: SourcePosition?, depth: Int
    ) -> (value: JSONValue, positions: PositionTree) {
        let position = Self.position(of: node)
        var tree = PositionTree(name: name, value: position)
        guard depth < Self.maximumDepth else {
            stop(YAMLProblem(position, .notYAML, "values are nested deeper than \(Self.maximumDepth) levels"))
            return (.null, tree)
        }
        refuseAnchor(of: node, position)
        switch node {
        case .scalar(let scalar):
            return (read(scalar, node, position), tree)
        case .sequence(let sequence):
            refuseTag(of: node, unless: Tag(.seq), position)
            var items: [JSONValue] = []
            for (index, element) in sequence.enumerated() {
                let item = read(element, name: nil, depth: depth + 1)
                items.append(item.value)
                tree.children[.index(index)] = item.positions
            }
            return (.array(items), tree)
        case .mapping(let mapping):
            refuseTag(of: node, unless: Tag(.map), position)
            return (.object(read(mapping, &tree, depth)), tree)
        case .alias:
            return (.null, tree)
        }
    }

    private mutating func read(_ mapping: Node.Mapping, _ tree: inout PositionTree, _ depth: Int) -> JSONObject {
        var members: [JSONObject.Member] = []
        for (key, value) in mapping {
            let keyPosition = Self.position(of: key)
            guard let scalar = key.scalar else {
                problems.append(YAMLProblem(keyPosition, .unknownKey, "a key must be a word, not a list or a mapping"))
                continue
            }
            refuseAnchor(of: key, keyPosition)
            refuseTag(of: key, unless: scalar.style == .plain ? Tag(YAMLComposer.plainTag) : Tag(.str), keyPosition)
            let name = renamed[keyPosition] ?? scalar.string
            refuseNul(in: name, keyPosition)
            if name == "<<", scalar.style == .plain {
                problems.append(
                    YAMLProblem(
                        keyPosition, .unknownKey, "merge keys (<<) are not part of the language",
                        hint: "write the values out"))
                continue
            }
            let item = read(value, name: keyPosition, depth: depth + 1)
            if let first = tree.children[.name(name)]?.name {
                problems.append(
                    YAMLProblem(
                        keyPosition, .unknownKey,
                        "the key \"\(name)\" is given twice in this mapping (first at \(first))",
                        hint: "keep one of them"))
                continue
            }
            members.append((name, item.value))
            tree.children[.name(name)] = item.positions
        }
        return JSONObject(distinct: members)
    }

    /// The core schema: null, booleans and JSON's numbers; everything else is text.
    private mutating func read(_ scalar: Node.Scalar, _ node: Node, _ position: SourcePosition) -> JSONValue {
        refuseNul(in: scalar.string, position)
        guard scalar.style == .plain else {
            refuseTag(of: node, unless: Tag(.str), position)
            return .string(scalar.string)
        }
        refuseTag(of: node, unless: Tag(YAMLComposer.plainTag), position)
        switch scalar.string {
        case "", "~", "null": return .null
        case "true": return true
        case "false": return false
        default:
            if let number = JSONNumber(text: scalar.string) { return .number(number) }
            return .string(scalar.string)
        }
    }

    private mutating func refuseAnchor(of node: Node, _ position: SourcePosition) {
        guard node.anchor != nil else { return }
        stop(
            YAMLProblem(
                position, .unknownKey, "anchors (&name) and aliases (*name) are not part of the language",
                hint: "write the value out"))
    }

    /// Refuses U+0000: escapes can write it, and PostgreSQL cannot store it.
    private mutating func refuseNul(in text: String, _ position: SourcePosition) {
        guard text.utf8.contains(0) else { return }
        problems.append(YAMLProblem(position, .notYAML, "this text holds the character U+0000", hint: "remove it"))
    }

    private mutating func refuseTag(of node: Node, unless expected: Tag, _ position: SourcePosition) {
        guard node.tag != expected else { return }
        let tag = node.tag.description.replacingOccurrences(of: "tag:yaml.org,2002:", with: "!!")
        problems.append(
            YAMLProblem(
                position, .unknownKey, "tags (\(tag)) are not part of the language",
                hint: "leave the tag out; quote what shall be text"))
    }

    private static func position(of node: Node) -> SourcePosition {
        node.mark.map { SourcePosition(line: $0.line, column: $0.column) } ?? .start
    }
}
