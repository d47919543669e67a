// A mistyped knob must not silently weaken a test, so whatever the control port reads is read strictly.

private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Refuses an object with a name that `known` does not have.
    func refuseKeys<Key: CodingKey & CaseIterable>(beyond known: Key.Type) throws {
        let container = try container(keyedBy: AnyKey.self)
        let names = Set(known.allCases.map(\.stringValue))
        for key in container.allKeys where !names.contains(key.stringValue) {
            let list = names.sorted().joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: key, in: container, debugDescription: "unknown name '\(key.stringValue)'; known are: \(list)")
        }
    }
}

extension KeyedDecodingContainer {
    func complaint(_ key: Key, _ text: String) -> DecodingError {
        DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: text)
    }

    func decodeNonNegative(_ key: Key) throws -> Int {
        let number = try decode(Int.self, forKey: key)
        guard number >= 0 else { throw complaint(key, "'\(key.stringValue)' is negative") }
        return number
    }
}

extension DecodingError {
    /// One sentence for a person, without the decoder's own wording around it.
    var sentence: String {
        switch self {
        case .dataCorrupted(let context):
            context.debugDescription
        case .keyNotFound(let key, let context):
            "'\(key.stringValue)' is missing\(Self.place(context))"
        case .typeMismatch(let type, let context):
            "expected \(type)\(Self.place(context))"
        case .valueNotFound(let type, let context):
            "expected \(type), found null\(Self.place(context))"
        @unknown default:
            "the JSON does not have the expected shape"
        }
    }

    private static func place(_ context: Context) -> String {
        guard !context.codingPath.isEmpty else { return "" }
        return " at " + context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
}
