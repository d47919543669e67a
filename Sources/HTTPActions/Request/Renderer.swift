import WorkflowCore

/// Puts one request together from a call's templates.
struct Renderer {
    let action: Action
    let scope: ExpressionScope
    let userAgent: String

    func render(to target: TargetURL) throws(RenderingError) -> RenderedRequest {
        let call = action.call
        guard !call.method.isEmpty, call.method.utf8.allSatisfy({ $0 >= 65 && $0 <= 90 }) else {
            throw RenderingError(place: "method", message: "a method is written in capital letters")
        }
        var path = try target.pathPrefix + renderPath(call.path)
        var query = try renderPairs(call.query, place: "query", allowsSecrets: false, encode: PercentEncoding.strict)
        turnPage(&path, &query)
        var headers = HeaderList()
        for header in action.service.headers { try headers.set(header.name, try value(of: header)) }
        for header in call.headers { try headers.set(header.name, try value(of: header)) }
        let (body, contentType) = try renderBody(call.body)
        if let contentType { headers.setIfMissing("Content-Type", contentType) }
        headers.setIfMissing("Accept", "application/json")
        headers.setIfMissing("User-Agent", userAgent)
        if let auth = call.auth ?? action.service.auth {
            let (name, value) = try authorisation(auth)
            try headers.set(name, value)
        }
        if let idempotency = call.idempotency { try headers.set(idempotency.header, try self.value(of: idempotency)) }
        if action.target.sendsRequestId { try headers.set("X-Request-Id", action.attemptId.description) }
        return RenderedRequest(
            method: call.method, target: target, path: path, query: query.isEmpty ? nil : query,
            headers: headers.entries, body: body, isRepeatable: call.isRepeatable)
    }

    /// Asks for the page of a list at which a look-up has arrived.
    private func turnPage(_ path: inout String, _ query: inout String) {
        func add(_ name: String, _ value: String) {
            query += (query.isEmpty ? "" : "&") + "\(PercentEncoding.strict(name))=\(PercentEncoding.strict(value))"
        }
        switch (action.reconcile?.pages?.way, action.page?.next) {
        case (.link, let next?):
            let parts = next.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            path = String(parts[0])
            query = parts.count > 1 ? String(parts[1]) : ""
        case (.cursor(let name, _), let next?): add(name, next)
        case (.number(let name, let first), let next): add(name, next ?? "\(first)")
        default: break
        }
    }

    // MARK: - Path

    private func renderPath(_ template: Template) throws(RenderingError) -> String {
        var path = ""
        for part in template.parts {
            switch part {
            case .text(let text): path += PercentEncoding.path(text)
            case .expression(let expression, _): path += PercentEncoding.strict(try pathValue(expression))
            }
        }
        if !path.hasPrefix("/") { path = "/" + path }
        for segment in path.split(separator: "/") {
            // Some servers decode %2F before they look for dots, so the pieces between are looked at too.
            let pieces = PercentEncoding.decoded(segment).split(whereSeparator: { $0 == 0x2F || $0 == 0x5C })
            if pieces.contains(where: { $0.elementsEqual([0x2E]) || $0.elementsEqual([0x2E, 0x2E]) }) {
                throw RenderingError(place: "path", message: "a segment is . or .., which leads elsewhere")
            }
        }
        return path
    }

    private func pathValue(_ expression: Expression) throws(RenderingError) -> String {
        let value = try evaluate("path") { () throws(ExpressionError) in try expression.evaluate(scope) }
        guard case .plain(let plain) = value else {
            throw RenderingError(place: "path", message: "a secret must not stand in a URL: \(expression.source)")
        }
        guard let text = Self.text(of: plain) else {
            throw RenderingError(
                place: "path",
                message: "only a string, number or bool can be written, not \(plain.typeName): \(expression.source)")
        }
        // An empty value would turn /clients/{id} into the collection itself.
        guard !text.isEmpty else {
            throw RenderingError(place: "path", message: "a value in the path is empty: \(expression.source)")
        }
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw RenderingError(
                place: "path", message: "a value in the path holds a control character: \(expression.source)")
        }
        return text
    }

    // MARK: - Query and body

    private func renderPairs(
        _ members: [NamedJSONTemplate], place: String, allowsSecrets: Bool, encode: (String) -> String
    ) throws(RenderingError) -> String {
        var pairs: [String] = []
        for member in members {
            let place = "\(place) \(member.name)"
            let result = try evaluate(place) { () throws(ExpressionError) in try member.value.evaluate(scope) }
            guard allowsSecrets || !result.containsSecret else {
                throw RenderingError(place: place, message: "a secret must not stand in a URL")
            }
            let value = result.reveal()
            let items = value.arrayValue ?? [value]
            for item in items where !item.isNull {
                guard let text = Self.text(of: item) else {
                    throw RenderingError(place: place, message: "\(item.typeName) cannot be written as one value")
                }
                pairs.append("\(encode(member.name))=\(encode(text))")
            }
        }
        return pairs.joined(separator: "&")
    }

    private func renderBody(_ body: BodyDefinition?) throws(RenderingError) -> ([UInt8]?, contentType: String?) {
        switch body {
        case nil: return (nil, nil)
        case .json(let template):
            let result = try evaluate("body") { () throws(ExpressionError) in try template.evaluate(scope) }
            var bytes: [UInt8] = []
            result.reveal().serialized(into: &bytes)
            return (bytes, "application/json")
        case .form(let members):
            let text = try renderPairs(members, place: "form", allowsSecrets: true, encode: PercentEncoding.form)
            return (Array(text.utf8), "application/x-www-form-urlencoded")
        }
    }

    /// How a value reads within text; nil for null, lists and objects.
    static func text(of value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .number(let number): number.integer.map { String($0) } ?? number.text
        case .null, .array, .object: nil
        }
    }

    // MARK: - Headers

    /// nil for a template that came to null: the header is left out.
    private func value(of header: NamedTemplate) throws(RenderingError) -> String? {
        try text(of: header.template, place: "header \(header.name)", allowsNull: true)
    }

    private func value(of idempotency: IdempotencyDefinition) throws(RenderingError) -> String {
        guard let template = idempotency.value else { return action.scope.idempotencyKey }
        let text = try text(of: template, place: "idempotency value") ?? ""
        guard !text.isEmpty else {
            throw RenderingError(place: "idempotency value", message: "the value is empty")
        }
        return text
    }

    private func text(
        of template: Template, place: String, allowsNull: Bool = false
    ) throws(RenderingError) -> String? {
        switch try evaluate(place, { () throws(ExpressionError) in try template.evaluate(scope) }) {
        case .secret(let secret):
            guard let revealed = secret.revealed else {
                throw RenderingError(place: place, message: "the secret is sealed here")
            }
            return revealed.revealText()
        case .plain(let plain):
            if plain.isNull, allowsNull { return nil }
            guard let text = Self.text(of: plain) else {
                throw RenderingError(place: place, message: "\(plain.typeName) cannot be written as text")
            }
            return text
        }
    }

    private func authorisation(_ auth: AuthDefinition) throws(RenderingError) -> (name: String, value: String) {
        func required(_ template: Template, _ part: String) throws(RenderingError) -> String {
            let text = try text(of: template, place: "auth \(part)") ?? ""
            guard !text.isEmpty else { throw RenderingError(place: "auth \(part)", message: "the value is empty") }
            return text
        }
        switch auth {
        case .bearer(let token): return ("Authorization", "Bearer \(try required(token, "bearer"))")
        case .basic(let user, let password):
            let name = try text(of: user, place: "auth basic user") ?? ""
            guard !name.contains(":") else {
                throw RenderingError(
                    place: "auth basic user", message: "the name holds a colon, which basic cannot say")
            }
            let word = try text(of: password, place: "auth basic password") ?? ""
            return ("Authorization", "Basic \(Base64.encode("\(name):\(word)"))")
        case .header(let name, let value): return (name, try required(value, "header"))
        }
    }

    private func evaluate<Value>(
        _ place: String, _ body: () throws(ExpressionError) -> Value
    ) throws(RenderingError) -> Value {
        do throws(ExpressionError) {
            return try body()
        } catch {
            throw RenderingError(place: place, message: error.description)
        }
    }
}
