import Postgres
import WorkflowCore

/// Proves that streams, run rows, queue rows and secrets agree: folds every stream with the production code and again
/// in SQL that shares nothing with it.
///
/// One read-only snapshot, read in pages: it locks no row and waits for nobody. Errors are `StoreError`.
public struct Verifier: Sendable {
    private let pool: PostgresPool
    /// Runs and events of a page, so that no statement takes long and nothing grows with the database.
    private let pageRuns: Int64
    private let pageEvents: Int64

    public init(store: PostgresStore, pageRuns: Int64 = 500, pageEvents: Int64 = 20_000) {
        pool = store.pool
        self.pageRuns = max(1, pageRuns)
        self.pageEvents = max(1, pageEvents)
    }

    /// Gives each violation to `found` as soon as it is known; after each page `goesOn` says whether to go on.
    public func verify(
        _ scope: VerifyScope, found: @escaping @Sendable (Violation) -> Void,
        goesOn: @Sendable (VerifyTally) -> Bool = { _ in true }
    ) async throws -> VerifyTally {
        // One run's stream is one statement, however long it is; somebody's shorter limit must not end it.
        try await inSnapshot(statementSeconds: 600) { connection in
            var pass = VerifyPass(found: found)
            try pass.checkInstallation(connection)
            switch scope {
            case .everything:
                guard try checkPages(&pass, nil, nil, goesOn, connection),
                    try pass.checkStraySecrets(goesOn, connection)
                else { return pass.stopped }
            case .matching(let workflow, let since):
                guard try checkPages(&pass, workflow, since, goesOn, connection) else { return pass.stopped }
            case .runs(let ids):
                guard try check(ids, &pass, goesOn, connection) else { return pass.stopped }
            case .sample(let count):
                let ids = try sampled(recent: count / 2, random: count - count / 2, connection)
                guard try check(ids, &pass, goesOn, connection) else { return pass.stopped }
            }
            return pass.tally
        }
    }

    /// A cheap look for a live system: some runs whole, and the queue rows of a stretch of runs. Nil when another
    /// worker is at it.
    public func look(_ look: VerifyLook) async throws -> VerifyLookAnswer? {
        try await inSnapshot(statementSeconds: 10) { connection in
            let isFree = try connection.querySync(
                "select pg_try_advisory_xact_lock($1::bigint) as free", [.int(Self.lockNumber)], readOnly: true)
            guard try isFree.onlyRow().bool("free") else { return nil }
            var pass = VerifyPass()
            try pass.checkInstallation(connection)
            let sample = try sampled(recent: look.recent, random: look.random, connection)
            let ids = Array(Set(sample + look.again)).sorted()
            _ = try check(ids, &pass, { _ in true }, connection)
            let stretch = try page(
                after: look.queueAfter, runs: Int64(clamping: look.queueRuns), events: .max, nil, nil, connection)
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

    /// False when it was told to stop.
    private func checkPages(
        _ pass: inout VerifyPass, _ workflow: String?, _ since: Instant?, _ goesOn: (VerifyTally) -> Bool,
        _ connection: isolated PostgresConnection
    ) throws -> Bool {
        var after: Identifier?
        while true {
            let page = try page(
                after: after, runs: pageRuns, events: pageEvents, workflow, since, connection)
            guard let last = page.last else { return true }
            try pass.check(page, connection)
            after = last.id
            guard goesOn(pass.tally) else { return false }
        }
    }

    private func check(
        _ ids: [Identifier], _ pass: inout VerifyPass, _ goesOn: (VerifyTally) -> Bool,
        _ connection: isolated PostgresConnection
    ) throws -> Bool {
        let sized = try connection.querySync(
            """
            select w.id as run_id, coalesce(r.seq, 1) as events
            from unnest($1::uuid[]) as w(id) left join turnup.run r on r.id = w.id order by w.id
            """, [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "verify: size")
        var page: [SizedRun] = []
        var size: Int64 = 0
        for run in try sized.map({ try SizedRun(row: $0) }) {
            if Int64(page.count) >= pageRuns || size + run.events > pageEvents, !page.isEmpty {
                try pass.check(page, connection)
                guard goesOn(pass.tally) else { return false }
                page = []
                size = 0
            }
            page.append(run)
            size += run.events
        }
        try pass.check(page, connection)
        return goesOn(pass.tally)
    }

    private func page(
        after: Identifier?, runs: Int64, events: Int64, _ workflow: String?, _ since: Instant?,
        _ connection: isolated PostgresConnection
    ) throws -> [SizedRun] {
        try connection.querySync(
            """
            select run_id, events from turnup.verify_page(
              $1::uuid, $2::integer, $3::bigint, $4, timestamptz 'epoch' + $5::bigint * interval '1 microsecond')
            """,
            [
                .optional(after.map { PostgresUUID($0) }), .int(min(runs, Int64(Int32.max))), .int(events),
                .optional(workflow), .optional(since?.microseconds),
            ], readOnly: true, label: "verify: next runs"
        ).map { try SizedRun(row: $0) }
    }

    private func sampled(recent: Int, random: Int, _ connection: isolated PostgresConnection) throws -> [Identifier] {
        func counted(_ count: Int) -> PostgresValue { .int(Int64(min(max(0, count), 1_000_000))) }
        return try connection.querySync(
            "select run_id from turnup.verify_sample($1::integer, $2::integer)", [counted(recent), counted(random)],
            readOnly: true, label: "verify: sample"
        ).map { try $0.identifier("run_id") }
    }
}

/// A run of a page, and how many events its row says that it has.
struct SizedRun {
    let id: Identifier
    let events: Int64

    init(row: PostgresRow) throws {
        id = try row.identifier("run_id")
        // A damaged row may say anything; sums of some thousands must not overflow.
        events = min(max(1, try row.int("events")), 1 << 40)
    }
}
