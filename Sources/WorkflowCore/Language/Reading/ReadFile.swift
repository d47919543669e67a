extension DefinitionReader {
    /// More names than this in one mapping are a mistake, and would make the graph rules slow.
    static let maximumNames = 500

    /// Reads the whole tree.
    mutating func readFile(_ tree: JSONValue) -> Draft {
        var draft = Draft()
        guard let file = mapping(Node(path: DefinitionPath(), value: tree), Vocabulary.file) else { return draft }
        if let node = file["dsl"], node.value.integerValue != 1 {
            wrongType(node, "1", hint: "this engine reads dsl 1 only")
        }
        if let node = file["workflow"], let name = text(node) {
            if let reason = NameStyle.plain.refusal(of: name) {
                report(.wrongType, node.path, .value, "\"\(name)\" cannot be a workflow's name: \(reason)")
            }
            draft.workflow = Located(value: name, path: node.path)
        }
        draft.version = integer("version", of: file)
        draft.title = title(file["title"])
        if let node = file["key"] { draft.key = template(node, .key) }
        if let node = file["start"], let name = text(node) { draft.start = Located(value: name, path: node.path) }
        draft.input = entries(file["input"], as: .variable).map { readInput($0.name, $0.node) }
        draft.data = entries(file["data"], as: .variable).map { readVariable($0.name, $0.node) }
        draft.output = templates(file["output"], as: .variable, .output)
        draft.secrets = readSecrets(file["secrets"])
        draft.services = entries(file["services"], as: .plain).map { readService($0.name, $0.node) }
        draft.errors = entries(file["errors"], as: .error).map { readError($0.name, $0.node) }
        draft.policies = entries(file["retries"], as: .plain).map { readPolicy($0.name, $0.node) }
        draft.calls = entries(file["calls"], as: .plain).map { readCall($0.name, $0.node) }
        draft.states = entries(file["states"], as: .plain).map { readState($0.name, $0.node) }
        draft.probes = entries(file["probes"], as: .plain).map { readProbe($0.name, $0.node) }
        draft.deadlineMilliseconds = duration(file["deadline"])
        draft.limits = file["limits"].flatMap { readRunLimits($0) }
        draft.signals = entries(file["signals"], as: .plain).map { readSignal($0.name, $0.node) }
        draft.move = file["moved"].flatMap { readMove($0) }
        if let node = file["states"], node.value.objectValue?.isEmpty == true { wrongType(node, "states by name") }
        return draft
    }

    mutating func entries(_ node: Node?, as style: NameStyle) -> [(name: String, node: Node)] {
        let entries = named(node, as: style)
        guard let node, entries.count > Self.maximumNames else { return entries }
        report(.wrongType, node.path, .value, "\(Self.label(node.path)) has more than \(Self.maximumNames) names")
        return Array(entries.prefix(Self.maximumNames))
    }

    private mutating func readSecrets(_ node: Node?) -> [Located<String>] {
        guard let node else { return [] }
        var secrets: [Located<String>] = []
        for item in list(node, of: "names").prefix(Self.maximumNames) {
            guard let name = text(item) else { continue }
            if let reason = NameStyle.variable.refusal(of: name) {
                report(.wrongType, item.path, .value, "\"\(name)\" cannot be a secret's name: \(reason)")
            } else if secrets.contains(where: { $0.value == name }) {
                report(.unknownKey, item.path, .value, "secret \"\(name)\" is listed twice", hint: "keep one of them")
                continue
            }
            secrets.append(Located(value: name, path: item.path))
        }
        return secrets
    }

    private mutating func readService(_ name: String, _ node: Node) -> DraftService {
        var service = DraftService(name: name, path: node.path)
        guard let mapping = mapping(node, Vocabulary.service) else { return service }
        if let node = mapping["base_url"], let text = text(node) {
            if let reason = Self.refusal(ofBaseURL: text) {
                report(
                    .wrongType, node.path, .value, "\"base_url\" \(reason)", hint: "write it like https://host/prefix")
            }
            service.baseURL = text
        }
        service.auth = mapping["auth"].flatMap { readAuth($0) }
        service.headers = readHeaders(mapping["headers"])
        service.timeoutMilliseconds = timeout(mapping["timeout"])
        service.limits = mapping["limits"].flatMap { readServiceLimits($0) }
        service.cooldownMilliseconds = duration(mapping["cooldown"])
        return service
    }

    /// Only what can be said without resolving names; the worker checks the address before each request.
    private static func refusal(ofBaseURL text: String) -> String? {
        guard !text.contains("${") else { return "is fixed and holds no ${ }" }
        let rest: Substring
        if text.hasPrefix("https://") {
            rest = text.dropFirst(8)
        } else if text.hasPrefix("http://") {
            rest = text.dropFirst(7)
        } else {
            return "must begin with https:// or http://"
        }
        guard let first = rest.first, first != "/" else { return "names no host" }
        let forbidden = Set("?#@ \\\"<>")
        return rest.contains { forbidden.contains($0) || $0.isNewline }
            ? "holds more than a host and a path" : nil
    }

    private mutating func readError(_ name: String, _ node: Node) -> DraftError {
        var error = DraftError(name: name, path: node.path)
        guard let mapping = mapping(node, Vocabulary.error) else { return error }
        if mapping.members.isEmpty { wrongType(node, "a status, a condition (when), or both") }
        error.namesLostConnection = mapping.has("error")
        if error.namesLostConnection, mapping.members.count > 1 {
            report(
                .wrongType, node.path, .name,
                "error \"\(name)\": \"error\" names what ended without an answer, so it stands alone",
                hint: "remove the other keywords, or give them a name of their own")
        }
        _ = choice(mapping["error"], EndWithoutAnswer.self)
        error.statuses = statuses(mapping["status"]) ?? []
        if let when = mapping["when"] { error.condition = expression(when, .errorCondition) }
        error.outcome = choice(mapping["outcome"], Outcome.self)
        return error
    }

    private mutating func readPolicy(_ name: String, _ node: Node) -> DraftPolicy {
        guard let mapping = mapping(node, Vocabulary.policy) else {
            return DraftPolicy(name: name, path: node.path, policy: nil)
        }
        let standard = RetryPolicy(name: name)
        let delay = duration(mapping["delay"]) ?? standard.delayMilliseconds
        // A first delay above the usual cap is intended: it raises the cap.
        let cap = duration(mapping["max_delay"]) ?? max(standard.maximumDelayMilliseconds, delay)
        if cap < delay, let node = mapping["max_delay"] {
            report(.wrongType, node.path, .value, "\"max_delay\" is shorter than the first delay")
        }
        let policy = RetryPolicy(
            name: name, delayMilliseconds: delay, backoff: readBackoff(mapping) ?? standard.backoff,
            maximumDelayMilliseconds: cap,
            jitter: choice(mapping["jitter"], RetryPolicy.Jitter.self) ?? standard.jitter,
            maximumAttempts: integer("max_attempts", of: mapping),
            withinMilliseconds: duration(mapping["within"]),
            honoursRetryAfter: flag(mapping["retry_after"]) ?? standard.honoursRetryAfter,
            schedule: choice(mapping["schedule"], RetryPolicy.Schedule.self) ?? standard.schedule)
        if policy.schedule == .learned, !mapping.has("within") {
            report(
                .learnedWithoutWindow, node.path, .name,
                "retry policy \"\(name)\" is learned, and nothing says for how long it may try",
                hint: "add within: tries are placed inside that time")
        }
        if !mapping.shape.atLeastOne.contains(where: { mapping.has($0) }) {
            report(
                .endlessRetry, node.path, .name, "retry policy \"\(name)\" never gives up",
                hint: "add within (for example 2h) or max_attempts")
        }
        return DraftPolicy(name: name, path: node.path, policy: policy)
    }

    private mutating func readBackoff(_ mapping: Mapping) -> Double? {
        guard let node = mapping["backoff"], case .number(let range?)? = mapping.shape.keyword("backoff")?.form else {
            return nil
        }
        let (low, high) = (Double(range.lowerBound), Double(range.upperBound))
        guard case .number(let number) = node.value, (low...high).contains(number.double) else {
            wrongType(node, "a factor from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number.double
    }
}
