public import WorkflowCore

/// Something wrong with a definition file, as it is shown to people.
public struct WorkflowProblem: Sendable, Hashable, Error {
    /// The file, as the caller named it.
    public let file: String
    public let position: SourcePosition
    public let code: ProblemCode
    /// One line, without the hint.
    public let message: String
    /// What to do about it.
    public let hint: String?

    public init(file: String, position: SourcePosition, code: ProblemCode, message: String, hint: String? = nil) {
        self.file = file
        self.position = position
        self.code = code
        self.message = message
        self.hint = hint
    }

    public var line: Int { position.line }
    public var column: Int { position.column }
    public var severity: DefinitionProblem.Severity { code.severity }

    /// The problem as JSON, for programs.
    public var json: JSONValue {
        var object = JSONObject()
        object["file"] = .string(file)
        object["line"] = .integer(line)
        object["column"] = .integer(column)
        object["code"] = .string(code.rawValue)
        object["severity"] = .string(severity.rawValue)
        object["message"] = .string(message)
        object["hint"] = hint.map { .string($0) } ?? .null
        return .object(object)
    }
}

extension WorkflowProblem: CustomStringConvertible {
    /// `file:line:column: CODE message; hint.`, on one line.
    public var description: String {
        let text = hint.map { "\(message); \($0)" } ?? message
        let end = text.hasSuffix("?") || text.hasSuffix(".") ? "" : "."
        return "\(file):\(position): \(code.rawValue) \(text)\(end)"
    }
}
