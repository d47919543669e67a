// Requests that a person may have sent to learn more of a run.

extension DefinitionReader {
    mutating func readProbe(_ name: String, _ node: Node) -> DraftProbe {
        var probe = DraftProbe(name: name, path: node.path)
        guard let mapping = mapping(node, Vocabulary.probe) else { return probe }
        if let call = mapping["call"], let name = text(call) { probe.call = Located(value: name, path: call.path) }
        probe.credential = choice(mapping["credential"], ProbeDefinition.Credential.self)
        if let harmless = mapping["harmless"], let flag = flag(harmless) {
            probe.isHarmless = flag
            if !flag {
                report(
                    .wrongType, harmless.path, .value, "probe \"\(name)\" is not harmless, so nobody may send it",
                    hint: "remove the probe; harmless: true says that it neither locks an account nor ends a token")
            }
        }
        return probe
    }
}

struct DraftProbe {
    let name: String
    let path: DefinitionPath
    /// A call under `calls`, or a state whose call it is.
    var call: Located<String>?
    var credential: ProbeDefinition.Credential?
    /// Nil: the file does not say.
    var isHarmless: Bool?
}

extension Draft {
    func call(of probe: DraftProbe) -> DraftCall? {
        guard let name = probe.call?.value else { return nil }
        return calls.first { $0.name == name } ?? states.first { $0.name == name }.flatMap { call(of: $0) }
    }

    /// The secret variables that calls fill which are not harmless to repeat: they make something, and this is its key.
    var keys: [String] {
        let creates = states.compactMap { call(of: $0) }.filter { !$0.isRepeatable }
        let saved = Set(creates.flatMap(\.save).map(\.name))
        return data.filter { $0.isSecret && saved.contains($0.name) }.map(\.name)
    }

    /// Those of them that the probe's request sends.
    func keys(sentBy call: CallDefinition) -> [String] {
        let service =
            services.first { $0.name == call.service }.map { DefinitionBuilder(draft: self).build($0) }
            ?? ServiceDefinition(name: call.service)
        let read = Set(call.references(with: service).filter { $0.root == "data" }.compactMap(\.path.first))
        return keys.filter { read.contains($0) }
    }
}
