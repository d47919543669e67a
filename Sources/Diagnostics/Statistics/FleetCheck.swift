public import EventStore
public import WorkflowCore

/// Compares what the statistics hold with the log, or writes it anew from the log; page by page.
public struct FleetCheck: Sendable {
    public struct Tally: Sendable, Equatable {
        public var runs = 0
        public var events = 0
        /// Rows that differed from the log, or were missing.
        public var differing = 0
        /// Runs that a worker has not read yet, as it soon will.
        public var waiting = 0
        /// Where it stood.
        public var last: Identifier?

        public init() {}
    }

    /// A run whose row is not what its events say; `row` is nil where there is none.
    public struct Difference: Sendable, Equatable {
        public let run: Identifier
        public let log: FleetRecord
        public let row: FleetRecord?
    }

    private let store: PostgresStore
    private let pageRuns: Int

    public init(store: PostgresStore, pageRuns: Int = 200) {
        self.store = store
        self.pageRuns = max(1, pageRuns)
    }

    /// Gives each difference to `found`; with `writes` the row is then written from the log. After each page `goesOn`
    /// decides whether to continue.
    public func run(
        writes: Bool, after: Identifier? = nil, found: (Difference) -> Void = { _ in },
        goesOn: (Tally) -> Bool = { _ in true }
    ) async throws -> Tally {
        var tally = Tally()
        tally.last = after
        while true {
            let page = try await store.runsForStatistics(after: tally.last, limit: pageRuns)
            guard let last = page.last else { return tally }
            let rows = try await store.fleetRecords(of: page.map(\.run.id))
            var wrong: [FleetRecord] = []
            for history in page where history.isReadable {
                tally.runs += 1
                tally.events += history.events.count
                // What came after the row was written, and changes no status, is not in it.
                let row = rows[history.run.id]
                if history.hasNews {
                    tally.waiting += 1
                    if writes { wrong.append(FleetRecord(history)) }
                    continue
                }
                let known = row.map { row in history.events.prefix { $0.seq <= row.seq } } ?? history.events[...]
                let log = FleetRecord(history.run, Array(known))
                guard row != log else { continue }
                tally.differing += 1
                found(Difference(run: history.run.id, log: log, row: row))
                wrong.append(FleetRecord(history))
            }
            if writes { _ = try await store.record(wrong) }
            tally.last = last.run.id
            guard goesOn(tally) else { return tally }
        }
    }
}
