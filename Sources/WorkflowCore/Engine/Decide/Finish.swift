extension DecisionBuilder {
    /// The run stands in a state with `end`. Nil: there is something to take back first.
    mutating func finish(_ status: StateDefinition.EndStatus) -> NextStep? {
        var body: JSONObject = ["state": .string(state.state)]
        if status != .succeeded, here?.undoesAtEnd == true, !state.undoList.isEmpty {
            let isFailure = status == .failed
            beginUndo(
                isFailure ? .failed : .cancelled, error: isFailure ? failure.error : "",
                reason: isFailure ? failure.reason : state.cancel?.reason ?? endText, failedIn: state.gaveUp?.state)
            return nil
        }
        switch status {
        case .succeeded:
            let (output, problems) = output()
            body["output"] = .object(output)
            if !problems.isEmpty { body["output_problems"] = .object(problems) }
            if let first = here?.inspect?.firstMilliseconds(of: state.id) {
                body["inspect_milliseconds"] = .integer(first)
            }
            emit(.runSucceeded, body)
            return inspect()
        case .failed:
            body["error"] = .string(failure.error)
            body["reason"] = .string(failure.reason)
            if let gaveUp = state.gaveUp { body["failed_in"] = .string(gaveUp.state) }
            emit(.runFailed, body)
        case .cancelled:
            body["reason"] = .string(state.cancel?.reason ?? endText)
            emit(.runCancelled, body)
        }
        return .ended
    }

    private var endText: String { "the definition ended the run in state \(state.state)" }

    private var failure: (error: String, reason: String) {
        (state.gaveUp?.error ?? state.lastError ?? "failed", state.gaveUp?.text ?? endText)
    }

    /// Nil: there is something to take back first.
    mutating func finishCancelled() -> NextStep? {
        let asked = state.cancel
        if !state.undoList.isEmpty {
            beginUndo(.cancelled, error: "", reason: asked?.reason ?? "", failedIn: nil)
            return nil
        }
        emit(
            .runCancelled,
            [
                "state": .string(state.state), "reason": .string(asked?.reason ?? ""),
                "asked_by": .string(asked?.actor ?? ""),
            ])
        return .ended
    }

    /// The public projection. A value that cannot be evaluated is left out, with the reason beside it: the run
    /// has succeeded all the same.
    private func output() -> (values: JSONObject, problems: JSONObject) {
        var values = JSONObject()
        var problems = JSONObject()
        for item in definition.output {
            do throws(ExpressionError) {
                for (name, value) in try evaluated([item], in: state).members { values[name] = value }
            } catch {
                problems[item.name] = .string(error.description)
            }
        }
        return (values, problems)
    }

    func evaluated(_ values: [NamedTemplate], in state: RunState, error: JSONObject? = nil) throws(ExpressionError)
        -> JSONObject
    {
        var runScope = RunScope(state)
        runScope.error = error
        let scope = runScope.expressionScope
        var written = JSONObject()
        for item in values {
            guard case .plain(let value) = try item.template.evaluate(scope) else {
                throw ExpressionError(
                    code: .secret, message: "\(item.name) would hold a secret in plain",
                    source: item.template.source, offset: 0)
            }
            guard !value.containsNul else {
                throw ExpressionError(
                    code: .expression, message: "\(item.name) would hold the character U+0000, which cannot be stored",
                    source: item.template.source, offset: 0)
            }
            written[item.name] = value
        }
        return written
    }
}

extension String {
    /// The same text with U+FFFD in place of U+0000.
    var storable: String {
        guard utf8.contains(0) else { return self }
        var scalars = UnicodeScalarView()
        for scalar in unicodeScalars { scalars.append(scalar.value == 0 ? "\u{FFFD}" : scalar) }
        return String(scalars)
    }
}

/// What the expressions of a decision see: plain values, and of a secret only its existence and its fingerprint.
struct RunScope {
    let state: RunState
    var error: JSONObject?

    init(_ state: RunState) { self.state = state }

    var expressionScope: ExpressionScope {
        var scope = ExpressionScope()
        scope["input"] = .json(.object(state.input))
        let plain = state.data.members.map { ($0.name, ScopeValue.json($0.value)) }
        let sealed = state.secrets.map {
            ($0.reference.name, ScopeValue.secret(SecretValue($0.reference)))
        }
        scope["data"] = .record(plain + sealed)
        scope["run"] = .json([
            "id": .string(state.id.description), "organisation": .string(state.organisation),
            "key": .string(state.key), "workflow": .string(state.workflow), "version": .integer(state.version),
            "adopted": .bool(state.isAdopted),
        ])
        scope["state"] = .json([
            "name": .string(state.state), "key": .string(state.idempotencyKey),
            "attempts": .integer(state.attempts),
        ])
        if let error { scope["error"] = .json(.object(error)) }
        return scope
    }
}
