import Postgres
import WorkflowCore

/// What a diagnosis reads beside the run itself. Every statement has a bound that the number of runs does not move.
public enum DiagnosisBounds {
    /// So many other runs of the organisation: its ten oldest, and its newest.
    public static let siblings = 50
    static let oldestSiblings = 10
    /// So many events of each, from its beginning and from its end.
    static let events = 30
    /// So many runs of the workflow that were held or have ended, the newest.
    public static let fleet = 1000
    /// So many live ones, those that met an error first; looked for among the newest of the run's state and of all.
    static let live = 50
    static let inState = 1000
    static let newest = 3000
    /// So many runs with an equal key.
    static let sameKey = 100
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
        return try decoded { try RecordedEvent.byRun(rows) }
    }

    /// Other runs that were given the same value under this name, the oldest first; of any organisation.
    public func runsWithSameKey(as run: RunOverview, named name: String) async throws -> [SameKey] {
        let rows = try await query(
            """
            with mine as materialized (
              select distinct s.fingerprint from turnup.secret s
              where s.scope = 'run' and s.scope_id = $1::uuid::text and s.name = $2),
            same as materialized (
              select x.scope_id::uuid as id, x.created_at from mine cross join lateral (
                select s.scope_id, s.created_at from turnup.secret s
                where s.scope = 'run' and s.fingerprint = mine.fingerprint and s.name = $2
                  and s.scope_id <> $1::uuid::text
                limit \(DiagnosisBounds.sameKey)) as x)
            select r.id, r.organisation, r.key, turnup.microseconds(min(s.created_at)) as sealed_at
            from same s join turnup.run r on r.id = s.id
            group by r.id, r.organisation, r.key order by min(s.created_at), r.id
            """,
            [.uuid(PostgresUUID(run.id)), .text(name)], readOnly: true, label: "look for equal keys")
        return try decoded {
            try rows.map { row in
                SameKey(
                    run: try row.identifier("id"), organisation: try row.string("organisation"),
                    key: try row.string("key"), sealedAt: try row.instant("sealed_at"))
            }
        }
    }

    /// The newest runs of a workflow, each with what it shows of the platform: those that were held or have ended from
    /// the table, and live ones from their events. `key` names the variable that holds the platform's key; nil: of
    /// live runs only the newest answers are read. `state` is where live ones are looked for, beside the newest runs.
    public func fleet(workflow: String, key: String?, state: String = "") async throws -> [FleetRun] {
        let recorded = try await query(
            """
            select f.run_id as id, f.organisation, f.key, f.status, turnup.microseconds(f.key_at) as sealed_at,
              coalesce(f.ordinal > 1, false) as earlier_key,
              coalesce(f.ordinal > 1, false) and exists (
                select from turnup.fleet o where o.organisation = f.organisation and o.workflow = f.workflow
                  and o.key_at < f.key_at and o.status = 'succeeded') as earlier_success,
              turnup.microseconds(f.first_yes_at) as first_accepted,
              turnup.microseconds(f.refused_before_at) as refused_before,
              turnup.microseconds(f.last_yes_at) as last_accepted, turnup.microseconds(f.last_refusal_at) as last_refused,
              f.answer_seq, turnup.microseconds(f.answer_at) as answer_at, f.answer_type, f.answer_error,
              f.answer_status::bigint, f.answer_state, f.answer_credential, f.answer_fingerprint
            from (
              select * from turnup.fleet where workflow = $1 order by run_id desc limit \(DiagnosisBounds.fleet)) f
            """, [.text(workflow)], readOnly: true, label: "read the fleet")
        let live = try await liveFleet(workflow: workflow, key: key, state: state)
        let runs = try decoded { try recorded.map { try FleetRun(row: $0) } }
        // A run that was held once, and goes on, stands in both.
        let known = Set(live.map(\.run))
        return (runs.filter { !known.contains($0.run) } + live).sorted { $0.run < $1.run }
    }

    /// Runs whose row cannot tell their newest answers: live ones, those that are inspected, and those not read yet.
    private func liveFleet(workflow: String, key: String?, state: String) async throws -> [FleetRun] {
        let columns = "id, workflow, organisation, key, status, has_task, news, last_error"
        let rows = try await query(
            """
            with looked as (
              (select \(columns) from turnup.run where state = $3 order by id desc limit \(DiagnosisBounds.inState))
              union
              (select \(columns) from turnup.run order by id desc limit \(DiagnosisBounds.newest))),
            recent as materialized (
              select r.id, r.organisation, r.key, r.status from looked r
              where r.workflow = $1 and (r.has_task or r.news is not null)
              order by r.last_error is null, r.id desc limit \(DiagnosisBounds.live))
            select r.id, r.organisation, r.key, r.status, turnup.microseconds(k.created_at) as sealed_at,
              coalesce(h.ordinal > 1, false) as earlier_key,
              case when coalesce(h.ordinal, 1) = 1 then false
                when exists (
                  select from turnup.fleet o where o.organisation = r.organisation and o.workflow = $1
                    and o.key_at < k.created_at and o.status = 'succeeded') then true
                -- One that nobody has read yet.
                else exists (
                  select from (
                      select q.id, q.workflow, q.status, q.news from turnup.run q where q.organisation = r.organisation
                      order by q.id limit \(DiagnosisBounds.siblings) offset 0) as q
                    join turnup.secret s on s.scope = 'run' and s.scope_id = q.id::text and s.name = $2 and s.version = 1
                  where q.news is not null and q.workflow = $1 and q.status = 'succeeded' and s.created_at < k.created_at)
                end as earlier_success,
              turnup.microseconds(a.recorded_at) as first_accepted, turnup.microseconds(b.recorded_at) as refused_before,
              turnup.microseconds(c.recorded_at) as last_accepted, turnup.microseconds(d.recorded_at) as last_refused,
              l.seq as answer_seq, turnup.microseconds(l.recorded_at) as answer_at, l.type as answer_type,
              l.body->>'error' as answer_error, l.body->>'state' as answer_state,
              (l.body->'evidence'->>'status')::bigint as answer_status,
              l.body->'evidence'->'credentials_used'->0->>'name' as answer_credential,
              l.body->'evidence'->'credentials_used'->0->>'fingerprint' as answer_fingerprint
            from recent r
            left join lateral (
              select s.created_at from turnup.secret s
              where s.scope = 'run' and s.scope_id = r.id::text and s.name = $2 order by s.version limit 1) k on true
            left join lateral (
              select turnup.ordinal_of_key(r.id, r.organisation, $2, k.created_at) as ordinal
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
            """, [.text(workflow), .optional(key), .text(state)], readOnly: true, label: "read the live fleet")
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
        self.init(
            run: try row.identifier("id"), organisation: try row.string("organisation"), key: try row.string("key"),
            status: RunStatus(rawValue: try row.string("status")) ?? .live,
            keySealedAt: try row.instantOrNil("sealed_at"), hasEarlierKey: try row.bool("earlier_key"),
            hasEarlierSuccess: try row.bool("earlier_success"),
            firstAcceptedAt: try row.instantOrNil("first_accepted"),
            lastAcceptedAt: try row.instantOrNil("last_accepted"),
            refusedBeforeAt: try row.instantOrNil("refused_before"),
            lastRefusedAt: try row.instantOrNil("last_refused"),
            last: try LastAnswer(row: row))
    }
}
