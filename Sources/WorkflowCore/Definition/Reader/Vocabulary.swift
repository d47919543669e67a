/// Every keyword of the language, per mapping: the one place that says what exists and what this engine runs.
enum Vocabulary {
    enum Support: Sendable {
        case runs
        /// Part of the language: warned about at check, refused at publish.
        case notYet
    }

    struct Keyword: Sendable {
        let name: String
        let support: Support
        let isRequired: Bool
    }

    /// A mapping with a closed set of keys.
    struct Shape: Sendable {
        /// What messages call it.
        let title: String
        let keywords: [Keyword]

        func keyword(_ name: String) -> Keyword? { keywords.first { $0.name == name } }
    }

    /// Keys of dsl 2, refused wherever a keyword may stand.
    static let reserved = ["run", "each", "parallel", "schedule", "pages", "exchange", "extends"]

    static let file = shape(
        "the file", required: ["dsl", "workflow", "version", "key", "start", "states"],
        optional: ["title", "input", "data", "output", "secrets", "services", "errors", "retries", "calls"],
        notYet: ["deadline", "limits", "signals", "moved"])

    static let input = shape(
        "input", required: ["type"],
        optional: [
            "title", "default", "pattern", "minLength", "maxLength", "minimum", "maximum", "enum", "secret",
        ])

    static let variable = shape("data", required: ["type"], optional: ["secret", "title"])

    static let service = shape(
        "service", optional: ["base_url", "auth", "headers", "timeout"], notYet: ["limits", "cooldown"])

    static let auth = shape("auth", optional: ["bearer", "basic", "header"])
    static let basicAuth = shape("basic", required: ["user", "password"])
    static let headerAuth = shape("header", required: ["name", "value"])

    static let error = shape("error", optional: ["status", "when", "outcome"])

    static let policy = shape(
        "retry policy",
        optional: ["delay", "backoff", "max_delay", "jitter", "max_attempts", "within", "retry_after"])

    static let call = shape(
        "call", required: ["request"],
        optional: ["query", "headers", "body", "form", "auth", "ok", "save", "timeout", "repeatable"],
        notYet: ["idempotency"])

    static let state = shape(
        "state", optional: ["title", "call", "set", "pause", "next", "choose", "retry", "catch", "end"],
        notYet: ["await", "deadline", "reconcile", "show", "stable", "undo"])

    static let pause = shape("pause", notYet: ["until"])
    static let branch = shape("choose", required: ["next"], optional: ["when"])
    static let retryEntry = shape("retry", required: ["error", "policy"])
    static let catchEntry = shape("catch", required: ["error"], optional: ["next", "hold", "set"])

    private static func shape(
        _ title: String, required: [String] = [], optional: [String] = [], notYet: [String] = []
    ) -> Shape {
        Shape(
            title: title,
            keywords: required.map { Keyword(name: $0, support: .runs, isRequired: true) }
                + optional.map { Keyword(name: $0, support: .runs, isRequired: false) }
                + notYet.map { Keyword(name: $0, support: .notYet, isRequired: false) })
    }
}
