import EventStore
import WorkflowCore

/// Who may send to a service now: its address, its pause, and a number of places.
///
/// A service that failed lately has one place, so that one request finds out whether it is back.
actor ServiceGate {
    enum Entry: Sendable {
        /// A place is taken; give it back with `leave`.
        case open(ServiceRecord)
        case paused
        case noBaseURL
        /// No place became free in time.
        case busy
        case draining
    }

    private struct Door {
        var record: ServiceRecord?
        var readAt: ContinuousClock.Instant
        var inside = 0
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
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
        let deadline = ContinuousClock.now + .milliseconds(waitMilliseconds)
        while true {
            if isDraining { return .draining }
            var record = try await fresh(name)
            record.baseURL = declaredBaseURL ?? record.baseURL
            guard record.baseURL != nil else { return .noBaseURL }
            if let ends = record.pausedUntil, ends > now { return .paused }
            let places =
                record.consecutiveFailures > 0 ? 1 : record.concurrentRequests ?? configuration.concurrentRequests
            if doors[name]?.inside ?? 0 < places {
                doors[name]?.inside += 1
                return .open(record)
            }
            guard ContinuousClock.now < deadline else { return .busy }
            await waitForPlace(name, until: deadline)
        }
    }

    func leave(_ name: String) {
        doors[name]?.inside -= 1
        admitNext(name)
    }

    /// Nobody gets in any more, and those who wait are told.
    func drain() {
        isDraining = true
        for name in doors.keys { admitAll(name) }
    }

    /// The platform could not be reached, or said "later": everybody waits. Answers when the pause ends.
    func pause(_ name: String, retryAfterMilliseconds: Int64?, reason: String) async throws {
        let failures = doors[name]?.record?.consecutiveFailures ?? 0
        let backoff = min(30_000, Int64(1000) << min(failures, 5))
        let ends = try await store.pauseService(
            name, milliseconds: max(retryAfterMilliseconds ?? 0, backoff), reason: reason)
        doors[name]?.record?.pausedUntil = ends
        doors[name]?.record?.consecutiveFailures = failures + 1
        admitAll(name)
    }

    /// The platform answered.
    func succeeded(_ name: String) async throws {
        guard let record = doors[name]?.record, record.consecutiveFailures > 0 || record.pausedUntil != nil else {
            return
        }
        doors[name]?.record?.consecutiveFailures = 0
        doors[name]?.record?.pausedUntil = nil
        admitAll(name)
        try await store.resumeService(name)
    }

    private func fresh(_ name: String) async throws -> ServiceRecord {
        if let door = doors[name], let record = door.record, door.readAt.duration(to: .now) < Self.freshness {
            return record
        }
        let record = try await store.service(name) ?? ServiceRecord(name: name)
        doors[name, default: Door(record: record, readAt: .now)].record = record
        doors[name]?.readAt = .now
        return record
    }

    private func waitForPlace(_ name: String, until deadline: ContinuousClock.Instant) async {
        ticket += 1
        let mine = ticket
        let timer = Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            self.timeOut(mine, at: name)
        }
        await withCheckedContinuation { continuation in
            doors[name]?.waiting.append((mine, continuation))
        }
        timer.cancel()
    }

    private func timeOut(_ id: UInt64, at name: String) {
        guard let index = doors[name]?.waiting.firstIndex(where: { $0.id == id }) else { return }
        doors[name]?.waiting.remove(at: index).continuation.resume()
    }

    private func admitNext(_ name: String) {
        guard doors[name]?.waiting.isEmpty == false else { return }
        doors[name]?.waiting.removeFirst().continuation.resume()
    }

    private func admitAll(_ name: String) {
        let waiting = doors[name]?.waiting ?? []
        doors[name]?.waiting = []
        for item in waiting { item.continuation.resume() }
    }
}
