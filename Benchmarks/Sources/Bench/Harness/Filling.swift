import Postgres

/// Rows as `turnup.enqueue` makes them, by the hundred thousand.
struct Filling {
    var workflow: String
    var count: Int
    /// SQL over `i`, from 0: whose run it is.
    var organisation = "'backlog'"
    /// SQL over `i` and `moment`.
    var due = "moment + i * interval '1 microsecond'"
    /// Keys are this and `i`.
    var prefix = "f"
}

extension Scene {
    func fill(_ filling: Filling) async throws {
        try await connection.execute(
            """
            set jit = off;
            create temporary table filled as
            select s.*, turnup.event_hash(
              turnup.first_hash(), s.id, 1, s.microseconds, 0, 'run.requested', 'bench', null, s.body) as hash
            from (
              select turnup.new_id() as id, x.organisation, x.key, x.due, x.moment,
                turnup.microseconds(x.moment) as microseconds,
                d.workflow, d.version, d.digest, d.canonical ->> 'start' as state, d.first_service as service,
                json_build_object(
                  'workflow', d.workflow, 'version', d.version, 'definition', encode(d.digest, 'hex'),
                  'organisation', x.organisation, 'key', x.key, 'state', d.canonical ->> 'start',
                  'input', jsonb_build_object('n', x.key))::text as body
              from (
                  select i, \(filling.organisation) as organisation, '\(filling.prefix)' || i as key,
                    \(filling.due) as due, moment
                  from (select turnup.now() as moment) as m, generate_series(0, \(filling.count - 1)) as i offset 0) as x
                join turnup.definition d on d.workflow = '\(filling.workflow)'
              offset 0) as s;
            insert into turnup.run (
              id, workflow, version, definition, organisation, key, owns_key, state, status, seq, hash, requested_at,
              changed_at)
            select id, workflow, version, digest, organisation, key, true, state, 'live', 1, hash, moment, moment
            from filled;
            insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
            select id, 1, 'run.requested', body::json, 0, 'bench', moment, hash from filled;
            insert into turnup.task (
              run_id, due, seq, snapshot_seq, service, organisation, hash, times, snapshot)
            select id, due, 1, 1, service, organisation, hash, array[microseconds], body from filled;
            insert into turnup.note (service, organisation, due)
            select service, organisation, min(due) from filled group by service, organisation;
            drop table filled;
            """, timeout: .seconds(3600), label: "fill")
        for table in ["run", "event", "task"] {
            try await connection.execute("vacuum (freeze, analyze) turnup.\(table)", timeout: .seconds(3600))
        }
    }
}
