/// How a worker behaves. The defaults suit one process on a small machine.
public struct WorkerConfiguration: Sendable {
    /// Written into leases and events, after `worker:`.
    public var name: String
    /// Runs in hand at the same time.
    public var concurrentRuns: Int
    /// Requests under way to one service, where the installation sets no other limit.
    public var concurrentRequests: Int
    /// After this long without a commit another worker may take a run over.
    public var leaseMilliseconds: Int64
    /// The longest time between two looks at the queue; hints and timers make it shorter.
    public var pollMilliseconds: Int64
    /// A loop that should have moved so long ago counts as wedged. More than any call of the store may take.
    public var stallMilliseconds: Int64 = 60_000

    /// How long no run is taken after the database turned out to be of another version.
    public var otherVersionPauseMilliseconds: Int64 = 60_000

    public init(
        name: String, concurrentRuns: Int = 64, concurrentRequests: Int = 32, leaseMilliseconds: Int64 = 60_000,
        pollMilliseconds: Int64 = 1000
    ) {
        self.name = name
        self.concurrentRuns = max(1, concurrentRuns)
        self.concurrentRequests = max(1, concurrentRequests)
        self.leaseMilliseconds = max(100, leaseMilliseconds)
        self.pollMilliseconds = max(10, pollMilliseconds)
    }

    public var actor: String { "worker:\(name)" }

    /// What must be left of a lease beyond a request's own deadline, for the commit that follows.
    var leaseMarginMilliseconds: Int64 { min(2000, leaseMilliseconds / 10) }

    /// A request never runs longer than the lease allows.
    func timeoutMilliseconds(wanted: Int64) -> Int64 {
        max(50, min(wanted, leaseMilliseconds - 2 * leaseMarginMilliseconds))
    }
}
