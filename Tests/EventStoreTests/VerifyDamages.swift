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
            "late evidence without a start", .attemptNotStarted, of: "ended",
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
            "another status", .rowStatus, of: "held", "update turnup.run set status = 'live' where id = {held}",
            and: .taskMissing),
        Damage(
            "a run that ended in the row alone", .attemptOpen, of: "live",
            "update turnup.run set status = 'failed', ended_at = turnup.now() where id = {live}",
            and: .rowStatus, .rowEndedAt, .taskExtra),
        Damage(
            "another seq", .rowSeq, of: "fresh", "update turnup.run set seq = 2 where id = {fresh}"),
        Damage(
            "a key let go", .rowKeyHeld, of: "failed", "update turnup.run set key_held = true where id = {failed}"),
        Damage(
            "another last hash", .rowHash, of: "live", "update turnup.run set hash = sha256('x') where id = {live}"),
        Damage("an epoch set back", .rowEpoch, of: "ended", "update turnup.run set epoch = 1 where id = {ended}"),
        Damage(
            "another end", .rowEndedAt, of: "ended",
            "update turnup.run set ended_at = ended_at - interval '1 day' where id = {ended}"),
        Damage("another reason", .rowReason, of: "failed", "update turnup.run set reason = 'none' where id = {failed}"),
        Damage(
            "another organisation", .rowFacts, of: "live",
            "update turnup.run set organisation = 'other' where id = {live}", and: .taskOrganisation),
        Damage(
            "another definition", .rowDefinition, of: "live",
            "update turnup.run set definition = sha256('x') where id = {live}", and: .runDefinition),
        Damage(
            "a definition that is gone", .runDefinition, of: "fresh",
            """
            alter table turnup.run drop constraint if exists run_workflow_version_fkey;
            delete from turnup.definition
            """),
        Damage(
            "a snapshot of another state", .snapshotDiffers, of: "live",
            "update turnup.run set snapshot = replace(snapshot::text, '\"attempts\":1', '\"attempts\":7')::json where id = {live}"
        ),
        Damage(
            "another time in a snapshot", .snapshotDiffers, of: "live",
            "update turnup.run set times[1] = times[1] + 1 where id = {live}"),
        Damage(
            "a broken snapshot", .snapshotUnreadable, of: "live",
            "update turnup.run set snapshot = '{\"state\":\"x\"}' where id = {live}"),
        Damage(
            "a lost snapshot", .snapshotSeq, of: "live", "update turnup.run set snapshot = null where id = {live}"),
    ]

    private static let queue = [
        Damage("a lost task", .taskMissing, of: "fresh", "delete from turnup.task where run_id = {fresh}"),
        Damage(
            "a task of a held run", .taskExtra, of: "held",
            "insert into turnup.task (run_id, due, organisation) values ({held}, turnup.now(), 'o')"),
        Damage(
            "a task of an ended run", .taskExtra, of: "ended",
            "insert into turnup.task (run_id, due, organisation) values ({ended}, turnup.now(), 'o')"),
        Damage(
            "two tasks", .taskTwice, of: "fresh",
            """
            alter table turnup.task drop constraint task_pkey;
            insert into turnup.task select * from turnup.task where run_id = {fresh}
            """),
        Damage(
            "a task of no run", .taskWithoutRun, of: "nobody",
            """
            alter table turnup.task drop constraint if exists task_run_id_fkey;
            insert into turnup.task (run_id, due, organisation) values ({nobody}, turnup.now(), 'o')
            """),
        Damage(
            "a lease that nobody took over", .leaseStale, of: "live",
            "update turnup.task set due = turnup.now(), lease_expires = turnup.now() - interval '11 minutes' where run_id = {live}"
        ),
    ]

    private static let secrets = [
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
    ]
}
