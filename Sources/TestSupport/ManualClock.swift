import Synchronization
public import WorkflowCore

/// A clock that stands still until it is told to move.
public final class ManualClock: Sendable {
    private let microseconds: Mutex<Int64>

    /// Starts in the year 2026, with microseconds that a careless conversion would lose.
    public init(microseconds: Int64 = 1_767_225_600_123_457) { self.microseconds = Mutex(microseconds) }

    public var now: Instant { Instant(microseconds: microseconds.withLock { $0 }) }

    public func advance(milliseconds: Int64) { microseconds.withLock { $0 += milliseconds * 1000 } }
}
