/// Durations as written in definitions: `500ms`, `15s`, `1m`, `2h`, `3d`, or ISO 8601 (`PT1H30M`, `P3D`).
public enum DurationText {
    /// Ten years: longer is a slip, and sums of such durations stay far from overflow.
    static let maximumMilliseconds: Int64 = 3653 * day

    private static let second: Int64 = 1000
    private static let minute = 60 * second
    private static let hour = 60 * minute
    private static let day = 24 * hour

    /// The duration in milliseconds; nil for any other text, and for ISO years and months, whose length varies.
    public static func milliseconds(_ text: String) -> Int64? {
        var reader = Reader(rest: text.utf8[...])
        return text.utf8.first == UInt8(ascii: "P") ? reader.iso() : reader.plain()
    }

    /// The duration in the largest unit that holds it without rest.
    static func text(_ milliseconds: Int64) -> String {
        for (unit, name) in [(day, "d"), (hour, "h"), (minute, "m"), (second, "s")] where milliseconds % unit == 0 {
            return "\(milliseconds / unit)\(name)"
        }
        return "\(milliseconds)ms"
    }

    private struct Reader {
        var rest: Substring.UTF8View

        mutating func plain() -> Int64? {
            guard let amount = number() else { return nil }
            let unit: Int64
            switch String(Substring(rest)) {
            case "ms": unit = 1
            case "s": unit = second
            case "m": unit = minute
            case "h": unit = hour
            case "d": unit = day
            default: return nil
            }
            return bounded(amount, unit)
        }

        mutating func iso() -> Int64? {
            rest.removeFirst()
            var total: Int64 = 0
            var units: [(UInt8, Int64)] = [(UInt8(ascii: "W"), 7 * day), (UInt8(ascii: "D"), day)]
            var isTime = false
            var isEmpty = true
            while let next = rest.first {
                if next == UInt8(ascii: "T"), !isTime {
                    rest.removeFirst()
                    isTime = true
                    isEmpty = true
                    units = [
                        (UInt8(ascii: "H"), hour), (UInt8(ascii: "M"), minute), (UInt8(ascii: "S"), second),
                    ]
                    continue
                }
                guard let amount = number(), let letter = rest.popFirst(),
                    let index = units.firstIndex(where: { $0.0 == letter }),
                    let part = bounded(amount, units[index].1)
                else { return nil }
                // Each unit once, the longer ones first.
                units.removeFirst(index + 1)
                total += part
                isEmpty = false
            }
            return isEmpty || total > maximumMilliseconds ? nil : total
        }

        private mutating func number() -> Int64? {
            var value: Int64 = 0
            var digits = 0
            while let byte = rest.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
                digits += 1
                guard digits <= 15 else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
                rest.removeFirst()
            }
            return digits == 0 ? nil : value
        }

        private func bounded(_ amount: Int64, _ unit: Int64) -> Int64? {
            let (product, overflow) = amount.multipliedReportingOverflow(by: unit)
            return overflow || product > maximumMilliseconds ? nil : product
        }
    }
}
