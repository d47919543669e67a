import EventStore
import Foundation
import PlatformSimulator
import Postgres
import TestSupport
import Testing

@testable import EventStoreTests
@testable import ScenarioTests

/// What must hold after every fault, read from the tables in SQL that shares nothing with the code under test, and
/// compared with the platform's ledger. Each statement answers with what is wrong.
enum Invariants {
    private static let rules: [(name: String, sql: String)] = [
        (
            "a stream is not 1..n, or its end is not what the run's row says",
            """
            select h.run_id::text from turnup.head h left join turnup.event e on e.run_id = h.run_id
            group by h.run_id, h.seq
            having count(e.seq) = 0 or min(e.seq) <> 1 or max(e.seq) <> count(*) or max(e.seq) <> h.seq
            """
        ),
        (
            "something to do without exactly one task, or the reverse",
            """
            select coalesce(r.id, t.run_id)::text from turnup.run r full join turnup.task t on t.run_id = r.id
            where coalesce(r.has_task, false) is distinct from (t.run_id is not null) or r.status = 'live' and t.run_id is null
            """
        ),
        (
            "an epoch that falls along a stream",
            """
            select run_id || ' ' || seq from (
              select run_id, seq, epoch - lag(epoch) over (partition by run_id order by seq) as step
              from turnup.event where type <> 'attempt.late') as steps
            where step < 0
            """
        ),
        (
            "a lease without its task",
            "select l.run_id::text from turnup.lease l where not exists (select from turnup.task t where t.run_id = l.run_id)"
        ),
        (
            "an epoch above its run's",
            """
            select e.run_id || ' ' || e.seq from turnup.event e join turnup.head h on h.run_id = e.run_id
            where e.epoch > h.epoch
            """
        ),
        (
            "a result of another epoch than its intent's, or a late answer that was not late",
            """
            select c.run_id || ' ' || c.seq from turnup.event c
              left join turnup.event s on s.run_id = c.run_id and s.attempt_id = c.attempt_id
                and s.type = 'attempt.started'
            where c.type like 'attempt.%' and c.type <> 'attempt.started' and (
              s.seq is null or s.seq > c.seq
              or c.type in ('attempt.done', 'attempt.not_done') and c.epoch <> s.epoch
              or c.type = 'attempt.unknown' and c.epoch < s.epoch
              or c.type = 'attempt.late' and c.epoch <> s.epoch)
            """
        ),
        (
            "an attempt begun while another one was open",
            """
            select run_id || ' ' || seq from (
              select run_id, seq, type, lag(type) over (partition by run_id order by seq) as before
              from turnup.event where type in (
                'attempt.started', 'attempt.done', 'attempt.not_done', 'attempt.unknown')) as steps
            where (type = 'attempt.started') = (coalesce(before, '') = 'attempt.started')
            """
        ),
        (
            "an attempt with two ends",
            """
            select attempt_id::text from turnup.event
            where type in ('attempt.done', 'attempt.not_done', 'attempt.unknown')
            group by run_id, attempt_id having count(*) > 1
            """
        ),
        (
            "something but evidence after the end of a run",
            """
            select e.run_id || ' ' || e.seq from turnup.event e join turnup.event f on f.run_id = e.run_id
              and f.seq < e.seq and f.type in ('run.succeeded', 'run.failed', 'run.cancelled')
            where e.type not in ('attempt.late', 'run.reopened', 'run.taken_over', 'run.diagnosed') and not exists (
              select from turnup.event o where o.run_id = e.run_id and o.type = 'run.reopened'
                and o.seq between f.seq and e.seq)
            """
        ),
        (
            "a broken chain",
            """
            select run_id || ' ' || seq from (
              select e.*, lag(hash, 1, decode(repeat('00', 32), 'hex')) over (partition by run_id order by seq) as before
              from turnup.event e) as e
            where hash <> sha256(
              before || uuid_send(run_id) || int8send(seq)
              || int8send((extract(epoch from recorded_at) * 1000000)::bigint) || int8send(epoch)
              || int4send(octet_length(type)) || convert_to(type, 'UTF8')
              || int4send(octet_length(actor)) || convert_to(actor, 'UTF8')
              || case when attempt_id is null then int4send(0) else int4send(16) || uuid_send(attempt_id) end
              || int4send(octet_length(body::text)) || convert_to(body::text, 'UTF8'))
            """
        ),
    ]

    private static let unsettled = """
        select id || ' is ' || status || ' in ' || state from turnup.run
        where status not in ('succeeded', 'failed', 'cancelled') and not (status = 'held' and coalesce(reason, '') <> '')
        """

    /// - Parameters:
    ///   - settled: whether every run must have ended, or be held with a reason.
    ///   - mayBeIdle: whether the fault may have come before the platform was asked anything.
    static func check(
        _ installation: Installation, settled: Bool = true, mayBeIdle: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await check(installation.database, settled: settled, sourceLocation: sourceLocation)
        try await Checker.check(installation, mayBeIdle: mayBeIdle, sourceLocation: sourceLocation)
        try await checkCreates(installation, sourceLocation)
    }

    /// The tables alone.
    static func check(
        _ database: TestDatabase, settled: Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for rule in rules + (settled ? [("neither ended nor held with a reason", unsettled)] : []) {
            let rows = try await database.pool.query(rule.sql, readOnly: true)
            let found = try rows.prefix(5).map { try $0.string(0) }
            #expect(found.isEmpty, "\(rule.name): \(rows.count), such as \(found)", sourceLocation: sourceLocation)
        }
    }

    /// The flagship cannot ask what became of a create: it is sent once for a run, unless nothing had left, and never
    /// after the run's end.
    private static func checkCreates(_ installation: Installation, _ sourceLocation: SourceLocation) async throws {
        let rows = try await installation.database.pool.query(
            """
            select e.attempt_id::text as attempt, e.run_id::text as run,
              (extract(epoch from r.ended_at) * 1000)::bigint as ended
            from turnup.event e join turnup.run r on r.id = e.run_id where e.type = 'attempt.started'
            """, readOnly: true)
        var runs: [String: (run: String, ended: Int64?)] = [:]
        for row in rows { runs[try row.string("attempt")] = (try row.string("run"), try row.intOrNil("ended")) }
        var creates: [String: Int] = [:]
        for entry in installation.simulator.ledger() {
            guard let owner = runs[entry.requestId ?? ""] else { continue }
            if let ended = owner.ended {
                #expect(
                    Int64(entry.receivedAtMilliseconds - Checker.clockError(installation)) <= ended,
                    "a request came after the end of its run",
                    sourceLocation: sourceLocation)
            }
            if let match = Installation.create.path, entry.path == match, entry.decision?.kind == .clientCreated {
                creates[owner.run, default: 0] += 1
            }
        }
        for (run, count) in creates {
            #expect(count == 1, "run \(run) made \(count) clients", sourceLocation: sourceLocation)
        }
    }
}
