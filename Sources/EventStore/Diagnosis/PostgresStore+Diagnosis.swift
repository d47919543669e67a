import Postgres
import WorkflowCore

/// What a diagnosis reads beside the run itself. Every statement has a bound that the number of runs does not move.
public enum DiagnosisBounds {
    /// So many other runs of the organisation: its ten oldest, and its newest.
    public static let siblings = 50
    static let oldestSiblings = 10
    /// So many events of each, from its beginning and from its end.
    static let events = 30
    /// So many runs of the workflow, the newest; they are looked for among ten times as many of all workflows.
    public static let fleet = 1000
    /// Among so many runs of the organisation an equal key is looked for.
    public static let organisation = 1000
}

extension PostgresStore {
    /// Other runs of the run's organisation, of whatever workflow, the oldest first.
    public func siblings(of run: RunOverview) async throws -> [RunGlimpse] {
        let oldest = DiagnosisBounds.oldestSiblings
        let rows = try await query(
            RunOverview.select + """
                 where r.id = any(array(
                  (select o.id from turnup.run o where o.organisation = $1 and o.id <> $2 order by o.id limit \(oldest))
                  union
                  (select n.id from turnup.run n where n.organisation = $1 and n.id <> $2
                    order by n.id desc limit \(DiagnosisBounds.siblings - oldest))))
                order by r.id
                """, [.text(run.organisation), .uuid(PostgresUUID(run.id))], readOnly: true, label: "read siblings")
        let runs = try decoded { try rows.map { try RunOverview(row: $0) } }
        let events = try await glimpses(of: runs.map(\.id))
        return runs.map { RunGlimpse(run: $0, events: events[$0.id] ?? []) }
    }

    private func glimpses(of ids: [Identifier]) async throws -> [Identifier: [RecordedEvent]] {
        guard !ids.isEmpty else { return [:] }
        let columns = "run_id, seq, type, body, epoch, attempt_id, actor, recorded_at"
        let rows = try await query(
            """
            select e.run_id, e.seq, e.type, e.body, e.epoch, e.attempt_id, e.actor,
              turnup.microseconds(e.recorded_at) as recorded_at
            from unnest($1::uuid[]) as r(id) cross join lateral (
              select \(columns) from turnup.event where run_id = r.id and seq <= \(DiagnosisBounds.events)
              union all
              (select \(columns) from turnup.event where run_id = r.id and seq > \(DiagnosisBounds.events)
                order by seq desc limit \(DiagnosisBounds.events))) as e
            order by e.run_id, e.seq
            """, [.uuidArray(ids.map { PostgresUUID($0) })], readOnly: true, label: "read siblings' events")
        return try decoded {
            var events: [Identifier: [RecordedEvent]] = [:]
            for row in rows {
                events[try row.identifier("run_id"), default: []].append(
                    RecordedEvent(
                        seq: try row.int("seq"), type: try row.string("type"), body: try row.object("body"),
                        epoch: try row.int("epoch"), attemptId: try row.uuidOrNil("attempt_id").map { Identifier($0) },
                        actor: try row.string("actor"), recordedAt: try row.instant("recorded_at")))
            }
            return events
        }
    }

    /// Other runs that were given the same value under this name: of the organisation, and of the workflow's newest.
    public func runsWithSameKey(as run: RunOverview, named name: String) async throws -> [SameKey] {
        let rows = try await query(
            """
            with mine as materialized (
              select s.fingerprint from turnup.secret s
              where s.scope = 'run' and s.scope_id = $1::uuid::text and s.name = $2),
            others as materialized (
              (select r.id, r.organisation, r.key from turnup.run r where r.organisation = $3
                order by r.id desc limit \(DiagnosisBounds.organisation))
              union
              (select r.id, r.organisation, r.key from turnup.run r where r.organisation = $3
                order by r.id limit \(DiagnosisBounds.oldestSiblings))
              union
              \(Self.newestRuns("$4")))
            select o.id, o.organisation, o.key, turnup.microseconds(min(s.created_at)) as sealed_at
            from others o join turnup.secret s
              on s.scope = 'run' and s.scope_id = o.id::text and s.name = $2
              and s.fingerprint in (select fingerprint from mine)
            where o.id <> $1::uuid
            group by o.id, o.organisation, o.key order by min(s.created_at), o.id
            """,
            [.uuid(PostgresUUID(run.id)), .text(name), .text(run.organisation), .text(run.workflow)], readOnly: true,
            label: "look for equal keys")
        return try decoded {
            try rows.map { row in
                SameKey(
                    run: try row.identifier("id"), organisation: try row.string("organisation"),
                    key: try row.string("key"), sealedAt: try row.instant("sealed_at"))
            }
        }
    }

    private static func newestRuns(_ workflow: String, columns: String = "r.id, r.organisation, r.key") -> String {
        """
        (select \(columns) from (select * from turnup.run order by id desc limit \(DiagnosisBounds.fleet * 10)) r
          where r.workflow = \(workflow) order by r.id desc limit \(DiagnosisBounds.fleet))
        """
    }

    /// The newest runs of a workflow, each with what it shows of the platform. `key` names the variable that holds the
    /// platform's key; nil: only the newest answers are read.
    public func fleet(workflow: String, key: String?) async throws -> [FleetRun] {
        let columns = "r.id, r.organisation, r.key, r.status, r.requested_at"
        let rows = try await query(
            """
            with recent as materialized \(Self.newestRuns("$1", columns: columns))
            select r.id, r.organisation, r.key, r.status, turnup.microseconds(k.created_at) as sealed_at,
              coalesce(h.earlier_key, false) or not coalesce(h.is_old, true) as earlier_key, coalesce(h.earlier_success, false) as earlier_success,
              turnup.microseconds(a.recorded_at) as first_accepted, turnup.microseconds(b.recorded_at) as refused_before,
              turnup.microseconds(c.recorded_at) as last_accepted, turnup.microseconds(d.recorded_at) as last_refused,
              l.seq as last_seq, turnup.microseconds(l.recorded_at) as last_at, l.type as last_type,
              l.body->>'error' as last_error, l.body->>'state' as last_state,
              (l.body->'evidence'->>'status')::bigint as last_status,
              l.body->'evidence'->'credentials_used'->0->>'name' as last_credential,
              l.body->'evidence'->'credentials_used'->0->>'fingerprint' as last_fingerprint
            from recent r
            left join lateral (
              select s.created_at from turnup.secret s
              where s.scope = 'run' and s.scope_id = r.id::text and s.name = $2 order by s.version limit 1) k on true
            left join lateral (
              select bool_or(f.id <> r.id and s.created_at < k.created_at) as earlier_key,
                bool_or(f.id <> r.id and s.created_at < k.created_at and f.workflow = $1 and f.status = 'succeeded')
                  as earlier_success,
                bool_or(f.id = r.id) as is_old
              from (select q.id, q.workflow, q.status from turnup.run q where q.organisation = r.organisation
                  order by q.id limit \(DiagnosisBounds.siblings)) f
                left join turnup.secret s on s.scope = 'run' and s.scope_id = f.id::text and s.name = $2 and s.version = 1
              where k.created_at is not null) h on true
            left join lateral (\(Self.use("attempt.done", "true", "e.seq"))) a on true
            left join lateral (
              \(Self.use("attempt.not_done", "a.seq is not null and e.seq < a.seq", "e.seq desc"))) b on true
            left join lateral (\(Self.use("attempt.done", "a.seq is not null", "e.seq desc"))) c on true
            left join lateral (\(Self.use("attempt.not_done", "true", "e.seq desc"))) d on true
            left join lateral (
              select e.seq, e.recorded_at, e.type, e.body from turnup.event e where e.run_id = r.id
                and e.type in ('attempt.done', 'attempt.not_done', 'attempt.unknown') and e.body->>'probe' is null
              order by e.seq desc limit 1) l on true
            order by r.id
            """, [.text(workflow), .optional(key)], readOnly: true, label: "read the fleet")
        return try decoded { try rows.map { try FleetRun(row: $0) } }
    }

    /// An answer to a request that carried the key. Of refusals only those that speak of the request: a 408 or 429 says
    /// nothing of a key.
    private static func use(_ type: String, _ condition: String, _ order: String) -> String {
        let refusal =
            type == "attempt.done"
            ? "true"
            : "(e.body->'evidence'->>'status')::int between 400 and 499 and (e.body->'evidence'->>'status')::int not in (408, 429)"
        return """
            select e.seq, e.recorded_at from turnup.event e
            where k.created_at is not null and e.run_id = r.id and e.type = '\(type)' and \(condition) and \(refusal)
              and exists (select from json_array_elements(e.body->'evidence'->'credentials_used') u
                where u->>'name' = $2) order by \(order) limit 1
            """
    }
}

extension FleetRun {
    fileprivate init(row: PostgresRow) throws {
        var last: LastAnswer?
        if let seq = try row.intOrNil("last_seq") {
            last = LastAnswer(
                seq: seq, at: try row.instant("last_at"), type: try row.string("last_type"),
                error: try row.stringOrNil("last_error"),
                status: try row.intOrNil("last_status").map { Int(clamping: $0) },
                state: try row.stringOrNil("last_state") ?? "", credential: try row.stringOrNil("last_credential"),
                fingerprint: try row.stringOrNil("last_fingerprint"))
        }
        self.init(
            run: try row.identifier("id"), organisation: try row.string("organisation"), key: try row.string("key"),
            status: RunStatus(rawValue: try row.string("status")) ?? .live,
            keySealedAt: try row.instantOrNil("sealed_at"), hasEarlierKey: try row.bool("earlier_key"),
            hasEarlierSuccess: try row.bool("earlier_success"),
            firstAcceptedAt: try row.instantOrNil("first_accepted"),
            lastAcceptedAt: try row.instantOrNil("last_accepted"),
            refusedBeforeAt: try row.instantOrNil("refused_before"),
            lastRefusedAt: try row.instantOrNil("last_refused"),
            last: last)
    }
}
