// What a look-up can prove.

extension DraftChecker {
    mutating func checkLookUp(_ state: DraftState) {
        if let gone = state.undo?.gone, let built = checkLook(gone, of: state, after: state.undo?.call),
            built.condition.runReferences.isEmpty
        {
            report(
                .lookUpOfNobody, gone.path.member("where"), .value,
                "state \"\(state.name)\": \"where\" compares nothing of this run, so what others have there counts as not "
                    + "taken back",
                hint: "compare what the undo takes back, such as item.id == data.id")
        }
        guard let reconcile = state.reconcile else { return }
        if reconcile.one == .replace, state.undo == nil {
            report(
                .wrongType, reconcile.path.member("one"), .value,
                "\"one\": replace undoes what was found, but state \"\(state.name)\" has no undo",
                hint: "add undo, or write adopt or hold")
        }
        guard let built = checkLook(reconcile, of: state, after: state.call) else { return }
        let builder = DefinitionBuilder(draft: draft)
        if built.condition.runReferences.isEmpty {
            report(
                .lookUpOfNobody, reconcile.path.member("where"), .value,
                "state \"\(state.name)\": \"where\" compares nothing of this run, so it takes what others made for ours",
                hint: "compare a value that the call sends, such as item.reference == run.id")
        } else if let create = draft.call(of: state).flatMap({ builder.build($0) }), !built.findsOwnMark(of: create) {
            checkMark(state, reconcile, isSent: built.comparesWhatIsSent(by: create))
        }
    }

    /// What holds for every look-up. Nil when it could not be read as a whole. `request` is what it looks after; nil:
    /// nothing of this run is under way.
    mutating func checkLook(
        _ look: DraftReconcile, of state: DraftState, after request: DraftState.Call?
    ) -> ReconcileDefinition? {
        if let call = draft.call(look.call), !call.method.isEmpty, !call.isRepeatable {
            report(
                .unsafeResend, look.path.member("call"), .value,
                "state \"\(state.name)\" looks up with \(call.requestWords), which is not safe to send twice",
                hint: "look up with GET, or say repeatable: true where it is harmless")
        }
        guard let built = DefinitionBuilder(draft: draft).build(look) else { return nil }
        if built.pages == nil, built.filter != .exact {
            report(
                .lookUpOfOnePage, look.path, .name,
                "state \"\(state.name)\" looks through a list, and does not say how to get its further pages: what is "
                    + "not on the first page would count as not made",
                hint: "add pages: link, pages: {by: …}, or pages: whole where an answer is always the whole list")
        }
        if let request = draft.call(request) { checkPace(look, built, of: state, after: request) }
        return built
    }

    /// W316: a platform that stands still shows the same twice, and its queue after that.
    private mutating func checkPace(
        _ look: DraftReconcile, _ built: ReconcileDefinition, of state: DraftState, after request: DraftCall
    ) {
        let service = draft.services.first { $0.name == request.service?.value }
        let timeout =
            request.timeoutMilliseconds ?? service?.timeoutMilliseconds ?? ServiceDefinition.standardTimeoutMilliseconds
        let effect = built.effectWithinMilliseconds ?? timeout.addingClamped(built.afterMilliseconds)
        guard let every = look.looks.everyMilliseconds, every < effect else { return }
        let cause = built.effectWithinMilliseconds == nil ? "the timeout plus after" : "effect_within"
        report(
            .hastyLooks, look.path.member("looks"), .name,
            "state \"\(state.name)\" looks every \(DurationText.text(every)), but \(request.requestWords) may take effect for "
                + "\(DurationText.text(effect)) (\(cause)): a platform that stands still meanwhile shows nothing twice, and "
                + "then works off what is in its queue",
            hint: "leave every out, or make it \(DurationText.text(effect)) or longer")
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
