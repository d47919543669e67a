-- Something that runs waited for is there now (a base URL, a credential): lets those runs try within a second. When a
-- service or an organisation is named, only its runs.
create or replace function turnup.wake_waiting(
  reason text, service_name text default null, organisation_name text default null
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  moment timestamptz := turnup.now();
  woken bigint;
begin
  with waiting_task as materialized (
    select t.run_id from turnup.task t
    where t.wait_reason = reason and t.due > moment and (service_name is null or t.service = service_name)
      and (organisation_name is null or t.organisation = organisation_name)
    for update skip locked
  ), moved as (
    update turnup.task t set due = least(t.due, moment + random() * interval '1 second')
    from waiting_task where t.run_id = waiting_task.run_id
    returning t.service, t.organisation, t.due
  ), told as (
    insert into turnup.note (service, organisation, due)
    select m.service, m.organisation, min(m.due) from moved m group by m.service, m.organisation
  )
  select count(*) into woken from moved;
  if woken > 0 then perform turnup.wake(); end if;
  return woken;
end $$;
