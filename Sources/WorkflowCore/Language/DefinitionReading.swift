/// What a definition is read for.
public enum DefinitionMode: String, Sendable, CaseIterable {
    /// Keywords that this engine does not run yet are warned about.
    case check
    /// Keywords that this engine does not run yet are refused.
    case publish
}

extension Definition {
    /// Reads a published definition from its canonical form.
    ///
    /// Checks what the engine relies on: types, that every name exists, that every state has one way on, and that the
    /// engine runs every keyword. The definition is nil exactly when there is a problem.
    public static func read(canonical: JSONValue) -> (definition: Definition?, problems: [DefinitionProblem]) {
        var (draft, uses, problems) = draft(of: canonical, .publish)
        var checker = DraftChecker(draft, uses)
        checker.checkSoundness()
        problems = (problems + checker.problems).filter { $0.code.severity == .error }
        return (problems.isEmpty ? DefinitionBuilder(draft: draft).build() : nil, problems)
    }

    /// Reads a definition and applies all rules of the language. The definition is nil when there is an error, or when
    /// it cannot be built without a keyword that this engine does not run. With `check` the definition may ignore such
    /// keywords; it is then one to look at, not to run.
    ///
    /// Give the tree in canonical order (`canonicalOrder`), so that the definition is the same as the one that `read`
    /// makes of the canonical form.
    public static func check(
        _ tree: JSONValue, mode: DefinitionMode
    ) -> (definition: Definition?, problems: [DefinitionProblem]) {
        let (draft, uses, problems) = draft(of: tree, mode)
        var checker = DraftChecker(draft, uses)
        checker.checkSoundness()
        checker.checkRules()
        // The part that could not be read may use what seems unused.
        if !problems.contains(where: { $0.code.severity == .error }) { checker.checkUsage() }
        let all = problems + checker.problems
        let isSound = !all.contains { $0.code.severity == .error }
        return (isSound ? DefinitionBuilder(draft: draft).build() : nil, all)
    }

    static func draft(
        of tree: JSONValue, _ mode: DefinitionMode
    ) -> (draft: Draft, uses: [ExpressionUse], problems: [DefinitionProblem]) {
        var reader = DefinitionReader()
        let draft = reader.readFile(tree)
        guard mode == .publish else { return (draft, reader.uses, reader.problems) }
        let problems = reader.problems.map { problem in
            guard problem.code == .notRunYetWarning else { return problem }
            return DefinitionProblem(
                path: problem.path, spot: problem.spot, code: .notRunYet, message: problem.message,
                hint: "remove it to publish")
        }
        return (draft, reader.uses, problems)
    }

    /// The canonical form: compact JSON of the tree with sorted names, so that comments, layout and the order of names
    /// are no new content. The names under `errors` keep their order, because answers are tested in it.
    public static func canonicalText(of tree: JSONValue) -> String { canonicalOrder(of: tree).serialized() }

    /// The tree with its names in the order of the canonical form.
    public static func canonicalOrder(of tree: JSONValue) -> JSONValue {
        guard case .object(let file) = sorted(tree) else { return sorted(tree) }
        let members = file.members.map { member -> JSONObject.Member in
            guard member.name == "errors", case .object(let errors)? = tree["errors"] else { return member }
            return (member.name, .object(JSONObject(distinct: errors.members.map { ($0.name, sorted($0.value)) })))
        }
        return .object(JSONObject(distinct: members))
    }

    private static func sorted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool, .number, .string: value
        case .array(let items): .array(items.map(sorted))
        case .object(let object):
            .object(
                JSONObject(
                    distinct: object.members.map { ($0.name, sorted($0.value)) }
                        .sorted { $0.0.precedesByScalars($1.0) }))
        }
    }
}
