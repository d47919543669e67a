import WorkflowCore

/// Requests and templates.
extension StatesExporter {
    mutating func request(of call: CallDefinition) -> JSONObject {
        var request = JSONObject()
        let service = definition.service(call.service)
        let place = "\(call.method) \(call.service):\(call.path.source)"
        if service?.baseURL == nil {
            lose("service \(call.service): the installation's base URL; https://\(call.service).invalid stands for it")
        }
        if !call.path.isLiteral { lose("\(place): values in the path are percent-encoded here and not there") }
        let base = service?.baseURL ?? "https://\(call.service).invalid"
        if let url = value(of: call.path, prefix: base) {
            request["ApiEndpoint\(url.isPath ? ".$" : "")"] = url.value
        } else {
            lose("\(place): its path, which cannot be said")
            request["ApiEndpoint"] = .string(base)
        }
        request["Method"] = .string(call.method)
        let connection = "arn:aws:events:us-east-1:000000000000:connection/\(call.service)"
        request["Authentication"] = ["ConnectionArn": .string(connection)]
        if call.auth ?? service?.auth != nil {
            lose("service \(call.service): auth; its secrets belong into the connection \(connection)")
        }
        let headers = assignments((service?.headers ?? []) + call.headers, in: "\(place): headers")
        if !headers.isEmpty { request["Headers"] = .object(headers) }
        let query = members(call.query, in: "\(place): query")
        if !query.isEmpty { request["QueryParameters"] = .object(query) }
        switch call.body {
        case .json(let template):
            if let body = tree(template, in: "\(place): body") {
                request["RequestBody\(body.isPath ? ".$" : "")"] = body.value
            }
        case .form(let fields):
            request["RequestBody"] = .object(members(fields, in: "\(place): form"))
            request["Transform"] = ["RequestBodyEncoding": "URL_ENCODED"]
        case nil: break
        }
        return request
    }

    /// A value, or a path to one, which needs a name that ends with `.$`.
    struct Said {
        let value: JSONValue
        let isPath: Bool
    }

    /// Names with values; what cannot be said is left out and told.
    mutating func assignments(_ values: [NamedTemplate], in place: String) -> JSONObject {
        var object = JSONObject()
        for item in values {
            if let said = value(of: item.template) {
                object["\(item.name)\(said.isPath ? ".$" : "")"] = said.value
            } else {
                lose("\(place) \(item.name): \(item.template.source)")
            }
        }
        return object
    }

    private mutating func members(_ values: [NamedJSONTemplate], in place: String) -> JSONObject {
        var object = JSONObject()
        for item in values {
            if let said = tree(item.value, in: "\(place) \(item.name)") {
                object["\(item.name)\(said.isPath ? ".$" : "")"] = said.value
            }
        }
        return object
    }

    private mutating func tree(_ template: JSONTemplate, in place: String) -> Said? {
        switch template {
        case .literal(let value): return Said(value: value, isPath: false)
        case .template(let template):
            if let said = value(of: template) { return said }
            lose("\(place): \(template.source)")
            return nil
        case .array(let items):
            var values: [JSONValue] = []
            for item in items {
                guard let said = tree(item, in: place) else { return nil }
                guard !said.isPath else {
                    lose("\(place): a list with values that are computed")
                    return nil
                }
                values.append(said.value)
            }
            return Said(value: .array(values), isPath: false)
        case .object(let members):
            var object = JSONObject()
            for member in members {
                if let said = tree(member.value, in: "\(place) \(member.name)") {
                    object["\(member.name)\(said.isPath ? ".$" : "")"] = said.value
                }
            }
            return Said(value: .object(object), isPath: false)
        }
    }

    /// nil when the other language has no words for it.
    private mutating func value(of template: Template, prefix: String = "") -> Said? {
        if let text = template.literalText { return Said(value: .string(prefix + text), isPath: false) }
        if prefix.isEmpty, template.parts.count == 1, case .expression(let expression, _) = template.parts[0] {
            switch expression.shape {
            case .literal(let value): return Said(value: value, isPath: false)
            case .path(let path): return reference(path).map { Said(value: .string($0), isPath: true) }
            default: return nil
            }
        }
        var format = Self.escaped(prefix)
        var arguments: [String] = []
        for part in template.parts {
            switch part {
            case .text(let text): format += Self.escaped(text)
            case .expression(let expression, _):
                guard case .path(let path) = expression.shape, let argument = reference(path) else { return nil }
                format += "{}"
                arguments.append(argument)
            }
        }
        let list = ([("'\(format)'")] + arguments).joined(separator: ", ")
        return Said(value: .string("States.Format(\(list))"), isPath: true)
    }

    private static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if "\\'{}".unicodeScalars.contains(scalar) { escaped.append("\\") }
            escaped.append(scalar)
        }
        return String(escaped)
    }

    private mutating func reference(_ path: ExpressionShape.Path) -> String? {
        if path.root == "run", path.steps == [.member("organisation")] {
            lose("run.organisation: the execution's input must carry it as organisation")
        }
        return StatesPath.text(path)
    }
}

/// Paths of expressions as JSONPath: the execution's input is `$`, variables are `$name`.
enum StatesPath {
    static func text(_ path: ExpressionShape.Path) -> String? {
        var steps = path.steps[...]
        func first() -> String? {
            guard case .member(let name)? = steps.first else { return nil }
            steps = steps.dropFirst()
            return name
        }
        let start: String
        switch path.root {
        case "input": start = "$"
        case "data":
            guard let name = first() else { return nil }
            start = "$\(name)"
        case "response":
            switch first() {
            case "body": start = "$.ResponseBody"
            case "status": start = "$.StatusCode"
            case "headers": start = "$.Headers"
            default: return nil
            }
        case "error":
            switch first() {
            case "name": start = "$.Error"
            case "text": start = "$.Cause"
            default: return nil
            }
        case "run":
            switch first() {
            case "id": start = "$$.Execution.Name"
            case "organisation": start = "$.organisation"
            default: return nil
            }
        case "state":
            guard first() == "name" else { return nil }
            start = "$$.State.Name"
        default: return nil
        }
        return steps.reduce(start) { $0 + text($1) }
    }

    private static func text(_ step: ExpressionShape.Path.Step) -> String {
        switch step {
        case .index(let index): return "[\(index)]"
        case .member(let name):
            let isPlain = name.utf8.allSatisfy { byte in
                byte.isASCIILetter || byte == UInt8(ascii: "_")
                    || byte.isASCIIDigit
            }
            return isPlain ? ".\(name)" : "['\(name)']"
        }
    }
}
