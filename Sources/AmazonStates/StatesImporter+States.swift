import WorkflowCore

/// States, one kind after the other.
extension StatesImporter {
    mutating func state(_ node: Located) -> JSONObject {
        guard let type = text(node["Type"], "Type", in: node) else { return [:] }
        var state = JSONObject()
        if let comment = node["Comment"]?.value.stringValue { state["title"] = .string(comment) }
        switch type {
        case "Task": task(node, &state)
        case "Choice": choice(node, &state)
        case "Wait":
            allow(["Type", "Comment", "Seconds", "Next", "End"], in: node, "a Wait state")
            if let seconds = node["Seconds"]?.value.integerValue, seconds >= 0 {
                if seconds > 0 {
                    state["pause"] = .string("\(seconds)s")
                } else {
                    lose("a Wait state of 0 seconds becomes a state without a pause")
                }
            } else {
                refuse((node["Seconds"] ?? node).path, "a Wait state must give Seconds as a whole number")
            }
            state["next"] = exit(node)
        case "Pass":
            allow(["Type", "Comment", "Assign", "Next", "End"], in: node, "a Pass state")
            let assigned = assignments(node["Assign"], .document)
            if !assigned.isEmpty { state["set"] = .object(assigned) }
            state["next"] = exit(node)
        case "Succeed":
            allow(["Type", "Comment"], in: node, "a Succeed state")
            state["end"] = "succeeded"
        case "Fail":
            allow(["Type", "Comment", "Error", "Cause"], in: node, "a Fail state")
            if let error = node["Error"]?.value.stringValue { lose("Error \"\(error)\" of a Fail state") }
            if state["title"] == nil { state["title"] = node["Cause"]?.value }
            state["end"] = "failed"
        default:
            refuse(
                node["Type"]?.path ?? node.path, "states of type \(type) are not taken",
                hint: "Task, Choice, Wait, Pass, Succeed and Fail are")
        }
        return state
    }

    private mutating func choice(_ node: Located, _ state: inout JSONObject) {
        allow(["Type", "Comment", "Choices", "Default"], in: node, "a Choice state")
        var branches: [JSONValue] = []
        for item in node["Choices"]?.items ?? [] {
            let condition = condition(item, ["Next", "Comment"]) ?? ""
            branches.append(["when": .string(condition), "next": .string(self.state(item["Next"], in: item) ?? "")])
        }
        if branches.isEmpty { refuse((node["Choices"] ?? node).path, "a Choice state must have Choices") }
        if let other = node["Default"] {
            branches.append(["next": .string(self.state(other, in: node) ?? "")])
        } else {
            refuse(node.path, "a Choice state without Default is not taken", hint: "add Default")
        }
        state["choose"] = .array(branches)
    }

    private mutating func task(_ node: Located, _ state: inout JSONObject) {
        allow(
            [
                "Type", "Comment", "Resource", "Parameters", "TimeoutSeconds", "Assign", "ResultPath", "Retry", "Catch",
                "Next", "End",
            ], in: node, "a Task state")
        if let resource = text(node["Resource"], "Resource", in: node), resource != "arn:aws:states:::http:invoke" {
            refuse(node["Resource"]?.path ?? node.path, "only the resource arn:aws:states:::http:invoke is taken")
        }
        if node["ResultPath"]?.value != .null {
            refuse(
                node["ResultPath"]?.path ?? node.path, "the result would change the document, which runs do not have",
                hint: "give ResultPath null, and take what is needed with Assign")
        }
        guard let parameters = node["Parameters"] else { return refuse(node.path, "Parameters is missing") }
        var (call, isSafe) = request(parameters)
        let saved = assignments(node["Assign"], .result)
        if !saved.isEmpty { call["save"] = .object(saved) }
        if let seconds = node["TimeoutSeconds"] {
            if let count = seconds.value.integerValue, count > 0 {
                call["timeout"] = .string("\(count)s")
            } else {
                refuse(seconds.path, "TimeoutSeconds must be a whole number above 0")
            }
        }
        if !isSafe {
            call["repeatable"] = false
            lose(
                "a call that is not GET is taken as not safe to send twice: a lost answer waits for a person, whatever Catch says"
            )
        }
        state["call"] = .object(call)
        retry(node["Retry"], isSafe: isSafe, &state)
        var named: [String] = []
        let catches = (node["Catch"]?.items ?? []).compactMap { catcher($0, &named) }
        if !catches.isEmpty { state["catch"] = .array(catches) }
        state["next"] = exit(node)
    }

    private mutating func retry(_ node: Located?, isSafe: Bool, _ state: inout JSONObject) {
        guard let items = node?.items, !items.isEmpty else {
            state["retry"] = "none"
            return
        }
        var entries: [JSONValue] = []
        var named: [String] = []
        for item in items {
            allow(
                [
                    "ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "JitterStrategy",
                    "Comment",
                ], in: item, "Retry")
            let errors = errors(item, after: named)
            named += errors
            guard !errors.isEmpty else { continue }
            entries.append(["error": .array(errors.map { .string($0) }), "policy": .string(policy(policyBody(item)))])
        }
        lose("Retry-After of an answer raises a delay here")
        if !named.contains("any") {
            if isSafe {
                // Without this entry, the built-in retry would take errors that no entry names.
                entries.append(["error": ["transient"], "policy": .string(policy(["max_attempts": 1]))])
            } else {
                lose("a refused connection, 408 and 429 are tried again here although no Retry entry names them")
            }
        }
        state["retry"] = .array(entries)
    }

    private mutating func policyBody(_ item: Located) -> JSONObject {
        func whole(_ name: String, _ standard: Int64, atLeast least: Int64) -> Int64? {
            guard let node = item[name] else { return standard }
            return node.value.integerValue.flatMap { $0 >= least ? $0 : nil }
        }
        guard let interval = whole("IntervalSeconds", 1, atLeast: 1), let retries = whole("MaxAttempts", 3, atLeast: 0),
            let most = whole("MaxDelaySeconds", 31_622_400, atLeast: 1)
        else {
            refuse(item.path, "IntervalSeconds, MaxAttempts and MaxDelaySeconds must be whole numbers")
            return [:]
        }
        var body: JSONObject = ["delay": .string("\(interval)s")]
        body["backoff"] = item["BackoffRate"]?.value ?? 2
        body["max_delay"] = .string("\(max(interval, most))s")
        body["jitter"] = item["JitterStrategy"]?.value == "FULL" ? "full" : "none"
        body["max_attempts"] = .integer(min(retries, 999_999) + 1)
        return body
    }

    /// The name of a policy with this content.
    private mutating func policy(_ body: JSONObject) -> String {
        if let known = policies.members.first(where: { $0.value == .object(body) }) { return known.name }
        let name = "policy-\(policies.count + 1)"
        policies[name] = .object(body)
        return name
    }

    private mutating func catcher(_ node: Located, _ named: inout [String]) -> JSONValue? {
        allow(["ErrorEquals", "Next", "ResultPath", "Assign", "Comment"], in: node, "Catch")
        if let path = node["ResultPath"], !path.value.isNull {
            lose("Catch: ResultPath; use Assign to keep an error")
        }
        let errors = errors(node, after: named)
        named += errors
        guard !errors.isEmpty else { return nil }
        var entry: JSONObject = ["error": .array(errors.map { .string($0) })]
        entry["next"] = .string(state(node["Next"], in: node) ?? "")
        let assigned = assignments(node["Assign"], .error)
        if !assigned.isEmpty { entry["set"] = .object(assigned) }
        return .object(entry)
    }

    /// The errors of an entry, without those that an earlier entry takes: they never reach this entry.
    private mutating func errors(_ node: Located, after earlier: [String]) -> [String] {
        guard let items = node["ErrorEquals"]?.items, !items.isEmpty else {
            refuse(node.path, "ErrorEquals must name errors")
            return []
        }
        var names: [String] = []
        for item in items {
            for name in errorNames(item) where !(earlier + names).contains(where: { Self.covers($0, name) }) {
                names.append(name)
            }
        }
        return names
    }

    private static func covers(_ name: String, _ other: String) -> Bool {
        if name == "any" || name == other { return true }
        return name.hasPrefix("http.") && name.hasSuffix("xx") && other.hasPrefix(name.dropLast(2))
    }

    private mutating func errorNames(_ node: Located) -> [String] {
        let name = node.value.stringValue ?? ""
        switch name {
        case AmazonErrorName.all: return ["any"]
        case AmazonErrorName.timeout: return ["timeout"]
        case AmazonErrorName.socket: return ["unreachable", "connection_lost"]
        case "States.TaskFailed":
            lose("States.TaskFailed becomes http.4xx, http.5xx, unreachable and connection_lost")
            return ["http.4xx", "http.5xx", "unreachable", "connection_lost"]
        case "States.QueryEvaluationError": return ["bad_answer"]
        default: break
        }
        if name.hasPrefix(AmazonErrorName.statusPrefix),
            let code = Int(name.dropFirst(AmazonErrorName.statusPrefix.count)), (100...599).contains(code)
        {
            return ["http.\(code)"]
        }
        if ErrorName.builtIn.contains(name) { return [name] }
        refuse(
            node.path, "http:invoke never reports the error \"\(name)\"", code: .unknownName,
            hint: "name it under errors after the import, and remove it here")
        return []
    }
}
