-- Compares a run's rows with the result of the check's own fold of its stream. While the run has a task, the task row
-- has the end of the stream and the snapshot, unless the lease goes further. `link` is the hash of the event up to
-- which the run row counts. If the stream is not in order, its fold says nothing, and only the end of the stream is
-- compared.
create or replace function turnup.verify_row(
  run turnup.run, task turnup.task, lease turnup.lease, link bytea, first_body json, last_seq bigint, last_hash bytea,
  top_epoch bigint, is_sound boolean, state text, status text, owns_key boolean, may_be_left boolean,
  has_task boolean, inspection text, ended_at timestamptz, open_attempt uuid
) returns table (code text, expected text, actual text)
-- Not in SQL: that would be planned anew for every run.
language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
begin
  return query select c.code, coalesce(c.expected, 'nothing'), coalesce(c.actual, 'nothing')
  from (
      select run.seq, run.hash, 'the run row' as place, run.epoch, run.snapshot_seq where task.run_id is null
      union all
      select task.seq, task.hash, 'the task', greatest(task.epoch, lease.epoch), task.snapshot_seq
      where task.run_id is not null and (lease.seq > task.seq) is not true
      union all
      select lease.seq, lease.hash, 'the lease', greatest(task.epoch, lease.epoch), task.snapshot_seq
      where lease.seq > task.seq
    ) as head
    cross join lateral (values
      ('row_seq', head.seq <> last_seq, last_seq::text, head.seq || ' in ' || head.place),
      ('row_seq', task.run_id is not null and run.seq > last_seq, last_seq || ' or less', run.seq || ' in the run row'),
      ('row_hash', head.hash <> last_hash, encode(last_hash, 'hex'), encode(head.hash, 'hex') || ' in ' || head.place),
      ('row_hash', task.run_id is not null and is_sound and run.seq <= last_seq and run.hash is distinct from link,
        encode(link, 'hex'), encode(run.hash, 'hex') || ' in the run row'),
      ('row_state', is_sound, state, run.state),
      ('row_status', is_sound, status, run.status),
      ('row_owns_key', is_sound, owns_key::text, run.owns_key::text),
      ('row_may_be_left', is_sound, may_be_left::text, run.may_be_left::text),
      ('row_has_task', is_sound, has_task::text, run.has_task::text),
      ('row_inspection', is_sound, inspection, run.inspection),
      ('row_ended_at', is_sound, turnup.microseconds(ended_at)::text, turnup.microseconds(run.ended_at)::text),
      ('row_facts', first_body is not null,
        concat_ws(' / ', first_body ->> 'workflow', first_body ->> 'version', first_body ->> 'organisation',
          first_body ->> 'key'),
        concat_ws(' / ', run.workflow, run.version, run.organisation, run.key)),
      ('row_definition', first_body is not null, first_body ->> 'definition', encode(run.definition, 'hex')),
      ('run_definition', true, encode(run.definition, 'hex'), (
        select encode(d.digest, 'hex') from turnup.definition d
        where d.workflow = run.workflow and d.version = run.version)),
      -- Every claim raises the epoch, so that it is often ahead of the events. It outlives the lease, and no claim may
      -- give one again.
      ('row_epoch', head.epoch < top_epoch, top_epoch || ' or more', head.epoch::text),
      ('row_epoch', lease.epoch <= task.epoch, 'a lease of an epoch above ' || task.epoch, lease.epoch::text),
      ('slot_kept', run.live_slot and run.status not in ('live', 'held'), 'no place among the live runs', 'one'),
      ('attempt_open', is_sound and not run.has_task, null, open_attempt::text),
      ('snapshot_seq', head.snapshot_seq > last_seq or task.run_id is null and (
          (run.snapshot is null) <> (run.snapshot_seq = 0) or run.snapshot is null and not run.has_task),
        'a snapshot of an event from 1 to ' || last_seq, head.snapshot_seq::text)
    ) as c(code, counts, expected, actual)
  where c.counts and c.expected is distinct from c.actual;
end $$;
