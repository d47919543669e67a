// The keywords of each mapping. Messages list them in this order.

extension Vocabulary {
    private static let titleKeyword = Keyword.optional("title", .text, "Shown to people, as it stands.")

    static let file = Shape(
        "the file",
        [
            .required("dsl", .one, "The version of this language: 1."),
            .required("workflow", .name(.plain), "The name; it equals the file's."),
            .required(
                "version", .integer(1...999_999), "Raise it with every change: a published version never changes."),
            .required("key", .template, "What a run is about, of text and ${input.x}; one live run per key."),
            .required("start", .name(.plain), "The first state."),
            .required("states", .names(.plain, .mapping(state)), "Named, persisted positions of a run."),
            titleKeyword,
            .optional("input", .names(.variable, .mapping(input)), "What a run is started with."),
            .optional("data", .names(.variable, .mapping(variable)), "Variables of a run, filled by save and set."),
            .optional("output", .names(.variable, .template), "What everybody may see of a run; free of secrets."),
            .optional("secrets", .list(.name(.variable)), "Names of credentials, filled with turnup secret set."),
            .optional("services", .names(.plain, .mapping(service)), "Named targets of calls."),
            .optional("errors", .names(.error, .mapping(error)), "Names for answers, tested in this order."),
            .optional("retries", .names(.plain, .mapping(policy)), "How often and how long to try again."),
            .optional("calls", .names(.plain, .mapping(call)), "Calls to use by name."),
            .optional("deadline", .duration, "Of the whole run, waiting included; raises the error deadline."),
            .optional("probes", .names(.plain, .mapping(probe)), "What turnup diagnose --probe may send."),
            .optional("limits", .mapping(limits), "How many runs may be under way at once; others wait."),
            .notYet("signals", .names(.plain, .mapping(signal)), "Facts from outside that a run waits for."),
            .notYet("moved", .mapping(moved), "How runs of an older version follow to this one."),
        ])

    static let input = Shape(
        "input",
        [
            .required("type", kinds, "The type of the value, or a list of types."),
            titleKeyword,
            .optional("default", .any, "Used when the value is left out."),
            .optional("pattern", .text, "A regular expression; it is found anywhere unless anchored."),
            .optional("minLength", .integer(0...1_048_576), "In Unicode scalars."),
            .optional("maxLength", .integer(0...1_048_576), "In Unicode scalars."),
            .optional("minimum", .number(nil), "The smallest number allowed."),
            .optional("maximum", .number(nil), "The largest number allowed."),
            .optional("enum", .filledList(.any), "The values allowed."),
            .optional("secret", .flag, "Sealed in the vault, and never shown."),
        ])

    private static let kinds: Form = .oneOrMore(.choice(FieldDefinition.Kind.allCases.map(\.rawValue)))

    static let variable = Shape(
        "data",
        [
            .required("type", kinds, "The type of the value, or a list of types."),
            .optional("secret", .flag, "Sealed in the vault, and never shown."),
            titleKeyword,
        ])

    static let probe = Shape(
        "probe",
        [
            .required("call", .name(.plain), "A call, or the state whose call it is; it must be harmless to repeat."),
            .required(
                "credential", .choice(ProbeDefinition.Credential.allCases.map(\.rawValue)),
                "The run's own key, that of an older run of the organisation, or one that is made up."),
            .optional("harmless", .flag, "That it neither locks an account nor ends another token."),
        ])

    static let limits = Shape(
        "limits",
        [
            .optional("live_runs", .integer(RunLimits.liveRange), "Started and not ended, held ones included."),
            .optional("per", .choice(LimitScope.allCases.map(\.rawValue)), "What the limit is counted for; all."),
        ], atLeastOne: ["live_runs"])

    static let serviceLimits = Shape(
        "limits of a service",
        [
            .optional("rate", .rate, "Requests in any time of 1s to 1d, such as 30/1m."),
            .optional("concurrent", .integer(ServiceLimits.concurrentRange), "Requests at once."),
            .optional("per", .choice(LimitScope.allCases.map(\.rawValue)), "What the limits are counted for; all."),
        ], atLeastOne: ["rate", "concurrent"])

    static let service = Shape(
        "service",
        [
            .optional("base_url", .text, "Left out, it is the installation's: turnup service set."),
            .optional("auth", .mapping(auth), "Who requests come from, unless a call says otherwise."),
            .optional("headers", .names(.header, .template), "Sent with every request."),
            .optional(
                "timeout", .duration, note("Of one attempt", standard: ServiceDefinition.standardTimeoutMilliseconds)),
            .optional("limits", .mapping(serviceLimits), "How many requests it takes; waiting spends no attempt."),
            .optional("cooldown", .duration, "How long it is left alone once it is down; 1s, doubling up to 30s."),
        ])

    static let auth = Shape(
        "auth",
        [
            .optional("bearer", .template, "Authorization: Bearer."),
            .optional("basic", .mapping(basicAuth), "Authorization: Basic."),
            .optional("header", .mapping(headerAuth), "A header of the service's own."),
        ], exactlyOne: ["bearer", "basic", "header"])

    static let basicAuth = Shape(
        "basic", [.required("user", .template, "The user."), .required("password", .template, "The password.")])
    static let headerAuth = Shape(
        "header",
        [.required("name", .name(.header), "The header."), .required("value", .template, "Its value.")])

    static let error = Shape(
        "error",
        [
            .optional("status", .oneOrMore(.status), "Statuses such as 403 or 4xx."),
            .optional("when", .condition, "A condition on response."),
            .optional(
                "outcome", .choice(Outcome.allCases.map(\.rawValue)),
                "What became of the request: 4xx is not_done and all else unknown, unless said."),
            .optional(
                "error", .choice(EndWithoutAnswer.allCases.map(\.rawValue)),
                "In place of all these: a connection that ended without an answer, for calls harmless to repeat."),
        ], atLeastOne: ["status", "when", "outcome", "error"])

    static let signal = Shape(
        "signal",
        [
            .required("from", .choice(SignalOrigin.allCases.map(\.rawValue)), "Who may send it."),
            .optional("verify", .mapping(verify), "How a webhook proves where it comes from."),
            .optional("match", .condition, "Which run it is for, such as signal.body.client == data.client."),
            .optional("body", .names(.variable, .mapping(input)), "What it must carry."),
        ])

    static let verify = Shape(
        "verify",
        [
            .required("hmac", .choice(["sha256"]), "The digest that the sender computes over the body."),
            .required("header", .name(.header), "Where the digest stands."),
            .required("secret", .template, "The shared secret, such as ${secrets.hook}."),
        ])

    static let moved = Shape(
        "moved",
        [
            .required("from", .integer(1...999_999), "The version whose runs may follow."),
            .optional("states", .names(.plain, .name(.plain)), "From an old state to a state of this version."),
            .optional("data", .names(.variable, .template), "Variables of this version from the old ones."),
        ])
}
