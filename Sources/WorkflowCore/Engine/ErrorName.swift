/// The names that `retry` and `catch` may use beside the definition's own.
public enum ErrorName {
    /// Built-in errors, without `http.<code>`.
    public static let builtIn = [
        "unreachable", "timeout", "connection_lost", "bad_answer", "deadline", "expression", "unknown_outcome",
        "undo_failed",
    ]

    /// Names that stand for several errors.
    public static let groups = ["transient", "any", "http.4xx", "http.5xx"]

    private static let transientStatuses: Set<Int> = [408, 429, 502, 503, 504]
    /// `cancelled`: its own worker broke the request off.
    private static let transientErrors: Set<String> = ["unreachable", "timeout", "connection_lost", "cancelled"]

    /// Whether a name in a file covers an error. `http.…` goes by the answer's status, whatever the
    /// definition calls that answer; the first entry that matches wins.
    public static func matches(_ name: String, error: String, status: Int?) -> Bool {
        if name == "any" || name == error { return true }
        if name == "transient" {
            // An answer that has a name of its own was judged by the definition, not by its status.
            return transientErrors.contains(error)
                || (error.hasPrefix("http.") && status.map(transientStatuses.contains) == true)
        }
        guard let status, name.hasPrefix("http.") else { return false }
        return name == "http.\(status)" || name == "http.\(status / 100)xx"
    }
}
