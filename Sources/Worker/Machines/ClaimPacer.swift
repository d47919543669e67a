/// How many runs the next claim may take, and how long to wait until the one after it: inputs in, milliseconds out.
///
/// A pure value. Signals of new work and of free places cut each wait short, so that these are the longest ones.
public struct ClaimPacer: Sendable {
    /// How far the worker can be trusted to advance what it claims.
    public enum Database: Sendable, Equatable {
        case fits
        /// A version with other functions migrated the database; the worker noticed this so many milliseconds ago.
        case otherVersion(milliseconds: Int64)
    }

    /// The worker writes its answers in hand before it claims: a new claim would take its own runs from it.
    public static let answersFirstMilliseconds: Int64 = 100
    static let shortestOutageMilliseconds: Int64 = 100

    private let pollMilliseconds: Int64
    private let otherVersionPauseMilliseconds: Int64
    private let longestOutageMilliseconds: Int64
    private var outageMilliseconds: Int64 = 0
    /// Claims in a row that got nothing although something was due: somebody else holds it.
    private var roundsInVain = 0

    public init(pollMilliseconds: Int64, otherVersionPauseMilliseconds: Int64, longestOutageMilliseconds: Int64) {
        self.pollMilliseconds = pollMilliseconds
        self.otherVersionPauseMilliseconds = otherVersionPauseMilliseconds
        self.longestOutageMilliseconds = longestOutageMilliseconds
    }

    /// A worker claims no run that it cannot advance, except one from time to time to find out whether it can again.
    public func mostRuns(_ database: Database) -> Int {
        switch database {
        case .fits: .max
        case .otherVersion(let milliseconds): milliseconds < otherVersionPauseMilliseconds ? 0 : 1
        }
    }

    /// A worker without room claims nothing until a place comes free.
    public var waitWithoutRoom: Int64 { pollMilliseconds }

    public var waitForAnswersInHand: Int64 { min(pollMilliseconds, Self.answersFirstMilliseconds) }

    /// The claim was answered. `next`: milliseconds until a line has a run that there is room for; nil: nobody knows.
    public mutating func answered(runs: Int, next: Int64?, _ database: Database) -> Int64 {
        outageMilliseconds = 0
        if runs > 0 { roundsInVain = 0 }
        guard case .fits = database, let next else { return pollMilliseconds }
        guard next <= 0, runs == 0 else { return min(pollMilliseconds, next) }
        // A run is due but was not given out: wait 1, 2, 4 … milliseconds.
        defer { roundsInVain += 1 }
        return min(pollMilliseconds, 1 << Int64(min(roundsInVain, 16)))
    }

    /// The database could not be asked.
    public mutating func failed() -> Int64 {
        outageMilliseconds = min(
            longestOutageMilliseconds, max(Self.shortestOutageMilliseconds, outageMilliseconds * 2))
        return outageMilliseconds
    }
}
