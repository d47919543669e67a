-- Which of these organisations have a task that claims will not find in time. Only the first task without a lease
-- counts, because whoever comes to that task comes to the others. Claims find that task in two cases. A note of its
-- organisation has not been read yet. Or the organisation has a place in the line whose bound does not lie beyond the
-- task, and the place is ready by then, or waits for a limit or for what a platform asked for.
-- One statement has one snapshot: a task comes with its note, and a note goes when the place is written, so that other
-- transactions under way cause no false alarm. The one second of tolerance is for the clock, which was read before the
-- snapshot.
create or replace function turnup.lost_lines(services text[], organisations text[])
returns table (service text, organisation text, run_id uuid, due timestamptz, found text)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_mergejoin = off set enable_bitmapscan = off set jit = off
as $$
  with moment as materialized (select turnup.now() as now),
  noted as materialized (
    select n.service, n.organisation, min(n.due) as due from turnup.note n
    where n.service = any(services) and n.due is not null group by n.service, n.organisation
  )
  select g.service, g.organisation, t.run_id, t.due, case
    when s.name is null then 'no such line'
    when l.service is null then 'no place and no note'
    when (l.bound_due, l.bound_id) >= (t.due, t.run_id) then 'a place beyond it, at ' || l.bound_due
    else 'a place ready at ' || l.ready_at end
  from unnest(services, organisations) as g(service, organisation) cross join moment m
    cross join lateral (
      select t.run_id, t.due from turnup.task t
      where t.service = g.service and t.organisation = g.organisation
        and not exists (select from turnup.lease e where e.run_id = t.run_id)
        -- What has a deadline about now is found by that, whatever its line.
        and (t.deadline is null or t.deadline > m.now + interval '1 second')
      order by t.service, t.organisation, t.due, t.run_id limit 1) as t
    left join turnup.service_state s on s.name = g.service
    left join turnup.line l on l.service = g.service and l.organisation = g.organisation
    left join noted n on n.service = g.service and n.organisation = g.organisation
  where s.name is null or (n.due <= t.due) is not true and (
    l.service is null or (l.bound_due, l.bound_id) >= (t.due, t.run_id)
    or l.ready_at > greatest(t.due, l.free_at, l.not_before, m.now + interval '1 second'))
$$;
