public import EventStore
public import WorkflowCore

/// The pages of a worker: `/live`, `/ready` and `/metrics`.
public struct HealthPages: Sendable {
    private let monitor: WorkerMonitor
    private let paused: PausedServices
    private let facts: JSONObject
    private let more: @Sendable () -> [Metric]

    /// `facts` stand in front of the JSON, such as name and version; `more` are measurements of others.
    public init(
        monitor: WorkerMonitor, store: any EventStore, facts: JSONObject,
        more: @escaping @Sendable () -> [Metric] = { [] }
    ) {
        self.monitor = monitor
        self.facts = facts
        self.more = more
        paused = PausedServices(store: store)
    }

    public func page(_ path: String) async -> HealthPage? {
        let condition = monitor.condition()
        switch path {
        case "/live": return await json(condition, isOK: condition.isLive)
        case "/ready": return await json(condition, isOK: condition.isReady)
        case "/metrics":
            let metrics = Metric.of(condition, pausedServices: await paused.count()) + more()
            return HealthPage(contentType: "text/plain; version=0.0.4; charset=utf-8", body: Metric.text(metrics))
        default: return nil
        }
    }

    private func json(_ condition: WorkerCondition, isOK: Bool) async -> HealthPage {
        func milliseconds(_ seconds: Double?) -> JSONValue {
            seconds.map { .integer(Int64(max(0, min($0, 1e12)) * 1000)) } ?? .null
        }
        var body = facts
        body["ok"] = .bool(isOK)
        body["live"] = .bool(condition.isLive)
        body["ready"] = .bool(condition.isReady)
        body["phase"] = .string(condition.phase.rawValue)
        body["says"] = .string(condition.sentence)
        body["database_reachable"] = .bool(
            condition.databaseAwaySeconds == nil && (condition.lastClaimSeconds != nil || condition.trouble != nil))
        body["database_away_milliseconds"] = milliseconds(condition.databaseAwaySeconds)
        body["database_trouble"] = condition.trouble.map { .string($0.rawValue) } ?? .null
        body["database_trouble_milliseconds"] = milliseconds(condition.troubleSeconds)
        body["last_claim_milliseconds"] = milliseconds(condition.lastClaimSeconds)
        body["runs_in_hand"] = .integer(Int64(condition.runsInHand))
        body["oldest_run_milliseconds"] = milliseconds(condition.oldestRunSeconds)
        body["commits_pending"] = .integer(Int64(condition.commitsPending))
        body["commits_locked"] = .integer(Int64(condition.commitsLocked))
        body["services_paused"] = await paused.count().map { .integer(Int64($0)) } ?? .null
        body["watchdog"] = condition.isLive ? "fed" : "starved"
        body["stuck"] = .array(condition.stuck.map { .string($0) })
        return HealthPage(
            isOK: isOK, contentType: "application/json", body: JSONValue.object(body).serialized() + "\n")
    }
}

/// The number of paused services. The database is asked at most every two seconds, and nobody waits longer than a
/// second.
private actor PausedServices {
    private let store: any EventStore
    private var known: Int?
    private var askedAt: ContinuousClock.Instant?
    private var asking: Task<Void, Never>?

    init(store: any EventStore) { self.store = store }

    /// Nil while nothing is known, or the database is away.
    func count() async -> Int? {
        if asking == nil, askedAt.map({ $0.duration(to: .now) > .seconds(2) }) ?? true {
            askedAt = .now
            asking = Task { await self.ask() }
        }
        // The first who asks gets an answer too, if there is one soon.
        let deadline = ContinuousClock.now + .seconds(1)
        while known == nil, asking != nil, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
        return known
    }

    private func ask() async {
        do {
            let now = try await store.now()
            known = try await store.services().count { ($0.breaker.pausedUntil ?? now) > now }
        } catch { known = nil }
        asking = nil
    }
}
