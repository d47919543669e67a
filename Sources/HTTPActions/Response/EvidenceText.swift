import Vault

/// Text of a peer made fit to be stored and shown: known secrets are masked, and every character that a
/// terminal or a page would act on is written out.
struct EvidenceText: Sendable {
    let masker: Masker

    /// Masked and escaped; at most `limit` scalars, and then an ellipsis. The cut comes last, so that no
    /// part of a secret is left at the end.
    func shown(_ text: String, limit: Int) -> (text: String, isCut: Bool) {
        let masked = masker.mask(text)
        // Nearly every text is plain ASCII.
        if masked.utf8.count <= limit, masked.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return (masked, false) }
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in masked.unicodeScalars {
            let written = Self.isUnsafe(scalar) ? Self.escape(scalar) : String(scalar)
            count += written.unicodeScalars.count
            guard count <= limit else { return (String(result) + "…", true) }
            result.append(contentsOf: written.unicodeScalars)
        }
        return (String(result), false)
    }

    func shown(_ text: String) -> String { shown(text, limit: 300).text }

    /// Controls, and the marks that reorder, hide or break lines of text.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
