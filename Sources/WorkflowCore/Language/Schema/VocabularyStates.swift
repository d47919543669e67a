// The keywords of calls and states.

extension Vocabulary {
    static let call = Shape(
        "call",
        [
            .required("request", .request, "METHOD service:/path; inserted values are percent-encoded."),
            .optional("query", .names(.field, .single), "Query parameters; null leaves one out."),
            .optional("headers", .names(.header, .template), "Headers of this call."),
            .optional("body", .tree, "Sent as JSON; null fields are left out."),
            .optional("form", .names(.field, .single), "Sent as a form."),
            .optional("auth", .mapping(auth), "Who the request comes from."),
            .optional("ok", .oneOrMore(.status), "Statuses that mean success; 2xx."),
            .optional("save", .names(.variable, .template), "Variables from ${response.…}."),
            .optional("timeout", .duration, "Of one attempt; the service's."),
            .optional("repeatable", .flag, "Whether sending it twice is harmless; by its method."),
            .optional(
                "made", .condition,
                "Whether a success made the thing, such as response.body.status != 'in-use'; always."),
            .optional("idempotency", .mapping(idempotency), "A value that is the same for all attempts of one stay."),
        ])

    static let idempotency = Shape(
        "idempotency",
        [
            .required("header", .name(.header), "The header that carries it."),
            .optional("value", .template, "${state.key}"),
            .optional("honoured", .duration, "How long the platform recognises it; a resend within is safe."),
            .optional(
                "fresh", .filledList(.text),
                "Parts that may differ in a resend, such as headers.X-Try, query.at, body.at; else it is not sent."),
        ])

    private static let callOrName: Form = .either([.name(.plain), .mapping(call)])

    static let state = Shape(
        "state",
        [
            titled,
            .optional("call", callOrName, "What is sent, or the name of a call."),
            .optional("set", .names(.variable, .template), "Variables to fill."),
            .optional("pause", .either([.duration, .mapping(pause)]), "How long to wait, or until when."),
            .optional("next", .name(.plain), "The state that follows."),
            .optional("choose", .filledList(.mapping(branch)), "The first branch whose condition holds."),
            retry,
            .optional("catch", .list(.mapping(catchEntry)), "Tested in order, once retry gave up."),
            .optional("end", .choice(StateDefinition.EndStatus.allCases.map(\.rawValue)), "The run ends here."),
            .notYet("await", .names(.plain, .mapping(awaitEntry)), "Signals; the first one wins."),
            .optional("deadline", .duration, "Of this state; raises the error deadline."),
            .optional("reconcile", .mapping(reconcile), "How to find out what became of a lost answer."),
            .optional(
                "identity", .either([.choice(["none"]), .condition]),
                "What the platform calls the thing, such as data.session; the data in the path of undo."),
            .notYet("show", .mapping(show), "Something for people to see; never in the history."),
            .optional("stable", .mapping(stable), "Successes in a row before going on."),
            .optional(
                "undo", .either([.flag, .choice(["none"]), .mapping(undo)]),
                "How it is taken back when the run fails; none where nothing can. At an end: whether to undo."),
            .optional(
                "inspect", .mapping(inspect),
                "At an end with success: how to see later whether it is still there and works."),
        ], atLeastOne: ["next", "choose", "await", "end"])

    private static let retry = Keyword.optional(
        "retry", .either([.choice(["none"]), .list(.mapping(retryEntry))]), "Tested in order; each counts alone.")

    private static let titled = Keyword.optional("title", .text, "Shown to people, as it stands.")

    static let pause = Shape("pause", [.notYet("until", .template, "A time such as ${data.ready_at}.")])

    static let branch = Shape(
        "choose",
        [
            .required("next", .name(.plain), "The state that follows."),
            .optional("when", .condition, "The last branch has none."),
        ])

    static let catchEntry = Shape(
        "catch",
        [
            .required("error", .oneOrMore(.text), "The error's name, or a list of names."),
            .optional("next", .name(.plain), "The state that follows."),
            .optional("hold", .template, "Park the run for a person, with this text."),
            .optional("set", .names(.variable, .template), "Variables to fill; error can be read."),
        ], exactlyOne: ["next", "hold"])

    static let awaitEntry = Shape(
        "await",
        [
            .required("next", .name(.plain), "The state that follows."),
            .optional("save", .names(.variable, .template), "Variables from ${signal.body.…}."),
        ])

    static let undo = Shape(
        "undo",
        [
            .required("call", callOrName, "The call that takes it back."),
            .required(
                "gone", .either([.choice([notCheckable]), .mapping(gone)]),
                "The look-up that shows that it is gone; not_checkable where the platform's word must count."),
            .optional("before", .filledList(callOrName), "Calls to send before it at each try, such as a fresh token."),
            retry,
            .optional(
                "adopted", .flag, "Whether to take back also what was found and may have been there before; false."),
        ])

    static let inspect = Shape(
        "inspect",
        [
            .optional("call", callOrName, "A call that works as long as all is well; harmless to repeat."),
            .optional("look_up", .mapping(inspectLookUp), "A look-up that finds the thing."),
            .optional("before", .filledList(callOrName), "Calls to send before it, such as a fresh token."),
            .optional(
                "drifted", .oneOrMore(.text), "Errors that mean that it is gone or no longer works, such as http.404."),
            .optional("every", .duration, "How often a worker inspects, from 1m; only on request."),
            retry,
        ], exactlyOne: ["call", "look_up"])

    static let inspectLookUp = Shape("look_up", lookUp)

    static let notCheckable = "not_checkable"

    static let gone = Shape("gone", lookUp)

    static let reconcile = Shape(
        "reconcile",
        lookUp + [
            .optional("save", .names(.variable, .template), "Variables from ${item.…}."),
            .optional("one", .choice(ReconcileOne.allCases.map(\.rawValue)), "One was found; adopt."),
            .optional("none", .choice(ReconcileNone.allCases.map(\.rawValue)), "Nothing was made; hold."),
        ])

    /// What every look-up takes.
    private static let lookUp: [Keyword] = [
        .required("call", callOrName, "The call that looks; it must be harmless to repeat."),
        .required("items", .condition, "The list of what there is, such as response.body."),
        .required("where", .condition, "Which item is ours, such as item.reference == run.id."),
        .optional(
            "after", .duration,
            note(
                "How long the platform usually takes to show it",
                standard: ReconcileDefinition.standardAfterMilliseconds)),
        .optional(
            "effect_within", .duration,
            "How long after its deadline a request may still take effect; the call's timeout plus after."),
        .optional("looks", .mapping(looks), "How many look-ups in a row must find nothing."),
        .optional(
            "filter", .choice(LookUpFilter.allCases.map(\.rawValue)),
            "What the request filters by; exact when it sends a value that where compares, else none."),
        .optional(
            "pages", .either([.choice(["whole", "link"]), .mapping(pages)]),
            "How to get the further pages of the list; whole when there are none."),
        .optional(
            "within", .duration,
            note("How long to look until a person is asked", standard: ReconcileDefinition.standardWithinMilliseconds)),
    ]

    static let looks = Shape(
        "looks",
        [
            .optional("times", .integer(2...100), "Look-ups in a row; \(LookUpCount.standardTimes)."),
            .optional("every", .duration, "From one to the next; effect_within."),
        ])

    static let pages = Shape(
        "pages",
        [
            .required("by", .choice(["link", "cursor", "number"]), "What leads to the next page."),
            .optional("query", .name(.field), "The query parameter for the cursor or the number."),
            .optional("next", .condition, "The cursor, such as response.body.next_cursor."),
            .optional("first", .integer(0...1), "The number of the first page; 1."),
            .optional(
                "limit", .integer(1...1000),
                "With more pages the look-up proves nothing; \(LookUpPages.standardMost)."),
        ])

    static let show = Shape(
        "show", [.optional("for", .duration, "How long it is good; then it is fetched again.")],
        others: Shape.Others(style: .variable, form: .template))

    static let stable = Shape(
        "stable",
        [
            .required("times", .integer(2...1000), "Successes in a row."),
            .optional(
                "every", .duration, note("From one to the next", standard: StableDefinition.standardEveryMilliseconds)),
        ])
}

/// Who may send a signal.
enum SignalOrigin: String, Sendable, CaseIterable {
    case webhook, `operator`, api
}
