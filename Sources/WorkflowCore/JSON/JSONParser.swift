extension JSONValue {
    /// Reads one JSON text, strictly by RFC 8259: valid UTF-8, distinct names, whole surrogate pairs,
    /// exact numbers, nothing before or after. Takes time linear in the size.
    ///
    /// `\u0000` is JSON and is taken; see `containsNul`.
    public static func parse(
        _ bytes: some Collection<UInt8>, limits: JSONLimits = .standard
    ) throws(JSONError) -> JSONValue {
        let result = bytes.withContiguousStorageIfAvailable { parse(buffer: $0, limits: limits) }
        if let result { return try result.get() }
        return try Array(bytes).withUnsafeBufferPointer { parse(buffer: $0, limits: limits) }.get()
    }

    /// Reads one JSON text; offsets in errors count UTF-8 bytes.
    public static func parse(_ text: String, limits: JSONLimits = .standard) throws(JSONError) -> JSONValue {
        try parse(text.utf8, limits: limits)
    }

    private static func parse(
        buffer: UnsafeBufferPointer<UInt8>, limits: JSONLimits
    ) -> Result<JSONValue, JSONError> {
        var parser = JSONParser(bytes: buffer, depthLeft: limits.depth)
        do throws(JSONError) {
            return .success(try parser.parseText(maximumBytes: limits.bytes))
        } catch {
            return .failure(error)
        }
    }

    /// Whether a string or a name holds U+0000, which PostgreSQL refuses.
    public var containsNul: Bool {
        switch self {
        case .null, .bool, .number: false
        case .string(let text): text.utf8.contains(0)
        case .array(let items): items.contains { $0.containsNul }
        case .object(let object): object.members.contains { $0.name.utf8.contains(0) || $0.value.containsNul }
        }
    }
}

/// Recursive descent over bytes that live longer than the parser; the depth limit bounds the recursion.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0
    var depthLeft: Int

    init(bytes: UnsafeBufferPointer<UInt8>, depthLeft: Int) {
        self.bytes = bytes
        self.depthLeft = depthLeft
    }

    mutating func parseText(maximumBytes: Int) throws(JSONError) -> JSONValue {
        guard bytes.count <= maximumBytes else {
            throw error(.tooLarge, "the text has \(bytes.count) bytes; at most \(maximumBytes) are read", at: 0)
        }
        skipSpace()
        let value = try parseValue()
        skipSpace()
        guard index == bytes.count else {
            throw error(.trailingText, "something follows the end of the value", at: index)
        }
        return value
    }

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        guard index < bytes.count else { throw error(.truncated, "a value is missing: the text ends here", at: index) }
        switch bytes[index] {
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "{"): return try parseObject()
        case UInt8(ascii: "["): return try parseArray()
        case UInt8(ascii: "t"): return try parseWord("true", as: .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", as: .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", as: .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try parseNumber())
        case 0xEF where index == 0:
            throw error(.syntax, "the text starts with a byte order mark; JSON has none", at: 0)
        default:
            throw error(
                .syntax, "a value must start here: a string, number, object, array, true, false or null", at: index)
        }
    }

    private mutating func parseObject() throws(JSONError) -> JSONValue {
        try enter()
        var members: [JSONObject.Member] = []
        var names: Set<ScalarText> = []
        if try !closes(UInt8(ascii: "}"), what: "object") {
            repeat {
                skipSpace()
                let start = index
                guard index < bytes.count else { throw error(.truncated, "the object is not closed", at: index) }
                guard bytes[index] == UInt8(ascii: "\"") else {
                    throw error(.syntax, "a name in double quotes must stand here", at: index)
                }
                let name = try parseString()
                guard isNew(name, among: members, index: &names) else {
                    throw error(.duplicateKey, "the object has this name twice", at: start)
                }
                skipSpace()
                guard index < bytes.count else { throw error(.truncated, "the object is not closed", at: index) }
                guard bytes[index] == UInt8(ascii: ":") else {
                    throw error(.syntax, "a colon must follow the name", at: index)
                }
                index += 1
                skipSpace()
                members.append((name, try parseValue()))
            } while try continues(until: UInt8(ascii: "}"), what: "object")
        }
        depthLeft += 1
        return .object(JSONObject(distinct: members))
    }

    /// Compares the name with a few names one by one; if there are more, it keeps a set of them.
    private func isNew(_ name: String, among members: [JSONObject.Member], index: inout Set<ScalarText>) -> Bool {
        guard members.count >= 8 else { return !members.contains { $0.name.hasSameScalars(as: name) } }
        if index.isEmpty { for member in members { index.insert(ScalarText(member.name)) } }
        return index.insert(ScalarText(name)).inserted
    }

    private mutating func parseArray() throws(JSONError) -> JSONValue {
        try enter()
        var items: [JSONValue] = []
        if try !closes(UInt8(ascii: "]"), what: "array") {
            repeat {
                skipSpace()
                items.append(try parseValue())
            } while try continues(until: UInt8(ascii: "]"), what: "array")
        }
        depthLeft += 1
        return .array(items)
    }

    private mutating func enter() throws(JSONError) {
        guard depthLeft > 0 else { throw error(.tooDeep, "arrays and objects are nested too deeply", at: index) }
        depthLeft -= 1
        index += 1
    }

    private mutating func closes(_ end: UInt8, what: String) throws(JSONError) -> Bool {
        skipSpace()
        guard index < bytes.count else { throw error(.truncated, "the \(what) is not closed", at: index) }
        guard bytes[index] == end else { return false }
        index += 1
        return true
    }

    private mutating func continues(until end: UInt8, what: String) throws(JSONError) -> Bool {
        if try closes(end, what: what) { return false }
        guard bytes[index] == UInt8(ascii: ",") else {
            throw error(.syntax, "a comma or the end of the \(what) must stand here", at: index)
        }
        index += 1
        return true
    }

    private mutating func parseWord(_ word: StaticString, as value: JSONValue) throws(JSONError) -> JSONValue {
        let start = index
        for offset in 0..<word.utf8CodeUnitCount {
            guard index < bytes.count else { throw error(.truncated, "the text ends within \(word)", at: index) }
            guard bytes[index] == word.utf8Start[offset] else {
                throw error(.syntax, "only true, false and null are written without quotes", at: start)
            }
            index += 1
        }
        return value
    }

    private mutating func parseNumber() throws(JSONError) -> JSONNumber {
        guard let scan = NumberScan(bytes, from: index) else {
            throw error(.invalidNumber, "this is no number: digits are missing", at: index)
        }
        guard scan.isInRange else {
            throw error(.invalidNumber, "the exponent has more than nine digits", at: index)
        }
        if scan.end < bytes.count, bytes[scan.end] >= UInt8(ascii: "0"), bytes[scan.end] <= UInt8(ascii: "9") {
            throw error(.invalidNumber, "a number must not start with a needless zero", at: index)
        }
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[index..<scan.end]), as: UTF8.self)
        index = scan.end
        return JSONNumber(validated: text)
    }

    private mutating func skipSpace() {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index += 1
        }
    }

    /// Counts line and column only here, because only an error needs them.
    func error(_ code: JSONError.Code, _ message: String, at offset: Int) -> JSONError {
        var line = 1
        var column = 1
        for byte in bytes[..<offset] {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return JSONError(code: code, offset: offset, line: line, column: column, message: message)
    }
}
