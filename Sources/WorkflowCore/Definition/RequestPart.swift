/// The names of a request's parts. Under an idempotency key each part is compared by itself, and `fresh` names those that
/// may differ.
public enum RequestPart {
    public static let method = "method"
    public static let path = "path"
    /// A body that is no mapping.
    public static let body = "body"

    /// Of a header, whose case makes no difference.
    public static func header(_ name: String) -> String { "headers.\(name.lowercased())" }
    public static func query(_ name: String) -> String { "query.\(name)" }
    public static func form(_ name: String) -> String { "form.\(name)" }
    /// Of a member at the top of the body.
    public static func body(_ name: String) -> String { "body.\(name)" }

    /// A name as a file has it, in the form in which names are compared.
    static func canonical(_ name: String) -> String {
        let prefix = "headers."
        return name.hasPrefix(prefix) ? header(String(name.dropFirst(prefix.count))) : name
    }
}

extension CallDefinition {
    /// The parts that can be named in `fresh`, each with what its templates read. `auth` is always sent as it is now, and
    /// nobody compares it.
    func parts(with service: ServiceDefinition) -> [(name: String, references: [ExpressionReference])] {
        var parts = query.map { (RequestPart.query($0.name), $0.value.references) }
        parts += (service.headers + headers).map { (RequestPart.header($0.name), $0.template.references) }
        switch body {
        case .json(.object(let members)): parts += members.map { (RequestPart.body($0.name), $0.value.references) }
        case .json(.literal(.object(let object))): parts += object.members.map { (RequestPart.body($0.name), []) }
        case .json(let template): parts.append((RequestPart.body, template.references))
        case .form(let fields): parts += fields.map { (RequestPart.form($0.name), $0.value.references) }
        case nil: break
        }
        return parts
    }

    /// Whether a part may differ from one attempt to the next.
    public func isFresh(_ part: String) -> Bool { idempotency?.fresh.contains(part) ?? false }

    /// What all parts read that must not differ under one idempotency key.
    public func frozenReferences(with service: ServiceDefinition) -> [ExpressionReference] {
        let parts = parts(with: service).filter { !isFresh($0.name) }.flatMap(\.references)
        return path.references + parts + (idempotency?.value?.references ?? [])
    }

    /// What is read by the parts that may differ, and by `auth`.
    public func freshReferences(with service: ServiceDefinition) -> [ExpressionReference] {
        let parts = parts(with: service).filter { isFresh($0.name) }.flatMap(\.references)
        return parts + authReferences(with: service)
    }
}
