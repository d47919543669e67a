// Taking back what a run made.

extension DecisionBuilder {
    /// Begins the undo: from here on the run only takes things back, the newest first, and then ends.
    mutating func beginUndo(_ status: RunStatus, error: String, reason: String, failedIn: String?) {
        var body: JSONObject = [
            "state": .string(state.state), "status": .string(status.rawValue), "reason": .string(reason),
            "states": .array(state.undoList.reversed().map { .string($0.state) }),
        ]
        if !error.isEmpty { body["error"] = .string(error) }
        if let failedIn { body["failed_in"] = .string(failedIn) }
        emit(.undoStarted, body)
    }

    /// The next thing to take back, or the end.
    mutating func undo() -> NextStep {
        if state.stopsUndo, !state.undoList.isEmpty {
            return holdUndo("A person asked for an end while things are taken back", error: "undo_failed")
        }
        while let entry = state.undoList.last {
            guard let here = definition.state(entry.state), let undo = here.undo else {
                skipUndo(entry, "state \"\(entry.state)\" has no undo in the definition")
                continue
            }
            if state.ending?.isGone == true, undo.lookUp == nil {
                skipUndo(
                    entry,
                    "the last inspection found nothing of it, and the undo cannot look first: others may have something "
                        + "under its name by now")
                continue
            }
            if let missing = missingVariable(of: undo, entry) {
                skipUndo(entry, "nobody knows data.\(missing) of what the lost request may have made")
                continue
            }
            guard entry.isCertain || undo.call.namesWhatTheRunHas else {
                skipUndo(
                    entry,
                    "nobody knows whether the lost request made it, and the undo names it by what others may have too")
                continue
            }
            let next = takingBack(undo, here, entry)
            return waitLeft(service: next.call.service) ?? .call(next)
        }
        return end()
    }

    /// The next request to take one thing back: a call before the undo, the undo, or the look-up whether it is gone. Without
    /// an entry it is what a look-up found, and what is made anew.
    func takingBack(_ undo: UndoDefinition, _ here: StateDefinition, _ entry: UndoEntry? = nil) -> PlannedCall {
        let looksFirst = entry != nil && state.ending?.looksFirst == true && state.goneLook == nil
        let lookUp = looksFirst || state.goneLook?.isLookedUp == true ? undo.lookUp : nil
        let needsFresh = lookUp == nil || definition.looksWithFreshValues(undo)
        if needsFresh, state.callsBeforeUndo < undo.before.count {
            return planned(undo.before[state.callsBeforeUndo], here, purpose: .beforeUndo, entry: entry)
        }
        if let lookUp { return planned(lookUp.call, here, purpose: .gone, reconcile: lookUp, entry: entry) }
        return planned(undo.call, here, purpose: entry == nil ? .replace : .undo, entry: entry)
    }

    private mutating func skipUndo(_ entry: UndoEntry, _ why: String) {
        emit(.undoSkipped, ["state": .string(entry.state), "reason": .string(why)])
    }

    /// A variable of the undo that only the lost answer would have given. A value from an earlier call of the same
    /// state does not count: it belongs to another thing.
    private func missingVariable(of undo: UndoDefinition, _ entry: UndoEntry) -> String? {
        guard !entry.isCertain else { return nil }
        let own = Set(definition.state(entry.state)?.call?.save.map(\.name) ?? [])
        var read = (undo.before + [undo.call]).flatMap { definition.references(of: $0) }
        if let lookUp = undo.lookUp {
            read += definition.references(of: lookUp.call) + lookUp.items.references + lookUp.condition.references
        }
        let fresh = undo.freshVariables
        return read.first { reference in
            guard reference.root == "data", !reference.isPresenceTest, let name = reference.path.first,
                !fresh.contains(name)
            else { return false }
            if own.contains(name) {
                return entry.saved[name] == nil && !entry.sealed.contains { $0.name.hasSameScalars(as: name) }
            }
            return state.data[name] == nil && state.secret(name) == nil
        }?.path.first
    }

    private mutating func end() -> NextStep {
        guard let ending = state.ending else { return .ended }
        var body: JSONObject = [
            "state": .string(state.state), "reason": .string(ending.reason), "undone": .integer(state.undoneCount),
        ]
        switch ending.status {
        case .failed:
            body["error"] = .string(ending.error)
            if let failedIn = ending.failedIn { body["failed_in"] = .string(failedIn) }
            emit(.runFailed, body)
        case .released: emit(.runReleased, body)
        case .live, .held, .succeeded, .cancelled:
            if let cancel = state.cancel { body["asked_by"] = .string(cancel.actor) }
            emit(.runCancelled, body)
        }
        return .ended
    }

    /// A call with the values that it may read. `entry`: what is to be taken back, with the variables of that time.
    func planned(
        _ call: CallDefinition, _ here: StateDefinition, purpose: Purpose = .call,
        reconcile: ReconcileDefinition? = nil, entry: UndoEntry? = nil
    ) -> PlannedCall {
        var data = state.data
        var secrets = state.secrets
        let fresh = entry == nil ? [] : here.undo?.freshVariables ?? []
        for (name, value) in entry?.saved.members ?? [] where !fresh.contains(name) { data[name] = value }
        for reference in entry?.sealed ?? [] where !fresh.contains(reference.name) {
            secrets = secrets.map {
                $0.reference.name.hasSameScalars(as: reference.name)
                    ? RunSecret(reference: reference, sealedAt: $0.sealedAt) : $0
            }
        }
        let stay = entry.map { "\(state.id)/\(here.name)/\($0.idempotencyGeneration)" } ?? state.idempotencyKey
        let page: LookUpPage? =
            switch purpose {
            case .lookup: state.unknown?.page
            case .gone: state.goneLook?.page
            case .inspect: state.inspection?.look?.page
            case .call, .undo, .replace, .beforeUndo, .beforeInspect, .probe: nil
            }
        return PlannedCall(
            call: call, state: here.name, attemptNumber: purpose == .probe ? 1 : state.attempts.addingClamped(1),
            purpose: purpose,
            idempotencyKey: purpose == .call ? state.idempotencyKey : "\(stay)/\(purpose.rawValue)", data: data,
            secrets: secrets, reconcile: reconcile, page: page, frozen: purpose == .call ? state.frozen : nil,
            armsUndo: purpose == .call && here.undo != nil)
    }
}
