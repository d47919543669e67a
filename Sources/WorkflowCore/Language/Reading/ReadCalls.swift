extension DefinitionReader {
    static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    /// RFC 9110, section 9.2.2: sending these twice has the effect of sending them once.
    private static let repeatableMethods: Set<String> = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]

    mutating func readCall(_ name: String?, _ node: Node) -> DraftCall {
        var call = DraftCall(name: name, path: node.path)
        guard let mapping = mapping(node, Vocabulary.call) else { return call }
        if let request = mapping["request"] { readRequest(request, &call) }
        call.query = trees(mapping["query"], .query)
        call.headers = readHeaders(mapping["headers"])
        call.auth = mapping["auth"].flatMap { readAuth($0) }
        if mapping.has("body"), let form = mapping["form"] {
            report(.wrongType, form.path, .name, "a call has a body or a form, not both", hint: "remove one of them")
        }
        if let body = mapping["body"] {
            if body.value.isNull {
                wrongType(body, "a value", hint: "leave it out for a request without body")
            } else {
                call.body = tree(body, .body).map { .json($0) }
            }
        } else if let form = mapping["form"] {
            let fields = trees(form, .form)
            call.body = .form(fields.compactMap { field in field.value.map { .init(name: field.name, value: $0) } })
        }
        call.ok = statuses(mapping["ok"])
        call.save = templates(mapping["save"], as: .variable, .save)
        call.timeoutMilliseconds = timeout(mapping["timeout"])
        call.isRepeatable = flag(mapping["repeatable"]) ?? Self.repeatableMethods.contains(call.method)
        call.made = mapping["made"].flatMap { expression($0, .errorCondition) }
        if let idempotency = mapping["idempotency"] { readIdempotency(idempotency, &call) }
        return call
    }

    private mutating func readIdempotency(_ node: Node, _ call: inout DraftCall) {
        // A wrong value is one problem; the call is not reported as an unsafe resend too.
        call.hasHonouredKey = node.value["honoured"] != nil
        guard let mapping = mapping(node, Vocabulary.idempotency) else { return }
        call.fresh = mapping["fresh"].map { readFresh($0) } ?? []
        guard let header = headerName(mapping["header"]) else { return }
        call.idempotency = IdempotencyDefinition(
            header: header, value: mapping["value"].flatMap { template($0, .idempotency) },
            honouredMilliseconds: duration(mapping["honoured"]), fresh: call.fresh.map(\.value))
    }

    private mutating func readFresh(_ node: Node) -> [Located<String>] {
        let items = list(node, of: "parts of the request")
        if case .array = node.value, items.isEmpty { wrongType(node, "a list of at least one part of the request") }
        return items.compactMap { item in
            text(item).map { Located(value: RequestPart.canonical($0), path: item.path) }
        }
    }

    @discardableResult
    mutating func headerName(_ node: Node?) -> String? {
        guard let node, let name = text(node) else { return nil }
        if let reason = NameStyle.header.refusal(of: name) {
            report(.wrongType, node.path, .value, "\"\(name)\" cannot be a header's name: \(reason)")
        }
        return name
    }

    /// `POST gateway:/clients/${data.client_id}`.
    private mutating func readRequest(_ node: Node, _ call: inout DraftCall) {
        let form = "METHOD service:/path"
        guard case .string(let text) = node.value else { return wrongType(node, form) }
        guard let space = text.firstIndex(of: " ") else {
            return report(.wrongType, node.path, .value, "\"request\" must be \(form)")
        }
        let method = String(text[..<space])
        let target = text[text.index(after: space)...]
        guard Self.methods.contains(method) else {
            return report(
                .wrongType, node.path, .value, "\"\(method)\" is no method; use \(Self.listed(Self.methods))",
                hint: nearest(to: method.uppercased(), among: Self.methods + [method]).map { "did you mean \($0)?" })
        }
        call.method = method
        guard let colon = target.firstIndex(of: ":"), target[target.index(after: colon)...].first == "/" else {
            return report(.wrongType, node.path, .value, "\"request\" must be \(form)")
        }
        call.service = Located(value: String(target[..<colon]), path: node.path)
        let path = Node(path: node.path, value: .string(String(target[target.index(after: colon)...])))
        guard let template = template(path, .path) else { return }
        if template.hasLiteral(containing: "?#") {
            report(
                .wrongType, node.path, .value, "the path of \"request\" holds a ? or a #",
                hint: "write the query under query")
        } else if template.hasLiteral(containing: " \t\r\n") {
            report(.wrongType, node.path, .value, "the path of \"request\" holds a space", hint: "write it as %20")
        }
        call.urlPath = template
    }

    mutating func readHeaders(_ node: Node?) -> [DraftTemplate] {
        let headers = templates(node, as: .header, .header)
        var seen: Set<String> = []
        for header in headers where !seen.insert(header.name.lowercased()).inserted {
            report(
                .unknownKey, header.path, .name, "the header \"\(header.name)\" is given twice",
                hint: "case makes no difference; keep one of them")
        }
        return headers
    }

    mutating func readAuth(_ node: Node) -> AuthDefinition? {
        guard let mapping = mapping(node, Vocabulary.auth) else { return nil }
        guard mapping.members.count == 1 else {
            wrongType(node, "exactly one of \(Self.listed(mapping.shape.exactlyOne))")
            return nil
        }
        if let bearer = mapping["bearer"] { return template(bearer, .auth).map { .bearer($0) } }
        if let basic = mapping["basic"], let pair = self.mapping(basic, Vocabulary.basicAuth) {
            let user = pair["user"].flatMap { template($0, .auth) }
            let password = pair["password"].flatMap { template($0, .auth) }
            if let user, let password { return .basic(user: user, password: password) }
        }
        if let header = mapping["header"], let pair = self.mapping(header, Vocabulary.headerAuth) {
            let name = headerName(pair["name"])
            let value = pair["value"].flatMap { template($0, .auth) }
            if let name, let value { return .header(name: name, value: value) }
        }
        return nil
    }
}
