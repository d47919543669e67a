// What a place can never take, whatever value the expression in it gives.

extension DraftChecker {
    /// Reports values in the file that can never be used.
    mutating func checkValues() {
        for field in draft.input + draft.signals.flatMap({ $0.body ?? [] }) {
            for (index, value) in (field.field?.allowedValues ?? []).enumerated() {
                guard let problem = field.field?.problem(with: value) else { continue }
                report(
                    .wrongType, field.path.member("enum").item(index), .value,
                    "\"enum\" allows what can never be given: \(problem)")
            }
        }
        var calls = draft.calls
        for case (.inline(let call), _) in draft.states.flatMap(\.calls) { calls.append(call) }
        for call in calls {
            for field in call.query { if let value = field.value { refuseNesting(value, field.path) } }
            guard case .form(let fields)? = call.body else { continue }
            for field in fields { refuseNesting(field.value, call.path.member("form").member(field.name)) }
        }
    }

    /// A name of a query or a form stands for one value, or for a list of them.
    private mutating func refuseNesting(_ value: JSONTemplate, _ path: DefinitionPath) {
        let parts: [(JSONTemplate, DefinitionPath)] =
            switch value {
            case .literal(.array(let items)): items.enumerated().map { (.literal($0.element), path.item($0.offset)) }
            case .array(let items): items.enumerated().map { ($0.element, path.item($0.offset)) }
            case .literal, .template, .object: [(value, path)]
            }
        for (part, path) in parts {
            let what: String
            switch part {
            case .object, .literal(.object): what = "a mapping"
            case .array, .literal(.array): what = "a list"
            case .literal, .template: continue
            }
            report(
                .wrongType, path, .value, "\(DefinitionReader.label(path)) must be a single value, not \(what)",
                hint: "write one value, or a list of single values")
        }
    }

    /// Reports what every attempt would refuse to send, as far as the text around the expressions tells it.
    mutating func refuseUnsendable(_ use: ExpressionUse) {
        guard case .template(let template) = use.content else { return }
        let isBasic = use.place == .auth && use.path.steps.dropLast().last == .name("basic")
        switch use.place {
        case .path where Self.hasDots(template):
            report(
                .wrongType, use.path, .value, "the path of \"request\" has a segment . or .., which leads elsewhere",
                hint: "write the path that is meant")
        case .auth where isBasic:
            guard use.path.steps.last == .name("user"), template.hasLiteral(containing: ":") else { return }
            report(.wrongType, use.path, .value, "\"user\" holds a colon, which basic cannot say")
        case .header, .auth, .idempotency:
            guard template.hasLiteral(where: { ($0.value < 0x20 && $0 != "\t") || $0.value == 0x7F }) else { return }
            report(
                .wrongType, use.path, .value,
                "\(DefinitionReader.label(use.path)) holds a line break or another control character, and headers cannot",
                hint: "write it on one line")
        default: return
        }
    }

    /// Some servers decode before they look for dots, so encoded dots count too.
    private static func hasDots(_ template: Template) -> Bool {
        var path = ""
        for part in template.parts {
            if case .text(let text) = part { path += text } else { path += "x" }
        }
        var pieces: [String] = [""]
        var rest = path.lowercased()[...]
        while let character = rest.first {
            let code = rest.prefix(3)
            let isCode = ["%2e", "%2f", "%5c"].contains(code)
            if character == "/" || character == "\\" || code == "%2f" || code == "%5c" {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(code == "%2e" ? "." : character)
            }
            rest = rest.dropFirst(isCode ? 3 : 1)
        }
        return pieces.contains { $0 == "." || $0 == ".." }
    }

    /// Headers and the like are text, and a query or a form holds single values.
    mutating func refuseNoText(_ type: StaticType, in use: ExpressionUse) {
        guard !type.isSecret else { return }
        let wanted: String
        switch (use.place, type.kind) {
        case (.header, .object), (.header, .array): wanted = "text"
        case (.key, .object), (.key, .array), (.key, .null), (.auth, .object), (.auth, .array), (.auth, .null),
            (.verify, .object), (.verify, .array), (.verify, .null), (.idempotency, .object), (.idempotency, .array),
            (.idempotency, .null), (.identity, .object), (.identity, .array), (.identity, .null), (.holdText, .object),
            (.holdText, .array), (.holdText, .null):
            wanted = "text"
        case (.query, .object), (.form, .object): wanted = "one value or a list"
        case (.query, .array), (.form, .array):
            guard case .index? = use.path.steps.last else { return }
            wanted = "one value"
        default: return
        }
        report(
            .expression, use.path, .value, "\(words(use)): \(wanted) is needed here, and this is \(type.kind.rawValue)",
            hint: type.kind == .null ? nil : "name the part that is meant")
    }

    /// Only a request and its answer see the secret itself.
    mutating func refuseSealed(in use: ExpressionUse) {
        switch use.place {
        case .output, .set, .catchSet, .holdText, .branchCondition, .identity, .until: break
        default: return
        }
        guard let offset = use.offset(ofFirst: .last4) else { return }
        report(
            .expression, use.path, .value,
            "\(words(use)), character \(offset + 1): last4 needs the secret itself, which is sealed here",
            hint: "use fingerprint, or save last4 of it from a call that sends it")
    }

    /// Secrets are sealed when a request's answer is saved; `set` writes into the history.
    mutating func refuseSetSecret(in use: ExpressionUse) -> Bool {
        guard use.place == .set || use.place == .catchSet, let target = use.target,
            let field = draft.data.first(where: { $0.name == target }), field.isSecret
        else { return false }
        report(
            .secretInPlainData, use.path, .value,
            "\(words(use)) sets data.\(target), which is secret, but what is set stands in the history in plain",
            declaredAt: field.path, hint: "fill it with save, or declare \(target) without secret")
        return true
    }

    /// Reports a plain `save` of a value that another `save` of the same answer takes as a secret.
    mutating func refuseSecondCopy(in use: ExpressionUse) {
        guard use.place == .save || use.place == .itemSave, let target = use.target,
            draft.data.first(where: { $0.name == target })?.isSecret == false
        else { return }
        let around = DefinitionPath(Array(use.path.steps.dropLast()))
        let siblings = (usesByOwner[DefinitionPath(Array(use.path.steps.prefix(2)))] ?? []).filter { sibling in
            sibling.place == use.place && sibling.path.starts(with: around)
                && draft.data.contains { $0.isSecret && $0.name == sibling.target }
        }
        // A text put together from several values is secret, but its parts need not be.
        let secrets = siblings.compactMap(\.onlyPlace)
        let copies = use.placesRead.filter { place in secrets.contains { $0.starts(with: place.names) } }
        guard let copy = copies.first else { return }
        let offsets = Set(copies.map(\.offset))
        let result = use.analyse {
            offsets.contains($0.offset) ? StaticType(.dynamic, isSecret: true) : type(of: $0, in: use)
        }
        guard result.type.isSecret, let copied = use.references.first(where: { $0.offset == copy.offset }) else {
            return
        }
        report(
            .secretInPlainData, use.path, .value,
            "\(words(use)) copies \(copied.text), which is also saved as a secret, into data.\(target), which is plain",
            hint: "declare \(target) with secret: true, or remove it")
    }
}
