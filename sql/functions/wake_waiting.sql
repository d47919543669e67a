-- What runs waited for is there now (a base URL, a credential, a service): let them, or the first few, try within a
-- second.
create or replace function turnup.wake_waiting(
  waiting_code text, service_name text default null, most bigint default null
) returns bigint
language plpgsql as $$
declare
  moment timestamptz := turnup.now();
  woken bigint;
begin
  with waiting_task as materialized (
    select t.run_id from turnup.task t
    where t.due > moment and t.waiting = waiting_code and (service_name is null or t.service = service_name)
    order by t.due
    limit most
    for update skip locked
  )
  update turnup.task t set due = least(t.due, moment + random() * interval '1 second')
  from waiting_task where t.run_id = waiting_task.run_id;
  get diagnostics woken = row_count;
  if woken > 0 then perform turnup.wake(); end if;
  return woken;
end $$;
