/// Which commits go together, what follows a failure, and who waits apart: inputs in, actions out.
///
/// While one call is in flight the next batch gathers, and goes as one call. No timer delays a lone commit. A pure state
/// machine: a driver does each action, and hands in what came of it by the flow's number.
public struct CommitQueue: Sendable {
    /// Given by the driver; names a commit.
    public typealias Ticket = UInt64

    public enum Lane: Sendable, Equatable {
        case ordinary
        /// Commits whose rows somebody else holds; they must not hold up the others.
        case locked
    }

    public enum Failure: Sendable, Equatable {
        /// The database could not be asked, or did not get to answer; the same again is safe.
        case outage
        /// Somebody holds the rows of these commits; the set is empty when nobody could tell which.
        case busy(Set<Ticket>)
        /// The database is of another version: only a restart helps.
        case otherVersion
        /// These cannot be written as they are.
        case refused
    }

    public enum Action: Sendable, Equatable {
        /// Write these in one statement, then call `written` or `failed`.
        case write([Ticket], flow: Int, Lane)
        /// Then call `pauseOver`; `giveUp` shortens it.
        case pause(flow: Int, milliseconds: Int64)
        /// Their fate is the error that the flow met last.
        case fail([Ticket], flow: Int)
    }

    /// Batches that are written one after the other; the last one is in flight or waits for the database.
    private struct Flow: Sendable {
        let lane: Lane
        var batches: [[Ticket]] = []
        var pauseMilliseconds: Int64 = 0
        var failures = 0
        var isPausing = false
        /// In the locked lane: the pause before the next batch is over.
        var hasRested = false
    }

    /// Rows of one statement; the rest waits for the next.
    public static let largestBatch = 500
    /// With this many waiting, a second batch goes beside the one in flight: a core would idle during the flush to
    /// disk.
    public static let worthwhileBatch = 64
    /// After this many failures a batch is halved: what looks like an outage may be a statement too large for its time
    /// limit.
    static let failuresOfOneBatch = 4
    /// Short, because answers in hand should be written before another worker takes their runs.
    static let longestPauseMilliseconds: Int64 = 1000
    private static let mostFlows = 2

    private var pending: [Ticket] = []
    private var locked: [Ticket] = []
    private var flows: [Int: Flow] = [:]
    private var lastFlow = 0
    private var lockedPauseMilliseconds: Int64 = 0
    public private(set) var isGivingUp = false
    /// Whether commits wait for the database to come back.
    public private(set) var isOut = false

    public init() {}

    /// Commits that stand behind the batch in flight.
    public var pendingCount: Int { pending.count }

    // MARK: Inputs

    public mutating func submit(_ ticket: Ticket) -> [Action] {
        pending.append(ticket)
        let count = flows.values.count { $0.lane == .ordinary }
        // A second batch goes beside the first one only when it is worth its own flush to disk.
        guard count == 0 || count < Self.mostFlows && pending.count >= Self.worthwhileBatch else { return [] }
        return next(begin(.ordinary))
    }

    public mutating func written(flow id: Int) -> [Action] {
        noted(id, isOut: false)
        _ = flows[id]?.batches.popLast()
        return next(id)
    }

    public mutating func failed(flow id: Int, _ failure: Failure) -> [Action] {
        guard let flow = flows[id], let batch = flow.batches.last else { return [] }
        noted(id, isOut: failure == .outage)
        switch failure {
        case .outage:
            guard !isGivingUp else { return failAll(id) }
            flows[id]?.failures += 1
            let pause = min(Self.longestPauseMilliseconds, max(50, flow.pauseMilliseconds * 2))
            flows[id]?.pauseMilliseconds = pause
            flows[id]?.isPausing = true
            return [.pause(flow: id, milliseconds: pause)]
        case .busy(let culprits):
            guard !isGivingUp else { return drop(id) }
            return setAside(id, batch, culprits)
        case .otherVersion: return drop(id)
        case .refused:
            // One bad commit fails the whole statement: halve until the culprit stands alone.
            guard batch.count > 1 else { return drop(id) }
            halve(id)
            return next(id)
        }
    }

    public mutating func pauseOver(flow id: Int) -> [Action] {
        guard let flow = flows[id], flow.isPausing else { return [] }
        flows[id]?.isPausing = false
        if flow.batches.isEmpty { flows[id]?.hasRested = true }
        if flow.failures >= Self.failuresOfOneBatch, (flow.batches.last?.count ?? 0) > 1 { halve(id) }
        return next(id)
    }

    /// From now on an unreachable database is an error instead of a reason to try again.
    public mutating func giveUp() -> [Action] {
        isGivingUp = true
        return flows.filter(\.value.isPausing).keys.sorted().flatMap { pauseOver(flow: $0) }
    }

    // MARK: Flows

    private mutating func begin(_ lane: Lane) -> Int {
        lastFlow += 1
        flows[lastFlow] = Flow(lane: lane)
        return lastFlow
    }

    /// The flow's next batch; without one the flow ends.
    private mutating func next(_ id: Int) -> [Action] {
        guard var flow = flows[id] else { return [] }
        if flow.batches.isEmpty {
            flow.pauseMilliseconds = 0
            flow.failures = 0
            switch flow.lane {
            case .ordinary:
                guard !pending.isEmpty else { break }
                flow.batches = [Array(pending.prefix(Self.largestBatch))]
                pending.removeFirst(min(pending.count, Self.largestBatch))
            case .locked:
                guard !locked.isEmpty else { break }
                // Rows that were locked just now are left alone for a moment.
                if !flow.hasRested {
                    flow.isPausing = true
                    flows[id] = flow
                    defer {
                        lockedPauseMilliseconds = min(Self.longestPauseMilliseconds, lockedPauseMilliseconds * 2)
                    }
                    return [.pause(flow: id, milliseconds: lockedPauseMilliseconds)]
                }
                flow.hasRested = false
                flow.batches = [Array(locked.prefix(Self.largestBatch))]
                locked.removeFirst(min(locked.count, Self.largestBatch))
            }
        }
        guard let batch = flow.batches.last else {
            flows[id] = nil
            return []
        }
        flows[id] = flow
        return [.write(batch, flow: id, flow.lane)]
    }

    private mutating func noted(_ id: Int, isOut: Bool) {
        if flows[id]?.lane == .ordinary { self.isOut = isOut }
    }

    private mutating func halve(_ id: Int) {
        guard let batch = flows[id]?.batches.popLast() else { return }
        flows[id]?.batches.append(Array(batch.suffix(batch.count - batch.count / 2)))
        flows[id]?.batches.append(Array(batch.prefix(batch.count / 2)))
        flows[id]?.failures = 0
        flows[id]?.pauseMilliseconds = 0
    }

    /// The batch in flight is over with its error; the flow goes on.
    private mutating func drop(_ id: Int) -> [Action] {
        guard let batch = flows[id]?.batches.popLast() else { return [] }
        return [.fail(batch, flow: id)] + next(id)
    }

    /// The worker gives up on the database: all batches of the flow fail, also the other parts of a halved batch.
    private mutating func failAll(_ id: Int) -> [Action] {
        let batches = flows[id]?.batches ?? []
        flows[id]?.batches = []
        return batches.reversed().map { .fail($0, flow: id) } + next(id)
    }

    /// Puts the culprits apart to wait; the others go on at once.
    private mutating func setAside(_ id: Int, _ batch: [Ticket], _ culprits: Set<Ticket>) -> [Action] {
        let free = batch.filter { !culprits.contains($0) }
        // No culprit is named when nobody could tell who holds what: then all wait apart, so that later commits are not
        // held up.
        let isUnclear = free.count == batch.count
        locked += isUnclear ? batch : batch.filter { culprits.contains($0) }
        _ = flows[id]?.batches.popLast()
        if !isUnclear, !free.isEmpty { flows[id]?.batches.append(free) }
        var actions: [Action] = []
        if !flows.values.contains(where: { $0.lane == .locked }) {
            lockedPauseMilliseconds = 20
            actions += next(begin(.locked))
        }
        return actions + next(id)
    }
}
