import WorkflowCore

/// The names that a call's templates can read.
enum ScopeBuilder {
    /// `isFrozen`: for what a resend under an idempotency key must send as it was.
    static func scope(for action: Action, isFrozen: Bool = false) -> ExpressionScope {
        let source = action.scope
        let older = isFrozen ? source.frozen : FrozenSecrets()
        var scope = ExpressionScope()
        scope["input"] = .json(.object(source.input))
        let plain = source.data.members.map { ($0.name, ScopeValue.json($0.value)) }
        scope["data"] = .record(plain + overlaid(source.secretData, older.data).map(member))
        scope["secrets"] = .record(overlaid(source.secrets, older.credentials).map(member))
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

    /// The newest versions, with older ones in place of those that have one.
    private static func overlaid(_ newest: [OpenedSecret], _ older: [OpenedSecret]) -> [OpenedSecret] {
        newest.filter { new in !older.contains { $0.name.utf8.elementsEqual(new.name.utf8) } } + older
    }

    /// The opened secrets that a call's templates name.
    static func used(by action: Action) -> [OpenedSecret] {
        let scope = action.scope
        guard !scope.frozen.isEmpty else {
            return named(scope.secrets, scope.secretData, in: action.call.references(with: action.service))
        }
        let newest = named(scope.secrets, scope.secretData, in: action.call.freshReferences(with: action.service))
        return newest
            + frozen(by: action).filter { old in
                !newest.contains { $0.owner == old.owner && $0.reference == old.reference }
            }
    }

    /// Those that are named where a resend must not differ.
    static func frozen(by action: Action) -> [OpenedSecret] {
        let scope = action.scope
        return named(
            overlaid(scope.secrets, scope.frozen.credentials), overlaid(scope.secretData, scope.frozen.data),
            in: action.call.frozenReferences(with: action.service))
    }

    private static func named(
        _ credentials: [OpenedSecret], _ variables: [OpenedSecret], in references: [ExpressionReference]
    ) -> [OpenedSecret] {
        func isNamed(_ root: String) -> (OpenedSecret) -> Bool {
            { opened in references.contains { $0.root == root && $0.path.first == opened.name && !$0.isPresenceTest } }
        }
        return credentials.filter(isNamed("secrets")) + variables.filter(isNamed("data"))
    }
}
