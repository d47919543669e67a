import EventStore
import WorkflowCore

/// The runs that a worker has in hand, by the service whose line they came from: how much more it can take on.
///
/// With k services at work, each service may fill one of k + 1 equal parts of the places. So a slow service never keeps
/// places empty that other services need, nor the places for a service that comes anew.
actor Places {
    private let total: Int
    private var inHand: [String: Int] = [:]
    /// Lines in which somebody was ready when the last claim ended.
    private var ready: Set<String> = []
    private var bounds: [String: LineBounds] = [:]
    private var leaseBound: Instant?
    private var leaseBoundResetAt = ContinuousClock.now
    /// Given back since the last claim.
    private var freed = 0
    private var isClaimPlanned = false
    private var boundsResetAt = ContinuousClock.now

    init(_ total: Int) { self.total = total }

    var free: Int { total - inHand.values.reduce(0, +) }

    /// What may be claimed now, up to so many runs.
    func demand(upTo most: Int) -> ClaimDemand {
        if boundsResetAt.duration(to: .now) > .seconds(1) {
            bounds = [:]
            boundsResetAt = .now
        }
        // Leases are only ever prolonged, so this bound stays right unless a clock was set back.
        if leaseBoundResetAt.duration(to: .now) > .seconds(10) {
            leaseBound = nil
            leaseBoundResetAt = .now
        }
        let active = ready.union(inHand.keys)
        let each = max(1, total / (active.count + 1))
        var rooms: [String: Int] = [:]
        for name in active { rooms[name] = max(0, each - (inHand[name] ?? 0)) }
        // A new service makes one more that is at work.
        let anew = max(1, total / (active.count + 2))
        return ClaimDemand(
            room: min(free, most), roomEach: anew, rooms: rooms, bounds: bounds, leaseBound: leaseBound)
    }

    func take(_ answer: ClaimAnswer) {
        freed = 0
        isClaimPlanned = false
        for run in answer.runs { inHand[run.service, default: 0] += 1 }
        leaseBound = answer.leaseBound
        for line in answer.lines {
            bounds[line.service] = line.bounds
            if let next = line.next, next <= line.now { ready.insert(line.service) } else { ready.remove(line.service) }
        }
    }

    /// When a free place is worth a claim. A claim costs the database about as much for one run as for sixteen.
    enum Worth {
        case now
        /// Unless more come free before.
        case soon
        case planned
    }

    func give(_ service: String) -> Worth {
        let left = (inHand[service] ?? 1) - 1
        inHand[service] = left > 0 ? left : nil
        freed += 1
        if freed >= min(Self.worthwhileClaim, (left + freed) / 8) || left == 0 {
            freed = 0
            return .now
        }
        defer { isClaimPlanned = true }
        return isClaimPlanned ? .planned : .soon
    }

    private static let worthwhileClaim = 16
}
