/// The functions and methods.
extension ExpressionEvaluator {
    mutating func call(
        _ function: ExpressionNode.Function, _ argument: ExpressionNode, at offset: Int
    ) throws(ExpressionError) -> Operand {
        if function == .has { return .json(.bool(try has(argument))) }
        let value = try evaluate(argument)
        switch function {
        case .has: return value
        case .size: return .json(.integer(try size(of: value, at: offset)))
        case .string: return try string(value, at: offset)
        case .int: return .json(.integer(try integer(value, at: offset)))
        case .fingerprint: return .json(.string(try fingerprint(value, at: offset)))
        case .last4: return .json(.string(try last4(value, at: offset)))
        }
    }

    private mutating func has(_ path: ExpressionNode) throws(ExpressionError) -> Bool {
        do throws(ExpressionError) {
            _ = try evaluate(path)
            return true
        } catch {
            if error.code == .missing { return false }
            throw error
        }
    }

    private mutating func size(of value: Operand, at offset: Int) throws(ExpressionError) -> Int {
        switch value {
        case .json(.string(let text)):
            try charge(text.utf8.count, at: offset)
            return text.unicodeScalars.count
        case .json(.array(let items)): return items.count
        case .json(.object(let object)): return object.count
        case .record(let members): return members.count
        case .secret: throw error(.secret, "the size of a secret is not told", at: offset)
        default: throw error(.expression, "size takes a string, a list or an object, not \(value.typeName)", at: offset)
        }
    }

    private func string(_ value: Operand, at offset: Int) throws(ExpressionError) -> Operand {
        if case .secret = value { return value }
        if let text = Self.text(of: value) { return .json(.string(text)) }
        throw error(.expression, "string takes a string, a number or a bool, not \(value.typeName)", at: offset)
    }

    /// How a value reads within text: ints in decimal digits, other numbers as they are written.
    static func text(of value: Operand) -> String? {
        switch value {
        case .json(.string(let text)): text
        case .json(.bool(let flag)): flag ? "true" : "false"
        case .json(.number(let number)): number.integer.map { String($0) } ?? number.text
        case .double(let number): number.text
        default: nil
        }
    }

    private func integer(_ value: Operand, at offset: Int) throws(ExpressionError) -> Int64 {
        switch value {
        case .json(.string(let text)):
            let isPlain = text.utf8.first != UInt8(ascii: "+")
            if isPlain, let value = Int64(text) { return value }
            throw error(.expression, "the text is no whole number of 64 bits", at: offset)
        case .json(.number(let number)), .double(let number):
            if let value = number.integer { return value }
            if !number.isWhole, let value = Int64(exactly: number.double.rounded(.towardZero)) { return value }
            throw error(.expression, "the number does not fit 64 bits", at: offset)
        case .secret: throw error(.secret, "a secret is no number", at: offset)
        default: throw error(.expression, "int takes a number or text, not \(value.typeName)", at: offset)
        }
    }

    private func fingerprint(_ value: Operand, at offset: Int) throws(ExpressionError) -> String {
        guard case .secret(let secret) = value else {
            throw error(.expression, "fingerprint takes a secret, and this is \(value.typeName)", at: offset)
        }
        guard let reference = secret.reference else {
            throw error(.secret, "only a stored secret has a fingerprint, not text put together from one", at: offset)
        }
        return reference.fingerprint
    }

    /// The last four characters, but at most a quarter of the secret, so that a short secret does not show.
    private func last4(_ value: Operand, at offset: Int) throws(ExpressionError) -> String {
        guard case .secret(let secret) = value else {
            throw error(.expression, "last4 takes a secret, and this is \(value.typeName)", at: offset)
        }
        let scalars = try revealedText(secret, at: offset).unicodeScalars
        return String(String.UnicodeScalarView(scalars.suffix(min(4, scalars.count / 4))))
    }

    mutating func call(
        _ method: ExpressionNode.Method, on value: Operand, _ argument: Operand?, at offset: Int
    ) throws(ExpressionError) -> Operand {
        if method == .size { return .json(.integer(try size(of: value, at: offset))) }
        if method == .lowerAscii {
            if case .secret(let secret) = value {
                return derived(try lowered(revealedText(secret, at: offset), at: offset))
            }
            guard case .json(.string(let text)) = value else { throw noText(method, value, at: offset) }
            return .json(.string(try lowered(text, at: offset)))
        }
        if case .secret = value { throw error(.secret, "\(method.rawValue) would compare a secret", at: offset) }
        if case .secret? = argument { throw error(.secret, "\(method.rawValue) would compare a secret", at: offset) }
        guard case .json(.string(let text)) = value else { throw noText(method, value, at: offset) }
        guard case .json(.string(let part))? = argument else {
            throw noText(method, argument ?? .json(.null), at: offset)
        }
        try charge(text.utf8.count + part.utf8.count, at: offset)
        switch method {
        case .contains: return .json(.bool(text.containsScalars(of: part)))
        case .startsWith: return .json(.bool(text.utf8.starts(with: part.utf8)))
        case .endsWith: return .json(.bool(text.utf8.reversed().starts(with: part.utf8.reversed())))
        case .lowerAscii, .size: return value
        }
    }

    private func noText(_ method: ExpressionNode.Method, _ value: Operand, at offset: Int) -> ExpressionError {
        error(.expression, "\(method.rawValue) works on strings, not on \(value.typeName)", at: offset)
    }

    private mutating func lowered(_ text: String, at offset: Int) throws(ExpressionError) -> String {
        let lowered = String(
            decoding: text.utf8.map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 },
            as: UTF8.self)
        return try joined(lowered, "", at: offset)
    }
}

extension String {
    /// Whether the scalars of `part` stand here in a row; takes linear time (Knuth, Morris, Pratt).
    func containsScalars(of part: String) -> Bool {
        let needle = Array(part.utf8)
        guard !needle.isEmpty else { return true }
        var fallback = [Int](repeating: 0, count: needle.count)
        var length = 0
        for index in needle.indices.dropFirst() {
            while length > 0, needle[index] != needle[length] { length = fallback[length - 1] }
            if needle[index] == needle[length] { length += 1 }
            fallback[index] = length
        }
        var matched = 0
        for byte in utf8 {
            while matched > 0, byte != needle[matched] { matched = fallback[matched - 1] }
            if byte == needle[matched] { matched += 1 }
            if matched == needle.count { return true }
        }
        return false
    }
}
