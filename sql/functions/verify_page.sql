-- The next ids after the given one, in order, and how many events their runs should have. The ids are those of runs,
-- and of events, tasks and leases whose run may be gone. A page ends early when its runs have too many events for one
-- statement; it has at least one id.
-- Runs that were requested later than `until` are left out, so that a caller who goes through all pages comes to an
-- end.
-- With a workflow, only its runs count; with a time, only runs that have a task or have changed since then. The last row
-- may then be of a run that is not wanted, with null for its events: it tells how far the search came.
create or replace function turnup.verify_page(
  after uuid, max_runs integer, max_events bigint, workflow text default null, changed_since timestamptz default null,
  until timestamptz default null
) returns table (run_id uuid, events bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_hashagg = off set jit = off
as $$
#variable_conflict use_column
declare
  -- Inclusive with the last id taken out again: an index takes it, and no id is too small.
  start constant uuid := coalesce(verify_page.after, '00000000-0000-0000-0000-000000000000');
  -- Ids above this one may be of runs that were requested later.
  new_ids constant uuid := turnup.id_at(coalesce(verify_page.until, '9999-01-01 00:00:00+00'));
  ids uuid[];
  looked_to uuid;
  page_ids uuid[];
  page_events bigint[];
begin
  if verify_page.workflow is not null or verify_page.changed_since is not null then
    -- Only so many rows at once, or a rare workflow would be one long statement.
    with looked as materialized (
      select r.id, (verify_page.workflow is null or r.workflow = verify_page.workflow)
        and (verify_page.changed_since is null or r.changed_at >= verify_page.changed_since or r.has_task)
        and (verify_page.until is null or r.requested_at <= verify_page.until) as is_wanted
      from turnup.run r where r.id >= start and r.id is distinct from verify_page.after
      order by r.id limit verify_page.max_runs::bigint * 40
    ), wanted as materialized (
      select l.id from looked l where l.is_wanted order by l.id limit verify_page.max_runs
    )
    select array_agg(w.id),
      case when count(*) < verify_page.max_runs then (select l.id from looked l order by l.id desc limit 1) end
    into ids, looked_to from wanted w;
  else
    select array_agg(f.id) into ids from (
      (select r.id from turnup.run r where r.id >= start and r.id is distinct from verify_page.after
          and (verify_page.until is null or r.requested_at <= verify_page.until)
        order by r.id limit verify_page.max_runs)
      union
      (select d.id from (
          select distinct e.run_id as id from turnup.event e
          where e.run_id >= start and e.run_id is distinct from verify_page.after order by e.run_id) as d
        where d.id < new_ids
          or not exists (select from turnup.run r where r.id = d.id and r.requested_at > verify_page.until)
        limit verify_page.max_runs)
      union
      (select t.run_id from turnup.task t
        where t.run_id >= start and t.run_id is distinct from verify_page.after and (t.run_id < new_ids
          or not exists (select from turnup.run r where r.id = t.run_id and r.requested_at > verify_page.until))
        order by t.run_id limit verify_page.max_runs)
      union
      (select l.run_id from turnup.lease l
        where l.run_id >= start and l.run_id is distinct from verify_page.after and (l.run_id < new_ids
          or not exists (select from turnup.run r where r.id = l.run_id and r.requested_at > verify_page.until))
        order by l.run_id limit verify_page.max_runs)
      order by 1 limit verify_page.max_runs) as f;
  end if;
  select array_agg(s.id order by s.id), array_agg(s.events order by s.id) into page_ids, page_events
  from (
    select w.id, h.events, sum(h.events) over (order by w.id) - h.events as before
    from unnest(ids) as w(id) cross join lateral (
      select coalesce(
        (select greatest(t.seq, l.seq)
          from turnup.task t left join turnup.lease l on l.run_id = t.run_id where t.run_id = w.id limit 1),
        (select r.seq from turnup.run r where r.id = w.id), 1) as events) as h) as s
  where s.before < verify_page.max_events;
  return query select p.id, p.events from unnest(page_ids, page_events) as p(id, events);
  if looked_to is not null and (ids is null or looked_to > ids[cardinality(ids)] and page_ids = ids) then
    return query select looked_to, null::bigint;
  end if;
end $$;
