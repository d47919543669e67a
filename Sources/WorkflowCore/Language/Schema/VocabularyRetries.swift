// The keywords of trying again: a state's `retry`, and the policies that it names.

extension Vocabulary {
    static let retryEntry = Shape(
        "retry",
        [
            .required("error", .oneOrMore(.text), "The error's name, or a list of names."),
            .required("policy", .name(.plain), "A name under retries."),
        ])

    static let policy = Shape(
        "retry policy",
        [
            .optional(
                "delay", .duration, note("Before the second attempt", standard: RetryPolicy.standard.delayMilliseconds)),
            .optional("backoff", .number(1...100), "The factor from one delay to the next; 2."),
            .optional(
                "max_delay", .duration,
                note("Delays grow up to this", standard: RetryPolicy.standard.maximumDelayMilliseconds)),
            .optional("jitter", .choice(RetryPolicy.Jitter.allCases.map(\.rawValue)), "full"),
            .optional(
                "schedule", .choice(RetryPolicy.Schedule.allCases.map(\.rawValue)),
                "learned: tries are placed by how long the service's keys usually take; declared."),
            .optional("max_attempts", .integer(1...1_000_000), "The first one included."),
            .optional("within", .duration, "From the first attempt that ended this way."),
            .optional("retry_after", .flag, "Whether the platform's Retry-After raises the delay; true."),
        ], atLeastOne: ["max_attempts", "within"])
}
