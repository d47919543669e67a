-- Repairs what a lost note would leave for ever: goes over the next `count` organisations in the tasks' lines after the
-- given one, and leaves a note for each whose tasks no claim will find in time. Workers call this function every
-- minute; only one of them runs it at a time.
-- Runs that wait for a place among a workflow's live runs are looked at again too, in case the note of a free place was
-- lost.
-- Returns where the next call goes on (null: at the beginning), how many were repaired, and one of them.
create or replace function turnup.repair_lines(
  after_service text, after_organisation text, count integer, out last_service text, out last_organisation text,
  out repaired bigint, out example_run uuid, out example_line text, out example_found text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  services text[];
  organisations text[];
begin
  repaired := 0;
  if not pg_try_advisory_xact_lock(hashtext('turnup.repair_lines')) then
    last_service := after_service; last_organisation := after_organisation; return;
  end if;
  select array_agg(w.service), array_agg(w.organisation) into services, organisations
  from turnup.task_lines(after_service, after_organisation, count) as w;
  with lost as materialized (
    select * from turnup.lost_lines(services, organisations)
  ), named as (
    insert into turnup.service_state (name) select distinct l.service from lost l on conflict do nothing
  ), noted as (
    insert into turnup.note (service, organisation, due) select l.service, l.organisation, l.due from lost l
  )
  select count(*), (array_agg(l.run_id))[1], (array_agg(l.service || ' of ' || l.organisation))[1],
    (array_agg(l.found))[1]
  into repaired, example_run, example_line, example_found from lost l;
  insert into turnup.note (service, organisation, is_freed)
  select l.service, l.organisation, true
  from unnest(services, organisations) as g(service, organisation)
    join turnup.line l on l.service = g.service and l.organisation = g.organisation
  where g.service like '@%' and l.free_at = 'infinity';
  if repaired > 0 then perform turnup.wake(); end if;
  if cardinality(services) = count then
    last_service := services[count]; last_organisation := organisations[count];
  end if;
end $$;
