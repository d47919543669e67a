import WorkflowCore

/// The names that a call's templates can read.
enum ScopeBuilder {
    static func scope(for action: Action) -> ExpressionScope {
        let source = action.scope
        var scope = ExpressionScope()
        scope["input"] = .json(.object(source.input))
        let plain = source.data.members.map { ($0.name, ScopeValue.json($0.value)) }
        scope["data"] = .record(plain + source.secretData.map(member))
        scope["secrets"] = .record(source.secrets.map(member))
        scope["run"] = .json([
            "id": .string(source.runId.description), "organisation": .string(source.organisation),
            "key": .string(source.key), "workflow": .string(source.workflow), "version": .integer(source.version),
        ])
        scope["state"] = .json([
            "name": .string(source.stateName), "key": .string(source.idempotencyKey),
            "attempts": .integer(source.attemptNumber),
        ])
        return scope
    }

    /// The same with the answer. A body that could not be read is missing.
    static func scope(_ scope: ExpressionScope, with answer: Answer) -> ExpressionScope {
        var response = JSONObject()
        response["status"] = .integer(answer.status)
        var headers = JSONObject()
        for (name, value) in answer.headers {
            headers[name] = .string(headers[name]?.stringValue.map { "\($0), \(value)" } ?? value)
        }
        response["headers"] = .object(headers)
        switch answer.body {
        case .json(let value): response["body"] = value
        case .text(let text): response["body"] = .string(text)
        case .empty, .malformed: break
        }
        var extended = scope
        extended["response"] = .json(.object(response))
        return extended
    }

    private static func member(_ opened: OpenedSecret) -> (String, ScopeValue) {
        (opened.name, .secret(SecretValue(reference: opened.reference, revealed: opened.secret)))
    }

    /// The opened secrets that a call's templates name.
    static func used(by action: Action) -> [OpenedSecret] {
        let references = action.call.references(with: action.service)
        func isNamed(_ root: String) -> (OpenedSecret) -> Bool {
            { opened in references.contains { $0.root == root && $0.path.first == opened.name && !$0.isPresenceTest } }
        }
        return action.scope.secrets.filter(isNamed("secrets")) + action.scope.secretData.filter(isNamed("data"))
    }
}
