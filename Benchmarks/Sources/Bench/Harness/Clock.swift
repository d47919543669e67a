import Glibc

/// Times in nanoseconds, to be compared with each other only.
enum Clock {
    static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
    /// Since 1970, as the database on this machine counts.
    static var wall: UInt64 { read(CLOCK_REALTIME) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// How long a block takes, in milliseconds.
    static func milliseconds(_ body: () async throws -> Void) async rethrows -> Double {
        let began = monotonic
        try await body()
        return Double(monotonic - began) / 1e6
    }

    static func pause(seconds: Double) async throws { try await Task.sleep(for: .seconds(seconds)) }
}
