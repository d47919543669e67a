import WorkflowCore

/// Small definitions, built without a file.
enum Sample {
    static let activation = RetryPolicy(
        name: "activation", delayMilliseconds: 1000, backoff: 1.5, maximumDelayMilliseconds: 4000, jitter: .none,
        withinMilliseconds: 60_000)
    static let outage = RetryPolicy(
        name: "outage", delayMilliseconds: 500, maximumDelayMilliseconds: 2000, jitter: .none, maximumAttempts: 3)

    static let create = call("create_client", "/api/integrations/wpp/create", isRepeatable: false)
    static let token = call("issue_token", "/auth/token", isRepeatable: true)

    static func call(
        _ name: String?, _ path: String, isRepeatable: Bool, save: [(String, String)] = [],
        idempotency: IdempotencyDefinition? = nil
    ) -> CallDefinition {
        CallDefinition(
            name: name, method: "POST", service: "wpp", path: template(path), save: named(save),
            isRepeatable: isRepeatable, idempotency: idempotency)
    }

    static func undo(
        _ name: String?, _ path: String, isRepeatable: Bool = true, gone: UndoDefinition.Gone = .notCheckable,
        before: [CallDefinition] = [], retry: [RetryEntry] = [], takesBackAdopted: Bool = false
    ) -> UndoDefinition {
        UndoDefinition(
            call: call(name, path, isRepeatable: isRepeatable), gone: gone, before: before, retry: retry,
            takesBackAdopted: takesBackAdopted)
    }

    static func expression(_ source: String) -> Expression {
        do { return try Expression.parse(source) } catch { return expression("false") }
    }

    /// A template that is known to be right; a wrong one stands as its own text.
    static func template(_ source: String) -> Template {
        do { return try Template.parse(source) } catch { return template("wrong: $${") }
    }

    static func named(_ values: [(String, String)]) -> [NamedTemplate] {
        values.map { NamedTemplate(name: $0.0, template: template($0.1)) }
    }

    /// One number: create, pass on, ask for the token until the key is active.
    static func flagship(
        createCatches: [CatchEntry] = [], tokenRetry: [RetryEntry]? = nil, tokenCatches: [CatchEntry] = [],
        tokenRetriesNothing: Bool = false, output: [(String, String)] = [("session", "${data.session}")]
    ) -> Definition {
        let retry =
            tokenRetry ?? [
                RetryEntry(errors: ["key_not_active"], policy: activation),
                RetryEntry(errors: ["transient"], policy: outage),
            ]
        return definition(
            start: "requested",
            [
                StateDefinition(
                    name: "requested", action: .call(create), catches: createCatches, exit: .next("client-created")),
                StateDefinition(name: "client-created", exit: .next("token-pending")),
                StateDefinition(
                    name: "token-pending", action: .call(token), retry: retry, retriesNothing: tokenRetriesNothing,
                    catches: tokenCatches, exit: .next("active")),
            ], output: output)
    }

    /// These states, and the ends `active` and `failed`.
    static func definition(
        start: String, _ states: [StateDefinition], input: [FieldDefinition]? = nil,
        output: [(String, String)] = [], hasFailureState: Bool = true, inspect: InspectDefinition? = nil,
        deadlineMilliseconds: Int64 = Definition.standardDeadlineMilliseconds, probes: [ProbeDefinition] = []
    ) -> Definition {
        let failed = StateDefinition(name: "failed", exit: .end(.failed))
        return Definition(
            workflow: "whatsapp-number", version: 3, key: template("${input.number}"), start: start,
            input: input ?? [FieldDefinition(name: "number", kinds: [.string], pattern: #"^\+[1-9][0-9]{7,14}$"#)],
            data: [
                FieldDefinition(name: "session", kinds: [.string]),
                FieldDefinition(name: "api_key", kinds: [.string], isSecret: true),
                FieldDefinition(name: "token", kinds: [.string], isSecret: true),
            ],
            output: named(output), services: [ServiceDefinition(name: "wpp")],
            states: states + [StateDefinition(name: "active", exit: .end(.succeeded), inspect: inspect)]
                + (hasFailureState ? [failed] : []), deadlineMilliseconds: deadlineMilliseconds, probes: probes)
    }

    /// One repeatable call with these entries, then `active`.
    static func single(
        retry: [RetryEntry] = [], catches: [CatchEntry] = [], retriesNothing: Bool = false, isRepeatable: Bool = true,
        exit: StateDefinition.Exit = .next("active"), others: [StateDefinition] = [], hasFailureState: Bool = true
    ) -> Definition {
        definition(
            start: "one",
            [
                StateDefinition(
                    name: "one", action: .call(call(nil, "/one", isRepeatable: isRepeatable)), retry: retry,
                    retriesNothing: retriesNothing, catches: catches, exit: exit)
            ] + others, hasFailureState: hasFailureState)
    }
}
