/// A probe that a person has asked for, until it is answered or dropped. Nothing else of a run changes with it.
public struct PendingProbe: Sendable, Equatable {
    /// The key of another run, which the probe sends.
    public struct OlderKey: Sendable, Equatable {
        public let run: Identifier
        public let reference: SealedReference

        public init(run: Identifier, reference: SealedReference) {
            self.run = run
            self.reference = reference
        }
    }

    public let name: String
    public let older: OlderKey?
    public let askedAt: Instant

    public init(name: String, older: OlderKey? = nil, askedAt: Instant) {
        self.name = name
        self.older = older
        self.askedAt = askedAt
    }
}

extension PendingProbe {
    /// Nil: what was asked for cannot be read.
    init?(_ body: JSONObject, askedAt: Instant) {
        guard let name = body["probe"]?.stringValue else { return nil }
        var older: OlderKey?
        if let whose = body["of_run"] {
            guard let run = whose.stringValue.flatMap(Identifier.init),
                let key = body["key"].flatMap(SealedReference.init)
            else { return nil }
            older = OlderKey(run: run, reference: key)
        }
        self.init(name: name, older: older, askedAt: askedAt)
    }
}

extension PendingProbe: SnapshotValue {
    static var bearsTimes: Bool { true }

    func json(_ times: inout SnapshotTimes) -> JSONValue {
        var json: JSONObject = ["probe": .string(name), "asked_at": times.add(askedAt)]
        if let older {
            json["of_run"] = .string(older.run.description)
            json["key"] = older.reference.json
        }
        return .object(json)
    }

    init?(_ json: JSONValue, _ times: SnapshotTimes) {
        guard let body = json.objectValue, let askedAt = json["asked_at"].flatMap(times.time) else { return nil }
        self.init(body, askedAt: askedAt)
    }

    func committed(at time: Instant) -> PendingProbe {
        PendingProbe(name: name, older: older, askedAt: askedAt.committed(at: time))
    }
}
