-- Leases due runs to a worker and raises their epochs. The CTE is materialised: with a nested loop,
-- LIMIT inside a subquery can claim more than asked for. Both rows are taken with SKIP LOCKED, so a
-- claim never waits and has no part in a deadlock.
create or replace function turnup.claim(worker text, max_runs integer, lease_milliseconds bigint)
returns table (
  run_id uuid, epoch bigint, workflow text, version integer, definition bytea, organisation text, key text,
  state text, status text, seq bigint, snapshot_seq bigint, snapshot text, times text, tail text,
  now_microseconds bigint, due_microseconds bigint
)
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
  claimed_ids uuid[];
  claimed_dues timestamptz[];
begin
  with due as materialized (
    select t.run_id, t.due
    from turnup.task t join turnup.run r on r.id = t.run_id
    where t.due <= moment and (t.lease_expires is null or t.lease_expires <= moment)
    order by t.due
    limit greatest(0, claim.max_runs)
    for update of t, r skip locked
  ), leased as (
    update turnup.task t
    set lease_owner = claim.worker, lease_expires = moment + claim.lease_milliseconds * interval '1 millisecond',
      waiting = null
    from due where t.run_id = due.run_id
  ), raised as (
    update turnup.run r set epoch = r.epoch + 1
    from due where r.id = due.run_id
  )
  select array_agg(due.run_id), array_agg(due.due) into claimed_ids, claimed_dues from due;

  -- A statement of its own, because it must see what was appended just before the rows were locked.
  return query
  select r.id, r.epoch, r.workflow, r.version, r.definition, r.organisation, r.key, r.state, r.status,
    r.seq, r.snapshot_seq, r.snapshot::text, r.times::text,
    -- Events that the snapshot does not know yet: the first one, and what people appended.
    case when r.snapshot_seq < r.seq then (
      select json_agg(json_build_object(
        'seq', e.seq, 'type', e.type, 'body', e.body, 'epoch', e.epoch, 'attempt_id', e.attempt_id,
        'actor', e.actor, 'recorded_at', turnup.microseconds(e.recorded_at)) order by e.seq)::text
      from turnup.event e where e.run_id = r.id and e.seq > r.snapshot_seq) end,
    turnup.microseconds(moment), turnup.microseconds(claimed.due)
  from unnest(claimed_ids, claimed_dues) as claimed(id, due) join turnup.run r on r.id = claimed.id
  order by claimed.due;
end $$;
