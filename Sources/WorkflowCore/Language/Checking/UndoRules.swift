// What is taken back when a run fails.

extension DraftChecker {
    mutating func checkUndos() {
        let declared = Set(draft.data.map(\.name))
        var mayBeUnset: [String: [Bool]] = [:]
        for (index, state) in graph.states.enumerated() {
            guard let undo = draft.call(state.undo) else {
                if !state.declinesUndo, state.undo == nil { checkCreation(state) }
                continue
            }
            checkResend(of: undo, state)
            let path = state.path.member("undo")
            for name in Set((reads(under: path) + readsByName(state.undo)).map(\.variable)).sorted() {
                guard declared.contains(name) else { continue }
                let isUnset = mayBeUnset[name] ?? graph.paths { !$0.sets.contains(name) }.isReached
                mayBeUnset[name] = isUnset
                if isUnset[index] { checkUndo(state, reads: name) }
            }
        }
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

    private mutating func checkResend(of undo: DraftCall, _ state: DraftState) {
        guard !undo.method.isEmpty, !undo.isRepeatable, !undo.hasHonouredKey else { return }
        report(
            .lostAnswerWaits, state.path.member("undo"), .name,
            "state \"\(state.name)\": undo sends \(undo.requestWords), which is not safe to send twice, so a lost answer "
                + "will wait for a person")
    }

    /// W314: without a name, what another run has over there may be taken for this run's own.
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

    /// W309: what an unsafe POST made, and the run remembers, stays behind when the run fails.
    private mutating func checkCreation(_ state: DraftState) {
        guard let call = draft.call(of: state), call.method == "POST", !call.isRepeatable, !call.save.isEmpty else {
            return
        }
        report(
            .nothingUndone, state.path.member("call"), .name,
            "state \"\(state.name)\": nothing undoes \(call.requestWords), so a failed run leaves behind what it made",
            hint: "add undo, or undo: none where nothing can")
    }
}
