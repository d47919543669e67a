-- The next `count` organisations that have tasks, after the given one and in the order of lines. The query walks from
-- one organisation to the next on the tasks' index. Each step reads a few pages, however many tasks the organisation
-- has.
create or replace function turnup.task_lines(after_service text, after_organisation text, count integer)
returns table (service text, organisation text)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
  with recursive walk as (
    (select t.service, t.organisation, 1 as place from turnup.task t
      where (t.service, t.organisation) > (coalesce(after_service, ''), coalesce(after_organisation, ''))
      order by t.service, t.organisation limit least(1, count))
    union all
    select n.service, n.organisation, w.place + 1
    from walk w cross join lateral (
      select t.service, t.organisation from turnup.task t
      where (t.service, t.organisation) > (w.service, w.organisation)
      order by t.service, t.organisation limit 1) as n
    where w.place < count
  )
  select w.service, w.organisation from walk w
$$;
