/// How a worker behaves. The defaults suit one process on a small machine.
public struct WorkerConfiguration: Sendable {
    /// Written into leases and events, after `worker:`.
    public var name: String
    /// Runs in hand at the same time.
    public var concurrentRuns: Int
    /// After this long without a commit another worker may take a run over.
    public var leaseMilliseconds: Int64
    /// The longest time between two looks at the queue; hints and timers make it shorter.
    public var pollMilliseconds: Int64
    /// How long a loop may fail to move before it counts as wedged. Longer than any call of the store may take.
    public var stallMilliseconds: Int64 = 60_000

    /// How long no run is taken after the database turned out to be of another version.
    public var otherVersionPauseMilliseconds: Int64 = 60_000

    public init(
        name: String, concurrentRuns: Int = 512, leaseMilliseconds: Int64 = 60_000,
        pollMilliseconds: Int64 = 1000
    ) {
        self.name = name
        self.concurrentRuns = max(1, concurrentRuns)
        self.leaseMilliseconds = max(100, leaseMilliseconds)
        self.pollMilliseconds = max(10, pollMilliseconds)
    }

    public var actor: String { "worker:\(name)" }
}
