import Histogram

/// Durations of one kind, kept as a histogram of microseconds.
struct Latencies {
    private var histogram = Histogram<UInt64>(
        highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)

    var count: UInt64 { histogram.totalCount }

    /// A time before its cause is rounding between two clocks and counts as none.
    mutating func record(from start: UInt64, to end: UInt64) {
        histogram.record(end > start ? (end - start) / 1000 : 0)
    }

    func milliseconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }

    var p50: Double { milliseconds(50) }
    var p99: Double { milliseconds(99) }
}
