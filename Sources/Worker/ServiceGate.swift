import EventStore
import WorkflowCore

/// Who may send to a service now: its address, its breaker, and a number of places.
///
/// Those who wait are served in their order: a place that becomes free is handed on, never put up for grabs.
/// Only so many stand in line; the others go back to the queue, and are called when the line gets short.
actor ServiceGate {
    /// The right to send one request; give it back with `leave`.
    struct Place: Sendable, Equatable {
        var record: ServiceRecord
        /// The request finds out whether the service is back; nobody else sends one meanwhile.
        var canary: Int64?
        /// Later the canary would not have ended when another one may go.
        var sendBefore: ContinuousClock.Instant?
        var takenAt = ContinuousClock.now
    }

    enum Entry: Sendable, Equatable {
        case open(Place)
        case paused(milliseconds: Int64)
        case noBaseURL
        /// No place is free; the run may stand in line for one.
        case busy
        /// Nor is there room in the line; the run is called when there is, at the latest after that time.
        case crowded(milliseconds: Int64)
        case draining
    }

    struct Door {
        var record: ServiceRecord
        /// From before the statement that read it was sent.
        var readAt: ContinuousClock.Instant
        var inside = 0
        /// Resumed with true when it got a place, with false when it should look again.
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Bool, Never>)] = []
        /// Runs in the queue that wait for a place, as far as this worker sent them there.
        var parked = 0
        var isCalling = false
        /// How long places were held lately.
        var holdMilliseconds: Int64 = 0
        /// The newest pause, as this worker learned of it.
        var pauseEnds: ContinuousClock.Instant?
        /// The canary that this worker has out, and whether it is just asking for one.
        var canary: Int64?
        var isAsking = false
        /// After an outage: how many places there are so far. Nil: all.
        var opened: Int?
        /// Counts what this worker found out itself, so that an older row does not overwrite it.
        var findings = 0
    }

    /// How long a service's row may be trusted without looking again.
    private static let freshness: Duration = .seconds(1)
    private static let longestParkedMilliseconds: Int64 = 30_000

    let store: any EventStore
    let configuration: WorkerConfiguration
    var doors: [String: Door] = [:]
    private(set) var isDraining = false
    private let bell: Bell
    private var ticket: UInt64 = 0
    /// Looks at a service's row that are under way.
    private var reading: [String: Task<ServiceRecord, any Error>] = [:]

    /// `bell` is rung when runs in the queue have been called to free places.
    init(store: any EventStore, configuration: WorkerConfiguration, bell: Bell = Bell()) {
        self.store = store
        self.configuration = configuration
        self.bell = bell
    }

    /// Takes a place, waiting up to `waitMilliseconds` for one. `declaredBaseURL` is the definition's;
    /// `requestMilliseconds` is how long the request may take.
    func enter(
        _ name: String, declaredBaseURL: String?, now: Instant, waitMilliseconds: Int64,
        requestMilliseconds: Int64 = 30_000
    ) async throws -> Entry {
        let began = ContinuousClock.now
        let deadline = began + .milliseconds(waitMilliseconds)
        var hasPlace = false
        while true {
            let view: View
            do {
                let time = now.advanced(byMilliseconds: began.duration(to: .now).milliseconds)
                view = try await look(name, declaredBaseURL: declaredBaseURL, now: time)
            } catch {
                if hasPlace { await leave(name) }
                throw error
            }
            switch view {
            case .closed(let record):
                if hasPlace { return .open(Place(record: record)) }
                if hasRoom(name), doors[name]?.waiting.isEmpty == true {
                    doors[name]?.inside += 1
                    return .open(Place(record: record))
                }
            case .halfOpen(let record):
                if !hasPlace {
                    guard hasRoom(name) else { return .paused(milliseconds: 1000) }
                    doors[name]?.inside += 1
                }
                return try await asCanary(name, record, requestMilliseconds: requestMilliseconds)
            case .shut(let entry):
                if hasPlace { await leave(name) }
                return entry
            }
            let isLate = ContinuousClock.now >= deadline
            if isLate && waitMilliseconds <= 0 && hasLine(name) { return .busy }
            guard !isLate, hasLine(name) else { return park(name) }
            hasPlace = await waitForPlace(name, until: deadline)
        }
    }

    /// Gives a place back; the first who waits gets it.
    func leave(_ name: String, _ place: Place? = nil) async {
        if let place {
            if let canary = place.canary { await giveBack(canary, of: name) }
            let held = place.takenAt.duration(to: .now).milliseconds
            let before = doors[name]?.holdMilliseconds ?? 0
            doors[name]?.holdMilliseconds = before == 0 ? held : (3 * before + held) / 4
        }
        doors[name]?.inside -= 1
        admit(name)
        callParked(name)
    }

    /// Nobody gets in any more, and those who wait are told.
    func drain() {
        isDraining = true
        for name in doors.keys { tellAll(name) }
    }

    // What tests look at.
    func insideCount(_ name: String) -> Int { doors[name]?.inside ?? 0 }
    func waitingCount(_ name: String) -> Int { doors[name]?.waiting.count ?? 0 }
    func forget(_ name: String) { doors[name]?.readAt = .now - Self.freshness }

    // MARK: The service's row

    private enum View {
        case closed(ServiceRecord)
        case halfOpen(ServiceRecord)
        case shut(Entry)
    }

    /// Whether one could go in, apart from the number of places.
    private func look(_ name: String, declaredBaseURL: String?, now: Instant) async throws -> View {
        if isDraining { return .shut(.draining) }
        var record = try await fresh(name, needsBaseURL: declaredBaseURL == nil)
        if isDraining { return .shut(.draining) }
        record.baseURL = declaredBaseURL ?? record.baseURL
        guard record.baseURL != nil else { return .shut(.noBaseURL) }
        if let ends = record.breaker.shutUntil(now) {
            return .shut(.paused(milliseconds: ends.milliseconds(since: now) + 1))
        }
        guard record.breaker.state(at: now) == .halfOpen else { return .closed(record) }
        if doors[name]?.isAsking == true || doors[name]?.canary != nil { return .shut(.paused(milliseconds: 1000)) }
        return .halfOpen(record)
    }

    private func fresh(_ name: String, needsBaseURL: Bool) async throws -> ServiceRecord {
        // What is missing may just have been set, and the run was woken for it: that is not taken from memory.
        if let door = doors[name], door.readAt.duration(to: .now) < Self.freshness,
            !needsBaseURL || door.record.baseURL != nil
        {
            return door.record
        }
        // Those who come meanwhile wait for the same answer: what is known may be hours old.
        if let under = reading[name] {
            let record = try await under.value
            if !needsBaseURL || record.baseURL != nil { return record }
        }
        let task = reading[name] ?? Task { try await self.read(name) }
        reading[name] = task
        return try await task.value
    }

    private func read(_ name: String) async throws -> ServiceRecord {
        defer { reading[name] = nil }
        let findings = doors[name]?.findings
        let began = ContinuousClock.now
        var record = try await store.service(name) ?? ServiceRecord(name: name)
        guard let door = doors[name] else {
            doors[name] = Door(record: record, readAt: began)
            return record
        }
        if door.findings != findings ?? 0 { record.breaker = door.record.breaker }
        if record.breaker.pausedUntil == nil { doors[name]?.pauseEnds = nil }
        if door.record.breaker.consecutiveFailures > 0, record.breaker.consecutiveFailures == 0 { startSlowly(name) }
        let isNews = record.breaker.pausedUntil != nil && door.record.breaker.pausedUntil == nil
        doors[name]?.record = record
        doors[name]?.readAt = began
        if isNews { tellAll(name) }
        admit(name)
        callParked(name)
        return record
    }

    // MARK: Places and the line

    private func limit(_ door: Door) -> Int {
        let places = max(1, door.record.concurrentRequests ?? configuration.concurrentRequests)
        return min(places, door.opened ?? places)
    }

    private func hasRoom(_ name: String) -> Bool {
        guard let door = doors[name] else { return false }
        return door.inside < limit(door)
    }

    /// Half of the worker's runs may be at one service, in it or in line; a short line there is always.
    private func lineLength(_ door: Door) -> Int {
        let runs = configuration.concurrentRuns
        return max(1, runs / 8, runs / 2 - door.inside)
    }

    private func hasLine(_ name: String) -> Bool {
        guard let door = doors[name] else { return true }
        return door.waiting.count < lineLength(door)
    }

    /// Back to the queue, for about as long as those before it will take.
    private func park(_ name: String) -> Entry {
        guard let door = doors[name] else { return .busy }
        doors[name]?.parked += 1
        let turns = Int64((door.parked + door.waiting.count) / limit(door) + 1)
        let (time, isTooLong) = turns.multipliedReportingOverflow(by: max(10, door.holdMilliseconds))
        return .crowded(
            milliseconds: isTooLong ? Self.longestParkedMilliseconds : min(Self.longestParkedMilliseconds, time + 500))
    }

    /// Calls runs from the queue when the line is half empty. It is a hint: their time comes anyway.
    private func callParked(_ name: String) {
        guard let door = doors[name], door.parked > 0, !door.isCalling, !isDraining else { return }
        let room = lineLength(door) - door.waiting.count
        guard room * 2 > lineLength(door) else { return }
        doors[name]?.isCalling = true
        Task { await self.call(room, to: name) }
    }

    private func call(_ count: Int, to name: String) async {
        let woken = (try? await store.wakeBusy(name, most: count)) ?? 0
        let parked = doors[name]?.parked ?? 0
        doors[name]?.isCalling = false
        doors[name]?.parked = woken < count ? 0 : max(0, parked - woken)
        if woken > 0 { await bell.ring() }
    }

    /// Hands free places to those who wait longest.
    func admit(_ name: String) {
        while doors[name]?.waiting.isEmpty == false, hasRoom(name) {
            doors[name]?.inside += 1
            doors[name]?.waiting.removeFirst().continuation.resume(returning: true)
        }
    }

    func tellAll(_ name: String) {
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
