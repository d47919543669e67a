import Vault
import WorkflowCore

/// What is kept of an answer's body, by one rule for every status and every kind of call: what is said in words stays
/// readable, and what may be a credential is replaced by its type, its length and its fingerprint.
struct BodyEvidence {
    let vault: Vault
    let text: EvidenceText

    static let treeBytes = 4096
    static let textScalars = 1024

    /// `saved` are the plain values that the run keeps anyway. Nil for an empty body.
    func shown(_ answer: Answer, saved: JSONObject) -> (value: JSONValue, isCut: Bool)? {
        switch answer.body {
        case .empty: return nil
        case .json(let body):
            var tree = Tree(
                kept: Set(saved.members.compactMap(\.value.stringValue)), bytesLeft: Self.treeBytes, evidence: self)
            let value = tree.shown(body, under: nil) ?? .null
            return (value, tree.isCut)
        case .text, .malformed:
            // Masked before it is cut, so that no part of a value is left at the end.
            let beginning = String(decoding: answer.bytes.prefix(4 * Self.treeBytes), as: UTF8.self)
            let (shown, isCut) = text.shown(shown(prose: beginning), limit: Self.textScalars)
            return (.string(shown), isCut || answer.bytes.count > 4 * Self.treeBytes)
        }
    }

    /// Text in which runs that look like credentials, and values beside names of such, are replaced.
    func shown(prose: String) -> String { MaskingRule.masked(prose) { described(words: $0) } }

    func described(_ value: JSONValue) -> JSONValue {
        let string = value.stringValue ?? value.serialized()
        var words: JSONObject = [
            "type": .string(value.stringValue == nil ? "number" : "string"), "length": .integer(string.utf8.count),
        ]
        words["fingerprint"] = fingerprint(string).map { .string($0) }
        return .object(words)
    }

    private func described(words string: String) -> String {
        "<\(string.utf8.count) characters\(fingerprint(string).map { ", \($0)" } ?? "")>"
    }

    /// Of few possible values a fingerprint would let anybody who has the key try them all.
    private func fingerprint(_ string: String) -> String? {
        MaskingRule.possibleBits(string) >= 64 ? vault.fingerprint(of: Secret(string)).shown : nil
    }
}

/// One body, member by member, as long as there is room.
private struct Tree {
    let kept: Set<String>
    var bytesLeft: Int
    let evidence: BodyEvidence
    private(set) var isCut = false

    init(kept: Set<String>, bytesLeft: Int, evidence: BodyEvidence) {
        self.kept = kept
        self.bytesLeft = bytesLeft
        self.evidence = evidence
    }

    /// Nil: there is no room left.
    mutating func shown(_ value: JSONValue, under name: String?) -> JSONValue? {
        // Every value takes at least one byte.
        guard spend(1) else { return nil }
        switch value {
        case .null, .bool: return value
        case .number(let number):
            if let name, MaskingRule.namesSecret(name, value: number.text) { return spent(evidence.described(value)) }
            let isKnown = evidence.text.masker.mask(number.text) != number.text
            return spent(isKnown ? .string(Masker.replacement) : value)
        case .string(let string): return spent(shown(string, under: name))
        case .array(let items):
            var result: [JSONValue] = []
            for item in items {
                guard let item = shown(item, under: name) else { break }
                result.append(item)
            }
            return .array(result)
        case .object(let object):
            var result = JSONObject()
            for member in object.members {
                let label = evidence.text.shown(member.name)
                guard spend(label.utf8.count + 3), let item = shown(member.value, under: member.name) else { break }
                result[label] = item
            }
            return .object(result)
        }
    }

    private func shown(_ string: String, under name: String?) -> JSONValue {
        let text = evidence.text
        if kept.contains(string) { return .string(text.shown(string)) }
        if let name, MaskingRule.namesSecret(name, value: string) { return evidence.described(.string(string)) }
        // A value that is nothing but a secret says so; inside a longer text its place is marked.
        if text.masker.mask(string) == Masker.replacement { return evidence.described(.string(string)) }
        if let name, MaskingRule.namesThing(name), !MaskingRule.isToken(string) { return .string(text.shown(string)) }
        let shown = evidence.shown(prose: string)
        if !string.isEmpty, MaskingRule.isOneRun(string), shown != string { return evidence.described(.string(string)) }
        return .string(text.shown(shown, limit: BodyEvidence.textScalars).text)
    }

    private mutating func spend(_ bytes: Int) -> Bool {
        guard bytes <= bytesLeft else {
            isCut = true
            return false
        }
        bytesLeft -= bytes
        return true
    }

    private mutating func spent(_ value: JSONValue) -> JSONValue? { spend(value.serialized().utf8.count) ? value : nil }
}
