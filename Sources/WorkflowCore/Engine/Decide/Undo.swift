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
            return hold(
                code: "undo_failed",
                "A person asked for an end while things are taken back. Look at the platform, then "
                    + "decide.",
                choices: [HoldChoice.retry, .done, .abandon].map(\.rawValue), facts: ["error": "undo_failed"])
        }
        while let entry = state.undoList.last {
            guard let here = definition.state(entry.state), let call = here.undo else {
                skipUndo(entry, "state \"\(entry.state)\" has no undo in the definition")
                continue
            }
            if let missing = missingVariable(of: call, entry) {
                skipUndo(entry, "nobody knows data.\(missing) of what the lost request may have made")
                continue
            }
            if let step = waitLeft(service: call.service) { return step }
            return .call(planned(call, here, purpose: .undo, entry: entry))
        }
        return end()
    }

    private mutating func skipUndo(_ entry: UndoEntry, _ why: String) {
        emit(.undoSkipped, ["state": .string(entry.state), "reason": .string(why)])
    }

    /// A variable of the undo that only the lost answer would have given. A value from an earlier call of the same
    /// state does not count: it belongs to another thing.
    private func missingVariable(of call: CallDefinition, _ entry: UndoEntry) -> String? {
        guard !entry.isCertain else { return nil }
        let own = Set(definition.state(entry.state)?.call?.save.map(\.name) ?? [])
        let service = definition.service(call.service) ?? ServiceDefinition(name: call.service)
        return call.references(with: service).first { reference in
            guard reference.root == "data", !reference.isPresenceTest, let name = reference.path.first else {
                return false
            }
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

    /// Closes an attempt to take something back.
    mutating func settleUndo(_ result: AttemptResult, _ given: JSONObject, _ attempt: OpenAttempt) -> NextStep {
        var body = given
        let type = EventType.closing(result.outcome)
        if result.outcome == .done {
            guard attempt.purpose == .replace, state.cancel == nil, let here else {
                emit(type, body, attemptId: attempt.id)
                return flow()
            }
            return resend(here, body, attempt)
        }
        let why: String
        if result.outcome == .unknown, !attempt.isRepeatable {
            why = "\(result.errorName), and it is not safe to send twice"
        } else {
            switch retryOfUndo(result) {
            case .after(let retry):
                body["retry"] = .object(retry)
                emit(type, body, attemptId: attempt.id)
                return flow()
            case .never(let reason): why = reason
            }
        }
        emit(type, body, attemptId: attempt.id)
        return hold(
            code: "undo_failed",
            "What state \(attempt.state) made could not be taken back: \(why). Look at the platform, then decide.",
            choices: [HoldChoice.retry, .done, .abandon].map(\.rawValue), facts: ["error": .string(result.errorName)])
    }

    /// A call with the values that it may read. `entry`: what is to be taken back, with the variables of that time.
    func planned(
        _ call: CallDefinition, _ here: StateDefinition, purpose: Purpose = .call,
        reconcile: ReconcileDefinition? = nil, entry: UndoEntry? = nil
    ) -> PlannedCall {
        var data = state.data
        var secrets = state.secrets
        for (name, value) in entry?.saved.members ?? [] { data[name] = value }
        for reference in entry?.sealed ?? [] {
            secrets = secrets.map {
                $0.reference.name.hasSameScalars(as: reference.name)
                    ? RunSecret(reference: reference, sealedAt: $0.sealedAt) : $0
            }
        }
        let key =
            switch purpose {
            case .call: state.idempotencyKey
            case .lookup, .replace: "\(state.idempotencyKey)/\(purpose.rawValue)"
            case .undo: "\(state.id)/\(here.name)/\(entry?.idempotencyGeneration ?? 0)/undo"
            }
        return PlannedCall(
            call: call, state: here.name, attemptNumber: state.attempts.addingClamped(1), purpose: purpose,
            idempotencyKey: key, data: data, secrets: secrets, reconcile: reconcile,
            page: purpose == .lookup ? state.unknown?.page : nil, frozen: purpose == .call ? state.frozen : nil,
            armsUndo: purpose == .call && here.undo != nil)
    }
}
