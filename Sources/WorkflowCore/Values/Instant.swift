/// A time of the database's clock, in microseconds since 1970-01-01 UTC.
public struct Instant: Sendable, Hashable, Comparable {
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// The time of the commit that is being prepared: only the database knows it, and puts it in.
    public static let ofThisCommit = Instant(microseconds: -1)

    public var isOfThisCommit: Bool { microseconds == -1 }

    public static func < (left: Instant, right: Instant) -> Bool { left.microseconds < right.microseconds }

    public func advanced(byMilliseconds milliseconds: Int64) -> Instant {
        let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1000)
        guard !overflow else { return Instant(microseconds: .max) }
        let (sum, over) = microseconds.addingReportingOverflow(product)
        return Instant(microseconds: over ? .max : sum)
    }

    /// Whole milliseconds from `earlier` to this; negative when this is the earlier one.
    public func milliseconds(since earlier: Instant) -> Int64 {
        let (difference, overflow) = microseconds.subtractingReportingOverflow(earlier.microseconds)
        return overflow ? .max : difference / 1000
    }
}
