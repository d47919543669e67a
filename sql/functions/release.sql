-- Gives leases back without an event: nothing was done, or something is missing that costs no attempt.
-- Only while the epoch is still the worker's.
create or replace function turnup.release(
  worker text, run_ids uuid[], epochs bigint[], due_milliseconds bigint[], services text[], waitings text[]
) returns bigint
language plpgsql as $$
#variable_conflict use_column
declare
  moment timestamptz;
  released bigint;
begin
  perform from turnup.run r where r.id = any(run_ids) order by r.id for update;
  moment := turnup.now();
  update turnup.task t
  set due = greatest(
      moment + g.due * interval '1 millisecond',
      case when s.paused_until > moment then s.paused_until + random() * interval '1 second' end),
    service = coalesce(g.service, t.service),
    waiting = coalesce(g.waiting, case when s.paused_until > moment then 'service_paused' end), lease_owner = null, lease_expires = null
  from unnest(run_ids, epochs, due_milliseconds, services, waitings) as g(id, epoch, due, service, waiting)
    join turnup.run r on r.id = g.id
    left join turnup.service s on s.name = g.service
  where t.run_id = g.id and t.lease_owner = worker and r.epoch = g.epoch;
  get diagnostics released = row_count;
  return released;
end $$;
