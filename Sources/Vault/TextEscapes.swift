/// How other programs write a text inside JSON and HTML.
enum TextEscapes {
    static func json(_ text: String, slash: Bool, markup: Bool, nonASCII: Bool) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += Array("\\\"".utf8)
            case "\\": result += Array("\\\\".utf8)
            case "\n": result += Array("\\n".utf8)
            case "\r": result += Array("\\r".utf8)
            case "\t": result += Array("\\t".utf8)
            case "\u{8}": result += Array("\\b".utf8)
            case "\u{C}": result += Array("\\f".utf8)
            case "/" where slash: result += Array("\\/".utf8)
            case "<" where markup, ">" where markup, "&" where markup, "'" where markup:
                result += escaped(UInt16(scalar.value))
            default:
                if scalar.value < 0x20 || (nonASCII && scalar.value > 0x7E) {
                    for unit in String(scalar).utf16 { result += escaped(unit) }
                } else {
                    result += Array(String(scalar).utf8)
                }
            }
        }
        return result
    }

    static func html(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += Array("&amp;".utf8)
            case "<": result += Array("&lt;".utf8)
            case ">": result += Array("&gt;".utf8)
            case "\"": result += Array("&quot;".utf8)
            case "'": result += Array("&#39;".utf8)
            default: result += Array(String(scalar).utf8)
            }
        }
        return result
    }

    private static func escaped(_ unit: UInt16) -> [UInt8] {
        let digits = Encodings.hex([UInt8(unit >> 8), UInt8(unit & 0xFF)])
        return Array("\\u\(digits)".utf8)
    }
}
