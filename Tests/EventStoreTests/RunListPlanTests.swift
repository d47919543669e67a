import Foundation
import Postgres
import TestSupport
import Testing
import WorkflowCore

@testable import EventStore

/// Each list that operators ask for is read from an index in its order, and reads little more than it shows.
@Suite struct RunListPlanTests {
    struct List: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let filter: RunFilter
        let index: String

        init(_ name: String, _ index: String, _ set: (inout RunFilter) -> Void) {
            var filter = RunFilter(limit: 20)
            set(&filter)
            (testDescription, self.filter, self.index) = (name, filter, index)
        }
    }

    static let lists = [
        List("newest", "run_pkey") { _ in },
        List("held", "run_attention") { $0.status = .held },
        List("failed", "run_attention") { $0.status = .failed },
        List("cancelled", "run_attention") { $0.status = .cancelled },
        List("live, which are the oldest", "task_pkey") { $0.status = .live },
        List("by key", "run_key") { $0.key = "k77" },
        List("by a key that was let go", "run_key_let_go") { $0.key = "gone" },
        List("by organisation", "run_organisation") { $0.organisation = "o7" },
        List("by state", "run_state") { $0.state = "rare" },
        List("by last error", "run_error") { $0.lastError = "timeout" },
        List("of which something may be left", "run_left") { $0.isLeftBehind = true },
        List("failed, of which something may be left", "run_left") {
            $0.isLeftBehind = true
            $0.status = .failed
        },
        List("succeeded, beside which something may be left", "run_left") {
            $0.isLeftBehind = true
            $0.status = .succeeded
        },
        List("whose thing has drifted", "run_drifted") { $0.isDrifted = true },
        List("requested before a time", "run_pkey") {
            $0.requestedBefore = Instant(microseconds: Int64((Date.now.timeIntervalSince1970 - 10 * 86400) * 1e6))
        },
    ]

    /// 20,000 runs of the last three weeks: the oldest 4,000 live, of the others some in each status.
    static let fill = """
        insert into turnup.run (
          id, workflow, version, definition, organisation, key, owns_key, may_be_left, has_task, inspection, state, status, reason,
          last_error, requested_at, changed_at, ended_at, seq, hash)
        select (left(turnup.id_at(r.time)::text, 14) || '7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'w', 1,
          sha256('w'), 'o' || i % 500, case when i % 200 = 3 then 'gone' else 'k' || i end, i % 200 <> 3,
          i % 400 = 3 or i % 800 = 11 and r.status = 'succeeded', r.status = 'live',
          case when i % 250 = 9 and r.status = 'succeeded' then 'drifted' end, case when i % 300 = 5 then 'rare' else 's' || i % 3 end, r.status, null,
          case when i % 400 = 7 then 'timeout' when i % 3 = 0 then 'other' end, r.time, r.time,
          case when r.status not in ('live', 'held') then r.time end, 1, sha256('x')
        from (
          select i, turnup.now() - (20000 - i) * interval '90 seconds' as time, case
            when i <= 4000 and i % 200 <> 3 then 'live' when i % 200 = 3 then 'failed' when i % 200 = 4 then 'held'
            when i % 200 = 5 then 'cancelled' else 'succeeded' end as status
          from generate_series(1, 20000) as i) as r;
        insert into turnup.task (run_id, due, seq, snapshot_seq, service, organisation, hash, times, snapshot)
        select r.id, r.requested_at, 1, 1, 's', r.organisation, r.hash, '{}', '{}' from turnup.run r where status = 'live';
        analyze turnup.run; analyze turnup.task; analyze turnup.lease;
        """

    @Test func `each list uses its index and reads little more than it shows`() async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await database.pool.execute(Self.fill)
            for list in Self.lists {
                var last: Identifier?
                for page in 0..<2 {
                    var filter = list.filter
                    filter.after = last
                    let runs = try await database.store.runs(filter)
                    #expect(page > 0 || !runs.isEmpty, "\(list)")
                    #expect(runs.map(\.id) == runs.map(\.id).sorted(by: >))
                    let statement = RunList(filter)
                    let plan = try await database.pool.query(
                        "explain (analyze, format json) " + statement.sql, statement.parameters
                    ).map { try $0.string(0) }.joined()
                    #expect(plan.contains("\"Index Name\": \"\(list.index)\""), "\(list): \(plan)")
                    let read = Self.rowsRead(plan)
                    #expect(read <= 250, "\(list) reads \(read) rows: \(plan)")
                    last = runs.last?.id
                    if last == nil { break }
                }
            }
        }
    }

    /// What all scans of the plan went over.
    private static func rowsRead(_ plan: String) -> Int {
        var sum = 0
        for node in plan.split(separator: "\"Node Type\": ").dropFirst() where node.prefix(30).contains("Scan") {
            func number(_ name: String) -> Int {
                guard let found = node.range(of: "\"\(name)\": ") else { return 0 }
                return Int(node[found.upperBound...].prefix { $0.isNumber }) ?? 0
            }
            sum += (number("Actual Rows") + number("Rows Removed by Filter")) * max(1, number("Actual Loops"))
        }
        return sum
    }
}
