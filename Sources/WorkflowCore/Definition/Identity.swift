/// How the platform names the thing that a state's call makes, so that no two runs take one thing for theirs.
public enum IdentityDefinition: Sendable, Equatable {
    case value(Expression)
    /// The call makes nothing that has a name.
    case none
}

/// A thing on a platform, by the service that knows it and the name that it has there.
public struct Thing: Sendable, Hashable {
    public let service: String
    public let identity: String

    init(service: String, identity: String) {
        self.service = service
        self.identity = identity
    }

    init?(_ value: JSONValue?) {
        guard let service = value?["service"]?.stringValue, let identity = value?["identity"]?.stringValue else {
            return nil
        }
        self.init(service: service, identity: identity)
    }

    var json: JSONValue { ["service": .string(service), "identity": .string(identity)] }
}

extension NewEvent {
    /// The thing that the run takes for its own with this event.
    public var thing: Thing? { Thing(body["thing"]) }
    /// The service that has shown an empty list: it proves nothing when another run of the organisation has something
    /// there.
    public var emptyListOf: String? { body["empty_list_of"]?.stringValue }
}

extension Definition {
    /// What a call's success names that came when its worker had lost the run, as its event says it; nil without a name,
    /// or where nothing was made.
    public func lateThing(_ result: AttemptResult, of attempt: OpenAttempt, in state: RunState) -> JSONValue? {
        guard result.outcome == .done, result.isMade, attempt.purpose == .call,
            let here = self.state(attempt.state), here.namesItsThing, here.identity != IdentityDefinition.none
        else { return nil }
        return here.thing(in: state, with: result.saved)?.json
    }
}

/// What an answer says of the thing that its call made, so that two answers can be compared.
public struct NamedThing: Sendable {
    let thing: Thing?
    let saved: JSONObject
    let fingerprints: [String]

    init(thing: Thing?, saved: JSONObject, fingerprints: [String]) {
        self.thing = thing
        self.saved = saved
        self.fingerprints = fingerprints
    }

    /// Of an event's body.
    public init(_ body: JSONObject) {
        self.init(
            thing: Thing(body["thing"]), saved: body["saved"]?.objectValue ?? JSONObject(),
            fingerprints: (body["sealed"]?.arrayValue ?? []).compactMap { $0["fingerprint"]?.stringValue }.sorted())
    }

    /// The names decide; without two names the values, and without values the secrets. What says nothing is never the same.
    public func isSame(as other: NamedThing) -> Bool {
        if let thing, let theirs = other.thing { return thing == theirs }
        if !saved.isEmpty || !other.saved.isEmpty {
            return saved.members.count == other.saved.members.count
                && saved.members.allSatisfy { other.saved[$0.name] == $0.value }
        }
        return !fingerprints.isEmpty && fingerprints == other.fingerprints
    }
}

extension StateDefinition {
    /// The thing as the data of `state` name it once these values are written into them.
    func thing(in state: RunState, with saved: JSONObject) -> Thing? {
        var named = state
        named.write(saved)
        return thing(in: named)
    }

    /// Whether anything names what the call makes.
    public var namesItsThing: Bool { identity != nil || !namedByUndo.isEmpty }

    /// What the undo puts into its path and the state's own call saves; else all plain data in that path.
    private var namedByUndo: [ExpressionReference] {
        let inPath = undo?.call.path.references.filter { $0.root == "data" && !$0.isPresenceTest } ?? []
        let saved = Set(call?.save.map(\.name) ?? [])
        let own = inPath.filter { $0.path.first.map(saved.contains) == true }
        return own.isEmpty ? inPath : own
    }

    /// The thing that the call has made, as the data of `state` name it; nil without a name.
    func thing(in state: RunState) -> Thing? {
        guard let service = call?.service else { return nil }
        let texts: [String?]
        switch identity {
        case .value(let expression):
            guard case .plain(let value)? = try? expression.evaluate(RunScope(state).expressionScope) else {
                return nil
            }
            texts = [value.identityText]
        case .some(.none): return nil
        case nil:
            texts = namedByUndo.map { reference in
                reference.path.dropFirst().reduce(reference.path.first.flatMap { state.data[$0] }) { $0?[$1] }?
                    .identityText
            }
        }
        let parts = texts.compactMap { $0 }
        guard !parts.isEmpty, parts.count == texts.count else { return nil }
        return Thing(service: service, identity: parts.joined(separator: "/"))
    }
}

extension RunState {
    /// What the taking back under way is for; nil without a name.
    func takenBack(_ definition: Definition) -> Thing? {
        let entry = ending == nil ? undoEntryOfStay.map { undoList[$0] } : undoList.last
        guard let entry, entry.isCertain || isReplacing, let made = definition.state(entry.state),
            made.namesItsThing, made.identity != IdentityDefinition.none
        else { return nil }
        return made.thing(in: self, with: entry.saved)
    }
}

extension JSONValue {
    /// Text and numbers name things; nothing else does.
    fileprivate var identityText: String? {
        switch self {
        case .string(let text): text.isEmpty ? nil : text
        case .number: serialized()
        default: nil
        }
    }
}
