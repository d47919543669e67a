/// A time of the database's clock, in microseconds since 1970-01-01 UTC.
public struct Instant: Sendable, Hashable, Comparable {
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// The time of the commit that is being prepared: only the database knows it, and puts it in.
    public static let ofThisCommit = Instant(microseconds: -1)

    public var isOfThisCommit: Bool { microseconds == -1 }

    public static func < (left: Instant, right: Instant) -> Bool { left.microseconds < right.microseconds }

    /// So much later, or earlier for a negative span; it stops at the ends of the range.
    public func advanced(byMilliseconds milliseconds: Int64) -> Instant {
        let end: Int64 = milliseconds < 0 ? .min : .max
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return Instant(microseconds: end) }
        return Instant(microseconds: microseconds.addingClamped(product))
    }

    /// So much later, or earlier for a negative span; it stops at the ends of the range.
    public func advanced(byMicroseconds span: Int64) -> Instant {
        Instant(microseconds: microseconds.addingClamped(span))
    }

    /// Whole milliseconds from `earlier` to this; negative when this is the earlier one.
    public func milliseconds(since earlier: Instant) -> Int64 {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        guard !overflow else { return self < earlier ? .min : .max }
        return difference / 1000
    }
}

extension FixedWidthInteger {
    /// The sum, or the end of the range that it would pass.
    func addingClamped(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        guard overflow else { return sum }
        return other < 0 ? .min : .max
    }
}
