import EventStore

/// The installation's records of services: addresses and the like. Trusted for a second.
///
/// The book does not say whether a service may be called now: claims and commits decide that in the database.
actor ServiceBook {
    private static let freshness: Duration = .seconds(1)

    private let store: any EventStore
    private var known: [String: (record: ServiceRecord, readAt: ContinuousClock.Instant)] = [:]
    /// Looks that are under way; those who come meanwhile wait for the same answer.
    private var reading: [String: Task<ServiceRecord, any Error>] = [:]

    init(store: any EventStore) { self.store = store }

    /// A missing base URL is never taken from memory: it may just have been set, and the run woken for it.
    func record(_ name: String, needsBaseURL: Bool) async throws -> ServiceRecord {
        if let entry = known[name], entry.readAt.duration(to: .now) < Self.freshness,
            !needsBaseURL || entry.record.baseURL != nil
        {
            return entry.record
        }
        if let under = reading[name] {
            let record = try await under.value
            if !needsBaseURL || record.baseURL != nil { return record }
        }
        let task = reading[name] ?? Task { try await self.read(name) }
        reading[name] = task
        return try await task.value
    }

    private func read(_ name: String) async throws -> ServiceRecord {
        let began = ContinuousClock.now
        defer { reading[name] = nil }
        let record = try await store.service(name) ?? ServiceRecord(name: name)
        known[name] = (record, began)
        return record
    }
}
