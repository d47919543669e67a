-- The next ids after one, in order, and how many events their runs should have: of runs, and of events and tasks whose
-- run may be gone. A page ends early when its runs have too many events for one statement; it has at least one id.
-- With a workflow or a time only runs of it, or changed since then.
create or replace function turnup.verify_page(
  after uuid, max_runs integer, max_events bigint, workflow text default null, changed_since timestamptz default null
) returns table (run_id uuid, events bigint)
language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_hashagg = off set jit = off
as $$
#variable_conflict use_column
declare
  -- Inclusive with the last id taken out again: an index takes it, and no id is too small.
  start constant uuid := coalesce(verify_page.after, '00000000-0000-0000-0000-000000000000');
  ids uuid[];
begin
  if verify_page.workflow is not null or verify_page.changed_since is not null then
    select array_agg(f.id) into ids from (
      select r.id from turnup.run r
      where r.id >= start and r.id is distinct from verify_page.after
        and (verify_page.workflow is null or r.workflow = verify_page.workflow)
        and (verify_page.changed_since is null or r.updated_at >= verify_page.changed_since)
      order by r.id limit verify_page.max_runs) as f;
  else
    select array_agg(f.id) into ids from (
      (select r.id from turnup.run r where r.id >= start and r.id is distinct from verify_page.after
        order by r.id limit verify_page.max_runs)
      union
      (select distinct e.run_id from turnup.event e
        where e.run_id >= start and e.run_id is distinct from verify_page.after
        order by e.run_id limit verify_page.max_runs)
      union
      (select distinct t.run_id from turnup.task t
        where t.run_id >= start and t.run_id is distinct from verify_page.after
        order by t.run_id limit verify_page.max_runs)
      order by 1 limit verify_page.max_runs) as f;
  end if;
  return query
    select s.id, s.events
    from (
      select w.id, coalesce(r.seq, 1) as events,
        sum(coalesce(r.seq, 1)) over (order by w.id) - coalesce(r.seq, 1) as before
      from unnest(ids) as w(id) left join turnup.run r on r.id = w.id) as s
    where s.before < verify_page.max_events
    order by s.id;
end $$;
