-- Works out which limits of a service hold, for all organisations together and for each: the tightest of those that the
-- installation and the newest version of each workflow name. Of two rates, the tighter one lets fewer requests through
-- in the long run.
-- The line of a workflow ('@' and its name) has the limit of the workflow's live runs. Without a name, this is done for
-- all services. Places that wait behind a changed limit are looked at again.
create or replace function turnup.refresh_limits(name text default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
begin
  -- In the order of the names, as claims do.
  perform from turnup.service_state t where refresh_limits.name is null or t.name = refresh_limits.name
    order by t.name collate "C" for update;
  with newest as materialized (
    select distinct on (d.workflow) d.workflow, d.live_runs, d.live_runs_per, d.service_limits
    from turnup.definition d order by d.workflow, d.version desc
  ), said as materialized (
    select s.name, s.concurrent_requests as concurrent, s.rate_requests as rate, s.rate_milliseconds as milliseconds,
      s.limits_per as per
    from turnup.service s
    union all
    select l.name, (l.said ->> 'concurrent')::integer, (l.said ->> 'rate_count')::integer,
      (l.said ->> 'rate_milliseconds')::bigint, coalesce(l.said ->> 'per', 'all')
    from newest n cross join lateral json_each(n.service_limits) as l(name, said)
    union all
    select '@' || n.workflow, n.live_runs, null, null, n.live_runs_per from newest n
  ), rates as materialized (
    select distinct on (s.name, s.per) s.name, s.per, s.rate, s.milliseconds
    from said s where s.rate is not null
    order by s.name, s.per, s.rate::numeric / s.milliseconds, s.rate
  ), held as (
    select t.name,
      (select min(s.concurrent) from said s where s.name = t.name and s.per = 'all') as concurrent_all,
      (select min(s.concurrent) from said s where s.name = t.name and s.per = 'organisation') as concurrent_each,
      a.rate as rate_all, a.milliseconds as rate_all_milliseconds,
      o.rate as rate_each, o.milliseconds as rate_each_milliseconds,
      coalesce((select v.retry_after_cap_milliseconds from turnup.service v where v.name = t.name), 3600000) as cap
    from turnup.service_state t
      left join rates a on a.name = t.name and a.per = 'all'
      left join rates o on o.name = t.name and o.per = 'organisation'
    where refresh_limits.name is null or t.name = refresh_limits.name
  ), changed as (
    update turnup.service_state t
    set concurrent_all = h.concurrent_all, concurrent_each = h.concurrent_each, rate_all = h.rate_all,
      rate_all_milliseconds = h.rate_all_milliseconds, rate_each = h.rate_each,
      rate_each_milliseconds = h.rate_each_milliseconds, retry_after_cap_milliseconds = h.cap
    from held h
    where h.name = t.name and (
      t.concurrent_all, t.concurrent_each, t.rate_all, t.rate_all_milliseconds, t.rate_each, t.rate_each_milliseconds,
      t.retry_after_cap_milliseconds) is distinct from (
      h.concurrent_all, h.concurrent_each, h.rate_all, h.rate_all_milliseconds, h.rate_each, h.rate_each_milliseconds,
      h.cap)
    returning t.name
  )
  insert into turnup.note (service, organisation, is_freed, worker)
  select l.service, l.organisation, true, '' from changed c join turnup.line l on l.service = c.name
  where l.ready_at > moment and l.next_due <= moment;
  if found then perform turnup.wake(); end if;
  -- Requests that are under way count towards a limit that is new. But for what somebody is writing just now: who holds a
  -- lease may be waiting for this service.
  update turnup.lease l set is_counted = true
  where l.run_id = any (array(
    select o.run_id from turnup.lease o join turnup.service_state t on t.name = o.service
    where not o.is_counted and coalesce(t.concurrent_all, t.concurrent_each) is not null
      and (refresh_limits.name is null or t.name = refresh_limits.name)
    for update of o skip locked));
end $$;
