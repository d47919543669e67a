import WorkflowCore

/// Something wrong with a file as YAML, before it is read as a definition.
struct YAMLProblem {
    let position: SourcePosition
    let code: ProblemCode
    let message: String
    let hint: String?

    init(_ position: SourcePosition, _ code: ProblemCode, _ message: String, hint: String? = nil) {
        self.position = position
        self.code = code
        self.message = message
        self.hint = hint
    }
}
