// Literals that look like keys, and declarations that nothing uses.

/// Tells credentials by their look.
enum CredentialNames {
    private static let words: Set<String> = [
        "key", "keys", "apikey", "token", "tokens", "secret", "secrets", "password", "passwd", "passphrase",
        "credential",
        "credentials", "jwt",
    ]

    /// Whether the last word of a name tells a credential: `api_key` and `accessToken` do, `token_expires_in` does not.
    static func isCredential(_ name: String) -> Bool {
        var word = ""
        var last: Character?
        for character in name {
            if character == "_" || character == "-" {
                word = ""
            } else {
                if character.isUppercase, last?.isLowercase == true { word = "" }
                word.append(character)
            }
            last = character
        }
        return words.contains(word.lowercased())
    }

    /// Whether a text holds something long and random enough to be a key.
    static func looksLikeKey(_ text: String) -> Bool {
        let prefixes = ["eyJ", "EAA", "ghp_", "sk_live_", "sk-", "xoxb-", "AKIA"]
        return text.split(whereSeparator: { $0.isWhitespace || "\"'(),;".contains($0) }).contains { word in
            if word.utf8.count >= 16, prefixes.contains(where: { word.hasPrefix($0) }) { return true }
            return word.split(whereSeparator: { !$0.isASCII || !($0.isLetter || $0.isNumber) }).contains { piece in
                piece.utf8.count >= 20 && piece.contains(where: \.isNumber) && piece.contains(where: \.isLetter)
                    && Set(piece).count >= 8
            }
        }
    }
}

extension DraftChecker {
    mutating func checkLiterals() {
        for use in uses {
            guard case .template(let template) = use.content else { continue }
            switch use.place {
            case .auth where template.isLiteral && use.path.steps.last != .name("user"),
                .verify where template.isLiteral:
                reportLiteral(use.path, "a credential stands in the file")
            case .header, .body, .form, .query, .path, .set, .auth, .verify, .idempotency, .moved:
                let isKey = template.parts.contains { part in
                    guard case .text(let text) = part else { return false }
                    return CredentialNames.looksLikeKey(text)
                }
                if isKey { reportLiteral(use.path, "this looks like a key") }
            default: break
            }
        }
    }

    private mutating func reportLiteral(_ path: DefinitionPath, _ what: String) {
        report(
            .literalCredential, path, .value, "\(Self.subject(path)): \(what), readable by everybody who can read it",
            hint: "list a name under secrets, and fill it with: turnup secret set NAME")
    }

    /// W209: what is declared is used.
    mutating func checkUsage() {
        var read: [String: Set<String>] = [:]
        for reference in uses.lazy.flatMap(\.references) {
            if let name = reference.path.first { read[reference.root, default: []].insert(name) }
        }
        for use in uses { if let target = use.target { read["data", default: []].insert(target) } }
        let declared = [
            "input": draft.input.map(\.name), "data": draft.data.map(\.name), "secrets": draft.secrets.map(\.value),
        ]
        for (root, names) in declared.sorted(by: { $0.key < $1.key }) {
            let meant = meant(by: read[root] ?? [], among: names)
            read[root, default: []].formUnion(meant)
        }
        for field in draft.input where read["input"]?.contains(field.name) == false {
            unused("input", field.name, field.path)
        }
        for field in draft.data where read["data"]?.contains(field.name) == false {
            unused("data", field.name, field.path)
        }
        for secret in draft.secrets where read["secrets"]?.contains(secret.value) == false {
            unused("secret", secret.value, secret.path)
        }
        checkUsageOfParts()
    }

    private mutating func checkUsageOfParts() {
        var calls: Set<String> = []
        var policies: Set<String> = []
        var services: Set<String> = []
        var signals: Set<String> = []
        for state in draft.states {
            for (call, _) in state.calls {
                switch call {
                case .named(let name): calls.insert(name.value)
                case .inline(let call): services.formUnion([call.service?.value].compactMap(\.self))
                }
            }
            signals.formUnion(state.awaits.map(\.signal.value))
            for entry in state.allRetries {
                if let policy = entry.policy { policies.insert(policy.value) }
            }
        }
        calls.formUnion(draft.probes.compactMap(\.call?.value))
        for call in draft.calls { if let service = call.service { services.insert(service.value) } }
        services.formUnion(meant(by: services, among: draft.services.map(\.name)))
        policies.formUnion(meant(by: policies, among: draft.policies.map(\.name)))
        for service in draft.services where !services.contains(service.name) {
            unused("service", service.name, service.path)
        }
        for policy in draft.policies where !policies.contains(policy.name) {
            unused("retry policy", policy.name, policy.path)
        }
        for call in draft.calls {
            if let name = call.name, !calls.contains(name) { unused("call", name, call.path) }
        }
        signals.formUnion(meant(by: signals, among: draft.signals.map(\.name)))
        for signal in draft.signals where !signals.contains(signal.name) {
            unused("signal", signal.name, signal.path)
        }
    }

    /// The names that were meant by misspelt ones: they count as used too.
    private mutating func meant(by used: Set<String>, among names: [String]) -> [String] {
        used.subtracting(names).sorted().compactMap { guesses.meant(by: $0, among: names) }
    }

    private mutating func unused(_ what: String, _ name: String, _ path: DefinitionPath) {
        report(.neverUsed, path, .name, "\(what) \"\(name)\" is declared, but never used", hint: "remove it")
    }
}
