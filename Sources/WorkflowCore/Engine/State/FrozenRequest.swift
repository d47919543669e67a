/// What the first intent under an idempotency key says of its request: a resend under the same key sends the same bytes,
/// because a platform takes them for the first request, or refuses them.
public struct FrozenRequest: Sendable, Equatable {
    /// The version of a secret that the request was put together with. Secrets that only `auth` or a fresh part reads are
    /// left out.
    public struct Version: Sendable, Hashable {
        public let owner: SecretScope
        public let name: String
        public let version: Int

        public init(owner: SecretScope, name: String, version: Int) {
            self.owner = owner
            self.name = name
            self.version = version
        }
    }

    /// The attempt that the intent opened.
    public let attemptId: Identifier
    /// A keyed digest of each part that must not differ, by the part's name.
    public let digests: JSONObject
    public let secrets: [Version]

    public init(attemptId: Identifier, digests: JSONObject, secrets: [Version] = []) {
        self.attemptId = attemptId
        self.digests = digests
        self.secrets = secrets
    }

    /// The names of the parts in which another request differs.
    public func changes(in other: FrozenRequest) -> [String] {
        digests.members.filter { other.digests[$0.name] != $0.value }.map(\.name)
            + other.digests.members.map(\.name).filter { digests[$0] == nil }
    }

    /// The version that a secret of a run had, if the request read it.
    public func version(of owner: SecretScope, _ name: String) -> Int? {
        secrets.first { $0.owner == owner && $0.name.hasSameScalars(as: name) }?.version
    }
}

extension FrozenRequest {
    /// As the intent's event has it.
    var json: JSONValue {
        [
            "digests": .object(digests),
            "secrets": .array(
                secrets.map {
                    ["owner": .string($0.owner.rawValue), "name": .string($0.name), "version": .integer($0.version)]
                }),
        ]
    }

    init?(_ json: JSONValue, attemptId: Identifier) {
        guard let digests = json["digests"]?.objectValue, let secrets = json["secrets"]?.arrayValue else { return nil }
        let versions = secrets.compactMap { entry -> Version? in
            guard let owner = entry["owner"]?.stringValue.flatMap(SecretScope.init),
                let name = entry["name"]?.stringValue, let version = entry["version"]?.integerValue
            else { return nil }
            return Version(owner: owner, name: name, version: Int(clamping: version))
        }
        guard versions.count == secrets.count else { return nil }
        self.init(attemptId: attemptId, digests: digests, secrets: versions)
    }
}

extension FrozenRequest: SnapshotValue {
    func json(_ times: inout SnapshotTimes) -> JSONValue {
        ["attempt": .string(attemptId.description), "request": json]
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let id = json["attempt"]?.stringValue.flatMap(Identifier.init), let request = json["request"] else {
            return nil
        }
        self.init(request, attemptId: id)
    }
}
