import WorkflowCore

/// Percent-encoding (RFC 3986) of what goes into a URL or a form.
enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Encodes all but the unreserved characters.
    static func strict(_ text: String) -> String { encode(text.utf8, keeping: "-._~") }

    /// Encodes what may not stand in a path; slashes and finished escapes stay.
    static func path(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result = ""
        var index = 0
        while index < bytes.count {
            let isEscape =
                bytes[index] == UInt8(ascii: "%") && index + 2 < bytes.count && isHex(bytes[index + 1])
                && isHex(bytes[index + 2])
            if isEscape {
                result += String(decoding: bytes[index...(index + 2)], as: UTF8.self)
                index += 3
            } else {
                result += encode([bytes[index]], keeping: "/-._~!$&'()*+,;=:@")
                index += 1
            }
        }
        return result
    }

    /// Encodes a value of `application/x-www-form-urlencoded`.
    static func form(_ text: String) -> String {
        encode(text.utf8, keeping: "-._* ").replacing(" ", with: "+")
    }

    /// The bytes behind the escapes.
    static func decoded(_ text: some StringProtocol) -> [UInt8] {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                result.append(value)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    private static func encode(_ bytes: some Sequence<UInt8>, keeping kept: String) -> String {
        let kept = Array(kept.utf8)
        var result: [UInt8] = []
        for byte in bytes {
            if byte.isASCIIAlphanumeric || kept.contains(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
