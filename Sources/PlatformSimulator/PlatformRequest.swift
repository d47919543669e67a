import Foundation

/// One request as the platform sees it.
struct PlatformRequest: Sendable {
    var method: String
    var path: String
    /// The query's parameters; of a name that stands twice, the first.
    var query: [String: String]
    var requestId: String?
    /// What follows `Bearer `, or nil.
    var bearer: String?
    /// The header named by `Behaviour.idempotencyHeader`, if the client sent it.
    var idempotencyKey: String?
    var body: [UInt8]
    /// The body as an object; nil when it is none.
    var fields: JSONField?

    init(
        method: String, path: String, query: [String: String] = [:], requestId: String? = nil, bearer: String? = nil,
        idempotencyKey: String? = nil, body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.requestId = requestId
        self.bearer = bearer
        self.idempotencyKey = idempotencyKey
        self.body = body
        if !body.isEmpty, let value = try? JSONDecoder().decode(JSONField.self, from: Data(body)), case .object = value
        {
            fields = value
        }
    }
}

/// An answer before it becomes bytes.
struct Reply: Sendable, Hashable {
    var status: Int
    var headers: [String: String] = [:]
    var contentType = "application/json"
    var body: [UInt8]

    init(status: Int, text: String, contentType: String = "application/json", headers: [String: String] = [:]) {
        self.status = status
        self.headers = headers
        self.contentType = contentType
        body = Array(text.utf8)
    }

    init(status: Int = 200, _ fields: [String: JSONField], headers: [String: String] = [:]) {
        self.status = status
        self.headers = headers
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Text, whole numbers and lists of them: nothing here that JSON could not express.
        body = (try? encoder.encode(fields)).map(Array.init) ?? Array("{}".utf8)
    }

    init(list: [JSONField]) {
        status = 200
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        body = (try? encoder.encode(list)).map(Array.init) ?? Array("[]".utf8)
    }

    static func refusal(_ status: Int, _ error: String) -> Reply {
        Reply(status: status, ["error": .text(error)])
    }

    /// This answer with its JSON fields changed; an answer that is no object stays as it is.
    func editing(_ change: (inout [String: JSONField]) -> Void) -> Reply {
        guard case .object(var fields)? = try? JSONDecoder().decode(JSONField.self, from: Data(body)) else {
            return self
        }
        change(&fields)
        return Reply(status: status, fields, headers: headers)
    }
}
