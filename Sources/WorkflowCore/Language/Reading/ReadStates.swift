extension DefinitionReader {
    private static let exits = ["next", "choose", "await", "end"]

    mutating func readState(_ name: String, _ node: Node) -> DraftState {
        var state = DraftState(name: name, path: node.path)
        guard let mapping = mapping(node, Vocabulary.state) else {
            // One problem is enough: without its keys nothing else can be said.
            state.exitKeywords = ["unreadable"]
            return state
        }
        state.title = title(mapping["title"])
        state.exitKeywords = Self.exits.filter { mapping.has($0) }
        state.callKeywords = ["reconcile", "identity", "undo", "show", "stable"].filter { mapping.has($0) }
        if let call = mapping["call"] { state.call = readStateCall(call) }
        if mapping.has("set") { state.set = templates(mapping["set"], as: .variable, .set) }
        if let pause = mapping["pause"] {
            state.hasPause = true
            readPause(pause, &state)
        }
        if let retry = mapping["retry"] { (state.retry, state.retriesNothing) = readRetry(retry) }
        if let catches = mapping["catch"] {
            state.catches = list(catches, of: "errors with what to do").map { readCatch($0) }
        }
        state.next = stateName(mapping["next"])
        if let choose = mapping["choose"] { state.branches = readBranches(choose) }
        state.end = choice(mapping["end"], StateDefinition.EndStatus.self)
        readWaits(mapping, &state)
        return state
    }

    mutating func stateName(_ node: Node?) -> Located<String>? {
        guard let node, let name = text(node) else { return nil }
        return Located(value: name, path: node.path)
    }

    mutating func readStateCall(_ node: Node) -> DraftState.Call {
        if case .string(let name) = node.value { return .named(Located(value: name, path: node.path)) }
        return .inline(readCall(nil, node))
    }

    /// The entries, or that there is to be no retry at all.
    mutating func readRetry(_ node: Node) -> (entries: [DraftRetry], isNone: Bool) {
        if node.value.stringValue == "none" { return ([], true) }
        guard case .array = node.value else {
            wrongType(node, "a list of errors with policies, or none")
            return ([], false)
        }
        let entries = list(node, of: "errors with policies").map { item in
            var retry = DraftRetry(path: item.path)
            guard let mapping = mapping(item, Vocabulary.retryEntry) else { return retry }
            retry.errors = readErrorNames(mapping["error"])
            if let policy = mapping["policy"], let name = text(policy) {
                retry.policy = Located(value: name, path: policy.path)
            }
            return retry
        }
        return (entries, false)
    }

    mutating func readErrorNames(_ node: Node?) -> [Located<String>] {
        guard let node else { return [] }
        let nodes: [Node]
        if case .array(let items) = node.value {
            nodes = items.enumerated().map { Node(path: node.path.item($0.offset), value: $0.element) }
            if nodes.isEmpty { wrongType(node, "an error's name, or a list of names") }
        } else {
            nodes = [node]
        }
        return nodes.compactMap { item in text(item).map { Located(value: $0, path: item.path) } }
    }

    private mutating func readCatch(_ node: Node) -> DraftCatch {
        var entry = DraftCatch(path: node.path)
        guard let mapping = mapping(node, Vocabulary.catchEntry) else { return entry }
        entry.errors = readErrorNames(mapping["error"])
        entry.next = stateName(mapping["next"])
        entry.hasHold = mapping.has("hold")
        if let hold = mapping["hold"] { entry.hold = template(hold, .holdText) }
        entry.set = templates(mapping["set"], as: .variable, .catchSet)
        if mapping.has("next") == entry.hasHold {
            report(
                .wrongExit, node.path, .value,
                entry.hasHold ? "this catch has two exits: next and hold" : "this catch has no exit",
                hint: "give it next or hold")
        }
        return entry
    }

    private mutating func readBranches(_ node: Node) -> [DraftBranch] {
        list(node, of: "branches").map { item in
            var branch = DraftBranch(path: item.path)
            guard let mapping = mapping(item, Vocabulary.branch) else { return branch }
            branch.hasCondition = mapping.has("when")
            if let when = mapping["when"] { branch.condition = expression(when, .branchCondition) }
            branch.next = stateName(mapping["next"])
            return branch
        }
    }
}
