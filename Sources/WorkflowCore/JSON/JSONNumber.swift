/// A JSON number by its exact text; equality and order are numeric and exact at any length.
public struct JSONNumber: Sendable {
    /// As it was written, for example `1`, `1.0` or `1e2`.
    public let text: String

    /// nil when the text is no number of RFC 8259, or its exponent has more than nine digits: the
    /// bound keeps arithmetic on exponents exact, and a hostile `1e999999999` cheap.
    public init?(text: String) {
        let isValid = Array(text.utf8).withUnsafeBufferPointer { bytes in
            guard let scan = NumberScan(bytes, from: 0) else { return false }
            return scan.end == bytes.count && scan.isInRange
        }
        guard isValid else { return nil }
        self.text = text
    }

    public init(_ value: Int64) { text = String(value) }

    /// nil for an infinity or NaN, which JSON cannot express.
    ///
    /// The text is the shortest one that reads back as the same double. Only a whole number within 64 bits is written
    /// exactly: the shortest text of 2^55 is 36028797018963970, which is another whole number.
    public init?(double value: Double) {
        guard value.isFinite else { return nil }
        let shortest = JSONNumber(validated: value.description)
        if abs(value) >= 0x1p53, abs(value) < 0x1p63, let whole = Int64(exactly: value), shortest.integer != whole {
            text = "\(whole).0"
        } else {
            text = shortest.text
        }
    }

    /// For the parser, which has checked the text.
    init(validated text: String) { self.text = text }

    /// The exact value when it is whole and fits 64 bits: `1e2` is 100, `1.0` is 1, `-0` is 0.
    public var integer: Int64? {
        if let value = Int64(text) { return value }
        return Decimal(text).integer
    }

    /// Whether it is whole, of whatever length.
    public var isWhole: Bool {
        let decimal = Decimal(text)
        return decimal.digits.isEmpty || decimal.exponent >= 0
    }

    /// The nearest double; infinite beyond its range.
    public var double: Double { Double(text) ?? 0 }
}

extension JSONNumber: Comparable {
    public static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        if left.text.hasSameScalars(as: right.text) { return true }
        return Decimal(left.text) == Decimal(right.text)
    }

    public static func < (left: JSONNumber, right: JSONNumber) -> Bool {
        if let a = Int64(left.text), let b = Int64(right.text) { return a < b }
        return Decimal(left.text).precedes(Decimal(right.text))
    }
}

extension JSONNumber: CustomStringConvertible {
    public var description: String { text }
}

/// A number as sign, digits without zeros at either end, and the power of ten of the last digit.
private struct Decimal: Equatable {
    var isNegative: Bool
    /// 0...9 each; empty for zero.
    var digits: [UInt8]
    var exponent: Int

    /// Takes valid text only.
    init(_ text: String) {
        isNegative = false
        digits = []
        exponent = 0
        var fraction = 0
        var isInFraction = false
        var rest = Array(text.utf8)[...]
        if rest.first == UInt8(ascii: "-") {
            isNegative = true
            rest.removeFirst()
        }
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: ".") {
                isInFraction = true
            } else if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
                break
            } else {
                if isInFraction { fraction += 1 }
                if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte - UInt8(ascii: "0")) }
            }
        }
        exponent = (Int(String(decoding: rest, as: UTF8.self)) ?? 0) - fraction
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        if digits.isEmpty {
            isNegative = false
            exponent = 0
        }
    }

    var integer: Int64? {
        guard exponent >= 0, digits.count + exponent <= 19 else { return nil }
        var value: Int64 = 0
        for position in 0..<(digits.count + exponent) {
            let digit = position < digits.count ? Int64(digits[position]) : 0
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, over) = product.addingReportingOverflow(isNegative ? -digit : digit)
            guard !overflow, !over else { return nil }
            value = sum
        }
        return value
    }

    func precedes(_ other: Decimal) -> Bool {
        if digits.isEmpty { return !other.digits.isEmpty && !other.isNegative }
        if other.digits.isEmpty { return isNegative }
        if isNegative != other.isNegative { return isNegative }
        return isNegative ? other.isSmaller(than: self) : isSmaller(than: other)
    }

    /// By magnitude: the place of the first digit decides, then the digits.
    private func isSmaller(than other: Decimal) -> Bool {
        let place = digits.count + exponent
        let otherPlace = other.digits.count + other.exponent
        return place == otherPlace ? digits.lexicographicallyPrecedes(other.digits) : place < otherPlace
    }
}

/// Finds where a number of RFC 8259 ends.
struct NumberScan {
    /// Index behind the last byte.
    let end: Int
    /// False for an exponent of more than nine digits.
    let isInRange: Bool

    /// nil when there is no number at `start`.
    init?(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) {
        func isDigit(_ index: Int) -> Bool {
            index < bytes.endIndex && bytes[index] >= UInt8(ascii: "0") && bytes[index] <= UInt8(ascii: "9")
        }
        var index = start
        if index < bytes.endIndex, bytes[index] == UInt8(ascii: "-") { index += 1 }
        guard isDigit(index) else { return nil }
        if bytes[index] == UInt8(ascii: "0") {
            index += 1
        } else {
            while isDigit(index) { index += 1 }
        }
        if index < bytes.endIndex, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard isDigit(index) else { return nil }
            while isDigit(index) { index += 1 }
        }
        var isInRange = true
        if index < bytes.endIndex, bytes[index] == UInt8(ascii: "e") || bytes[index] == UInt8(ascii: "E") {
            index += 1
            if index < bytes.endIndex, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index += 1
            }
            guard isDigit(index) else { return nil }
            while isDigit(index), bytes[index] == UInt8(ascii: "0") { index += 1 }
            let significant = index
            while isDigit(index) { index += 1 }
            isInRange = index - significant <= 9
        }
        end = index
        self.isInRange = isInRange
    }
}
