import Postgres
public import WorkflowCore

/// A live or held run with what its events come to.
public struct LiveRun: Sendable {
    public let id: Identifier
    public let version: Int
    public let state: String
    public let folded: Result<RunState, EvolveError>
}

extension PostgresStore {
    /// How many live and held runs of a version stand in each state.
    public func liveRuns(workflow: String, version: Int) async throws -> [String: Int] {
        let rows = try await query(
            """
            select state, count(*) as runs from turnup.run
            where workflow = $1 and version = $2 and status in ('live', 'held') group by state
            """, [.text(workflow), .int(Int64(version))], readOnly: true, label: "count live runs")
        return try decoded {
            var counts: [String: Int] = [:]
            for row in rows { counts[try row.string("state")] = Int(try row.int("runs")) }
            return counts
        }
    }

    /// A page of a workflow's live and held runs in the order of their ids, folded; empty at the end.
    public func liveRuns(workflow: String, after: Identifier?, limit: Int) async throws -> [LiveRun] {
        let rows = try await query(
            """
            select r.id, r.version, r.state, coalesce(t.snapshot_seq, r.snapshot_seq) as snapshot_seq,
              coalesce(t.snapshot, r.snapshot) as snapshot, coalesce(t.times, r.times)::text as times,
              (select json_agg(json_build_object(
                  'seq', e.seq, 'type', e.type, 'body', e.body, 'epoch', e.epoch, 'attempt_id', e.attempt_id,
                  'actor', e.actor, 'recorded_at', turnup.microseconds(e.recorded_at)) order by e.seq)::text
                from turnup.event e
                where e.run_id = r.id and e.seq > coalesce(t.snapshot_seq, r.snapshot_seq)) as tail
            from turnup.run r left join turnup.task t on t.run_id = r.id
            where r.workflow = $1 and r.status in ('live', 'held') and ($2::uuid is null or r.id > $2)
            order by r.id limit $3::bigint
            """,
            [.text(workflow), .optional(after.map { PostgresUUID($0) }), .int(Int64(max(0, limit)))], readOnly: true,
            label: "read live runs")
        return try decoded {
            try rows.map { row in
                let id = try row.identifier("id")
                return LiveRun(
                    id: id, version: Int(try row.int("version")), state: try row.string("state"),
                    folded: try ClaimedRun.folded(id, row))
            }
        }
    }
}
