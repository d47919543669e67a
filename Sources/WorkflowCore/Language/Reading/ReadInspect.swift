// How a run that succeeded is inspected.

extension DefinitionReader {
    mutating func readInspect(_ node: Node) -> DraftInspect {
        var inspect = DraftInspect(path: node.path)
        guard let mapping = mapping(node, Vocabulary.inspect) else { return inspect }
        inspect.call = mapping["call"].map { readStateCall($0) }
        if let look = mapping["look_up"], let keywords = self.mapping(look, Vocabulary.inspectLookUp) {
            var lookUp = DraftReconcile(path: look.path)
            readLookUp(keywords, &lookUp)
            inspect.lookUp = lookUp
        }
        if mapping.has("call") == mapping.has("look_up") {
            report(
                .wrongType, node.path, .value,
                "\"inspect\" has \(mapping.has("call") ? "both call and look_up" : "neither call nor look_up")",
                hint: "give it one of them")
        }
        inspect.before = readCallsBefore(mapping)
        inspect.drifted = readErrorNames(mapping["drifted"])
        inspect.everyMilliseconds = duration(mapping["every"])
        if let every = inspect.everyMilliseconds, every < InspectDefinition.shortestEveryMilliseconds {
            report(
                .wrongType, inspect.path.member("every"), .value, "\"every\" is shorter than 1m",
                hint: "inspect at most once a minute, such as every: 1d")
        }
        if let retry = mapping["retry"] { (inspect.retry, inspect.retriesNothing) = readRetry(retry) }
        return inspect
    }
}
