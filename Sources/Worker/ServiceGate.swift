import EventStore
import WorkflowCore

/// Who may send to a service now: its address, its pause, and a number of places.
///
/// A service that failed lately has one place, so that one request finds out whether it is back. Those who
/// wait are served in their order: a place that becomes free is handed on, never put up for grabs.
actor ServiceGate {
    enum Entry: Sendable, Equatable {
        /// A place is taken; give it back with `leave`.
        case open(ServiceRecord)
        case paused(milliseconds: Int64)
        case noBaseURL
        /// No place became free in time.
        case busy
        case draining
    }

    private struct Door {
        var record: ServiceRecord
        var readAt = ContinuousClock.now
        var inside = 0
        /// Resumed with true when it got a place, with false when it should look again.
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
        /// The newest pause, as this worker learned of it.
        var pauseBegan: ContinuousClock.Instant?
        var pauseEnds: ContinuousClock.Instant?
        /// Counts what this worker found out itself, so that an older row does not overwrite it.
        var findings = 0
    }

    /// How long a service's row may be trusted without looking again.
    private static let freshness: Duration = .seconds(1)

    private let store: any EventStore
    private let configuration: WorkerConfiguration
    private var doors: [String: Door] = [:]
    private var ticket: UInt64 = 0
    private var isDraining = false

    init(store: any EventStore, configuration: WorkerConfiguration) {
        self.store = store
        self.configuration = configuration
    }

    /// Takes a place, waiting up to `waitMilliseconds` for one. `declaredBaseURL` is the definition's.
    func enter(_ name: String, declaredBaseURL: String?, now: Instant, waitMilliseconds: Int64) async throws -> Entry {
        let began = ContinuousClock.now
        let deadline = began + .milliseconds(waitMilliseconds)
        var hasPlace = false
        while true {
            let view: Entry
            do {
                let time = now.advanced(byMilliseconds: began.duration(to: .now).milliseconds)
                view = try await look(name, declaredBaseURL: declaredBaseURL, now: time)
            } catch {
                if hasPlace { leave(name) }
                throw error
            }
            guard case .open = view else {
                if hasPlace { leave(name) }
                return view
            }
            if hasPlace { return view }
            if hasRoom(name), doors[name]?.waiting.isEmpty == true {
                doors[name]?.inside += 1
                return view
            }
            guard ContinuousClock.now < deadline else { return .busy }
            hasPlace = await waitForPlace(name, until: deadline)
        }
    }

    /// Gives a place back; the first who waits gets it.
    func leave(_ name: String) {
        doors[name]?.inside -= 1
        admit(name)
    }

    /// Nobody gets in any more, and those who wait are told.
    func drain() {
        isDraining = true
        for name in doors.keys { tellAll(name) }
    }

    /// The platform could not be reached, or said "later": everybody waits.
    func pause(_ name: String, retryAfterMilliseconds: Int64?, reason: String) async throws {
        let time = ContinuousClock.now
        let asked = min(max(0, retryAfterMilliseconds ?? 0), RetryArithmetic.longestMilliseconds)
        if let ends = doors[name]?.pauseEnds, ends > time, time + .milliseconds(asked) <= ends {
            return  // one of many requests that were under way together: no further failure of the service
        }
        let failures = doors[name]?.record.consecutiveFailures ?? 0
        let milliseconds = max(asked, min(30_000, Int64(1000) << min(failures, 5)))
        doors[name]?.pauseBegan = time
        doors[name]?.pauseEnds = time + .milliseconds(milliseconds)
        doors[name]?.record.consecutiveFailures = failures + 1
        doors[name]?.findings += 1
        do {
            let ends = try await store.pauseService(name, milliseconds: milliseconds, reason: reason)
            let known = doors[name]?.record.pausedUntil ?? ends
            doors[name]?.record.pausedUntil = max(known, ends)
            doors[name]?.findings += 1
            tellAll(name)
        } catch {
            doors[name]?.pauseEnds = nil
            throw error
        }
    }

    /// The platform answered a request sent at that time. One sent before the pause began does not lift it.
    func succeeded(_ name: String, sentAt: ContinuousClock.Instant) async throws {
        guard let door = doors[name], door.record.consecutiveFailures > 0 || door.record.pausedUntil != nil else {
            return
        }
        if let began = door.pauseBegan, sentAt < began { return }
        doors[name]?.record.consecutiveFailures = 0
        doors[name]?.record.pausedUntil = nil
        doors[name]?.pauseEnds = nil
        doors[name]?.findings += 1
        admit(name)
        try await store.resumeService(name)
    }

    // What tests look at.
    func insideCount(_ name: String) -> Int { doors[name]?.inside ?? 0 }
    func waitingCount(_ name: String) -> Int { doors[name]?.waiting.count ?? 0 }
    func forget(_ name: String) { doors[name]?.readAt = .now - Self.freshness }

    /// Whether one could go in, apart from the number of places.
    private func look(_ name: String, declaredBaseURL: String?, now: Instant) async throws -> Entry {
        if isDraining { return .draining }
        var record = try await fresh(name, needsBaseURL: declaredBaseURL == nil)
        if isDraining { return .draining }
        record.baseURL = declaredBaseURL ?? record.baseURL
        guard record.baseURL != nil else { return .noBaseURL }
        if let ends = record.pausedUntil, ends > now { return .paused(milliseconds: ends.milliseconds(since: now) + 1) }
        return .open(record)
    }

    private func fresh(_ name: String, needsBaseURL: Bool) async throws -> ServiceRecord {
        // What is missing may just have been set, and the run was woken for it: that is not taken from memory.
        if let door = doors[name], door.readAt.duration(to: .now) < Self.freshness,
            !needsBaseURL || door.record.baseURL != nil
        {
            return door.record
        }
        // Those who come meanwhile use what is known, instead of asking too.
        let findings = doors[name]?.findings
        doors[name]?.readAt = .now
        var record: ServiceRecord
        do { record = try await store.service(name) ?? ServiceRecord(name: name) } catch {
            doors[name]?.readAt = .now - Self.freshness
            throw error
        }
        guard let door = doors[name] else {
            doors[name] = Door(record: record, pauseBegan: record.pausedUntil == nil ? nil : .now)
            return record
        }
        if door.findings != findings ?? 0 {
            record.pausedUntil = door.record.pausedUntil
            record.consecutiveFailures = door.record.consecutiveFailures
        } else if let ends = record.pausedUntil, ends != door.record.pausedUntil {
            doors[name]?.pauseBegan = .now
        } else if record.pausedUntil == nil {
            doors[name]?.pauseEnds = nil
        }
        doors[name]?.record = record
        doors[name]?.readAt = .now
        admit(name)
        return record
    }

    private func hasRoom(_ name: String) -> Bool {
        guard let door = doors[name] else { return false }
        let places =
            door.record.consecutiveFailures > 0
            ? 1 : max(1, door.record.concurrentRequests ?? configuration.concurrentRequests)
        return door.inside < places
    }

    /// Hands free places to those who wait longest.
    private func admit(_ name: String) {
        while doors[name]?.waiting.isEmpty == false, hasRoom(name) {
            doors[name]?.inside += 1
            doors[name]?.waiting.removeFirst().continuation.resume(returning: true)
        }
    }

    private func tellAll(_ name: String) {
        let waiting = doors[name]?.waiting ?? []
        doors[name]?.waiting = []
        for item in waiting { item.continuation.resume(returning: false) }
    }

    /// True when a place was handed over.
    private func waitForPlace(_ name: String, until deadline: ContinuousClock.Instant) async -> Bool {
        ticket += 1
        let mine = ticket
        let timer = Task {
            do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
            self.timeOut(mine, at: name)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { continuation in
            doors[name]?.waiting.append((mine, continuation))
        }
    }

    private func timeOut(_ id: UInt64, at name: String) {
        guard let index = doors[name]?.waiting.firstIndex(where: { $0.id == id }) else { return }
        doors[name]?.waiting.remove(at: index).continuation.resume(returning: false)
    }
}
