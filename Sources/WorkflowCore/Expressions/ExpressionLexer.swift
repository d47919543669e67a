/// The words of an expression.
enum ExpressionToken: Equatable {
    case name(String)
    case integer(magnitude: UInt64)
    case double(JSONNumber)
    case string(String)
    /// An operator or a bracket.
    case symbol(String)
    case end
}

/// Cuts an expression into tokens, on demand: in a template only the parser knows where it ends.
struct ExpressionLexer {
    let scalars: [Unicode.Scalar]
    /// For messages.
    let source: String
    var index: Int
    private(set) var token = ExpressionToken.end
    /// Where `token` starts, and where it ends.
    private(set) var start: Int
    private(set) var end: Int
    /// The first index that a too long expression reaches.
    private let limit: Int

    init(source: String, scalars: [Unicode.Scalar], from start: Int) throws(ExpressionSyntaxError) {
        self.source = source
        self.scalars = scalars
        index = start
        self.start = start
        end = start
        var bytes = 0
        var limit = start
        while limit < scalars.count, bytes <= ExpressionLimits.sourceBytes {
            bytes += UTF8.width(scalars[limit])
            limit += 1
        }
        self.limit = bytes > ExpressionLimits.sourceBytes ? limit : Int.max
        try advance()
    }

    func error(
        _ message: String, at offset: Int, code: ExpressionSyntaxError.Code = .syntax
    ) -> ExpressionSyntaxError {
        ExpressionSyntaxError(code: code, message: message, source: source, offset: offset)
    }

    func scalar(at index: Int) -> Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private static let symbols: Set<String> = ["==", "!=", "<=", ">=", "&&", "||"]

    mutating func advance() throws(ExpressionSyntaxError) {
        while let scalar = scalar(at: index), " \t\r\n\u{C}".unicodeScalars.contains(scalar) { index += 1 }
        start = index
        token = try scan()
        end = index
        guard index < limit else {
            throw error(
                "the expression is longer than \(ExpressionLimits.sourceBytes) bytes; split it over several variables",
                at: start, code: .limit)
        }
    }

    private mutating func scan() throws(ExpressionSyntaxError) -> ExpressionToken {
        guard let first = scalar(at: index) else { return .end }
        if let quoted = try scanString() { return .string(quoted) }
        if first.isNameStart {
            while let next = scalar(at: index), next.isNameStart || next.isDecimalDigit { index += 1 }
            return .name(text(from: start))
        }
        if first.isDecimalDigit || (first == "." && scalar(at: index + 1)?.isDecimalDigit == true) {
            return try scanNumber()
        }
        if let second = scalar(at: index + 1), Self.symbols.contains("\(first)\(second)") {
            index += 2
            return .symbol("\(first)\(second)")
        }
        index += 1
        switch first {
        case "<", ">", "!", "+", "-", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}": return .symbol(String(first))
        case "*", "/", "%":
            throw error(
                "the operator \(first) is not part of the language; only + and - calculate", at: start,
                code: .unsupported)
        case "=": throw error("a single = means nothing here; to compare, write ==", at: start)
        case "&", "|": throw error("a single \(first) means nothing here; write \(first)\(first)", at: start)
        case "`":
            throw error(
                "names in backquotes are not part of the language; write x['name']", at: start, code: .unsupported)
        default: throw error("this character has no meaning in an expression; text stands in quotes", at: start)
        }
    }

    private func text(from start: Int) -> String {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start..<index])
        return String(text)
    }

    private mutating func scanNumber() throws(ExpressionSyntaxError) -> ExpressionToken {
        if scalars[index] == "0", scalar(at: index + 1) == "x" || scalar(at: index + 1) == "X" {
            index += 2
            let digits = index
            while let next = scalar(at: index), next.isHexDigit { index += 1 }
            return try integer(UInt64(text(from: digits), radix: 16), hasDigits: index > digits)
        }
        skipDigits()
        var isDouble = false
        if scalar(at: index) == ".", scalar(at: index + 1)?.isDecimalDigit == true {
            isDouble = true
            index += 1
            skipDigits()
        }
        if scalar(at: index) == "e" || scalar(at: index) == "E" {
            isDouble = true
            index += 1
            if scalar(at: index) == "+" || scalar(at: index) == "-" { index += 1 }
            guard scalar(at: index)?.isDecimalDigit == true else {
                throw error("the exponent has no digits", at: start)
            }
            skipDigits()
        }
        guard isDouble else { return try integer(UInt64(text(from: start)), hasDigits: true) }
        try refuseSuffix()
        guard let value = Double(text(from: start)), let number = JSONNumber(double: value) else {
            throw error("the number is too large", at: start)
        }
        return .double(number)
    }

    private mutating func skipDigits() {
        while scalar(at: index)?.isDecimalDigit == true { index += 1 }
    }

    private func integer(_ magnitude: UInt64?, hasDigits: Bool) throws(ExpressionSyntaxError) -> ExpressionToken {
        guard hasDigits else { throw error("hex digits must follow 0x", at: start) }
        try refuseSuffix()
        guard let magnitude, magnitude <= UInt64(Int64.max) + 1 else {
            throw error("the whole number does not fit 64 bits", at: start)
        }
        return .integer(magnitude: magnitude)
    }

    private func refuseSuffix() throws(ExpressionSyntaxError) {
        guard let next = scalar(at: index), next.isNameStart || next.isDecimalDigit else { return }
        if next == "u" || next == "U" {
            throw error(
                "unsigned numbers are not part of the language; leave the \(next) out", at: index, code: .unsupported)
        }
        throw error("a name cannot start with digits; text stands in quotes", at: start)
    }
}

extension Unicode.Scalar {
    var isDecimalDigit: Bool { self >= "0" && self <= "9" }
    var isHexDigit: Bool { isASCII && hexDigit(UInt8(value)) != nil }
    var isNameStart: Bool { (self >= "a" && self <= "z") || (self >= "A" && self <= "Z") || self == "_" }
}
