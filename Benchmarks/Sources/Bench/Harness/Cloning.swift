import Postgres

extension Scene {
    /// Copies of a run that has come to rest, with keys, organisations, ids, attempts and hashes of their own.
    ///
    /// - Parameters:
    ///   - template: its key, which like its organisation must be text that appears nowhere else in its events.
    ///   - organisation: SQL over `i`, from 0.
    func clone(_ template: String, count: Int, organisation: String) async throws {
        let run = try await connection.query(
            "select id::text, organisation from turnup.run where key = $1", [.text(template)]
        ).onlyRow()
        let (id, old) = (try run.string("id"), try run.string("organisation"))
        let events = try await connection.query(
            """
            select e.seq, a.attempt_id::text as attempt from turnup.event e
              left join lateral (select e.attempt_id) as a on true
            where e.run_id = $1::uuid order by e.seq
            """, [.text(id)])
        let attempts = try Set(events.compactMap { try $0.stringOrNil("attempt") }).sorted()
        /// A text of the template's as the clone's.
        func own(_ column: String) -> String {
            let names =
                "replace(replace(replace(\(column), '\(template)', c.key), '\(old)', c.organisation), '\(id)', c.id::text)"
            return attempts.enumerated().reduce(names) { text, attempt in
                "replace(\(text), '\(attempt.element)', md5(c.id::text || '\(attempt.offset)')::uuid::text)"
            }
        }
        try await connection.execute(
            """
            create temporary table clone_0 as
            select turnup.new_id() as id, '\(template)-' || i as key, \(organisation) as organisation,
              turnup.first_hash() as hash
            from generate_series(0, \(count - 1)) as i
            """, timeout: .seconds(600))
        for (number, event) in events.enumerated() {
            try await connection.execute(
                """
                create temporary table written as
                select x.*, turnup.event_hash(x.before, x.id, x.seq, turnup.microseconds(x.recorded_at), x.epoch,
                  x.type, x.actor, x.attempt, x.body) as hash
                from (
                  select c.id, c.key, c.organisation, c.hash as before, e.seq, e.type, e.epoch, e.actor, e.recorded_at,
                    \(own("e.attempt_id::text"))::uuid as attempt, \(own("e.body::text")) as body
                  from clone_\(number) c join turnup.event e on e.run_id = '\(id)' and e.seq = \(try event.int("seq"))
                  offset 0) as x;
                insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
                select id, seq, type, body::json, epoch, attempt, actor, recorded_at, hash from written;
                create temporary table clone_\(number + 1) as select id, key, organisation, hash from written;
                drop table written, clone_\(number)
                """, timeout: .seconds(3600))
        }
        try await connection.execute(
            """
            insert into turnup.run (
              id, workflow, version, definition, organisation, key, owns_key, may_be_left, has_task, state, status, reason,
              last_error, requested_at, changed_at, ended_at, epoch, seq, hash, snapshot_seq, times, snapshot)
            select c.id, r.workflow, r.version, r.definition, c.organisation, c.key, r.owns_key, r.may_be_left, false, r.state,
              r.status, r.reason, r.last_error, r.requested_at, r.changed_at, r.ended_at, r.epoch, r.seq, c.hash, r.snapshot_seq,
              r.times, \(own("r.snapshot"))
            from clone_\(events.count) c, turnup.run r where r.id = '\(id)';
            drop table clone_\(events.count)
            """, timeout: .seconds(3600))
    }
}
