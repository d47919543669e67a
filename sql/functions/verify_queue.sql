-- Checks that every run with something to do has exactly one task row, that no other run has one, and that a lease stands beside a
-- task. lease_stale is a warning: nobody has taken the run over ten minutes after its lease ended. turnup.lost_lines
-- checks whether claims find the tasks.
create or replace function turnup.verify_queue(run_ids uuid[])
returns table (run_id uuid, code text, expected text, actual text)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  with moment as materialized (select turnup.now() as now),
  wanted as (select distinct id from unnest(run_ids) as id)
  select w.id, c.code, c.expected, c.actual
  -- Beside each run, not as one set: joined as sets without hashing, the time grows with the square of the runs.
  from wanted w left join turnup.run r on r.id = w.id cross join moment m
    cross join lateral (
      select count(*) as rows, min(t.organisation) as organisation from turnup.task t where t.run_id = w.id
    ) as t
    cross join lateral (
      select count(*) as rows, min(l.organisation) as organisation, max(l.expires) as expires
      from turnup.lease l where l.run_id = w.id
    ) as l
    cross join lateral (values
      ('task_missing', r.has_task and t.rows = 0, 'one task row', 'none'),
      ('task_extra', not r.has_task and t.rows > 0, 'none, because the run is ' || r.status,
        'a task row'),
      ('task_without_run', r.id is null and t.rows > 0, 'a run row', 'none'),
      ('task_twice', t.rows > 1, 'one task row', t.rows::text),
      ('task_organisation', t.organisation <> r.organisation, r.organisation, t.organisation),
      ('task_organisation', l.organisation <> r.organisation, r.organisation, l.organisation || ' in the lease'),
      ('lease_without_task', l.rows > 0 and t.rows = 0, 'a task row', 'a lease alone'),
      ('lease_stale', l.expires < m.now - interval '10 minutes', 'a claim within 10 minutes',
        'none since ' || l.expires)
    ) as c(code, holds, expected, actual)
  where c.holds
$$;
