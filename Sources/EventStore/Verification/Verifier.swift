import Postgres
public import WorkflowCore

/// Proves that streams, run rows, queue rows and secrets agree: folds every stream with the production code and again
/// in SQL that shares nothing with it.
///
/// Reads in pages, each from a short read-only snapshot of its own in which a run's stream, rows and secrets agree. A
/// verification locks no row, waits for nobody, and never keeps VACUUM back for long. Errors are `StoreError`.
public struct Verifier: Sendable {
    private let pool: PostgresPool
    /// The most runs and events of one page, so that the memory used does not grow with the database.
    private let pageRuns: Int64
    private let pageEvents: Int64

    public init(store: PostgresStore, pageRuns: Int64 = 500, pageEvents: Int64 = 20_000) {
        pool = store.pool
        self.pageRuns = max(1, pageRuns)
        self.pageEvents = max(1, pageEvents)
    }

    /// Gives each violation to `found` as soon as it is known; after each page `goesOn` decides whether to continue.
    /// `after` leaves out the runs up to that one, which were checked before.
    public func verify(
        _ scope: VerifyScope, after: Identifier? = nil, found: @escaping @Sendable (Violation) -> Void,
        goesOn: @Sendable (VerifyTally) -> Bool = { _ in true }
    ) async throws -> VerifyTally {
        var pass = VerifyPass(found: found)
        try await step(&pass) { pass, connection in try pass.checkInstallation(connection) }
        switch scope {
        case .everything:
            guard try await checkPages(&pass, VerifyPageRequest(after: after), goesOn),
                try await checkLines(&pass, goesOn), try await checkStraySecrets(&pass, goesOn)
            else { return pass.stopped }
        case .matching(let workflow, let since):
            let request = VerifyPageRequest(after: after, workflow: workflow, since: since)
            guard try await checkPages(&pass, request, goesOn) else { return pass.stopped }
        case .runs(let ids):
            guard try await check(ids, &pass, goesOn) else { return pass.stopped }
        case .sample(let count):
            guard try await check(sampled(count), &pass, goesOn) else { return pass.stopped }
        }
        return pass.tally
    }

    /// A cheap look for a live system: some runs completely, and the queue rows of a range of runs. Nil when another
    /// worker is looking.
    public func look(_ look: VerifyLook) async throws -> VerifyLookAnswer? {
        try await inSnapshot(statementSeconds: 10) { connection in
            let isFree = try connection.querySync(
                "select pg_try_advisory_xact_lock($1::bigint) as free", [.int(Self.lockNumber)], readOnly: true)
            guard try isFree.onlyRow().bool("free") else { return nil }
            var pass = VerifyPass()
            try pass.checkInstallation(connection)
            let sample = try VerifyPageRequest.sampled(recent: look.recent, random: look.random, connection)
            let ids = Array(Set(sample + look.again)).sorted()
            for page in try sized(ids, connection) { try pass.check(page, connection) }
            let request = VerifyPageRequest(
                after: look.queueAfter, runs: Int64(clamping: look.queueRuns), events: .max)
            let stretch = try request.read(connection)
            try pass.checkQueue(stretch.map(\.id), connection)
            return VerifyLookAnswer(
                violations: pass.violations, tally: pass.tally, queueRuns: stretch.count,
                queueAfter: stretch.count < look.queueRuns ? nil : stretch.last?.id)
        }
    }

    /// Any number will do, as long as every worker takes the same.
    private static let lockNumber: Int64 = 0x7475_726e_7665

    private func inSnapshot<Value: Sendable>(
        statementSeconds: Int, _ body: @Sendable (isolated PostgresConnection) throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.withTransaction(isolation: .repeatableRead, readOnly: true, label: "verify") {
                connection in
                try connection.executeSync("set local statement_timeout = '\(statementSeconds)s'", label: "verify")
                return try body(connection)
            }
        } catch let error as PostgresError {
            throw StoreError(error)
        }
    }

    /// One snapshot of a verification.
    private func step<Value: Sendable>(
        _ pass: inout VerifyPass, _ body: @Sendable (inout VerifyPass, isolated PostgresConnection) throws -> Value
    ) async throws -> Value {
        let before = pass
        // The stream of one run is one statement, however long; a shorter time limit of the session must not end it.
        let (after, value) = try await inSnapshot(statementSeconds: 600) { connection in
            var pass = before
            let value = try body(&pass, connection)
            return (pass, value)
        }
        pass = after
        return value
    }

    /// False when it was told to stop.
    private func checkPages(
        _ pass: inout VerifyPass, _ first: VerifyPageRequest, _ goesOn: (VerifyTally) -> Bool
    ) async throws -> Bool {
        var request = first
        request.runs = pageRuns
        request.events = pageEvents
        request.until = try await step(&pass) { _, connection in
            try connection.querySync("select turnup.microseconds(turnup.now()) as now", readOnly: true).onlyRow()
                .instant("now")
        }
        while true {
            let began = ContinuousClock.now
            let last = try await step(&pass) { [request] pass, connection in
                let page = try request.read(connection)
                try pass.check(page.filter(\.isWanted), connection)
                if let last = page.last { pass.reached(last.id) }
                return page.last?.id
            }
            guard let last else { return true }
            request = request.next(after: last, took: ContinuousClock.now - began, atMost: pageEvents)
            guard goesOn(pass.tally) else { return false }
        }
    }

    private func checkLines(_ pass: inout VerifyPass, _ goesOn: (VerifyTally) -> Bool) async throws -> Bool {
        var place: LinePlace?
        repeat {
            place = try await step(&pass) { [place] pass, connection in
                try pass.checkLines(after: place, connection)
            }
            guard goesOn(pass.tally) else { return false }
        } while place != nil
        return true
    }

    private func checkStraySecrets(_ pass: inout VerifyPass, _ goesOn: (VerifyTally) -> Bool) async throws -> Bool {
        var last: String?
        repeat {
            last = try await step(&pass) { [last] pass, connection in
                try pass.checkStraySecrets(after: last, connection)
            }
            guard last == nil || goesOn(pass.tally) else { return false }
        } while last != nil
        return true
    }

    private func check(_ ids: [Identifier], _ pass: inout VerifyPass, _ goesOn: (VerifyTally) -> Bool) async throws
        -> Bool
    {
        for page in try await inSnapshot(statementSeconds: 600, { try sized(ids, $0) }) {
            try await step(&pass) { pass, connection in
                try pass.check(page, connection)
                try pass.checkLines(of: page.map(\.id), connection)
            }
            guard goesOn(pass.tally) else { return false }
        }
        return true
    }

    private func sampled(_ count: Int) async throws -> [Identifier] {
        try await inSnapshot(statementSeconds: 600) {
            try VerifyPageRequest.sampled(recent: count / 2, random: count - count / 2, $0)
        }
    }

    /// The runs in pages.
    private func sized(_ ids: [Identifier], _ connection: isolated PostgresConnection) throws -> [[SizedRun]] {
        let sized = try connection.querySync(
            """
            select w.id as run_id, coalesce(greatest(t.seq, l.seq), r.seq, 1) as events
            from (select distinct id from unnest($1::uuid[]) as id) as w left join turnup.run r on r.id = w.id
              left join turnup.task t on t.run_id = w.id left join turnup.lease l on l.run_id = w.id
            order by w.id
            """, [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "verify: size")
        var pages: [[SizedRun]] = []
        var size: Int64 = 0
        for run in try sized.map({ try SizedRun(row: $0) }) {
            if pages.isEmpty || Int64(pages[pages.count - 1].count) >= pageRuns || size + run.events > pageEvents {
                pages.append([])
                size = 0
            }
            pages[pages.count - 1].append(run)
            size += run.events
        }
        return pages
    }
}
