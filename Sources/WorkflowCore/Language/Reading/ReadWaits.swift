// Signals, deadlines, look-ups and what is taken back.

extension DefinitionReader {
    mutating func readSignal(_ name: String, _ node: Node) -> DraftSignal {
        var signal = DraftSignal(name: name, path: node.path)
        guard let mapping = mapping(node, Vocabulary.signal) else { return signal }
        signal.origin = choice(mapping["from"], SignalOrigin.self)
        signal.hasVerify = mapping.has("verify")
        if let body = mapping["body"] { signal.body = entries(body, as: .variable).map { readInput($0.name, $0.node) } }
        if let match = mapping["match"] { _ = expression(match, .match) }
        guard let verify = mapping["verify"] else { return signal }
        if let origin = signal.origin, origin != .webhook {
            report(
                .wrongType, verify.path, .name,
                "\"verify\" is for webhooks, but this signal is from \(origin.rawValue)",
                hint: "remove it")
        }
        guard let mapping = self.mapping(verify, Vocabulary.verify) else { return signal }
        if let hmac = mapping["hmac"], hmac.value.stringValue != "sha256" {
            report(.wrongType, hmac.path, .value, "\"hmac\" must be sha256", hint: "other digests are not supported")
        }
        headerName(mapping["header"])
        if let secret = mapping["secret"] { _ = template(secret, .verify) }
        return signal
    }

    mutating func readMove(_ node: Node) -> DraftMove? {
        guard let mapping = mapping(node, Vocabulary.moved) else { return nil }
        var move = DraftMove(path: node.path)
        if let version = integer("from", of: mapping) {
            move.from = Located(value: version, path: mapping.path.member("from"))
        }
        for entry in entries(mapping["states"], as: .plain) {
            if let new = stateName(entry.node) { move.states.append((entry.name, new)) }
        }
        move.data = templates(mapping["data"], as: .variable, .moved)
        return move
    }

    mutating func readPause(_ node: Node, _ state: inout DraftState) {
        guard case .object = node.value else {
            state.pauseMilliseconds = duration(node)
            return
        }
        guard let mapping = mapping(node, Vocabulary.pause) else { return }
        guard let until = mapping["until"] else {
            if mapping.members.isEmpty { wrongType(node, "a duration, or a time (until)") }
            return
        }
        guard let time = template(until, .until), let text = time.literalText else { return }
        report(
            .wrongType, until.path, .value, "\"until\" is the same time for every run: \"\(text)\"",
            hint: "read it from the run, such as ${data.ready_at}")
    }

    mutating func readWaits(_ mapping: Mapping, _ state: inout DraftState) {
        state.deadlineMilliseconds = duration(mapping["deadline"])
        if let node = mapping["await"] {
            state.awaits = entries(node, as: .plain).map { readAwait($0.name, $0.node) }
            if node.value.objectValue?.isEmpty == true {
                report(.wrongType, node.path, .value, "\"await\" names no signal")
            }
        }
        state.reconcile = mapping["reconcile"].flatMap { readReconcile($0) }
        state.identity = mapping["identity"].flatMap { readIdentity($0) }
        if let undo = mapping["undo"] { readUndo(undo, of: &state) }
        state.inspect = mapping["inspect"].map { readInspect($0) }
        if let show = mapping["show"] { readShow(show, &state) }
        guard let node = mapping["stable"], let stable = self.mapping(node, Vocabulary.stable) else { return }
        state.isAskedAgain = true
        let every = duration(stable["every"])
        guard let times = integer("times", of: stable) else { return }
        state.stable = StableDefinition(times: times, everyMilliseconds: every)
    }

    private mutating func readAwait(_ name: String, _ node: Node) -> DraftAwait {
        var entry = DraftAwait(signal: Located(value: name, path: node.path), path: node.path)
        guard let mapping = mapping(node, Vocabulary.awaitEntry) else { return entry }
        entry.save = templates(mapping["save"], as: .variable, .signalSave)
        entry.next = stateName(mapping["next"])
        return entry
    }

    private mutating func readIdentity(_ node: Node) -> IdentityDefinition? {
        if node.value.stringValue == "none" { return IdentityDefinition.none }
        return expression(node, .identity).map { .value($0) }
    }

    private mutating func readShow(_ node: Node, _ state: inout DraftState) {
        guard let mapping = mapping(node, Vocabulary.show) else { return }
        state.isShownAgain = mapping.has("for")
        _ = duration(mapping["for"])
        let names = mapping.members.members.map(\.name).filter { $0 != "for" }
        for name in names { if let node = mapping[name] { _ = template(node, .show) } }
        if names.isEmpty { report(.wrongType, node.path, .value, "\"show\" names nothing to show") }
    }
}
