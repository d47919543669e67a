import WorkflowCore

/// Puts one request together from a call's templates.
struct Renderer {
    let action: Action
    let scope: ExpressionScope
    /// For what a resend under an idempotency key must send as it was.
    let frozenScope: ExpressionScope
    let userAgent: String

    func render(to target: TargetURL) throws(RenderingError) -> RenderedRequest {
        let call = action.call
        guard !call.method.isEmpty, call.method.utf8.allSatisfy({ $0 >= 65 && $0 <= 90 }) else {
            throw RenderingError(place: "method", message: "a method is written in capital letters")
        }
        var path = try target.pathPrefix + renderPath(call.path)
        let parameters = try renderPairs(call.query, in: "query", encode: PercentEncoding.strict)
        var query = Self.joined(parameters)
        turnPage(&path, &query)
        var headers = HeaderList()
        for header in action.service.headers { try headers.set(header.name, try value(of: header)) }
        for header in call.headers { try headers.set(header.name, try value(of: header)) }
        let (body, contentType, members) = try renderBody(call.body)
        if let contentType { headers.setIfMissing("Content-Type", contentType) }
        headers.setIfMissing("Accept", "application/json")
        headers.setIfMissing("User-Agent", userAgent)
        var names: [String] = []
        if let auth = call.auth ?? action.service.auth {
            let (name, value) = try authorisation(auth)
            try headers.set(name, value)
            names.append(name)
        }
        var parts: [(name: String, bytes: [UInt8])] = []
        if let idempotency = call.idempotency {
            try headers.set(idempotency.header, try self.value(of: idempotency))
            parts = [
                (RequestPart.method, Array(call.method.utf8)), (RequestPart.path, Array(path.utf8)),
            ]
            parts += parameters.map { (RequestPart.query($0.name), Array($0.text.utf8)) }
            parts += declared(headers, but: names, idempotency) + members
            parts.removeAll { call.isFresh($0.name) }
        }
        if action.target.sendsRequestId { try headers.set("X-Request-Id", action.attemptId.description) }
        return RenderedRequest(
            method: call.method, target: target, path: path, query: query.isEmpty ? nil : query,
            headers: headers.entries, body: body, isRepeatable: call.isRepeatable, parts: parts)
    }

    /// The values of a part: those of the first request, unless the part may differ.
    private func scope(of part: String) -> ExpressionScope { action.call.isFresh(part) ? scope : frozenScope }

    /// The headers that the definition writes, beside `auth` and the request's id.
    private func declared(
        _ headers: HeaderList, but left: [String], _ idempotency: IdempotencyDefinition
    ) -> [(name: String, bytes: [UInt8])] {
        let names = (action.service.headers + action.call.headers).map(\.name) + [idempotency.header]
        let declared = Set(names.map { $0.lowercased() })
            .subtracting(left.map { $0.lowercased() } + (action.target.sendsRequestId ? ["x-request-id"] : []))
        return headers.entries.filter { declared.contains($0.name.lowercased()) }
            .map { (RequestPart.header($0.name), Array($0.value.utf8)) }
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
        let value = try evaluate("path") { () throws(ExpressionError) in try expression.evaluate(frozenScope) }
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

    /// What each member comes to that is sent, such as `tag=a&tag=b`. Of a URL's query when `place` says so.
    private func renderPairs(
        _ members: [NamedJSONTemplate], in place: String, encode: (String) -> String
    ) throws(RenderingError) -> [(name: String, text: String)] {
        var written: [(name: String, text: String)] = []
        for member in members {
            let isInURL = place == "query"
            let scope = scope(of: isInURL ? RequestPart.query(member.name) : RequestPart.form(member.name))
            let place = "\(place) \(member.name)"
            let result = try evaluate(place) { () throws(ExpressionError) in try member.value.evaluate(scope) }
            guard !isInURL || !result.containsSecret else {
                throw RenderingError(place: place, message: "a secret must not stand in a URL")
            }
            let value = result.reveal()
            var pairs: [String] = []
            for item in value.arrayValue ?? [value] where !item.isNull {
                guard let text = Self.text(of: item) else {
                    throw RenderingError(place: place, message: "\(item.typeName) cannot be written as one value")
                }
                pairs.append("\(encode(member.name))=\(encode(text))")
            }
            if !pairs.isEmpty { written.append((member.name, pairs.joined(separator: "&"))) }
        }
        return written
    }

    private static func joined(_ pairs: [(name: String, text: String)]) -> String {
        pairs.map(\.text).joined(separator: "&")
    }

    /// `parts`: what an idempotency key holds fast of it.
    private func renderBody(
        _ body: BodyDefinition?
    ) throws(RenderingError) -> ([UInt8]?, contentType: String?, parts: [(name: String, bytes: [UInt8])]) {
        switch body {
        case nil: return (nil, nil, [])
        case .json(let template):
            let value = try renderTree(template)
            let bytes = Self.bytes(of: value)
            guard action.call.idempotency != nil else { return (bytes, "application/json", []) }
            let parts =
                value.objectValue?.members.map { (RequestPart.body($0.name), Self.bytes(of: $0.value)) }
                ?? [(RequestPart.body, bytes)]
            return (bytes, "application/json", parts)
        case .form(let members):
            let pairs = try renderPairs(members, in: "form", encode: PercentEncoding.form)
            return (
                Array(Self.joined(pairs).utf8), "application/x-www-form-urlencoded",
                pairs.map { (RequestPart.form($0.name), Array($0.text.utf8)) }
            )
        }
    }

    /// Members at the top may be fresh, each by itself.
    private func renderTree(_ template: JSONTemplate) throws(RenderingError) -> JSONValue {
        guard case .object(let members) = template, action.call.idempotency != nil else {
            let scope = scope(of: RequestPart.body)
            return try evaluate("body") { () throws(ExpressionError) in try template.evaluate(scope).reveal() }
        }
        var object = JSONObject()
        for member in members {
            let scope = scope(of: RequestPart.body(member.name))
            let part = try evaluate("body") { () throws(ExpressionError) in
                try JSONTemplate.object([member]).evaluate(scope).reveal()
            }
            for (name, value) in part.objectValue?.members ?? [] { object[name] = value }
        }
        return .object(object)
    }

    private static func bytes(of value: JSONValue) -> [UInt8] {
        var bytes: [UInt8] = []
        value.serialized(into: &bytes)
        return bytes
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
        let scope = scope(of: RequestPart.header(header.name))
        return try text(of: header.template, in: scope, place: "header \(header.name)", allowsNull: true)
    }

    private func value(of idempotency: IdempotencyDefinition) throws(RenderingError) -> String {
        guard let template = idempotency.value else { return action.scope.idempotencyKey }
        let text = try text(of: template, in: frozenScope, place: "idempotency value") ?? ""
        guard !text.isEmpty else {
            throw RenderingError(place: "idempotency value", message: "the value is empty")
        }
        return text
    }

    private func text(
        of template: Template, in scope: ExpressionScope, place: String, allowsNull: Bool = false
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
            let text = try text(of: template, in: scope, place: "auth \(part)") ?? ""
            guard !text.isEmpty else { throw RenderingError(place: "auth \(part)", message: "the value is empty") }
            return text
        }
        switch auth {
        case .bearer(let token): return ("Authorization", "Bearer \(try required(token, "bearer"))")
        case .basic(let user, let password):
            let name = try text(of: user, in: scope, place: "auth basic user") ?? ""
            guard !name.contains(":") else {
                throw RenderingError(
                    place: "auth basic user", message: "the name holds a colon, which basic cannot say")
            }
            let word = try text(of: password, in: scope, place: "auth basic password") ?? ""
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
