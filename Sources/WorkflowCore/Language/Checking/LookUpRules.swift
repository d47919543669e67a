// What a look-up can prove.

extension DraftChecker {
    mutating func checkLookUp(_ state: DraftState) {
        guard let reconcile = state.reconcile else { return }
        if let call = draft.call(reconcile.call), !call.method.isEmpty, !call.isRepeatable {
            report(
                .unsafeResend, reconcile.path.member("call"), .value,
                "state \"\(state.name)\" looks up with \(call.requestWords), which is not safe to send twice",
                hint: "look up with GET, or say repeatable: true where it is harmless")
        }
        if reconcile.one == .replace, state.undo == nil {
            report(
                .wrongType, reconcile.path.member("one"), .value,
                "\"one\": replace undoes what was found, but state \"\(state.name)\" has no undo",
                hint: "add undo, or write adopt or hold")
        }
        let builder = DefinitionBuilder(draft: draft)
        guard let built = builder.build(reconcile) else { return }
        if built.condition.runReferences.isEmpty {
            report(
                .lookUpOfNobody, reconcile.path.member("where"), .value,
                "state \"\(state.name)\": \"where\" compares nothing of this run, so it takes what others made for ours",
                hint: "compare a value that the call sends, such as item.reference == run.id")
        } else if let create = draft.call(of: state).flatMap({ builder.build($0) }), !built.findsOwnMark(of: create) {
            checkMark(state, reconcile, isSent: built.comparesWhatIsSent(by: create))
        }
        if built.pages == nil, built.filter != .exact {
            report(
                .lookUpOfOnePage, reconcile.path, .name,
                "state \"\(state.name)\" looks through a list, and does not say how to get its further pages: what is "
                    + "not on the first page would count as not made",
                hint: "add pages: link, pages: {by: …}, or pages: whole where an answer is always the whole list")
        }
    }

    private mutating func checkMark(_ state: DraftState, _ reconcile: DraftReconcile, isSent: Bool) {
        if !isSent {
            report(
                .lookUpOfNobody, reconcile.path.member("where"), .value,
                "state \"\(state.name)\": \"where\" compares nothing that the call sends, so it may never find what the call "
                    + "made",
                hint: "send what is compared, such as run.id")
        }
        if reconcile.one == .replace {
            report(
                .wrongType, reconcile.path.member("one"), .value,
                "\"one\": replace deletes what was found, but \"where\" of state \"\(state.name)\" does not prove that this "
                    + "run made it",
                hint: "send run.id in the call and compare it in where, or write adopt or hold")
        }
    }
}
