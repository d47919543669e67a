import Logging
import Synchronization

/// What one exchange has to go through.
struct Exchange: Sendable {
    let ordinal: Int
    let traceId: String
    let effects: [Effect]
}

/// The platform's state, its ledger and those who wait for something in it, behind one lock. Nothing waits inside it.
final class SimulatorCore: Sendable {
    struct Contents {
        var state: PlatformState
        var entries: [LedgerEntry] = []
        var faults: [ArmedFault] = []
        var nextFault = 1
        var nextWaiter = 1
        var watchers: [Int: Watcher] = [:]
        var holders: [Int: Holder] = [:]
        var heldOrdinals: Set<Int> = []
        var leftOrdinals: Set<Int> = []
        /// Until when the platform stands still, by its clock.
        var frozenUntil = 0
        var file: LedgerFile?
    }

    struct Watcher {
        let match: RequestMatch
        let phase: Phase
        var missing: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    struct Holder {
        let ordinal: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    let clock: SimulatorClock
    let contents: Mutex<Contents>
    private let seed: UInt64
    private let logger: Logger

    init(_ configuration: SimulatorConfiguration, clock: SimulatorClock, logger: Logger) throws {
        self.clock = clock
        self.logger = logger
        seed = configuration.seed
        var initial = Contents(
            state: PlatformState(
                seed: configuration.seed, masterSecret: configuration.masterSecret, behaviour: configuration.behaviour,
                startedAtMilliseconds: clock.startedAtMilliseconds))
        initial.file = try configuration.ledgerPath.map { try LedgerFile(path: $0) }
        for rule in configuration.faults { initial.arm(rule) }
        contents = Mutex(initial)
    }

    // MARK: - An exchange, in order

    /// An exchange that ends before the body is read, when a rule says so.
    func receiveHead(_ request: PlatformRequest) -> Exchange? {
        receive(request, moments: [.beforeRead])
    }

    func receive(_ request: PlatformRequest) -> Exchange {
        receive(request, moments: [.before, .after]) ?? Exchange(ordinal: 0, traceId: "", effects: [])
    }

    /// Nil when only the moment before reading was asked about and no rule fired.
    private func receive(_ request: PlatformRequest, moments: Set<Effect.Moment>) -> Exchange? {
        let now = clock.nowMilliseconds
        return contents.withLock { contents in
            let organisation = contents.state.organisation(of: request)
            var fired: [FaultRule] = []
            for index in contents.faults.indices where moments.contains(contents.faults[index].rule.effect.moment) {
                if contents.faults[index].meets(
                    method: request.method, path: request.path, organisation: organisation, seed: seed)
                {
                    fired.append(contents.faults[index].rule)
                }
            }
            if moments == [.beforeRead], fired.isEmpty { return nil }
            let ordinal = contents.entries.count + 1
            let traceId = "sim-\(String(seed, radix: 16))-\(ordinal)"
            contents.entries.append(
                LedgerEntry(
                    ordinal: ordinal, receivedAtMilliseconds: now, method: request.method, path: request.path,
                    requestId: request.requestId, idempotencyKey: request.idempotencyKey, traceId: traceId,
                    organisation: organisation,
                    bodyBytes: request.body.count, bodyHash: FowlerNollVo.hexadecimal(of: request.body),
                    faults: fired.map(\.name)))
            contents.reached(.received, ordinal)
            return Exchange(ordinal: ordinal, traceId: traceId, effects: fired.map(\.effect))
        }
    }

    /// Does what was asked and writes it down, in one go and before anything is sent.
    ///
    /// `substitute` is what a fault will answer in place of the true answer.
    func perform(_ request: PlatformRequest, in exchange: Exchange, answering substitute: Reply?) -> Reply {
        let now = clock.nowMilliseconds
        return contents.withLock { contents in
            let (reply, decision) = contents.state.perform(request, at: now)
            if let substitute { contents.state.save(substitute, for: request, after: decision) }
            note(decision, status: substitute?.status ?? reply.status, of: exchange, in: &contents)
            return reply
        }
    }

    /// Writes down that a fault answers before anything is done.
    func skip(_ exchange: Exchange, status: Int) {
        contents.withLock { contents in
            note(Decision(.notAttempted, reason: "fault"), status: status, of: exchange, in: &contents)
        }
    }

    /// Ends an exchange. `reason` says why the client did not get the whole answer; nil means that it did.
    func end(_ exchange: Exchange, cut reason: String?) {
        let now = clock.nowMilliseconds
        contents.withLock { contents in
            let index = exchange.ordinal - 1
            guard contents.entries[index].delivery == .pending else { return }
            contents.entries[index].delivery = reason == nil ? .delivered : .cut
            contents.entries[index].cutReason = reason
            contents.entries[index].endedAtMilliseconds = now
            writeLine(contents.entries[index], to: contents.file)
            if reason == nil { contents.reached(.answered, exchange.ordinal) }
            contents.reached(.ended, exchange.ordinal)
        }
    }

    private func note(_ decision: Decision, status: Int, of exchange: Exchange, in contents: inout Contents) {
        let index = exchange.ordinal - 1
        contents.entries[index].decision = decision
        contents.entries[index].status = status
        writeLine(contents.entries[index], to: contents.file)
        contents.reached(.decided, exchange.ordinal)
    }

    private func writeLine(_ entry: LedgerEntry, to file: LedgerFile?) {
        do {
            try file?.append(entry)
        } catch {
            logger.error("The ledger file could not be written", metadata: ["reason": "\(error)"])
        }
    }
}

extension SimulatorCore.Contents {
    @discardableResult
    mutating func arm(_ rule: FaultRule) -> Int {
        faults.append(ArmedFault(id: nextFault, rule: rule))
        nextFault += 1
        return nextFault - 1
    }

    /// Wakes those who waited for this exchange to come this far.
    mutating func reached(_ phase: Phase, _ ordinal: Int) {
        if phase == .held { heldOrdinals.insert(ordinal) }
        if phase == .left { leftOrdinals.insert(ordinal) }
        guard !watchers.isEmpty else { return }
        let entry = entries[ordinal - 1]
        for (id, watcher) in watchers where watcher.phase == phase && watcher.match.matches(entry) {
            if watcher.missing > 1 {
                watchers[id]?.missing -= 1
            } else {
                watchers[id] = nil
                watcher.continuation.resume(returning: true)
            }
        }
    }

    /// How many exchanges have already come this far.
    func count(_ match: RequestMatch, _ phase: Phase) -> Int {
        entries.count { entry in
            guard match.matches(entry) else { return false }
            return switch phase {
            case .received: true
            case .decided: entry.decision != nil
            case .held: heldOrdinals.contains(entry.ordinal)
            case .left: leftOrdinals.contains(entry.ordinal)
            case .answered: entry.delivery == .delivered
            case .ended: entry.delivery != .pending
            }
        }
    }
}

extension RequestMatch {
    func matches(_ entry: LedgerEntry) -> Bool {
        matches(method: entry.method, path: entry.path, organisation: entry.organisation)
    }
}
