/// Reads a definition's tree into a draft, collecting every problem on the way.
///
/// What is wrong is reported and left out, so that the rest can still be checked.
struct DefinitionReader {
    /// A value with its place.
    struct Node {
        let path: DefinitionPath
        let value: JSONValue
    }

    /// A mapping whose keys are in the vocabulary.
    struct Mapping {
        let path: DefinitionPath
        let shape: Vocabulary.Shape
        let members: JSONObject

        subscript(name: String) -> Node? {
            members[name].map { Node(path: path.member(name), value: $0) }
        }

        func has(_ name: String) -> Bool { members[name] != nil }
    }

    var problems: [DefinitionProblem] = []
    /// Every expression of the file, in the order of reading.
    var uses: [ExpressionUse] = []

    mutating func report(
        _ code: ProblemCode, _ path: DefinitionPath, _ spot: DefinitionPath.Spot = .value, _ message: String,
        hint: String? = nil
    ) {
        problems.append(DefinitionProblem(path: path, spot: spot, code: code, message: message, hint: hint))
    }

    /// For a hint, as long as there are few problems: hints cost time, and nobody reads the hundredth.
    private var mayHint: Bool { problems.count < 200 }

    func nearest(to name: String, among names: [String]) -> String? {
        mayHint ? NearestName.of(name, among: names) : nil
    }

    mutating func wrongType(_ node: Node, _ expectation: String, hint: String? = nil) {
        report(
            .wrongType, node.path, .value,
            "\(Self.label(node.path)) must be \(expectation), not \(Self.typeWords(node.value))", hint: hint)
    }

    /// How messages name a value: by its key, or by its place in a list.
    static func label(_ path: DefinitionPath) -> String {
        switch path.steps.last {
        case .name(let name): "\"\(name)\""
        case .index(let index): "item \(index + 1) of \(label(DefinitionPath(path.steps.dropLast())))"
        case nil: "the file"
        }
    }

    static func typeWords(_ value: JSONValue) -> String {
        switch value {
        case .null: "nothing"
        case .bool: "true or false"
        case .number(let number): number.isWhole ? "the number \(number.text)" : "the fraction \(number.text)"
        case .string: "text"
        case .array: "a list"
        case .object: "a mapping"
        }
    }
}

// MARK: - Mappings

extension DefinitionReader {
    /// The value as a mapping of that shape: unknown, reserved, missing and not yet run keywords are reported.
    mutating func mapping(_ node: Node, _ shape: Vocabulary.Shape) -> Mapping? {
        guard case .object(let members) = node.value else {
            wrongType(node, "a mapping of \(Self.listed(shape.keywords.map(\.name)))")
            return nil
        }
        // A required key that is misspelt is one problem, not also a missing one.
        var meant: Set<String> = []
        for member in members.members {
            let path = node.path.member(member.name)
            switch shape.keyword(member.name)?.isRun(with: member.value) {
            case true: break
            case false: reportNotYet("keyword \"\(member.name)\"", path, .name)
            case nil where shape.others != nil:
                if let reason = shape.others?.style.refusal(of: member.name) {
                    report(.wrongType, path, .name, "\"\(member.name)\" cannot be a name here: \(reason)")
                }
            case nil where Vocabulary.reserved.contains(member.name):
                report(.reservedWord, path, .name, "\"\(member.name)\" is reserved for dsl 2", hint: "remove it")
            case nil:
                let nearest = self.nearest(to: member.name, among: shape.keywords.map(\.name))
                meant.formUnion([nearest].compactMap(\.self))
                report(
                    .unknownKey, path, .name, "unknown key \"\(member.name)\" in \(shape.title)",
                    hint: nearest.map { "did you mean \"\($0)\"?" }
                        ?? (mayHint ? "it takes \(Self.listed(shape.keywords.map(\.name)))" : nil))
            }
        }
        for keyword in shape.keywords
        where keyword.isRequired && members[keyword.name] == nil && !meant.contains(keyword.name) {
            let (code, hint) = Self.missing(keyword.name)
            report(code, node.path, .name, "\"\(keyword.name)\" is missing in \(shape.title)", hint: hint)
        }
        return Mapping(path: node.path, shape: shape, members: members)
    }

    private static func missing(_ keyword: String) -> (code: ProblemCode, hint: String) {
        switch keyword {
        case "start": (.noStart, "name the first state")
        case "gone":
            (
                .undoNotSeen,
                "say which look-up shows that it is gone: gone: {call: …, items: …, where: …}, or gone: "
                    + "\(Vocabulary.notCheckable) where the platform cannot be asked"
            )
        default: (.wrongType, "add \(keyword)")
        }
    }

    mutating func reportNotYet(_ subject: String, _ path: DefinitionPath, _ spot: DefinitionPath.Spot) {
        report(
            .notRunYetWarning, path, spot, "\(subject) is part of the language, but this engine does not run it yet")
    }

    /// The members of a mapping from names that the author chooses, in order of name; wrong names are reported.
    mutating func named(_ node: Node?, as style: NameStyle) -> [(name: String, node: Node)] {
        guard let node else { return [] }
        guard case .object(let members) = node.value else {
            wrongType(node, "a mapping from names")
            return []
        }
        return members.members.map { member in
            let path = node.path.member(member.name)
            if let reason = style.refusal(of: member.name) {
                report(.wrongType, path, .name, "\"\(member.name)\" cannot be a name here: \(reason)")
            }
            return (member.name, Node(path: path, value: member.value))
        }
    }

    mutating func list(_ node: Node, of what: String) -> [Node] {
        guard case .array(let items) = node.value else {
            wrongType(node, "a list of \(what)")
            return []
        }
        return items.enumerated().map { Node(path: node.path.item($0.offset), value: $0.element) }
    }

    static func listed(_ names: some Sequence<String>) -> String {
        let names = Array(names)
        guard let last = names.last, names.count > 1 else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " and " + last
    }
}

// MARK: - Values

extension DefinitionReader {
    mutating func text(_ node: Node?) -> String? {
        guard let node else { return nil }
        guard case .string(let text) = node.value, !text.isEmpty else {
            wrongType(node, "text", hint: Self.quoteHint(node.value))
            return nil
        }
        return text
    }

    /// A hint to put quotes: YAML does not read an unquoted `403` or `true` as text.
    private static func quoteHint(_ value: JSONValue) -> String? {
        switch value {
        case .number, .bool: "put it in quotes"
        default: nil
        }
    }

    /// Text for people, shown as it stands.
    mutating func title(_ node: Node?) -> String? {
        guard let node, let text = text(node) else { return nil }
        if text.contains("${") {
            report(.wrongType, node.path, .value, "a title is shown as it stands and holds no ${ }")
        }
        return text
    }

    mutating func flag(_ node: Node?) -> Bool? {
        guard let node else { return nil }
        guard case .bool(let flag) = node.value else {
            wrongType(node, "true or false")
            return nil
        }
        return flag
    }

    /// An integer in the range of the keyword.
    mutating func integer(_ name: String, of mapping: Mapping) -> Int? {
        guard let node = mapping[name], case .integer(let range)? = mapping.shape.keyword(name)?.form else {
            return nil
        }
        guard let value = node.value.integerValue, range.contains(value) else {
            wrongType(node, "a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return Int(value)
    }

    /// A duration above zero, in milliseconds.
    mutating func duration(_ node: Node?) -> Int64? {
        guard let node else { return nil }
        let hint = "write it like 500ms, 15s, 1m, 2h, 3d or PT1H"
        guard case .string(let text) = node.value else {
            wrongType(node, "a duration", hint: hint)
            return nil
        }
        guard let milliseconds = DurationText.milliseconds(text), milliseconds > 0 else {
            report(.wrongType, node.path, .value, "\(Self.label(node.path)) is not a duration: \"\(text)\"", hint: hint)
            return nil
        }
        return milliseconds
    }

    /// How long a request may take. Its worker keeps it in hand for all that time.
    mutating func timeout(_ node: Node?) -> Int64? {
        guard let node, let milliseconds = duration(node) else { return nil }
        let most = ServiceDefinition.longestTimeoutMilliseconds
        guard milliseconds <= most else {
            report(
                .wrongType, node.path, .value,
                "\(Self.label(node.path)) is \(DurationText.text(milliseconds)); a request may take "
                    + "\(DurationText.text(most)) at most",
                hint: "start the work with one request, and ask with another one whether it is done")
            return nil
        }
        return milliseconds
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ node: Node?, _ type: Choice.Type) -> Choice?
    where Choice.RawValue == String {
        guard let node else { return nil }
        let names = Choice.allCases.map(\.rawValue)
        guard case .string(let text) = node.value, let choice = Choice(rawValue: text) else {
            let nearest = node.value.stringValue.flatMap { self.nearest(to: $0, among: names) }
            report(
                .wrongType, node.path, .value,
                "\(Self.label(node.path)) must be one of \(names.joined(separator: ", "))",
                hint: nearest.map { "did you mean \"\($0)\"?" })
            return nil
        }
        return choice
    }

    /// `403`, `4xx`, or a list of them.
    mutating func statuses(_ node: Node?) -> [StatusPattern]? {
        guard let node else { return nil }
        let nodes: [Node] =
            if case .array(let items) = node.value {
                items.enumerated().map { Node(path: node.path.item($0.offset), value: $0.element) }
            } else { [node] }
        if nodes.isEmpty { wrongType(node, "a status such as 403 or 4xx, or a list of them") }
        return nodes.compactMap { item in
            if let code = item.value.integerValue, (100...599).contains(code) { return .exact(Int(code)) }
            if let text = item.value.stringValue, let digit = StatusText.family(text) { return .family(digit) }
            wrongType(item, "a status such as 403 or 4xx")
            return nil
        }
    }
}

enum StatusText {
    /// The digit of `4xx`.
    static func family(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 3, bytes[1] == UInt8(ascii: "x"), bytes[2] == UInt8(ascii: "x"),
            (UInt8(ascii: "1")...UInt8(ascii: "5")).contains(bytes[0])
        else { return nil }
        return Int(bytes[0] - UInt8(ascii: "0"))
    }
}
