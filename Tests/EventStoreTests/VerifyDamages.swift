import EventStore
import Testing

/// One way in which a database can be damaged, and what must be said of it.
struct Damage: CustomTestStringConvertible, Sendable {
    let name: String
    let sql: String
    /// The damaged run's name in the scene; nil: none is damaged.
    let run: String?
    /// What must be reported of it.
    let codes: [ViolationCode]

    var testDescription: String { name }

    /// Whether other runs suffer too.
    var touchesAll: Bool { sql.contains("delete from turnup.definition") }

    init(_ name: String, _ code: ViolationCode, of run: String?, _ sql: String, and more: ViolationCode...) {
        self.name = name
        self.sql = sql
        self.run = run
        codes = [code] + more
    }

    static let all = streams + forged + rows + queue + secrets + installation

    private static let streams = [
        Damage(
            "an edited body", .chain, of: "ended",
            "update turnup.event set body = '{\"counted\":true}' where run_id = {ended} and type = 'attempt.unknown'"),
        Damage(
            "another actor", .chain, of: "held",
            "update turnup.event set actor = 'worker:other' where run_id = {held} and seq = 2"),
        Damage(
            "another time", .chain, of: "held",
            "update turnup.event set recorded_at = recorded_at + interval '1 microsecond' where run_id = {held} and seq = 3"
        ),
        Damage(
            "another hash", .chain, of: "fresh",
            "update turnup.event set hash = sha256('x') where run_id = {fresh}", and: .rowHash),
        Damage(
            "a deleted middle event", .seqGap, of: "ended",
            "delete from turnup.event where run_id = {ended} and seq = 3", and: .chain, .foldRefused),
        Damage(
            "a deleted first event", .firstEvent, of: "held",
            "delete from turnup.event where run_id = {held} and seq = 1", and: .seqGap),
        Damage(
            "a cut tail", .rowSeq, of: "ended",
            "delete from turnup.event where run_id = {ended} and seq = (select seq from turnup.run where id = {ended})",
            and: .rowHash, .snapshotSeq),
        Damage(
            "swapped events", .chain, of: "failed",
            """
            update turnup.event set seq = seq + 100 where run_id = {failed} and seq in (2, 3);
            update turnup.event set seq = 105 - seq where run_id = {failed} and seq > 100
            """, and: .afterEnd),
        Damage(
            "a twin", .seqTwice, of: "fresh",
            """
            alter table turnup.event drop constraint event_pkey;
            insert into turnup.event select * from turnup.event where run_id = {fresh}
            """),
        Damage(
            "an unreadable body", .bodyUnreadable, of: "held",
            """
            alter table turnup.event drop constraint event_body_readable;
            update turnup.event set body = '{"text":"\\u0000","state":"x"}' where run_id = {held} and seq = 3;
            select pg_temp.rechain({held})
            """),
        Damage(
            "a body that is no object", .foldRefused, of: "held",
            "update turnup.event set body = '[1]' where run_id = {held} and seq = 2; select pg_temp.rechain({held})"),
        Damage(
            "events without a run", .streamWithoutRun, of: "fresh",
            "delete from turnup.task where run_id = {fresh}; delete from turnup.run where id = {fresh}"),
        Damage(
            "a run without events", .runWithoutEvents, of: "held", "delete from turnup.event where run_id = {held}"),
    ]

    /// What no edit of rows shows: a program that writes the wrong events, with a chain that holds.
    private static let forged = [
        Damage(
            "an unknown type", .order, of: "live",
            "select pg_temp.forge({live}, 'run.danced', '{}')", and: .foldRefused),
        Damage(
            "a second end", .endTwice, of: "ended", "select pg_temp.forge({ended}, 'run.failed', '{}')",
            and: .foldRefused),
        Damage(
            "an event after the end", .afterEnd, of: "ended",
            "select pg_temp.forge({ended}, 'state.entered', '{\"state\":\"x\"}')", and: .foldRefused),
        Damage(
            "an attempt of a held run", .order, of: "held",
            "select pg_temp.forge({held}, 'attempt.started', '{}', gen_random_uuid())", and: .foldRefused),
        Damage(
            "an attempt while another is open", .attemptWhileOpen, of: "live",
            "select pg_temp.forge({live}, 'attempt.started', '{}', gen_random_uuid())", and: .foldRefused),
        Damage(
            "a second start", .attemptStartedTwice, of: "live",
            """
            drop index turnup.event_attempt;
            select pg_temp.forge({live}, 'attempt.started', '{}',
              (select attempt_id from turnup.event where run_id = {live} and type = 'attempt.started'))
            """),
        Damage(
            "a second outcome", .attemptClosedTwice, of: "live",
            """
            drop index turnup.event_attempt;
            select pg_temp.forge({live}, 'attempt.' || outcome, '{}',
              (select attempt_id from turnup.event where run_id = {live} and type = 'attempt.started'), 1)
            from unnest('{done,unknown}'::text[]) as outcome
            """, and: .foldRefused),
        Damage(
            "an outcome without a start", .attemptNotStarted, of: "live",
            "select pg_temp.forge({live}, 'attempt.done', '{}', gen_random_uuid())", and: .foldRefused),
        Damage(
            "late evidence without a start", .historyLost, of: "ended",
            "select pg_temp.forge({ended}, 'attempt.late', '{}', gen_random_uuid())"),
        Damage(
            "an end with an open attempt", .order, of: "live",
            "select pg_temp.forge({live}, 'run.failed', '{}')", and: .foldRefused),
        Damage(
            "a falling epoch", .epochFalls, of: "live",
            "select pg_temp.forge({live}, 'cancel.requested', '{}', null, 0)"),
        Damage(
            "an outcome of another claim", .epochOfClose, of: "live",
            """
            select pg_temp.forge({live}, 'attempt.done', '{}',
              (select attempt_id from turnup.event where run_id = {live} and type = 'attempt.started'))
            """),
    ]

    private static let rows = [
        Damage("another state", .rowState, of: "live", "update turnup.run set state = 'active' where id = {live}"),
        Damage(
            "another status", .rowStatus, of: "held",
            "update turnup.run set status = 'live', has_task = true where id = {held}",
            and: .taskMissing, .rowHasTask),
        Damage(
            "a run that ended in the row alone", .attemptOpen, of: "live",
            "update turnup.run set status = 'failed', has_task = false, ended_at = turnup.now() where id = {live}",
            and: .rowStatus, .rowHasTask, .rowEndedAt, .taskExtra),
        Damage("a seq too high", .rowSeq, of: "fresh", "update turnup.run set seq = 2 where id = {fresh}"),
        Damage(
            "another seq in the task", .rowSeq, of: "fresh",
            "update turnup.task set seq = 2 where run_id = {fresh}"),
        Damage(
            "another seq in the lease", .rowSeq, of: "live", "update turnup.lease set seq = 3 where run_id = {live}"),
        Damage(
            "an intent that stands in no row", .rowSeq, of: "live",
            "update turnup.lease l set seq = 1, hash = t.hash from turnup.task t where l.run_id = {live} and t.run_id = {live}",
            and: .rowHash),
        Damage(
            "a key let go", .rowOwnsKey, of: "failed", "update turnup.run set owns_key = true where id = {failed}"),
        Damage(
            "a thing forgotten", .rowMayBeLeft, of: "failed",
            "update turnup.run set may_be_left = not may_be_left where id = {failed}"),
        Damage(
            "a second thing that nobody made", .rowMayBeLeft, of: "ended",
            "update turnup.run set may_be_left = true where id = {ended}"),
        Damage(
            "an inspection that nobody asked for", .rowHasTask, of: "ended",
            "update turnup.run set has_task = true where id = {ended}", and: .taskMissing),
        Damage(
            "a verdict that no inspection came to", .rowInspection, of: "ended",
            "update turnup.run set inspection = 'drifted' where id = {ended}"),
        Damage(
            "another hash in the run row", .rowHash, of: "live",
            "update turnup.run set hash = sha256('x') where id = {live}"),
        Damage(
            "another hash in the task", .rowHash, of: "waiting",
            "update turnup.task set hash = sha256('x') where run_id = {waiting}"),
        Damage(
            "another hash in the lease", .rowHash, of: "live",
            "update turnup.lease set hash = sha256('x') where run_id = {live}"),
        Damage("an epoch set back", .rowEpoch, of: "ended", "update turnup.run set epoch = 1 where id = {ended}"),
        Damage(
            "an epoch that went with its lease", .rowEpoch, of: "waiting",
            "update turnup.task set epoch = 0 where run_id = {waiting}"),
        Damage(
            "an epoch given twice", .rowEpoch, of: "live", "update turnup.task set epoch = 1 where run_id = {live}"),
        Damage(
            "another end", .rowEndedAt, of: "ended",
            "update turnup.run set ended_at = ended_at - interval '1 day' where id = {ended}"),
        Damage("another reason", .rowReason, of: "failed", "update turnup.run set reason = 'none' where id = {failed}"),
        Damage(
            "another last error", .rowLastError, of: "failed",
            "update turnup.run set last_error = 'other' where id = {failed}"),
        Damage(
            "a place kept after the end", .slotKept, of: "ended",
            "update turnup.run set live_slot = true where id = {ended}"),
        Damage(
            "another organisation", .rowFacts, of: "live",
            "update turnup.run set organisation = 'other' where id = {live}", and: .taskOrganisation),
        Damage(
            "another definition", .rowDefinition, of: "live",
            "update turnup.run set definition = sha256('x') where id = {live}", and: .runDefinition),
        Damage(
            "a definition that is gone", .runDefinition, of: "fresh",
            "delete from turnup.definition"),
        Damage(
            "a snapshot of another state", .snapshotDiffers, of: "waiting",
            "update turnup.task set snapshot = replace(snapshot, '\"attempts\":0', '\"attempts\":7') where run_id = {waiting}"
        ),
        Damage(
            "another time in a snapshot", .snapshotDiffers, of: "waiting",
            "update turnup.task set times[1] = times[1] + 1 where run_id = {waiting}"),
        Damage(
            "another input before anybody looked", .snapshotDiffers, of: "fresh",
            "update turnup.task set snapshot = replace(snapshot, '\"6\"', '\"7\"') where run_id = {fresh}"),
        Damage(
            "a broken snapshot", .snapshotUnreadable, of: "waiting",
            "update turnup.task set snapshot = '{\"state\":\"x\"}' where run_id = {waiting}"),
        Damage(
            "a snapshot of events to come", .snapshotSeq, of: "waiting",
            "update turnup.task set seq = 9, snapshot_seq = 9 where run_id = {waiting}", and: .rowSeq),
        Damage("a lost snapshot", .snapshotSeq, of: "held", "update turnup.run set snapshot = null where id = {held}"),
    ]

    /// A task as the run's row would make it.
    private static func task(of run: String) -> String {
        """
        insert into turnup.task (run_id, due, seq, snapshot_seq, organisation, hash, times, snapshot)
        select {\(run)}, turnup.now(), seq, 1, organisation, hash, times, coalesce(snapshot, '{}') from turnup.run
        where id = case when {\(run)} = {nobody} then {ended} else {\(run)} end
        """
    }

    private static let queue = [
        Damage("a lost task", .taskMissing, of: "fresh", "delete from turnup.task where run_id = {fresh}"),
        Damage("a task of a held run", .taskExtra, of: "held", task(of: "held")),
        Damage("a task of an ended run", .taskExtra, of: "ended", task(of: "ended")),
        Damage(
            "two tasks", .taskTwice, of: "fresh",
            """
            alter table turnup.task drop constraint task_pkey;
            insert into turnup.task select * from turnup.task where run_id = {fresh}
            """),
        Damage("a task of no run", .taskWithoutRun, of: "nobody", task(of: "nobody")),
        Damage(
            "a lease alone", .leaseWithoutTask, of: "live", "delete from turnup.task where run_id = {live}",
            and: .taskMissing),
        Damage(
            "a lease of no run", .leaseWithoutTask, of: "nobody",
            """
            insert into turnup.lease (run_id, service, organisation, taken_at, expires, epoch, token, seq, hash, worker)
            select {nobody}, service, organisation, taken_at, expires, epoch, token, seq, hash, worker from turnup.lease
            """),
        Damage(
            "a lease that nobody took over", .leaseStale, of: "live",
            "update turnup.lease set expires = turnup.now() - interval '11 minutes' where run_id = {live}"),
        Damage(
            "a lost note of an organisation without a place", .lineLost, of: "fresh",
            "delete from turnup.note; delete from turnup.line"),
        Damage(
            "a lost note beside a place that is ready too late", .lineLost, of: "fresh",
            "delete from turnup.note; update turnup.line set ready_at = turnup.now() + interval '1 minute'"),
        Damage(
            "a place whose bound lies beyond the run", .lineLost, of: "fresh",
            "delete from turnup.note; update turnup.line set ready_at = '-infinity', bound_due = turnup.now()"),
        Damage(
            "a line that no claim knows", .lineLost, of: "fresh", "delete from turnup.service_state where name = ''"),
    ]

    private static let secrets = [
        Damage(
            "a thing that is not written down", .thingMissing, of: "ended",
            "delete from turnup.thing where run_id = {ended}"),
        Damage(
            "a lost secret", .secretMissing, of: "ended",
            "delete from turnup.secret where scope_id = {ended}::text and name = 'key'"),
        Damage(
            "a lost late secret", .secretMissing, of: "ended",
            "delete from turnup.secret where scope_id = {ended}::text and name like 'late/%'"),
        Damage(
            "another secret in its place", .secretDiffers, of: "ended",
            "update turnup.secret set fingerprint = sha256('x') where scope_id = {ended}::text and name = 'key'"),
        Damage(
            "a secret that no event names", .secretUnmentioned, of: "held",
            """
            insert into turnup.secret
            select scope, {held}::text, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at,
              created_by
            from turnup.secret where scope_id = {ended}::text and name = 'key'
            """),
        Damage(
            "a secret of no run", .secretWithoutRun, of: "nobody",
            """
            insert into turnup.secret
            select scope, {nobody}::text, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at,
              created_by
            from turnup.secret where scope_id = {ended}::text and name = 'key'
            """),
    ]

    private static let installation = [
        Damage(
            "another definition text", .definitionDigest, of: nil,
            "update turnup.definition set canonical = (canonical::text || ' ')::json"),
        Damage(
            "a trigger that no longer guards", .guardMissing, of: nil,
            "alter table turnup.event disable trigger refuse_truncate"),
        Damage(
            "a trigger that a replica skips", .guardMissing, of: nil,
            "alter table turnup.event enable trigger refuse_truncate"),
        Damage("a lost index", .guardMissing, of: nil, "drop index turnup.run_key"),
        Damage(
            "a partition that does not guard", .guardMissing, of: nil,
            partition("alter table turnup.%I disable trigger refuse_truncate", ahead: 0)),
        Damage(
            "a partition whose guard is gone", .guardMissing, of: nil,
            partition("drop trigger refuse_truncate on turnup.%I", ahead: 31)),
        Damage(
            "no partition for the coming month", .partitionMissing, of: nil,
            partition("drop table turnup.%I", ahead: 31)),
        Damage(
            "no partition for ids of last month", .partitionMissing, of: nil,
            partition("alter table turnup.event detach partition turnup.%I", ahead: -31)),
    ]

    /// Does something to the partition of the month in so many days.
    private static func partition(_ sql: String, ahead days: Int) -> String {
        """
        do $body$ begin execute format('\(sql)',
          'event_' || to_char((turnup.now() + interval '\(days) days') at time zone 'UTC', 'YYYY_MM')); end $body$
        """
    }
}
