/// The names that `retry` and `catch` may use beside the definition's own, and what each of them takes.
public enum ErrorName {
    private struct BuiltIn {
        let name: String
        /// Whether the group `transient` contains the error.
        let isTransient: Bool
        /// Whether the attempt may have had its effect on the platform.
        let mayHaveWorked: Bool
    }

    private static let table = [
        BuiltIn(name: "unreachable", isTransient: true, mayHaveWorked: false),
        BuiltIn(name: "timeout", isTransient: true, mayHaveWorked: true),
        BuiltIn(name: lostConnection, isTransient: true, mayHaveWorked: true),
        BuiltIn(name: "bad_answer", isTransient: false, mayHaveWorked: true),
        BuiltIn(name: "deadline", isTransient: false, mayHaveWorked: false),
        BuiltIn(name: "expression", isTransient: false, mayHaveWorked: false),
        BuiltIn(name: "unknown_outcome", isTransient: false, mayHaveWorked: true),
        BuiltIn(name: "undo_failed", isTransient: false, mayHaveWorked: false),
        BuiltIn(name: notGone, isTransient: false, mayHaveWorked: false),
    ]

    /// The connection ended after the request, and before a whole answer.
    public static let lostConnection = EndWithoutAnswer.connectionLost.rawValue

    /// The undo was answered, and a look-up still finds the thing.
    static let notGone = "not_gone"

    /// Built-in errors, without `http.<code>`.
    public static let builtIn = table.map(\.name)

    /// Names that stand for several errors, without `http.4xx` and `http.5xx`.
    private static let groups = ["transient", "any"]

    /// What no definition may call an error of its own.
    static let reserved = builtIn + groups

    public static let transientStatuses = [408, 429, 502, 503, 504]
    /// `cancelled`: its own worker broke the request off. Files cannot name it.
    private static let transientErrors = Set(table.filter(\.isTransient).map(\.name) + ["cancelled"])

    /// Whether a name in a file covers the error of an attempt. `http.…` goes by the answer's status, whatever the
    /// definition calls that answer; the first entry that matches wins.
    public static func matches(_ name: String, error: String, status: Int?) -> Bool {
        if name == "any" || name == error { return true }
        if name == "transient" {
            // An answer that has a name of its own was judged by the definition, not by its status.
            return transientErrors.contains(error)
                || (error.hasPrefix("http.") && status.map(transientStatuses.contains) == true)
        }
        guard let status else { return false }
        return switch pattern(name) {
        case .exact(let code)?: code == status
        case .family(let digit)?: status / 100 == digit
        case nil: false
        }
    }

    // MARK: Between the names of a file

    static func isKnown(_ name: String) -> Bool { reserved.contains(name) || pattern(name) != nil }

    /// The pattern of `http.403` or `http.4xx`.
    static func pattern(_ name: String) -> StatusPattern? {
        guard name.hasPrefix("http.") else { return nil }
        let text = String(name.dropFirst(5))
        if let digit = StatusText.family(text) { return .family(digit) }
        guard text.utf8.count == 3, let code = Int(text), (100...599).contains(code) else { return nil }
        return .exact(code)
    }

    /// Whether an attempt that ended with something of this name may have had its effect.
    static func mayHaveWorked(_ name: String) -> Bool {
        if let status = pattern(name) { return !status.isWithin4xx }
        return groups.contains(name) || table.contains { $0.name == name && $0.mayHaveWorked }
    }

    /// Whether an entry for `name` takes every answer with such a status, whatever the definition calls it.
    static func takes(_ name: String, _ status: StatusPattern) -> Bool {
        switch (pattern(name), status) {
        case (.family(let digit), .exact(let code)): code / 100 == digit
        case (let pattern?, _): pattern == status
        case (nil, _): false
        }
    }

    /// Whether an entry for `name` already takes every error that is called `other`.
    static func covers(_ name: String, _ other: String) -> Bool {
        if name == other || name == "any" { return true }
        if name == "transient" {
            if case .exact(let code)? = pattern(other) { return transientStatuses.contains(code) }
            return transientErrors.contains(other)
        }
        if case .family(let digit)? = pattern(name), case .exact(let code)? = pattern(other) {
            return code / 100 == digit
        }
        return false
    }
}
