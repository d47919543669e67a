import WorkflowCore

/// The text forms of bytes that keys, fingerprints and the masker need.
enum Encodings {
    static let hexDigits = Array("0123456789abcdef".utf8)
    private static let base64Digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(hexDigits[Int(byte >> 4)])
            text.append(hexDigits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Base64 without padding, and only the characters that these bytes alone decide when `offset` other
    /// bytes (0 to 2) come before them and any number after.
    static func base64Core(_ bytes: [UInt8], offset: Int) -> [UInt8] {
        let padded = [UInt8](repeating: 0, count: offset) + bytes
        var text: [UInt8] = []
        var index = 0
        while index < padded.count {
            let group = (0..<3).map { index + $0 < padded.count ? UInt32(padded[index + $0]) : 0 }
            let word = group[0] << 16 | group[1] << 8 | group[2]
            for shift in [18, 12, 6, 0] as [UInt32] { text.append(base64Digits[Int(word >> shift & 63)]) }
            index += 3
        }
        let certainEnd = padded.count * 8 / 6
        let uncertainStart = offset == 0 ? 0 : offset + 1
        return uncertainStart < certainEnd ? Array(text[uncertainStart..<certainEnd]) : []
    }

    /// Percent-encoding of all bytes but ASCII letters, digits and those of `kept`.
    static func percent(_ bytes: [UInt8], keeping kept: String, spaceAsPlus: Bool = false) -> [UInt8] {
        let kept = Array(kept.utf8)
        var text: [UInt8] = []
        for byte in bytes {
            if byte.isASCIIAlphanumeric || kept.contains(byte) {
                text.append(byte)
            } else if spaceAsPlus, byte == UInt8(ascii: " ") {
                text.append(UInt8(ascii: "+"))
            } else {
                text += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        return text
    }
}
