-- Checks the next `count` organisations in the tasks' lines, after the given one. Returns how many organisations there
-- are, the last one, and their tasks that claims will not find in time.
create or replace function turnup.verify_lines(
  after_service text, after_organisation text, count integer, out lines bigint, out last_service text,
  out last_organisation text, out lost json
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with walked as materialized (
    select array_agg(w.service) as services, array_agg(w.organisation) as organisations, count(*) as lines
    from turnup.task_lines(after_service, after_organisation, verify_lines.count) as w
  )
  select w.lines, w.services[w.lines], w.organisations[w.lines], (
    select json_agg(json_build_object(
      'run', l.run_id, 'service', l.service, 'organisation', l.organisation, 'due', l.due, 'found', l.found))
    from turnup.lost_lines(w.services, w.organisations) as l)
  from walked w
$$;
