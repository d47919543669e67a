extension DefinitionReader {
    mutating func readInput(_ name: String, _ node: Node) -> DraftField {
        guard let mapping = mapping(node, Vocabulary.input) else {
            return DraftField(name: name, path: node.path, field: nil, isSecret: false)
        }
        let kinds = readKinds(mapping["type"])
        let isSecret = flag(mapping["secret"]) ?? false
        if isSecret { checkSecret(kinds, mapping) }
        let field = FieldDefinition(
            name: name, kinds: kinds, isSecret: isSecret, title: title(mapping["title"]),
            defaultValue: mapping["default"]?.value, pattern: readPattern(mapping["pattern"]),
            minimumLength: integer("minLength", of: mapping), maximumLength: integer("maxLength", of: mapping),
            minimum: readNumber(mapping["minimum"]), maximum: readNumber(mapping["maximum"]),
            allowedValues: mapping["enum"].map { readValues($0) })
        check(field, mapping)
        return DraftField(name: name, path: node.path, field: field, isSecret: isSecret)
    }

    private mutating func checkSecret(_ kinds: [FieldDefinition.Kind], _ mapping: Mapping) {
        // Signals as a whole are not run yet, and that is already reported.
        if mapping.path.steps.first == .name("input") {
            reportNotYet("a secret input", mapping.path.member("secret"), .name)
        }
        refuseSecretUnlessText(kinds, mapping)
        guard let node = mapping["default"], !node.value.isNull else { return }
        report(
            .literalCredential, node.path, .value,
            "the default of a secret stands in the file, readable by everybody who can read it",
            hint: "leave the default out")
    }

    private mutating func refuseSecretUnlessText(_ kinds: [FieldDefinition.Kind], _ mapping: Mapping) {
        guard !kinds.isEmpty, !kinds.contains(.string), let type = mapping["type"] else { return }
        report(.wrongType, type.path, .value, "a secret is text", hint: "write type: string")
    }

    mutating func readVariable(_ name: String, _ node: Node) -> DraftField {
        guard let mapping = mapping(node, Vocabulary.variable) else {
            return DraftField(name: name, path: node.path, field: nil, isSecret: false)
        }
        let isSecret = flag(mapping["secret"]) ?? false
        let kinds = readKinds(mapping["type"])
        if isSecret { refuseSecretUnlessText(kinds, mapping) }
        let field = FieldDefinition(name: name, kinds: kinds, isSecret: isSecret, title: title(mapping["title"]))
        return DraftField(name: name, path: node.path, field: field, isSecret: isSecret)
    }

    private mutating func readKinds(_ node: Node?) -> [FieldDefinition.Kind] {
        guard let node else { return [] }
        let nodes: [Node]
        if case .array(let items) = node.value {
            nodes = items.enumerated().map { Node(path: node.path.item($0.offset), value: $0.element) }
            if nodes.isEmpty { wrongType(node, "a type or a list of types") }
        } else {
            nodes = [node]
        }
        var kinds: [FieldDefinition.Kind] = []
        for item in nodes {
            if item.value.isNull {
                wrongType(item, "a type", hint: "for a value that may be missing write 'null' in quotes")
            } else if let kind = choice(item, FieldDefinition.Kind.self), !kinds.contains(kind) {
                kinds.append(kind)
            }
        }
        return kinds
    }

    private mutating func readPattern(_ node: Node?) -> String? {
        guard let node, let text = text(node) else { return nil }
        do throws(PatternError) {
            _ = try Pattern.parse(text)
            return text
        } catch {
            report(
                .wrongType, node.path, .value, "\"pattern\", character \(error.offset + 1): \(error.message)")
            return nil
        }
    }

    private mutating func readNumber(_ node: Node?) -> JSONNumber? {
        guard let node else { return nil }
        guard case .number(let number) = node.value else {
            wrongType(node, "a number")
            return nil
        }
        return number
    }

    private mutating func readValues(_ node: Node) -> [JSONValue] {
        let values = list(node, of: "values").map(\.value)
        if case .array(let items) = node.value, items.isEmpty { wrongType(node, "a list of at least one value") }
        return values
    }

    /// What must fit together inside one field.
    private mutating func check(_ field: FieldDefinition, _ mapping: Mapping) {
        if let low = field.minimumLength, let high = field.maximumLength, low > high, let node = mapping["maxLength"] {
            report(.wrongType, node.path, .value, "\"maxLength\" is below minLength")
        }
        if let low = field.minimum, let high = field.maximum, high < low, let node = mapping["maximum"] {
            report(.wrongType, node.path, .value, "\"maximum\" is below minimum")
        }
        guard !field.kinds.isEmpty else { return }
        if !field.kinds.contains(.string) {
            for name in ["pattern", "minLength", "maxLength"] where mapping.has(name) {
                report(
                    .wrongType, mapping.path.member(name), .name, "\"\(name)\" is for text, but the type is not string")
            }
        }
        if !field.kinds.contains(.integer), !field.kinds.contains(.number) {
            for name in ["minimum", "maximum"] where mapping.has(name) {
                report(
                    .wrongType, mapping.path.member(name), .name,
                    "\"\(name)\" is for numbers, but the type is no number")
            }
        }
        if let node = mapping["default"], let problem = field.problem(with: node.value) {
            report(.wrongType, node.path, .value, "\"default\" does not fit: \(problem)")
        }
    }
}
