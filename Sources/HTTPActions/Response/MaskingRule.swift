/// What of a peer's text may be a credential, by its name and by its look. It cannot see short values in prose.
enum MaskingRule {
    /// Fewer letters and digits in a row are words, numbers and versions.
    private static let runLength = 20
    private static let secretNames: Set<String> = [
        "token", "secret", "password", "pin", "otp", "jwt", "qr", "hash", "authorization", "cookie",
    ]
    private static let secretEndings = ["key", "_token", "_secret", "verification_code", "pairing_code"]
    private static let thingNames: Set<String> = ["id", "session", "status", "code", "type"]

    /// Whether a value under this name is a credential. `key` alone names many harmless things, so its value must be long.
    static func namesSecret(_ name: String, value: String) -> Bool {
        let name = snake(name)
        if name == "key" { return value.unicodeScalars.count >= 16 }
        return secretNames.contains(name) || secretEndings.contains { name.hasSuffix($0) }
    }

    /// Whether a value under this name is what the platform calls a thing or a state, however it looks.
    static func namesThing(_ name: String) -> Bool {
        let name = snake(name)
        return thingNames.contains(name) || name.hasSuffix("_id")
    }

    /// `apiKey`, `API-Key` and `api_key` are one name.
    static func snake(_ name: String) -> String {
        var result = ""
        var before: Unicode.Scalar?
        for scalar in name.unicodeScalars {
            if scalar == "-" || scalar == " " || scalar == "." {
                result.append("_")
            } else {
                if scalar.properties.isUppercase, let before, before.properties.isLowercase { result.append("_") }
                result.append(contentsOf: scalar.properties.lowercaseMapping)
            }
            before = scalar
        }
        return result
    }

    /// A JSON Web Token (RFC 7519): three parts, of which the first two are JSON in base64url.
    static func isToken(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].hasPrefix("eyJ") && parts[1].hasPrefix("eyJ")
    }

    static func isOneRun(_ text: String) -> Bool { text.utf8.allSatisfy(isOfRun) }

    /// How many bits the text can hold at most, by the kinds of characters in it.
    static func possibleBits(_ text: String) -> Double {
        var digits = false
        var hexLetters = false
        var others = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits = true
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): hexLetters = true
            default: others = true
            }
        }
        let bits = others ? 6.0 : hexLetters ? 4.0 : digits ? 3.32 : 0
        return bits * Double(text.utf8.count)
    }

    /// The text with each run replaced that may be a credential, and each value beside a name of one (`token=…`,
    /// `"pin": …`).
    static func masked(_ text: String, _ replace: (String) -> String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var position = 0
        // What a name before a separator says of the value after it.
        var name: String?
        while position < bytes.count {
            guard isOfRun(bytes[position]) else {
                if !isSeparator(bytes[position]) { name = nil }
                result.append(bytes[position])
                position += 1
                continue
            }
            var end = position
            while end < bytes.count, isOfRun(bytes[end]) || isInnerDot(bytes, end) { end += 1 }
            let run = String(decoding: bytes[position..<end], as: UTF8.self)
            let isSecret = name.map { namesSecret($0, value: run) } ?? false
            result += Array((isSecret || isMixed(run) || isToken(run) ? replace(run) : run).utf8)
            name = isBeforeSeparator(bytes, end) ? run : nil
            position = end
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Many letters and digits in one row: nobody writes that by hand. Paths and dates are split by what stands in them.
    private static func isMixed(_ run: String) -> Bool {
        var letters = 0
        var digits = 0
        for byte in run.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): letters += 1
            default: break
            }
        }
        return letters > 0 && digits > 0 && letters + digits >= runLength
    }

    private static func isOfRun(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
            true
        default: false
        }
    }

    /// A dot between two runs belongs to them: tokens have two. A host's and a sentence's do no harm here.
    private static func isInnerDot(_ bytes: [UInt8], _ position: Int) -> Bool {
        bytes[position] == UInt8(ascii: ".") && position > 0 && position + 1 < bytes.count
            && isOfRun(bytes[position - 1]) && isOfRun(bytes[position + 1])
    }

    /// What stands between a name and its value.
    private static func isSeparator(_ byte: UInt8) -> Bool {
        [UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: " ")].contains(byte)
    }

    private static func isBeforeSeparator(_ bytes: [UInt8], _ position: Int) -> Bool {
        var rest = bytes[position...].prefix(4)
        while let first = rest.first,
            first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") || first == UInt8(ascii: " ")
        {
            rest = rest.dropFirst()
        }
        return rest.first == UInt8(ascii: "=") || rest.first == UInt8(ascii: ":")
    }
}
