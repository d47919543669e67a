/// Strings: plain runs are taken whole, escapes one by one.
extension JSONParser {
    mutating func parseString() throws(JSONError) -> String {
        index += 1
        let start = index
        try skipPlain()
        if bytes[index] == UInt8(ascii: "\"") {
            let text = try text(of: UnsafeBufferPointer(rebasing: bytes[start..<index]), startingAt: start)
            index += 1
            return text
        }
        var unescaped = Array(bytes[start..<index])
        // Escapes are checked to be whole scalars, so only the plain runs can hold invalid UTF-8.
        _ = try text(of: UnsafeBufferPointer(rebasing: bytes[start..<index]), startingAt: start)
        while bytes[index] == UInt8(ascii: "\\") {
            unescaped.append(contentsOf: UTF8.encode(try parseEscape()) ?? UTF8.encodedReplacementCharacter)
            let run = index
            try skipPlain()
            _ = try text(of: UnsafeBufferPointer(rebasing: bytes[run..<index]), startingAt: run)
            unescaped.append(contentsOf: bytes[run..<index])
        }
        index += 1
        return String(decoding: unescaped, as: UTF8.self)
    }

    /// Stops at a quote or a backslash, which must come.
    private mutating func skipPlain() throws(JSONError) {
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            guard byte >= 0x20 else {
                throw error(.controlCharacter, "a control character within a string must be escaped", at: index)
            }
            index += 1
        }
        throw error(.truncated, "the string is not closed", at: index)
    }

    private func text(of run: UnsafeBufferPointer<UInt8>, startingAt start: Int) throws(JSONError) -> String {
        if let text = String(validating: run, as: UTF8.self) { return text }
        throw error(.invalidUTF8, "the bytes are no valid UTF-8", at: start + Self.firstInvalid(in: run))
    }

    /// Where the first ill-formed sequence starts.
    private static func firstInvalid(in run: UnsafeBufferPointer<UInt8>) -> Int {
        var decoder = UTF8.ForwardParser()
        var iterator = run.makeIterator()
        var offset = 0
        while case .valid(let scalar) = decoder.parseScalar(from: &iterator) { offset += scalar.count }
        return offset
    }

    private mutating func parseEscape() throws(JSONError) -> Unicode.Scalar {
        let start = index
        index += 1
        guard index < bytes.count else { throw error(.truncated, "the string is not closed", at: index) }
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try parseUnicodeEscape(from: start)
        default:
            throw error(.invalidEscape, #"after a backslash only " \ / b f n r t u may stand"#, at: start)
        }
    }

    private mutating func parseUnicodeEscape(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try parseHex(from: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        let isPairStart = first < 0xDC00
        guard isPairStart, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        else {
            throw error(.loneSurrogate, "this escape is half of a surrogate pair; the other half is missing", at: start)
        }
        index += 2
        let second = try parseHex(from: index - 2)
        guard second >= 0xDC00, second < 0xE000,
            let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else {
            throw error(.loneSurrogate, "this escape is half of a surrogate pair; the other half is missing", at: start)
        }
        return scalar
    }

    private mutating func parseHex(from start: Int) throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard index < bytes.count else { throw error(.truncated, "the string is not closed", at: index) }
            guard let digit = hexDigit(bytes[index]) else {
                throw error(.invalidEscape, #"four hex digits must follow \u"#, at: start)
            }
            value = value << 4 | UInt16(digit)
            index += 1
        }
        return value
    }
}

/// The value of a hex digit of either case.
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
