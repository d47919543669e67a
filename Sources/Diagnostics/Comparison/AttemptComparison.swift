public import WorkflowCore

/// What differs between two attempts, and nothing else.
public struct AttemptComparison: Sendable, Equatable {
    /// Nil: one of the two has it not.
    public struct Difference: Sendable, Equatable {
        /// Such as `answer.status`, `credential.api_key`, `header.retry-after`, `body.error.code`, `timing.total_milliseconds`.
        public let path: String
        public let one: JSONValue?
        public let other: JSONValue?
    }

    public let differences: [Difference]

    public init(_ one: AttemptRecord, _ other: AttemptRecord) {
        let left = Self.facts(one)
        let right = Self.facts(other)
        var paths = left.map(\.path)
        let known = Set(paths)
        paths += right.map(\.path).filter { !known.contains($0) }
        let ones = Dictionary(left.map { ($0.path, $0.value) }) { first, _ in first }
        let others = Dictionary(right.map { ($0.path, $0.value) }) { first, _ in first }
        let all = paths.compactMap { path in
            ones[path] == others[path] ? nil : Difference(path: path, one: ones[path], other: others[path])
        }
        // Where the texts differ, that their bytes do says nothing more.
        let saysBody = all.contains { $0.path.hasPrefix("body") && $0.path != "body_digest" }
        differences = all.filter { !saysBody || $0.path != "body_digest" }
    }

    private typealias Fact = (path: String, value: JSONValue)

    /// Everything that is worth comparing, flat. Ids, places in the stream and the time of day always differ.
    private static func facts(_ attempt: AttemptRecord) -> [Fact] {
        let intent = attempt.started.body
        let answer = attempt.ended?.body ?? JSONObject()
        let evidence = answer["evidence"]?.objectValue ?? JSONObject()
        var facts: [Fact] = []
        func add(_ path: String, _ value: JSONValue?) {
            if let value { facts.append((path, value)) }
        }
        for name in ["state", "purpose", "request", "page", "timeout_milliseconds"] {
            add("request.\(name)", intent[name])
        }
        add("request.url", evidence["url"])
        for (name, value) in intent["frozen"]?.objectValue?.members ?? [] {
            flatten("request.\(name)", value, into: &facts)
        }
        for (member, word) in [("credentials_used", "sent"), ("credentials_returned", "answered")] {
            for item in evidence[member]?.arrayValue ?? [] {
                let name = "credential.\(item["name"]?.stringValue ?? "").\(word)"
                add(name, item["fingerprint"])
                add("\(name).age_milliseconds", item["age_milliseconds"])
                add("\(name).same_as", item["same_as"])
            }
        }
        add("answer.outcome", attempt.ended.map { .string($0.type) })
        add("answer.error", answer["error"])
        for name in ["status", "detail", "request_head_sent", "body_length"] { add("answer.\(name)", evidence[name]) }
        for (name, value) in evidence["headers"]?.objectValue?.members ?? [] where name != "date" {
            add("header.\(name)", value.stringValue.map { .string(sorted($0)) } ?? value)
        }
        if let body = evidence["body"] { flatten("body", body, into: &facts) }
        add("body_digest", evidence["body_digest"])
        for (name, value) in evidence["phases"]?.objectValue?.members ?? [] { add("timing.\(name)", value) }
        add("timing.clock_difference_milliseconds", evidence["clock_difference_milliseconds"])
        return facts
    }

    /// A header's values are a set.
    private static func sorted(_ header: String) -> String {
        guard header.contains(",") else { return header }
        return header.split(separator: ",").map { String($0.drop { $0 == " " }) }.sorted().joined(separator: ", ")
    }

    private static func flatten(_ path: String, _ value: JSONValue, into facts: inout [Fact]) {
        switch value {
        case .object(let object) where !object.isEmpty:
            for (name, value) in object.members { flatten("\(path).\(name)", value, into: &facts) }
        case .array(let items) where !items.isEmpty:
            for (place, item) in items.enumerated() { flatten("\(path)[\(place)]", item, into: &facts) }
        default: facts.append((path, value))
        }
    }
}
