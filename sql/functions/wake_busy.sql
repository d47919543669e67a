-- Places at a service became free: the runs that wait longest for one come forward. No NOTIFY: the worker that asks
-- has the places, and knows.
create or replace function turnup.wake_busy(service_name text, most bigint) returns bigint
language plpgsql as $$
declare
  moment timestamptz := turnup.now();
  woken bigint;
begin
  with waiting_task as materialized (
    select t.run_id from turnup.task t
    where t.due > moment and t.waiting = 'service_busy' and t.service = service_name
    order by t.due
    limit most
    for update skip locked
  )
  update turnup.task t set due = moment
  from waiting_task where t.run_id = waiting_task.run_id;
  get diagnostics woken = row_count;
  return woken;
end $$;
