import Vault
import WorkflowCore

/// What is kept of an answer's body.
struct BodyEvidence {
    let vault: Vault
    let text: EvidenceText

    static let excerptScalars = 1024
    static let treeBytes = 4096

    /// A refusal says why in words: readable, masked, cut.
    func excerpt(of bytes: [UInt8]) -> (JSONValue, isCut: Bool) {
        let (shown, isCut) = text.shown(String(decoding: bytes, as: UTF8.self), limit: Self.excerptScalars)
        return (.string(shown), isCut)
    }

    /// A success can hold credentials that nobody declared: saved plain values stay, and of every other text
    /// only type, length and fingerprint. nil when even that is too large.
    func outline(of answer: Answer, saved: JSONObject) -> JSONValue? {
        let kept = saved.members.compactMap(\.value.stringValue)
        let value: JSONValue
        switch answer.body {
        case .json(let body):
            var bytesLeft = Self.treeBytes
            guard let outlined = outline(of: body, keeping: kept, &bytesLeft) else { return nil }
            value = outlined
        case .text, .malformed: value = described(String(decoding: answer.bytes, as: UTF8.self))
        case .empty: return nil
        }
        guard value.serialized().utf8.count <= Self.treeBytes else { return nil }
        return value
    }

    /// nil as soon as it is sure to be too large: a large body would keep a thread busy for longer than a lease.
    private func outline(of value: JSONValue, keeping kept: [String], _ bytesLeft: inout Int) -> JSONValue? {
        // Every value takes at least one byte.
        bytesLeft -= 1
        guard bytesLeft >= 0 else { return nil }
        switch value {
        case .null, .bool: return value
        case .number(let number):
            guard number.text.utf8.count <= bytesLeft else { return nil }
            return text.masker.mask(number.text) == number.text ? value : .string(Masker.replacement)
        case .string(let string):
            if kept.contains(where: { $0.hasSameScalars(as: string) }) { return .string(text.shown(string)) }
            return described(string)
        case .array(let items):
            var result: [JSONValue] = []
            for item in items {
                guard let outlined = outline(of: item, keeping: kept, &bytesLeft) else { return nil }
                result.append(outlined)
            }
            return .array(result)
        case .object(let object):
            var result = JSONObject()
            for member in object.members {
                guard let outlined = outline(of: member.value, keeping: kept, &bytesLeft) else { return nil }
                result[text.shown(member.name)] = outlined
            }
            return .object(result)
        }
    }

    private func described(_ string: String) -> JSONValue {
        [
            "type": "string", "length": .integer(string.utf8.count),
            "fingerprint": .string(vault.fingerprint(of: Secret(string)).shown),
        ]
    }
}
