/// String literals with the escapes of CEL.
extension ExpressionLexer {
    /// nil when no string starts here.
    mutating func scanString() throws(ExpressionSyntaxError) -> String? {
        let opening = index
        var quoteIndex = index
        var isRaw = false
        if let prefix = scalar(at: index), "rRbB".unicodeScalars.contains(prefix) {
            var next = index + 1
            if let second = scalar(at: next), "rRbB".unicodeScalars.contains(second) { next += 1 }
            guard scalar(at: next) == "'" || scalar(at: next) == "\"" else { return nil }
            if scalars[index..<next].contains(where: { $0 == "b" || $0 == "B" }) {
                throw error(
                    "bytes are not part of the language; write text without the b", at: opening, code: .unsupported)
            }
            guard next == index + 1 else { throw error("write r once", at: opening) }
            isRaw = true
            quoteIndex = next
        }
        guard let quote = scalar(at: quoteIndex), quote == "'" || quote == "\"" else { return nil }
        let isTriple = scalar(at: quoteIndex + 1) == quote && scalar(at: quoteIndex + 2) == quote
        index = quoteIndex + (isTriple ? 3 : 1)
        var text = String.UnicodeScalarView()
        while let next = scalar(at: index) {
            if next == quote, !isTriple || (scalar(at: index + 1) == quote && scalar(at: index + 2) == quote) {
                index += isTriple ? 3 : 1
                return String(text)
            }
            if !isTriple, next == "\n" || next == "\r" { break }
            if next == "\\", !isRaw {
                text.append(try scanEscape())
            } else {
                text.append(next)
                index += 1
            }
        }
        throw error("the text is not closed: its \(quote) is missing", at: opening)
    }

    private mutating func scanEscape() throws(ExpressionSyntaxError) -> Unicode.Scalar {
        let opening = index
        index += 1
        guard let letter = scalar(at: index) else { throw error("the text ends within an escape", at: opening) }
        index += 1
        switch letter {
        case "\\", "'", "\"", "`", "?": return letter
        case "a": return "\u{7}"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{B}"
        case "x", "X": return try scanCode(digits: 2, radix: 16, from: opening)
        case "u": return try scanCode(digits: 4, radix: 16, from: opening)
        case "U": return try scanCode(digits: 8, radix: 16, from: opening)
        case "0", "1", "2", "3":
            index -= 1
            return try scanCode(digits: 3, radix: 8, from: opening)
        default:
            throw error(
                #"the escape \\#(letter) is unknown; for a backslash write \\, or r'…' around the text"#, at: opening)
        }
    }

    private mutating func scanCode(
        digits: Int, radix: UInt32, from opening: Int
    ) throws(ExpressionSyntaxError) -> Unicode.Scalar {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let next = scalar(at: index), next.isASCII, let digit = hexDigit(UInt8(next.value)),
                UInt32(digit) < radix
            else { throw error("the escape needs \(digits) \(radix == 8 ? "octal" : "hex") digits", at: opening) }
            value = value &* radix &+ UInt32(digit)
            index += 1
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw error("the escape names no character of Unicode", at: opening)
        }
        return scalar
    }
}
