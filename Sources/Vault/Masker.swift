import Glibc
public import WorkflowCore

/// Replaces known secret values in text by `<masked>`: the last defence, behind the `Secret` type.
///
/// It knows a value as it is, and as JSON, percent-encoding, HTML, hexadecimal, base64 and base64url (also
/// inside a longer value) write it; case is ignored. A value of fewer than 6 bytes is replaced only where it
/// stands alone, because it would otherwise be found inside ordinary words and numbers. A very long value is
/// known by its first 4096 bytes.
public struct Masker: Sendable {
    public static let replacement = "<masked>"

    private struct Pattern {
        /// What is compared: of a very long value only its beginning. A peer chooses both value and text, and comparing
        /// 500,000 equal bytes at each of as many places would take minutes.
        let bytes: [UInt8]
        /// The length of the whole value: this much text is replaced.
        let length: Int
        let standsAlone: Bool
    }

    private static let comparedBytes = 4096

    private var patterns: [Pattern] = []
    /// Indexes into `patterns` by the first byte, longest pattern first.
    private var starts: [[Int]] = []

    public init(_ secrets: [Secret]) {
        var known: Set<[UInt8]> = []
        for secret in secrets where !secret.isEmpty {
            let plain = secret.reveal()
            let standsAlone = plain.count < 6
            for form in Self.forms(of: plain, standsAlone: standsAlone) {
                let bytes = form.map(Self.folded)
                // A fragment this short would say little, and hide much that is no secret.
                guard standsAlone || bytes.count >= 5, known.insert(bytes).inserted else { continue }
                patterns.append(
                    Pattern(
                        bytes: Array(bytes.prefix(Self.comparedBytes)), length: bytes.count, standsAlone: standsAlone))
            }
        }
        guard !patterns.isEmpty else { return }
        patterns.sort { $0.length > $1.length }
        starts = [[Int]](repeating: [], count: 256)
        for (index, pattern) in patterns.enumerated() {
            if let first = pattern.bytes.first { starts[Int(first)].append(index) }
        }
    }

    /// The text with every occurrence replaced; overlapping occurrences become one.
    public func mask(_ text: String) -> String {
        guard !patterns.isEmpty else { return text }
        let bytes = Array(text.utf8)
        let folded = bytes.map(Self.folded)
        var result: [UInt8] = []
        var copied = 0
        var maskedUntil = 0
        for position in folded.indices {
            guard let length = matchLength(in: folded, at: position) else { continue }
            if position >= maskedUntil {
                result += bytes[copied..<position]
                result += Array(Self.replacement.utf8)
            }
            maskedUntil = max(maskedUntil, position + length)
            copied = maskedUntil
        }
        guard copied > 0 else { return text }
        result += bytes[copied...]
        return String(decoding: result, as: UTF8.self)
    }

    private func matchLength(in text: [UInt8], at position: Int) -> Int? {
        for index in starts[Int(text[position])] {
            let pattern = patterns[index]
            let end = position + pattern.bytes.count
            guard end <= text.count, Self.isEqual(text, from: position, pattern.bytes) else { continue }
            if pattern.standsAlone {
                let isInsideWord =
                    position > 0 && text[position - 1].isASCIIAlphanumeric
                    || end < text.count && text[end].isASCIIAlphanumeric
                if isInsideWord { continue }
            }
            return min(pattern.length, text.count - position)
        }
        return nil
    }

    private static func isEqual(_ text: [UInt8], from position: Int, _ bytes: [UInt8]) -> Bool {
        text.withUnsafeBytes { text in
            bytes.withUnsafeBytes { bytes in
                guard let start = text.baseAddress, let other = bytes.baseAddress else { return false }
                return memcmp(start + position, other, bytes.count) == 0
            }
        }
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    private static func forms(of plain: [UInt8], standsAlone: Bool) -> [[UInt8]] {
        var forms: [[UInt8]] = []
        if let text = String(validating: plain, as: UTF8.self) {
            forms.append(plain)
            for escapesSlash in [false, true] {
                for escapesMarkup in [false, true] {
                    for escapesNonASCII in [false, true] {
                        forms.append(
                            TextEscapes.json(
                                text, slash: escapesSlash, markup: escapesMarkup, nonASCII: escapesNonASCII))
                    }
                }
            }
            forms.append(TextEscapes.html(text))
        }
        forms.append(Encodings.percent(plain, keeping: "-._~"))
        forms.append(Encodings.percent(plain, keeping: "-._~!'()*"))
        forms.append(Encodings.percent(plain, keeping: "-._~!$&'()*+,;=:@/?"))
        forms.append(Encodings.percent(plain, keeping: "-._*", spaceAsPlus: true))
        forms.append(Array(Encodings.hex(plain).utf8))
        for offset in 0...(standsAlone ? 0 : 2) {
            let core = Encodings.base64Core(plain, offset: offset)
            forms.append(core)
            forms.append(
                core.map { byte in
                    switch byte {
                    case UInt8(ascii: "+"): UInt8(ascii: "-")
                    case UInt8(ascii: "/"): UInt8(ascii: "_")
                    default: byte
                    }
                })
        }
        return forms.filter { !$0.isEmpty }
    }
}
