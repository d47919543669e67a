/// One request to a service, and how its answer is judged.
public struct CallDefinition: Sendable, Equatable {
    /// The name under `calls`; nil for a call written inside its state.
    public let name: String?
    /// Upper case, for example `POST`.
    public let method: String
    public let service: String
    /// The path with a leading slash; inserted values are percent-encoded.
    public let path: Template
    public let query: [NamedJSONTemplate]
    public let headers: [NamedTemplate]
    public let auth: AuthDefinition?
    public let body: BodyDefinition?
    /// Statuses that mean success; `2xx` when the file says nothing.
    public let ok: [StatusPattern]
    /// Variables to fill from the answer; a path that is missing in a 2xx answer is `bad_answer`.
    public let save: [NamedTemplate]
    /// The time-out of one attempt; nil: the service's time-out.
    public let timeoutMilliseconds: Int64?
    /// Whether sending twice is harmless: as declared, or by the method (RFC 9110, section 9.2).
    public let isRepeatable: Bool
    /// Whether a success made the thing; nil: each does.
    public let made: Expression?
    /// A value that tells the platform that an attempt repeats an earlier one.
    public let idempotency: IdempotencyDefinition?

    public init(
        name: String? = nil, method: String, service: String, path: Template, query: [NamedJSONTemplate] = [],
        headers: [NamedTemplate] = [], auth: AuthDefinition? = nil, body: BodyDefinition? = nil,
        ok: [StatusPattern] = [.family(2)], save: [NamedTemplate] = [], timeoutMilliseconds: Int64? = nil,
        isRepeatable: Bool, made: Expression? = nil, idempotency: IdempotencyDefinition? = nil
    ) {
        self.name = name
        self.method = method
        self.service = service
        self.path = path
        self.query = query
        self.headers = headers
        self.auth = auth
        self.body = body
        self.ok = ok
        self.save = save
        self.timeoutMilliseconds = timeoutMilliseconds
        self.isRepeatable = isRepeatable
        self.made = made
        self.idempotency = idempotency
    }
}

extension CallDefinition {
    /// All that the request's templates read, with what the service adds to it.
    public func references(with service: ServiceDefinition) -> [ExpressionReference] {
        var found = path.references + query.flatMap(\.value.references)
        found += idempotency?.value?.references ?? []
        found += (service.headers + headers).flatMap(\.template.references)
        found += authReferences(with: service)
        switch body {
        case .json(let template): found += template.references
        case .form(let fields): found += fields.flatMap(\.value.references)
        case nil: break
        }
        return found
    }

    func authReferences(with service: ServiceDefinition) -> [ExpressionReference] {
        switch auth ?? service.auth {
        case .bearer(let template), .header(_, let template): template.references
        case .basic(let user, let password): user.references + password.references
        case nil: []
        }
    }

    /// The names of the credentials that the request needs.
    public func credentials(with service: ServiceDefinition) -> [String] {
        Set(references(with: service).filter { $0.root == "secrets" }.compactMap(\.path.first)).sorted()
    }
}

/// An idempotency key: the same value for all attempts of one stay in a state.
public struct IdempotencyDefinition: Sendable, Equatable {
    /// The request header that carries the value.
    public let header: String
    /// nil: `${state.key}`.
    public let value: Template?
    /// How long the platform recognises the value, from the first attempt of the stay; nil: a resend is not safe.
    public let honouredMilliseconds: Int64?
    /// The names of the request's parts that may differ from one attempt to the next, as `RequestPart` writes them.
    public let fresh: [String]

    public init(header: String, value: Template? = nil, honouredMilliseconds: Int64? = nil, fresh: [String] = []) {
        self.header = header
        self.value = value
        self.honouredMilliseconds = honouredMilliseconds
        self.fresh = fresh
    }
}

/// A name with a tree of templates. The request leaves out a value that comes out null.
public struct NamedJSONTemplate: Sendable, Equatable {
    public let name: String
    public let value: JSONTemplate

    public init(name: String, value: JSONTemplate) {
        self.name = name
        self.value = value
    }
}

/// Who the request comes from: the normal place for secrets.
public enum AuthDefinition: Sendable, Equatable {
    case bearer(Template)
    case basic(user: Template, password: Template)
    case header(name: String, value: Template)
}

public enum BodyDefinition: Sendable, Equatable {
    case json(JSONTemplate)
    case form([NamedJSONTemplate])
}

/// `403` or `4xx`.
public enum StatusPattern: Sendable, Equatable, CustomStringConvertible {
    case exact(Int)
    /// The first digit.
    case family(Int)

    public func matches(_ status: Int) -> Bool {
        switch self {
        case .exact(let code): code == status
        case .family(let digit): status / 100 == digit
        }
    }

    public var description: String {
        switch self {
        case .exact(let code): "\(code)"
        case .family(let digit): "\(digit)xx"
        }
    }
}

/// What became of a request: unknown is not failed.
public enum Outcome: String, Sendable, CaseIterable {
    case done
    case notDone = "not_done"
    case unknown
}
