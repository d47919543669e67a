import WorkflowCore

/// Requests, values and conditions.
extension StatesImporter {
    mutating func request(_ node: Located) -> (call: JSONObject, isSafe: Bool) {
        allow(
            [
                "ApiEndpoint", "ApiEndpoint.$", "Method", "Authentication", "Headers", "QueryParameters", "RequestBody",
                "RequestBody.$", "Transform",
            ], in: node, "Parameters")
        let method = text(node["Method"], "Method", in: node) ?? ""
        var call = JSONObject()
        if let endpoint = node["ApiEndpoint"] ?? node["ApiEndpoint.$"] {
            let isPath = node["ApiEndpoint"] == nil
            let url = isPath ? value(ofPath: endpoint, .document) : endpoint.value.stringValue.map(Self.escaped)
            if let url, let target = target(url, endpoint.path) {
                call["request"] = .string("\(method) \(target.service):\(target.path)")
                if let auth = auth(node["Authentication"]?["ConnectionArn"], target.service) { call["auth"] = auth }
            }
        } else {
            refuse(node.path, "ApiEndpoint is missing")
        }
        for (theirs, ours) in [("Headers", "headers"), ("QueryParameters", "query")] {
            if let node = node[theirs] { call[ours] = payload(node, .document) }
        }
        let isForm = node["Transform"]?["RequestBodyEncoding"]?.value == "URL_ENCODED"
        if let transform = node["Transform"], !isForm { refuse(transform.path, "this Transform is not taken") }
        if let body = node["RequestBody"] {
            call[isForm ? "form" : "body"] = payload(body, .document)
        } else if let body = node["RequestBody.$"], let text = value(ofPath: body, .document) {
            call["body"] = .string(text)
        }
        return (call, method == "GET")
    }

    /// Scheme and host become a service, the rest its path.
    private mutating func target(_ url: String, _ path: DefinitionPath) -> (service: String, path: String)? {
        let scheme = ["https://", "http://"].first { url.hasPrefix($0) }
        let rest = url.dropFirst(scheme?.count ?? 0)
        let host = rest.prefix { $0 != "/" }
        guard let scheme, !host.isEmpty, !host.contains("$"), !rest.contains("?") else {
            refuse(path, "ApiEndpoint must be a URL with a fixed host and without a query")
            return nil
        }
        let base = "\(scheme)\(host)"
        let service = Self.plainName(host.split(separator: ".").first.map(String.init) ?? "", fallback: "api")
        if let known = services.members.first(where: { $0.value["base_url"] == .string(base) }) {
            return (known.name, Self.path(rest.dropFirst(host.count)))
        }
        var name = service
        while services[name] != nil { name += "-" }
        services[name] = ["base_url": .string(base)]
        return (name, Self.path(rest.dropFirst(host.count)))
    }

    private static func path(_ text: Substring) -> String { text.isEmpty ? "/" : String(text) }

    private mutating func auth(_ node: Located?, _ service: String) -> JSONValue? {
        guard let arn = node?.value.stringValue, arn != "NONE" else { return nil }
        let last = arn.split(separator: "/").dropFirst().first.map(String.init) ?? service
        let name = String(Self.plainName(last, fallback: service).map { $0 == "-" ? "_" : $0 })
        if !secrets.contains(name) { secrets.append(name) }
        lose("connection \(arn) becomes the secret \(name), sent as a bearer token")
        return ["bearer": .string("${secrets.\(name)}")]
    }

    /// What `$` stands for.
    enum Scope {
        case document, result, error
    }

    mutating func assignments(_ node: Located?, _ scope: Scope) -> JSONObject {
        var values = JSONObject()
        for (name, item) in node?.members ?? [] {
            let isPath = name.hasSuffix(".$")
            let variable = isPath ? String(name.dropLast(2)) : name
            note(variable: variable)
            if isPath {
                if let text = value(ofPath: item, scope) { values[variable] = .string(text) }
            } else if let literal = literal(item.value) {
                values[variable] = .string(literal)
            } else {
                refuse(item.path, "only texts, numbers, true, false, null and paths can be assigned")
            }
        }
        return values
    }

    private func literal(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): Self.escaped(text)
        case .null, .bool, .number: "${\(value.serialized())}"
        case .array, .object: nil
        }
    }

    /// Names that end with `.$` hold paths.
    private mutating func payload(_ node: Located, _ scope: Scope) -> JSONValue {
        switch node.value {
        case .null, .bool, .number: return node.value
        case .string(let text): return .string(Self.escaped(text))
        case .array: return .array(node.items.map { payload($0, scope) })
        case .object:
            var object = JSONObject()
            for (name, item) in node.members {
                if name.hasSuffix(".$") {
                    object[String(name.dropLast(2))] = value(ofPath: item, scope).map { .string($0) }
                } else {
                    object[name] = payload(item, scope)
                }
            }
            return .object(object)
        }
    }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if scalar == "$", rest.first == "{" { escaped += "$" }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }

    /// A path, or `States.Format`, as a template.
    private mutating func value(ofPath node: Located, _ scope: Scope) -> String? {
        guard let text = node.value.stringValue else {
            refuse(node.path, "a name that ends with .$ needs a path")
            return nil
        }
        if text.hasPrefix("States.") { return format(text, node, scope) }
        return expression(text, node, scope).map { "${\($0)}" }
    }

    private mutating func format(_ text: String, _ node: Located, _ scope: Scope) -> String? {
        guard let call = FormatCall(text) else {
            refuse(node.path, "of the intrinsic functions only States.Format with a text and paths is taken")
            return nil
        }
        var template = ""
        for part in call.parts {
            switch part {
            case .text(let text): template += Self.escaped(text)
            case .path(let path):
                guard let expression = expression(path, node, scope) else { return nil }
                template += "${\(expression)}"
            }
        }
        return template
    }

    mutating func expression(_ text: String, _ node: Located, _ scope: Scope) -> String? {
        guard let path = ReadPath(text), let (root, rest) = root(of: path, scope) else {
            refuse(node.path, "the path \(text) leads nowhere that a run knows")
            return nil
        }
        return ReadPath.expression(root, rest)
    }

    private mutating func root(
        of path: ReadPath, _ scope: Scope
    ) -> (String, ArraySlice<ExpressionShape.Path.Step>)? {
        let steps = path.steps[...]
        switch path.start {
        case .variable(let name):
            note(variable: name)
            return ("data.\(name)", steps)
        case .context:
            switch Array(steps.prefix(2)) {
            case [.member("Execution"), .member("Name")], [.member("Execution"), .member("Id")]:
                return ("run.id", steps.dropFirst(2))
            case [.member("State"), .member("Name")]: return ("state.name", steps.dropFirst(2))
            case [.member("Execution"), .member("Input")]: return input(steps.dropFirst(2))
            default: return nil
            }
        case .document:
            switch (scope, steps.first) {
            case (.document, _): return input(steps)
            case (.result, .member("ResponseBody")?): return ("response.body", steps.dropFirst())
            case (.result, .member("StatusCode")?): return ("response.status", steps.dropFirst())
            case (.result, .member("Headers")?): return ("response.headers", steps.dropFirst())
            case (.error, .member("Error")?): return ("error.name", steps.dropFirst())
            case (.error, .member("Cause")?): return ("error.text", steps.dropFirst())
            default: return nil
            }
        }
    }

    private mutating func input(
        _ steps: ArraySlice<ExpressionShape.Path.Step>
    ) -> (String, ArraySlice<ExpressionShape.Path.Step>)? {
        guard case .member(let name)? = steps.first, ReadPath.isName(name) else { return nil }
        if name == "organisation" { return ("run.organisation", steps.dropFirst()) }
        note(input: name)
        return ("input.\(name)", steps.dropFirst())
    }
}
