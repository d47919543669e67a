/// The first contact with the database, which may be away for any length of time.
public struct DatabaseWait: Sendable {
    /// The longest pause between two tries while the database is away, and so the longest time until the worker notices
    /// that the database is back.
    static let longestPauseMilliseconds: Int64 = 2000

    private let monitor: WorkerMonitor

    public init(monitor: WorkerMonitor) { self.monitor = monitor }

    /// Tries until it succeeds, with pauses from 100 ms to 2 s; the monitor's log says when it begins and ends.
    ///
    /// Throws every error that `isAway` does not take for an absence of the database, and `CancellationError`.
    public func first<Value>(
        isAway: (any Error) -> Bool, _ attempt: () async throws -> Value
    ) async throws -> Value {
        monitor.waits(1, for: .start)
        defer { monitor.waits(-1, for: .start) }
        var pauseMilliseconds: Int64 = 100
        while true {
            do {
                let value = try await attempt()
                monitor.databaseAnswered(.start)
                return value
            } catch {
                try Task.checkCancellation()
                guard isAway(error) else { throw error }
                monitor.databaseFailed(.start, error)
                try await Task.sleep(for: .milliseconds(pauseMilliseconds))
                pauseMilliseconds = min(Self.longestPauseMilliseconds, pauseMilliseconds * 2)
            }
        }
    }
}
