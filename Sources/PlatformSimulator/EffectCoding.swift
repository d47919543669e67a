extension Effect.Action {
    /// The name used in JSON and in the ledger.
    var name: String {
        switch self {
        case .status: "status"
        case .delay: "delay"
        case .freeze: "freeze"
        case .lateEffect: "late-effect"
        case .hang: "hang"
        case .hold: "hold"
        case .close: "close"
        case .reset: "reset"
        case .resetMidBody: "reset-mid-body"
        case .truncatedBody: "truncated-body"
        case .shortContentLength: "short-content-length"
        case .malformedJSON: "malformed-json"
        case .html: "html"
        case .missingField: "missing-field"
        case .redirect: "redirect"
        case .hugeBody: "huge-body"
        case .trickle: "trickle"
        }
    }
}

extension Effect: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case kind
        case moment
        case code
        case headers
        case body
        case milliseconds
        case name
        case location
        case bytes
        case chunkBytes
        case intervalMilliseconds
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: Key.self)
        let container = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String { try container.decode(String.self, forKey: key) }
        let effect: Effect
        switch try text(.kind) {
        case "status":
            let code = try container.decode(Int.self, forKey: .code)
            guard (200...599).contains(code) else { throw container.complaint(.code, "'code' must be 200 to 599") }
            effect = try .status(
                code, headers: container.decodeIfPresent([String: String].self, forKey: .headers) ?? [:],
                body: container.decodeIfPresent(String.self, forKey: .body) ?? #"{"error":"Service unavailable"}"#)
        case "delay": effect = try .delay(milliseconds: container.decodeNonNegative(.milliseconds))
        case "freeze": effect = try .freeze(milliseconds: container.decodeNonNegative(.milliseconds))
        case "late-effect": effect = try .lateEffect(milliseconds: container.decodeNonNegative(.milliseconds))
        case "hang": effect = .hang()
        case "hold": effect = .hold()
        case "close": effect = .close()
        case "reset": effect = .reset()
        case "reset-mid-body": effect = .resetMidBody
        case "truncated-body": effect = .truncatedBody
        case "short-content-length": effect = .shortContentLength
        case "malformed-json": effect = .malformedJSON
        case "html": effect = .html()
        case "missing-field": effect = try .missingField(text(.name))
        case "redirect": effect = try .redirect(text(.location))
        case "huge-body": effect = try .hugeBody(bytes: container.decodeNonNegative(.bytes))
        case "trickle":
            effect = try .trickle(
                chunkBytes: container.decodeIfPresent(Int.self, forKey: .chunkBytes) ?? 1,
                intervalMilliseconds: container.decodeNonNegative(.intervalMilliseconds))
        case let kind: throw container.complaint(.kind, "'\(kind)' is no effect")
        }
        let moment = try container.decodeIfPresent(Moment.self, forKey: .moment) ?? effect.moment
        guard effect.allows(moment) else {
            throw container.complaint(
                .moment, "'\(effect.action.name)' cannot happen at the moment '\(moment.rawValue)'")
        }
        self = effect.moved(to: moment)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(action.name, forKey: .kind)
        try container.encode(moment, forKey: .moment)
        switch action {
        case .status(let code, let headers, let body):
            try container.encode(code, forKey: .code)
            try container.encode(headers, forKey: .headers)
            try container.encode(body, forKey: .body)
        case .delay(let milliseconds), .freeze(let milliseconds), .lateEffect(let milliseconds):
            try container.encode(milliseconds, forKey: .milliseconds)
        case .missingField(let name): try container.encode(name, forKey: .name)
        case .redirect(let location): try container.encode(location, forKey: .location)
        case .hugeBody(let bytes): try container.encode(bytes, forKey: .bytes)
        case .trickle(let chunk, let interval):
            try container.encode(chunk, forKey: .chunkBytes)
            try container.encode(interval, forKey: .intervalMilliseconds)
        default: break
        }
    }
}
