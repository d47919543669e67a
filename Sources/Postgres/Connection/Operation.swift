/// One exchange with the server: its limits, and what is known about it when it ends badly.
struct Operation {
    enum Stop {
        case timeout
        case cancelled
    }

    let label: String
    /// Nothing is changed by this exchange, so a lost answer leaves no doubt.
    let isHarmless: Bool
    let cancelGrace: Duration
    let interrupt: Interrupt?
    /// First the operation's own deadline; once the server was asked to stop, the end of the grace period.
    private(set) var deadline: MonotonicTime?
    private(set) var stop: Stop?
    private(set) var cancelCall: CancelCall?
    /// All bytes were handed to the kernel. The last message is the one that makes a statement take effect.
    var isSentEntirely = false

    init(
        label: String, isHarmless: Bool, cancelGrace: Duration, interrupt: Interrupt?, deadline: MonotonicTime?
    ) {
        self.label = label
        self.isHarmless = isHarmless
        self.cancelGrace = cancelGrace
        self.interrupt = interrupt
        self.deadline = deadline
    }

    mutating func beginStop(_ reason: Stop, cancelCall: CancelCall?) {
        stop = reason
        self.cancelCall = cancelCall
        deadline = .now + cancelGrace
    }

    /// The kind of error for an exchange whose connection is gone.
    var kindWhenLost: PostgresError.Kind {
        guard isHarmless || !isSentEntirely else { return .outcomeUnknown }
        return stopKind ?? .connectionLost
    }

    var stopKind: PostgresError.Kind? {
        switch stop {
        case .timeout: .timeout
        case .cancelled: .cancelled
        case nil: nil
        }
    }
}
