/// The first contact with the database, which may be away for any length of time.
public struct DatabaseWait: Sendable {
    /// Between two tries while the database is away: so late may it be noticed that it is back.
    static let longestPauseMilliseconds: Int64 = 2000

    private let heartbeat: Heartbeat

    public init(heartbeat: Heartbeat) { self.heartbeat = heartbeat }

    /// Tries until it succeeds, with pauses from 100 ms to 2 s; the heartbeat's log says when it begins and ends.
    ///
    /// Throws what `isAway` says is no absence of the database, and `CancellationError`.
    public func first<Value>(
        isAway: (any Error) -> Bool, _ attempt: () async throws -> Value
    ) async throws -> Value {
        heartbeat.waits(1, for: .start)
        defer { heartbeat.waits(-1, for: .start) }
        var pauseMilliseconds: Int64 = 100
        while true {
            do {
                let value = try await attempt()
                heartbeat.databaseAnswered(.start)
                return value
            } catch {
                try Task.checkCancellation()
                guard isAway(error) else { throw error }
                heartbeat.databaseFailed(.start, error)
                try await Task.sleep(for: .milliseconds(pauseMilliseconds))
                pauseMilliseconds = min(Self.longestPauseMilliseconds, pauseMilliseconds * 2)
            }
        }
    }
}
