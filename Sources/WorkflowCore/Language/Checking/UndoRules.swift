// What is taken back when a run fails.

extension DraftChecker {
    mutating func checkUndos() {
        let declared = Set(draft.data.map(\.name))
        var mayBeUnset: [String: [Bool]] = [:]
        for (index, state) in graph.states.enumerated() {
            guard let undo = state.undo else {
                if !state.declinesUndo { checkCreation(state) }
                continue
            }
            checkResends(of: undo, state)
            for name in reads(of: undo).sorted() {
                guard declared.contains(name) else { continue }
                let isUnset = mayBeUnset[name] ?? graph.paths { !$0.sets.contains(name) }.isReached
                mayBeUnset[name] = isUnset
                if isUnset[index] { checkUndo(state, reads: name) }
            }
        }
    }

    /// The variables that the undo needs from the states: not those that a call before it fills.
    private func reads(of undo: DraftUndo) -> Set<String> {
        var fresh: Set<String> = []
        var needed: Set<String> = []
        for (index, call) in undo.before.enumerated() {
            let path = undo.path.member("before").item(index)
            needed.formUnion(Set((reads(under: path) + readsByName(call)).map(\.variable)).subtracting(fresh))
            fresh.formUnion((draft.call(call)?.save ?? []).map(\.name))
        }
        let rest = ["call", "gone"].flatMap { reads(under: undo.path.member($0)) }
        let named = [undo.call, undo.gone?.call].flatMap { readsByName($0) }
        return needed.union(Set((rest + named).map(\.variable)).subtracting(fresh))
    }

    /// E306: an undo is armed when the call is sent, so it may lack what only the answer would have given.
    private mutating func checkUndo(_ state: DraftState, reads name: String) {
        let path = state.path.member("undo")
        let call = draft.call(of: state)
        guard call?.save.contains(where: { $0.name == name }) == true else {
            return report(
                .undoOfUnsaved, path, .value,
                "state \"\(state.name)\": undo reads data.\(name), which neither the call nor a state before it saves",
                hint: "save it in the call")
        }
        guard let reconcile = state.reconcile, reconcile.one != .hold else { return }
        if !reconcile.save.contains(where: { $0.name == name }) {
            report(
                .undoOfUnsaved, path, .value,
                "state \"\(state.name)\": undo reads data.\(name), which is unset when reconcile finds what a lost answer "
                    + "made", hint: "save it in reconcile as well")
        }
    }

    private mutating func checkResends(of undo: DraftUndo, _ state: DraftState) {
        for (index, call) in undo.before.enumerated() {
            guard let call = draft.call(call), !call.method.isEmpty, !call.isRepeatable else { continue }
            report(
                .unsafeResend, undo.path.member("before").item(index), .value,
                "state \"\(state.name)\": \(call.requestWords) is sent before each try of the undo, and is not safe to send "
                    + "twice",
                hint: "say repeatable: true where it is harmless")
        }
        if let call = draft.call(undo.call), !call.method.isEmpty, !call.isRepeatable {
            refuseLostConnection(in: undo.retry.flatMap(\.errors), state, call)
        }
        // A look-up tells what became of a lost undo.
        guard undo.gone == nil, let call = draft.call(undo.call), !call.method.isEmpty, !call.isRepeatable,
            !call.hasHonouredKey
        else { return }
        report(
            .lostAnswerWaits, undo.path, .name,
            "state \"\(state.name)\": undo sends \(call.requestWords), which is not safe to send twice, so a lost answer "
                + "will wait for a person")
    }

    /// W315: without a name, what another run has over there may be taken for this run's own.
    mutating func checkIdentity(_ state: DraftState) {
        guard let call = draft.call(of: state), call.method == "POST", !call.isRepeatable,
            !call.save.isEmpty || state.undo != nil || state.reconcile != nil,
            let built = DefinitionBuilder(draft: draft).build(state), !built.namesItsThing
        else { return }
        report(
            .namelessThing, state.path, .name,
            "state \"\(state.name)\": nothing names what \(call.requestWords) makes, so that what another run has there "
                + "may be taken for this run's",
            hint: "add identity, such as identity: data.session; or identity: none where nothing is made")
    }

    /// W309: what a POST made that is unsafe or has an identity, and the run remembers, stays behind when the run fails.
    private mutating func checkCreation(_ state: DraftState) {
        guard let call = draft.call(of: state), call.method == "POST", !call.save.isEmpty,
            !call.isRepeatable || (state.identity != nil && state.identity != IdentityDefinition.none)
        else { return }
        report(
            .nothingUndone, state.path.member("call"), .name,
            "state \"\(state.name)\": nothing undoes \(call.requestWords), so a failed run leaves behind what it made",
            hint: "add undo, or undo: none where nothing can")
    }
}
