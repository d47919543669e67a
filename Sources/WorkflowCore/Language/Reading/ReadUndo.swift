// How what a state's call made is taken back.

extension DefinitionReader {
    /// In an end state, `undo` says whether to undo at all; elsewhere it says how.
    mutating func readUndo(_ node: Node, of state: inout DraftState) {
        if state.exitKeywords == ["end"] {
            state.undoesAtEnd = flag(node) ?? true
            state.callKeywords.removeAll { $0 == "undo" }
        } else if node.value.stringValue == "none" {
            state.declinesUndo = true
            state.callKeywords.removeAll { $0 == "undo" }
        } else {
            state.undo = readUndo(node)
        }
    }

    private mutating func readUndo(_ node: Node) -> DraftUndo {
        var undo = DraftUndo(path: node.path)
        if node.value["request"] != nil {
            report(
                .wrongType, node.path, .value, "\"undo\" is a call itself, and says not how it is seen to be done",
                hint: "write undo: {call: {request: …}, gone: …}")
            return undo
        }
        if node.value.objectValue == nil {
            wrongType(
                node, "a mapping of \(Self.listed(Vocabulary.undo.keywords.map(\.name)))",
                hint: "write undo: {call: …, gone: …}, or none where nothing can take it back")
            return undo
        }
        guard let mapping = mapping(node, Vocabulary.undo) else { return undo }
        undo.call = mapping["call"].map { readStateCall($0) }
        if let gone = mapping["gone"] { readGone(gone, &undo) }
        undo.before = readCallsBefore(mapping)
        if let retry = mapping["retry"] { (undo.retry, undo.retriesNothing) = readRetry(retry) }
        undo.takesBackAdopted = flag(mapping["adopted"]) ?? false
        return undo
    }

    /// The calls that are sent before each try, such as one that gets a fresh token.
    mutating func readCallsBefore(_ mapping: Mapping) -> [DraftState.Call] {
        guard let before = mapping["before"] else { return [] }
        if before.value.arrayValue?.isEmpty == true { wrongType(before, "a list of at least one call") }
        return list(before, of: "calls").map { readStateCall($0) }
    }

    private mutating func readGone(_ node: Node, _ undo: inout DraftUndo) {
        if node.value.stringValue == Vocabulary.notCheckable { return }
        guard node.value.objectValue != nil else {
            return wrongType(node, "a look-up, or \(Vocabulary.notCheckable)")
        }
        var lookUp = DraftReconcile(path: node.path)
        if let mapping = mapping(node, Vocabulary.gone) { readLookUp(mapping, &lookUp) }
        undo.gone = lookUp
    }
}
