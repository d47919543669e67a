public import Vault
public import WorkflowCore

/// What a worker can take on now, and what it knows of the lines.
public struct ClaimDemand: Sendable {
    /// Runs in all.
    public var room: Int
    /// Runs of each service that `rooms` does not name.
    public var roomEach: Int
    public var rooms: [String: Int]
    /// The bounds of each line from the last claim's answer. Empty at first, and again about once a second.
    public var bounds: [String: LineBounds]
    /// No lease ends before this time, as far as the last claim saw. Nil at first, and again from time to time.
    public var leaseBound: Instant?

    public init(
        room: Int, roomEach: Int? = nil, rooms: [String: Int] = [:], bounds: [String: LineBounds] = [:],
        leaseBound: Instant? = nil
    ) {
        self.room = room
        self.roomEach = roomEach ?? room
        self.rooms = rooms
        self.bounds = bounds
        self.leaseBound = leaseBound
    }
}

/// How far a claim has searched a line without finding anything more, so that the next claim begins there.
public struct LineBounds: Sendable, Equatable {
    let readyMicroseconds: Int64?
    let note: String
}

/// What a claim found in the line of a service.
public struct LineAnswer: Sendable {
    public let service: String
    /// When to ask again; nil: only when something happens. A time in the past: another worker was busy with the line.
    public let next: Instant?
    /// No request may be sent before this time: a pause, an open breaker, a trial under way. A time in the past: the
    /// trial is still to come.
    public let shutUntil: Instant?
    public let pauseReason: String?
    public let now: Instant
    public let bounds: LineBounds
}

public struct ClaimAnswer: Sendable {
    public let runs: [ClaimedRun]
    public let lines: [LineAnswer]
    public let leaseBound: Instant?

    init(runs: [ClaimedRun], lines: [LineAnswer], leaseBound: Instant? = nil) {
        self.runs = runs
        self.lines = lines
        self.leaseBound = leaseBound
    }
}

/// A run that this worker may act on until its lease ends.
public struct ClaimedRun: Sendable {
    public let id: Identifier
    public let epoch: Int64
    /// Names the lease; commits show it.
    public let token: Identifier
    /// The service for which the lease has a permit for one request; empty: no permit.
    public let service: String
    /// The request is the one that finds out whether the service is back.
    public let isTrial: Bool
    /// The hash of the stream's last event.
    public let hash: [UInt8]
    /// Refused when an event is of a newer version of this program.
    public let state: Result<RunState, EvolveError>
    /// The newest sealed value of each of the run's secret variables.
    public let sealed: [SealedSecret]
    /// The database's time at the claim.
    public let claimedAt: Instant
    public let due: Instant
}

/// The end of a run's stream after a place.
public struct StreamTail: Sendable {
    public let events: [RecordedEvent]
    /// The hash of the last event; nil when there is none.
    public let hash: [UInt8]?
}
