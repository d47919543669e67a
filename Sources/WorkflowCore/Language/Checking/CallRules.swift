// What may be sent again, and what waits for a person.

extension DraftChecker {
    mutating func checkCalls() {
        let declared = Set(draft.data.map(\.name))
        for state in draft.states {
            for (call, _) in state.calls {
                if case .inline(let call) = call {
                    checkSaves(call.save, declared)
                    checkKeyed(call)
                }
            }
            checkSaves(state.reconcile?.save ?? [], declared)
            for entry in state.awaits { checkSaves(entry.save, declared) }
            if let call = draft.call(of: state), !call.method.isEmpty { checkResends(state, call) }
            checkSaves(state.set ?? [], declared)
            for entry in state.catches { checkSaves(entry.set, declared) }
        }
        for call in draft.calls {
            checkSaves(call.save, declared)
            checkKeyed(call)
        }
        checkSaves(draft.move?.data ?? [], declared)
    }

    /// E313: under one idempotency value a platform refuses other bytes, or takes them for another request.
    private mutating func checkKeyed(_ call: DraftCall) {
        let builder = DefinitionBuilder(draft: draft)
        guard call.idempotency != nil, let built = builder.build(call) else { return }
        let service =
            draft.services.first { $0.name == built.service }.map { builder.build($0) }
            ?? ServiceDefinition(name: built.service)
        let names = built.parts(with: service).map(\.name)
        for part in call.fresh where !names.contains(part.value) {
            report(
                .unknownName, part.path, .value,
                "\(Self.subject(part.path)): fresh names \"\(part.value)\", which is no part of \(call.requestWords)",
                hint: suggestion(part.value, among: names)
                    ?? (names.isEmpty ? nil : "its parts are \(DefinitionReader.listed(names))"))
        }
        guard
            built.frozenReferences(with: service).contains(where: { $0.root == "state" && $0.path.first == "attempts" })
        else { return }
        report(
            .changingUnderKey, call.path, .name,
            "\(call.requestWords) sends state.attempts under an idempotency key, so that each attempt sends something else "
                + "under the same key",
            hint: "remove state.attempts from the call, or name its part under idempotency.fresh")
    }

    private mutating func checkSaves(_ saves: [DraftTemplate], _ declared: Set<String>) {
        for save in saves where !declared.contains(save.name) {
            report(
                .undeclaredVariable, save.path, .name,
                "\(Self.subject(save.path)) fills \"\(save.name)\", which is not declared under data",
                hint: suggestion(save.name, among: Array(declared)) ?? "declare it under data")
        }
    }

    private mutating func checkResends(_ state: DraftState, _ call: DraftCall) {
        guard !call.isRepeatable else { return }
        checkRepeats(state, call)
        refuseLostConnection(in: state.retry.flatMap(\.errors) + state.catches.flatMap(\.errors), state, call)
        guard !call.hasHonouredKey, state.reconcile == nil else { return }
        for error in state.retry.flatMap(\.errors) where mayBeSent(error.value) && !namesLostConnection(error) {
            report(
                .unsafeResend, error.path, .value,
                "state \"\(state.name)\" retries \(error.value), but \(call.requestWords) may already have worked and is "
                    + "not safe to send twice",
                hint: "add reconcile or idempotency.honoured")
        }
        report(
            .lostAnswerWaits, state.path.member("call"), .name,
            "state \"\(state.name)\": \(call.requestWords) is not safe to send twice and cannot be looked up, so a lost "
                + "answer will wait for a person")
    }

    /// Keywords that send the call again after a success: `stable` and `show`. An honoured idempotency key helps only
    /// after a lost answer. Within its time, it would bring back the same answer; after that, the call would make a
    /// second thing.
    private mutating func checkRepeats(_ state: DraftState, _ call: DraftCall) {
        for (isSent, keyword) in [(state.isAskedAgain, "stable"), (state.isShownAgain, "show")] where isSent {
            report(
                .unsafeResend, state.path.member(keyword), .name,
                "state \"\(state.name)\" sends again for \(keyword), but \(call.requestWords) is not safe to send twice",
                hint: "say repeatable: true where it is harmless")
        }
    }

    /// E317: a lost connection of a call that must not be repeated is an unknown outcome, whatever it is called.
    mutating func refuseLostConnection(in errors: [Located<String>], _ state: DraftState, _ call: DraftCall) {
        for error in errors where namesLostConnection(error) {
            report(
                .unsafeLostConnection, error.path, .value,
                "state \"\(state.name)\": \(error.value) names a lost connection, but \(call.requestWords) may have worked all "
                    + "the same and is not safe to send twice",
                hint: "remove it here, or say repeatable: true where sending it twice is harmless")
        }
    }

    private func namesLostConnection(_ name: Located<String>) -> Bool {
        draft.errors.contains { $0.name == name.value && $0.namesLostConnection }
    }

    /// Whether an attempt that ended with this error may have had its effect.
    private func mayBeSent(_ name: String) -> Bool {
        if let error = draft.errors.first(where: { $0.name == name }) { return error.mayBeSent }
        return ErrorName.mayHaveWorked(name)
    }

    /// E302: the order of entries, in `retry` and in `catch`.
    mutating func checkEntries() {
        for state in draft.states {
            checkOrder(of: state.retry.map { ($0.errors, $0.path) }, "retry")
            checkOrder(of: (state.undo?.retry ?? []).map { ($0.errors, $0.path) }, "retry")
            checkOrder(of: (state.inspect?.retry ?? []).map { ($0.errors, $0.path) }, "retry")
            checkOrder(of: state.catches.map { ($0.errors, $0.path) }, "catch")
        }
    }

    private mutating func checkOrder(of entries: [(errors: [Located<String>], path: DefinitionPath)], _ list: String) {
        // Stops growing once everything is covered, so it stays small for any file.
        var earlier: [(name: String, entry: Int)] = []
        for (index, entry) in entries.enumerated() {
            for error in entry.errors {
                if error.value == "any", entry.errors.count > 1 || index < entries.count - 1 {
                    report(
                        .shadowedEntry, error.path, .value,
                        entry.errors.count > 1
                            ? "\"any\" stands alone: it includes the other errors of this entry"
                            : "\"any\" takes every error, so the entries after it are never used",
                        hint: entry.errors.count > 1 ? "remove the others" : "move it to the end")
                } else if let shadow = shadow(of: error.value, earlier), shadow.name != "any" {
                    report(
                        .shadowedEntry, error.path, .value,
                        "\"\(error.value)\" never gets here: entry \(shadow.entry + 1) of \(list) takes \"\(shadow.name)\"",
                        hint: "move it before that entry, or remove it")
                } else if earlier.count < 1000 {
                    earlier.append((error.value, index))
                }
            }
        }
    }

    /// The earlier entry that takes the error. An entry with a status also takes an answer that has a name of its own.
    private func shadow(of error: String, _ earlier: [(name: String, entry: Int)]) -> (name: String, entry: Int)? {
        if let shadow = earlier.first(where: { ErrorName.covers($0.name, error) }) { return shadow }
        guard let named = draft.errors.first(where: { $0.name == error }), !named.statuses.isEmpty else { return nil }
        var last: (name: String, entry: Int)?
        for status in named.statuses {
            guard let shadow = earlier.first(where: { ErrorName.takes($0.name, status) }) else { return nil }
            if shadow.entry >= last?.entry ?? 0 { last = shadow }
        }
        return last
    }
}
