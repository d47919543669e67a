// What expressions may read where, what they come to, and where secrets may go.

extension DraftChecker {
    /// Members of the roots that the engine fills.
    private static let members: [String: [(name: String, type: StaticType.Kind)]] = [
        "run": [
            ("id", .string), ("organisation", .string), ("workflow", .string), ("version", .int), ("key", .string),
            ("adopted", .bool),
        ],
        "state": [("name", .string), ("key", .string), ("attempts", .int)],
        "error": [("name", .string), ("status", .dynamic)],
        "signal": [("body", .dynamic)],
        "response": [("status", .int), ("headers", .dynamic), ("body", .dynamic)],
    ]

    mutating func checkExpressions() {
        for use in uses {
            let isLegal = checkReferences(of: use)
            if use.place == .key { checkKey(use) }
            refuseUnsendable(use)
            if isLegal { checkTypes(of: use) }
        }
        checkLiterals()
    }

    func words(_ use: ExpressionUse) -> String {
        let subject = Self.subject(use.path)
        guard use.path.steps.count > 2 || use.place == .key else { return subject }
        return use.place == .key ? "the key" : subject
    }

    // MARK: References

    private mutating func checkReferences(of use: ExpressionUse) -> Bool {
        var isLegal = true
        for reference in use.references where !check(reference, in: use) { isLegal = false }
        return isLegal
    }

    private mutating func check(_ reference: ExpressionReference, in use: ExpressionUse) -> Bool {
        let roots = use.place.roots
        guard roots.contains(reference.root) else { return refuse(reference, in: use, roots) }
        // An item may be a plain value.
        if reference.root == "item" { return true }
        guard let name = reference.path.first else {
            report(
                .expression, use.path, .value, "\(words(use)) reads \(reference.root) as a whole",
                hint: "name what it needs, such as \(reference.root).\(example(reference.root))")
            return false
        }
        switch reference.root {
        case "input", "data": if use.place == .moved { return true }
        case "signal": return declaredInSignal(reference, in: use)
        default: break
        }
        switch reference.root {
        case "input": return declared(reference, name, among: draft.input.map(\.name), in: use)
        case "data": return declared(reference, name, among: draft.data.map(\.name), in: use)
        case "secrets":
            let names = draft.secrets.map(\.value)
            guard !names.contains(name) else { return true }
            report(
                .undeclaredSecret, use.path, .value,
                "\(words(use)) reads secrets.\(name), which is not listed under secrets",
                hint: suggestion(name, among: names, prefix: "secrets.") ?? "add it to secrets")
            return false
        default:
            let names = (Self.members[reference.root] ?? []).map(\.name).filter { name in
                // It is settled only at the end.
                reference.root != "run" || name != "adopted" || use.place == .output
            }
            guard !names.contains(name) else { return true }
            report(
                .expression, use.path, .value, "\(words(use)) reads \(reference.root).\(name), which does not exist",
                hint: suggestion(name, among: names, prefix: "\(reference.root).")
                    ?? "\(reference.root) has \(DefinitionReader.listed(names))")
            return false
        }
    }

    private func example(_ root: String) -> String {
        switch root {
        case "input": draft.input.first?.name ?? "x"
        case "data": draft.data.first?.name ?? "x"
        case "secrets": draft.secrets.first?.value ?? "x"
        default: Self.members[root]?.first?.name ?? "x"
        }
    }

    /// The signal that an expression is about.
    private func signal(of use: ExpressionUse) -> DraftSignal? {
        let steps = use.path.steps
        let name: DefinitionPath.Step? =
            steps.first == .name("signals") ? steps.dropFirst().first : steps.dropFirst(3).first
        guard case .name(let name)? = name else { return nil }
        return draft.signals.first { $0.name == name }
    }

    private mutating func declaredInSignal(_ reference: ExpressionReference, in use: ExpressionUse) -> Bool {
        guard reference.path.first == "body" else {
            report(
                .expression, use.path, .value,
                "\(words(use)) reads signal.\(reference.path[0]), which does not exist", hint: "signal has body")
            return false
        }
        guard reference.path.count > 1, let fields = signal(of: use)?.body else { return true }
        let names = fields.map(\.name)
        guard !names.contains(reference.path[1]) else { return true }
        report(
            .unknownName, use.path, .value,
            "\(words(use)) reads \(reference.text), which is not declared under body of the signal",
            hint: suggestion(reference.path[1], among: names, prefix: "signal.body.") ?? "declare it there")
        return false
    }

    private mutating func declared(
        _ reference: ExpressionReference, _ name: String, among names: [String], in use: ExpressionUse
    ) -> Bool {
        guard names.contains(name) else {
            report(
                .unknownName, use.path, .value,
                "\(words(use)) reads \(reference.root).\(name), which is not declared under \(reference.root)",
                hint: suggestion(name, among: names, prefix: "\(reference.root).") ?? "declare it there")
            return false
        }
        return true
    }

    private mutating func refuse(
        _ reference: ExpressionReference, in use: ExpressionUse, _ roots: [String]
    ) -> Bool {
        let all = ["input", "data", "run", "state", "response", "item", "signal", "error", "secrets"]
        if reference.root == "secrets", let code = use.place.refusalOfSecrets {
            let hint =
                code == .secretInPlainData || code == .secretCompared || use.place.isSealed
                ? "secrets.* is read at each attempt, in auth, headers or body only" : "use it in auth, headers or body"
            report(
                code, use.path, .value, "\(words(use)) reads \(reference.text), and no secret may stand here",
                hint: hint)
        } else if all.contains(reference.root) {
            report(
                .expression, use.path, .value, "\(words(use)) cannot read \(reference.root) here",
                hint: "it may read \(DefinitionReader.listed(roots))")
        } else {
            report(
                .expression, use.path, .value, "\(words(use)) reads \"\(reference.root)\", which is no root",
                hint: suggestion(reference.root, among: roots) ?? "it may read \(DefinitionReader.listed(roots))")
        }
        return false
    }

    /// The database evaluates the key when a run is requested, so the key takes names alone.
    private mutating func checkKey(_ use: ExpressionUse) {
        guard case .template(let template) = use.content else { return }
        for case .expression(let expression, _) in template.parts {
            let reference = expression.references.first
            let isName = reference.map { $0.path.count == 1 && $0.text == expression.source.trimmingSpaces } ?? false
            guard !isName, expression.references.allSatisfy({ $0.root == "input" }) else { continue }
            report(
                .expression, use.path, .value,
                "the key is made of text and ${input.x} only, and this computes something",
                hint: "let the caller compute it")
        }
    }

    // MARK: Types and secrets

    func type(of reference: ExpressionReference, in use: ExpressionUse) -> StaticType? {
        if reference.root == "item" { return StaticType(.dynamic) }
        guard let name = reference.path.first else { return nil }
        let isDeep = reference.path.count > 1
        switch reference.root {
        case "secrets": return StaticType(.string, isSecret: true)
        case "input", "data":
            let fields = reference.root == "input" ? draft.input : draft.data
            guard let field = fields.first(where: { $0.name == name }) else { return nil }
            // An older version may have had another type.
            guard !isDeep, use.place != .moved, let kinds = field.field?.kinds, kinds.count == 1, let kind = kinds.first
            else {
                return StaticType(.dynamic, isSecret: field.isSecret)
            }
            return StaticType(kind.staticKind, isSecret: field.isSecret)
        case "signal":
            let fields = signal(of: use)?.body ?? []
            guard reference.path.count > 1 else {
                return StaticType(.dynamic, isSecret: fields.contains { $0.isSecret })
            }
            guard name == "body", let field = fields.first(where: { $0.name == reference.path[1] })
            else { return StaticType(.dynamic) }
            guard reference.path.count == 2, let kinds = field.field?.kinds, kinds.count == 1, let kind = kinds.first
            else { return StaticType(.dynamic, isSecret: field.isSecret) }
            return StaticType(kind.staticKind, isSecret: field.isSecret)
        default:
            // What a platform sends is plain until it is saved as a secret.
            guard !isDeep else { return StaticType(.dynamic) }
            return Self.members[reference.root]?.first { $0.name == name }.map { StaticType($0.type) }
        }
    }

    private mutating func checkTypes(of use: ExpressionUse) {
        let analysis = use.analyse { type(of: $0, in: use) }
        for problem in analysis.problems {
            switch problem.code {
            case .comparedSecret:
                report(
                    .secretCompared, use.path, .value,
                    "\(words(use)), character \(problem.offset + 1): \(problem.message)")
            case .type, .misusedSecret:
                report(
                    .expression, use.path, .value, "\(words(use)), character \(problem.offset + 1): \(problem.message)")
            }
        }
        if use.place.isCondition, analysis.problems.isEmpty, !analysis.type.isSecret,
            ![.bool, .dynamic].contains(analysis.type.kind)
        {
            report(
                .expression, use.path, .value,
                "\(words(use)): a condition must be true or false, and this is \(analysis.type.kind.rawValue)")
        }
        if use.place == .items, analysis.problems.isEmpty, !analysis.type.isSecret,
            ![.array, .dynamic].contains(analysis.type.kind)
        {
            report(
                .expression, use.path, .value,
                "\(words(use)): items must be a list, and this is \(analysis.type.kind.rawValue)",
                hint: "for a single thing write [ ] around it")
        }
        if analysis.problems.isEmpty {
            refuseNoText(analysis.type, in: use)
            refuseSealed(in: use)
        }
        if refuseSetSecret(in: use) { return }
        if analysis.type.isSecret { refuseSecret(in: use) } else { refuseSecondCopy(in: use) }
        if let target = use.target { checkFilling(of: target, by: analysis.type, in: use) }
    }

    /// The secret that shows in the result, not one that `fingerprint` or `has` hides.
    private func culprit(in use: ExpressionUse) -> ExpressionReference? {
        use.references.first { candidate in
            guard type(of: candidate, in: use)?.isSecret == true, !candidate.isPresenceTest else { return false }
            return use.analyse { $0.offset == candidate.offset ? type(of: $0, in: use) : nil }.type.isSecret
        }
    }

    private mutating func refuseSecret(in use: ExpressionUse) {
        guard let code = use.place.refusalOfSecrets, let secret = culprit(in: use) else { return }
        let declaredAt = declaration(of: secret)
        switch use.place {
        case .key, .output:
            report(
                code, use.path, .value, "\(words(use)) would show \(secret.text), which is secret",
                declaredAt: declaredAt,
                hint: use.place == .key ? "remove it" : "use fingerprint(\(secret.text)) or remove it")
        case .path, .query, .nextPage:
            report(
                code, use.path, .value,
                "\(words(use)) puts secret \(secret.text) into the URL, where proxies log it",
                hint: "move it to body, headers or auth")
        case .save, .set, .catchSet, .itemSave, .signalSave, .moved:
            guard let target = use.target, let field = draft.data.first(where: { $0.name == target }), !field.isSecret
            else { return }
            report(
                code, use.path, .value,
                "\(words(use)) copies secret \(secret.text) into data.\(target), which is plain",
                declaredAt: field.path,
                hint: "declare \(target) with secret: true, or use fingerprint(\(secret.text))")
        case .show, .idempotency, .identity:
            let reader =
                use.place == .show ? "to people" : "as an \(use.place == .identity ? "identity" : "idempotency value")"
            report(
                code, use.path, .value, "\(words(use)) would show \(secret.text), which is secret, \(reader)",
                declaredAt: declaredAt, hint: "use fingerprint(\(secret.text)) or remove it")
        case .until:
            report(
                code, use.path, .value, "\(words(use)) would show secret \(secret.text) as a time",
                declaredAt: declaredAt, hint: "remove it")
        case .holdText:
            report(
                code, use.path, .value, "\(words(use)) would show secret \(secret.text) in the text of a hold",
                hint: "use fingerprint(\(secret.text)) or remove it")
        case .errorCondition, .branchCondition, .match, .itemCondition, .items:
            report(
                code, use.path, .value, "\(words(use)) lets secret \(secret.text) decide",
                hint: "ask has(\(secret.text)), or compare fingerprint(\(secret.text))")
        case .header, .body, .form, .auth, .verify: break
        }
    }

    private func declaration(of reference: ExpressionReference) -> DefinitionPath? {
        guard let name = reference.path.first else { return nil }
        return switch reference.root {
        case "data": draft.data.first { $0.name == name }?.path
        case "input": draft.input.first { $0.name == name }?.path
        default: nil
        }
    }

    private mutating func checkFilling(of target: String, by type: StaticType, in use: ExpressionUse) {
        guard let field = draft.data.first(where: { $0.name == target }) else { return }
        if let kinds = field.field?.kinds, !kinds.isEmpty, !type.isSecret,
            !kinds.contains(where: { $0.mayHold(type.kind) })
        {
            report(
                .expression, use.path, .value,
                "\(words(use)) fills data.\(target) with \(type.kind.rawValue), but its type is "
                    + kinds.map(\.rawValue).joined(separator: " or "), declaredAt: field.path)
        }
        guard use.place.isSave, !field.isSecret, !type.isSecret, field.field?.kinds.contains(.string) == true else {
            return
        }
        var names = [target]
        if case .template(let template) = use.content, template.references.count == 1,
            let reference = template.references.first, template.source == "${\(reference.text)}"
        {
            names += reference.path.suffix(1)
        }
        guard let name = names.first(where: CredentialNames.isCredential) else { return }
        report(
            .plainCredential, use.path, .value,
            "\(words(use)) saves \"\(name)\" as plain data, readable in the history", declaredAt: field.path,
            hint: "declare \(target) with secret: true")
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

extension FieldDefinition.Kind {
    var staticKind: StaticType.Kind {
        switch self {
        case .string: .string
        case .integer: .int
        case .number: .number
        case .boolean: .bool
        case .object: .object
        case .array: .array
        case .null: .null
        }
    }

    /// Whether a value of that static type can be of this kind.
    func mayHold(_ kind: StaticType.Kind) -> Bool {
        switch (self, kind) {
        case (_, .dynamic), (.number, .int), (.integer, .number): true
        default: staticKind == kind
        }
    }
}
