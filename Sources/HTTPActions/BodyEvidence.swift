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
        case .json(let body): value = outline(of: body, keeping: kept)
        case .text, .malformed: value = described(String(decoding: answer.bytes, as: UTF8.self))
        case .empty: return nil
        }
        guard value.serialized().utf8.count <= Self.treeBytes else { return nil }
        return value
    }

    private func outline(of value: JSONValue, keeping kept: [String]) -> JSONValue {
        switch value {
        case .null, .bool: return value
        case .number(let number):
            return text.masker.mask(number.text) == number.text ? value : .string(Masker.replacement)
        case .string(let string):
            if kept.contains(where: { $0.hasSameScalars(as: string) }) { return .string(text.shown(string)) }
            return described(string)
        case .array(let items): return .array(items.map { outline(of: $0, keeping: kept) })
        case .object(let object):
            var result = JSONObject()
            for member in object.members { result[text.shown(member.name)] = outline(of: member.value, keeping: kept) }
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
