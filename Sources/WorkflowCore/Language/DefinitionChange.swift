/// How a definition differs from a published version of the same workflow.
public enum DefinitionChange {
    /// E501, E502 and W503: the problems that only show when both texts are compared.
    ///
    /// - Parameters:
    ///   - tree: the definition to publish, in canonical order.
    ///   - older: the canonical form of a published version.
    ///   - liveRuns: how many live and held runs of that version stand in each state; nil when nobody counted.
    public static func problems(
        of tree: JSONValue, after older: JSONValue, liveRuns: [String: Int]? = nil
    ) -> [DefinitionProblem] {
        let new = Definition.draft(of: tree, .check).draft
        let old = Definition.draft(of: older, .check).draft
        guard let version = new.version, let published = old.version, new.workflow?.value == old.workflow?.value else {
            return []
        }
        if version == published {
            guard Definition.canonicalText(of: tree) != Definition.canonicalText(of: older) else { return [] }
            return [alreadyPublished(version, liveRuns.map { $0.values.reduce(0, +) })]
        }
        guard version > published else { return [] }
        return stricterInputs(new, old) + brokenMoves(new, old, liveRuns)
    }

    private static func alreadyPublished(_ version: Int, _ liveRuns: Int?) -> DefinitionProblem {
        let uses =
            switch liveRuns {
            case nil, 0: ""
            case 1: " (1 live run uses it)"
            case let count?: " (\(count) live runs use it)"
            }
        return DefinitionProblem(
            path: DefinitionPath([.name("version")]), spot: .name, code: .alreadyPublished,
            message: "version \(version) is already published with other content\(uses)",
            hint: "set version: \(version + 1), and moved if live runs should follow")
    }

    private static func brokenMoves(_ new: Draft, _ old: Draft, _ liveRuns: [String: Int]?) -> [DefinitionProblem] {
        guard let move = new.move, move.from?.value == old.version, let version = old.version else { return [] }
        let states = move.path.member("states")
        var problems = move.states.filter { moved in !old.states.contains { $0.name == moved.old } }.map { moved in
            DefinitionProblem(
                path: states.member(moved.old), spot: .name, code: .brokenMove,
                message: "moved takes runs from \"\(moved.old)\", which version \(version) does not have",
                hint: NearestName.of(moved.old, among: old.states.map(\.name)).map { "did you mean \"\($0)\"?" })
        }
        let covered = Set(move.states.map(\.old) + new.states.map(\.name))
        for state in old.states where state.end == nil && !covered.contains(state.name) {
            // No run stands there now, but one may when the version is published.
            let count = liveRuns?[state.name] ?? 0
            let runs =
                switch count {
                case 0: "live runs"
                case 1: "1 live run"
                default: "\(count) live runs"
                }
            problems.append(
                DefinitionProblem(
                    path: move.path, spot: .name, code: .brokenMove,
                    message:
                        "moved leaves \(runs) in \"\(state.name)\" of version \(version) nowhere: this version has no "
                        + "such state",
                    hint: "add it to states under moved"))
        }
        return problems
    }

    private static func stricterInputs(_ new: Draft, _ old: Draft) -> [DefinitionProblem] {
        guard let version = old.version else { return [] }
        return new.input.compactMap { field in
            guard let now = field.field else { return nil }
            let before = old.input.first { $0.name == field.name }
            if before != nil, before?.field == nil { return nil }
            guard let reason = now.reasonStricter(than: before?.field) else { return nil }
            return DefinitionProblem(
                path: field.path, spot: .name, code: .stricterInput,
                message: "input \"\(field.name)\" is stricter than in version \(version): \(reason), so a start that "
                    + "worked may be refused", hint: "give it a default, or tell the callers")
        }
    }
}

extension FieldDefinition {
    /// Why this field may refuse a value, or a missing value, that the old one took; nil when it refuses no such value.
    fileprivate func reasonStricter(than old: FieldDefinition?) -> String? {
        guard let old else { return defaultValue == nil ? "it is new and required" : nil }
        if old.defaultValue != nil, defaultValue == nil { return "it has no default any more" }
        if old.kinds.contains(where: { kind in !kinds.contains(kind) && !(kind == .integer && kinds.contains(.number)) }
        ) {
            return "its type is \(kinds.map(\.rawValue).joined(separator: " or "))"
        }
        if let pattern, pattern != old.pattern { return "its pattern is another" }
        if let minimumLength, minimumLength > old.minimumLength ?? 0 { return "minLength is \(minimumLength)" }
        if let maximumLength, maximumLength < old.maximumLength ?? .max { return "maxLength is \(maximumLength)" }
        if let minimum, old.minimum.map({ $0 < minimum }) ?? true { return "minimum is \(minimum.text)" }
        if let maximum, old.maximum.map({ maximum < $0 }) ?? true { return "maximum is \(maximum.text)" }
        if let allowedValues {
            let before = old.allowedValues
            if before == nil || before?.allSatisfy({ allowedValues.contains($0) }) == false {
                return "enum lacks values it had"
            }
        }
        return nil
    }
}
