/// What an expression or a template came to.
public enum ExpressionValue: Sendable, Equatable {
    case plain(JSONValue)
    case secret(SecretValue)

    /// The word used in messages.
    public var typeName: String {
        switch self {
        case .plain(let value): value.typeName
        case .secret: "a secret"
        }
    }
}

/// A secret within expressions: where it is sealed, and its plain value where that is at hand.
///
/// The engine decides with sealed secrets; only the rendering of a request opens them.
public struct SecretValue: Sendable, Equatable {
    /// nil for a secret that an expression put together.
    public let reference: SealedReference?
    /// nil while it stays sealed.
    public let revealed: Secret?

    /// A stored secret that stays sealed.
    public init(_ reference: SealedReference) {
        self.reference = reference
        revealed = nil
    }

    public init(reference: SealedReference?, revealed: Secret) {
        self.reference = reference
        self.revealed = revealed
    }

    public static func == (left: SecretValue, right: SecretValue) -> Bool {
        guard left.reference == right.reference else { return false }
        switch (left.revealed, right.revealed) {
        case (nil, nil): return true
        case (let a?, let b?): return a.hasSameBytes(as: b)
        default: return false
        }
    }
}

extension Secret {
    /// Compares every byte, so that the time taken does not tell where the two differ.
    func hasSameBytes(as other: Secret) -> Bool {
        let left = reveal()
        let right = other.reveal()
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// What the names of an expression stand for.
public struct ExpressionScope: Sendable {
    private var roots: [(name: String, value: ScopeValue)] = []

    public init() {}

    /// The value of a root such as `input` or `response`; nil when the scope has none.
    public subscript(root: String) -> ScopeValue? {
        get { roots.first { $0.name.hasSameScalars(as: root) }?.value }
        set {
            roots.removeAll { $0.name.hasSameScalars(as: root) }
            if let newValue { roots.append((root, newValue)) }
        }
    }
}

/// A value in a scope. A variable without a value is left out of its record, so that it is missing.
public indirect enum ScopeValue: Sendable {
    case json(JSONValue)
    /// Named members, each of which may be secret, such as `data`.
    case record([(String, ScopeValue)])
    case secret(SecretValue)
}

extension ScopeValue {
    /// The whole as JSON; nil when a secret is in it.
    var plain: JSONValue? {
        switch self {
        case .json(let value): return value
        case .secret: return nil
        case .record(let members):
            var object = JSONObject()
            for (name, value) in members {
                guard let plain = value.plain else { return nil }
                object[name] = plain
            }
            return .object(object)
        }
    }
}
