-- Gives leases back without an event: nothing was done, or something is missing that costs no attempt.
-- Only while the epoch is still the worker's.
create or replace function turnup.release(
  worker text, run_ids uuid[], epochs bigint[], due_milliseconds bigint[], services text[], waitings text[],
  deadline_milliseconds bigint[]
) returns bigint
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
  moment timestamptz;
  released bigint;
begin
  perform from turnup.run r where r.id = any(run_ids) order by r.id for update;
  moment := turnup.now();
  -- The lock lets a resume that comes meanwhile see these tasks; an open service takes none.
  with shut as materialized (
    select s.name, greatest(s.paused_until, s.canary_expires) as ends from turnup.service s
    where s.name = any(services) and greatest(s.paused_until, s.canary_expires) > moment
    for share
  )
  update turnup.task t
  set due = case
      -- Somebody else's event that the worker has not seen must not wait behind what it decided.
      when exists (
        select from turnup.event e
        where e.run_id = g.id and e.seq > r.snapshot_seq and e.epoch = g.epoch and e.actor <> worker)
      then moment
      else least(
        coalesce(shut.ends + random() * interval '1 second', moment + g.due * interval '1 millisecond'),
        coalesce(moment + g.deadline * interval '1 millisecond', t.deadline)) end,
    service = coalesce(g.service, t.service),
    waiting = coalesce(g.waiting, case when shut.ends is not null then 'service_paused' end),
    deadline = coalesce(moment + g.deadline * interval '1 millisecond', t.deadline),
    lease_owner = null, lease_expires = null
  from unnest(run_ids, epochs, due_milliseconds, services, waitings, deadline_milliseconds)
      as g(id, epoch, due, service, waiting, deadline)
    join turnup.run r on r.id = g.id
    left join shut on shut.name = g.service and shut.ends > moment + g.due * interval '1 millisecond'
  where t.run_id = g.id and t.lease_owner = worker and r.epoch = g.epoch;
  get diagnostics released = row_count;
  return released;
end $$;
