// The lease of a request that takes long.

extension RunMachine {
    /// What a worker does about its lease while a request is under way.
    public enum Renewal: Sendable, Equatable {
        case wait(milliseconds: Int64)
        /// Ask for a lease that ends so long from now, and hand in what came of it.
        case ask(leaseMilliseconds: Int64)
        /// The lease outlasts the request, or has ended, or is somebody else's.
        case over
    }

    public enum RenewalAnswer: Sendable, Equatable {
        case renewed(leaseMilliseconds: Int64)
        /// The lease is not this worker's any more.
        case refused
        /// The database did not say.
        case unknown
    }

    /// A request under way.
    struct Flight: Sendable {
        /// The end of its deadline, by this worker's clock.
        let endsAt: Int64
        var renewsAt: Int64
        /// The lease is somebody else's: the answer will be evidence.
        var isRefused = false
    }

    /// How long the lease must last when the request leaves. A request that does not fit into half of a lease has it
    /// renewed.
    func neededMilliseconds(_ timeout: Int64) -> Int64 {
        min(timeout + lease.marginMilliseconds / 2, lease.milliseconds / 2)
    }

    /// The end of a request that may outlast its lease, counted from its intent; nil for others.
    func endsMilliseconds(_ timeout: Int64) -> Int64? {
        let latestDeparture = lease.milliseconds / 2
        return timeout + lease.marginMilliseconds / 2 > latestDeparture ? latestDeparture + timeout : nil
    }

    /// What is to be done for the lease of the request under way. Never is it renewed beyond the request's deadline, but for
    /// the commit that follows, nor when it may have ended.
    public func renewal(at clock: Int64) -> Renewal {
        guard case .sending(_, let flight?) = phase, !flight.isRefused else { return .over }
        let rest = (flight.endsAt - clock) / 1000
        let left = lease.leftMilliseconds(at: clock)
        guard left > 0, left < rest + lease.marginMilliseconds / 2 else { return .over }
        let wait = (flight.renewsAt - clock + 999) / 1000
        if wait > 0 { return .wait(milliseconds: wait) }
        return .ask(leaseMilliseconds: min(lease.milliseconds, rest + lease.marginMilliseconds))
    }

    /// `askedAt`: this worker's clock just before it asked. The new end counts from there.
    public mutating func renewed(_ answer: RenewalAnswer, askedAt: Int64, at clock: Int64) {
        guard case .sending(let planned, var flight?) = phase else { return }
        switch answer {
        case .renewed(let milliseconds):
            lease.renew(milliseconds: milliseconds, askedAt: askedAt)
            flight.renewsAt = lease.renewsAt
        case .refused: flight.isRefused = true
        case .unknown: flight.renewsAt = clock + min(1000, lease.milliseconds / 10) * 1000
        }
        phase = .sending(planned, flight)
    }
}

extension LeaseTimes {
    /// A third of it may pass; the rest is for tries that fail.
    var renewsAt: Int64 { startedAt + milliseconds * 1000 / 3 }

    /// A shorter lease counts as one that began earlier.
    mutating func renew(milliseconds given: Int64, askedAt: Int64) {
        startedAt = max(startedAt, askedAt - (milliseconds - given) * 1000)
    }
}
