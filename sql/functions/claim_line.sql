-- A claim from one line: leases to a worker what may be sent to the service now, up to `room`, and takes the permits
-- for it under all limits. It does not touch what may not be sent. Organisations take turns: each ready organisation
-- gets its share of the room, and the one that was served longest ago comes first.
--
-- Several statements, READ COMMITTED: one locks the places, and a later one counts the permits. The later snapshot sees
-- what the last holder of the place did; a count in the locking statement may miss that.
-- `ready_bound` and `note_bound` are what the last claim of this worker returned; at first and every second they are
-- '-infinity' and 0. The bounds keep claims from reading dead index entries again and again while a long snapshot keeps
-- those entries.
-- Returns the rows of the leased runs, when to ask again ('infinity': when something happens), until when the service
-- is shut, and why; a time in the past means half-open.
create or replace function turnup.claim_line(
  worker text, s turnup.service_state, room integer, lease_milliseconds bigint, inout ready_bound timestamptz,
  inout note_bound xid8, out tasks turnup.task[], out leases turnup.lease[], out is_trial boolean,
  out next_at timestamptz, out shut_until timestamptz,
  out shut_reason text
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  moment timestamptz := turnup.now();
  lease interval := lease_milliseconds * interval '1 millisecond';
  name constant text := s.name;
  rate record;
  used integer;
  allowed_all integer := room;
  first_ready timestamptz;
  orgs text[];
  tids tid[];
  quantum integer;
  granted integer;
  avoided uuid[];
  trial_run uuid;
  trial_organisation text;
begin
  next_at := 'infinity';
  is_trial := false;
  if exists (select from turnup.note n where n.service = name and n.xid >= note_bound) then
    note_bound := turnup.read_notes(name, moment, note_bound);
    select * into s from turnup.service_state t where t.name = s.name;
  end if;
  shut_reason := s.pause_reason;
  if greatest(s.paused_until, s.not_before) > moment then
    next_at := greatest(s.paused_until, s.not_before); shut_until := next_at; return;
  end if;
  -- Half-open: whether the service is back is not known until its trial is answered.
  if s.consecutive_failures > 0 then shut_until := greatest(s.paused_until, s.trial_expires, 'epoch'); end if;
  -- Nobody is ready: nothing to lock.
  select l.ready_at into first_ready from turnup.line l
    where l.service = name and l.ready_at >= ready_bound order by l.service, l.ready_at limit 1;
  if first_ready is null or first_ready > moment then next_at := coalesce(first_ready, 'infinity'); return; end if;

  -- What counts for all organisations together, with the row of the service locked.
  if s.consecutive_failures > 0 or s.concurrent_all is not null or s.rate_all is not null
    or s.reopened_at > moment - interval '10 seconds'
  then
    select * into s from turnup.service_state t where t.name = s.name for update;
    moment := turnup.now(); shut_reason := s.pause_reason;
    if greatest(s.paused_until, s.not_before) > moment then
      next_at := greatest(s.paused_until, s.not_before); shut_until := next_at; return;
    end if;
    if s.consecutive_failures > 0 then
      if s.trial_expires > moment then next_at := s.trial_expires; shut_until := next_at; return; end if;
      is_trial := true; allowed_all := least(allowed_all, 1);
    elsif s.reopened_at > moment - interval '10 seconds' then
      -- A platform that has just come back gets two requests at once, and twice as many with each second.
      s.concurrent_all := least(s.concurrent_all, (2 * 2 ^ extract(epoch from moment - s.reopened_at))::integer);
    end if;
    if s.concurrent_all is not null then
      select count(*) into used from (
        select from turnup.lease e where e.is_counted and e.service = name and e.expires > moment
        limit s.concurrent_all) as c;
      allowed_all := least(allowed_all, s.concurrent_all - used);
      if allowed_all <= 0 then
        next_at := least(
          (select min(e.expires) from turnup.lease e where e.is_counted and e.service = name and e.expires > moment),
          case when s.reopened_at > moment - interval '10 seconds' then moment + interval '200 milliseconds' end);
        return;
      end if;
    end if;
    if s.rate_all is not null then
      rate := turnup.rate_left(
        s.buckets, s.bucket, s.bucket_milliseconds, moment, s.rate_all, s.rate_all_milliseconds);
      allowed_all := least(allowed_all, rate."left");
      if allowed_all <= 0 then next_at := rate.free_at; return; end if;
    end if;
  end if;

  -- The trial is best made by a run that was not among the failures and has not been the trial since; else by one that
  -- was not among the failures; else by the next in line.
  for attempt in 1..case when is_trial then 2 else 0 end loop
    avoided := array(
      select f.run_id from unnest(s.opened_by) f
      union all
      select a.run_id from unnest(s.answers) a where attempt = 1);
    select t.run_id, l.organisation into trial_run, trial_organisation
    from (
        select * from turnup.line l
        where l.service = name and l.ready_at >= ready_bound and l.ready_at <= moment
        order by l.service, l.ready_at limit 100) as l
      cross join lateral (
        select t.run_id from turnup.task t
        where t.service = l.service and t.organisation = l.organisation and (t.due, t.run_id) > (l.bound_due, l.bound_id)
          and t.due <= moment and not exists (select from turnup.lease e where e.run_id = t.run_id)
          and (t.deadline is null or t.deadline > moment + interval '1 second') and t.run_id <> all (avoided)
        order by t.service, t.organisation, t.due, t.run_id limit 1) as t
    order by l.service, l.ready_at limit 1;
    exit when found;
  end loop;

  -- The places.
  select array_agg(x.organisation), array_agg(x.ctid) into orgs, tids from (
    select l.ctid, l.organisation from turnup.line l
    where l.service = name and l.ready_at >= ready_bound and l.ready_at <= moment
      and (trial_run is null or l.organisation = trial_organisation)
    order by l.service, l.ready_at limit allowed_all for update skip locked) as x;
  -- The bound rises only to what a plain read finds first: places that others hold locked count as there.
  select l.ready_at into first_ready from turnup.line l
    where l.service = name and l.ready_at >= ready_bound order by l.service, l.ready_at limit 1;
  ready_bound := greatest(ready_bound, least(first_ready, moment - interval '200 milliseconds'));
  if orgs is null then
    -- Ready and yet not to be had: another claim is at it. Ask again at once.
    next_at := coalesce(first_ready, 'infinity');
    return;
  end if;

  -- What stood before may have waited for others, and runs whose deadline came meanwhile are not this claim's any more.
  moment := turnup.now();
  quantum := ceil(allowed_all::numeric / cardinality(orgs));
  with places as materialized (
    select l.ctid as tid, l.*, r."left", r.free_at as rate_free_at, r.shifted, r.number, r.width,
      least(quantum, r."left", s.concurrent_each - c.used) as allowed, c.used
    from turnup.line l
      cross join lateral (
        select case when s.concurrent_each is not null then (
          select count(*) from (
            select from turnup.lease e
            where e.is_counted and e.service = l.service and e.organisation = l.organisation and e.expires > moment
            limit s.concurrent_each) as live)::integer end as used) as c
      left join lateral (
        select (turnup.rate_left(
          l.buckets, l.bucket, l.bucket_milliseconds, moment, s.rate_each, s.rate_each_milliseconds)).*
        where s.rate_each is not null) as r on true
    where l.ctid = any (tids)
  ), picked as materialized (
    select p.organisation, t.run_id, t.due, t.task, row_number() over () as n
    from places p cross join lateral (
      select t.run_id, t.due, t as task from turnup.task t
      where t.service = p.service and t.organisation = p.organisation and (t.due, t.run_id) > (p.bound_due, p.bound_id)
        and t.due <= moment and not exists (select from turnup.lease e where e.run_id = t.run_id)
        -- Those whose deadline comes now are turnup.claim's: were both to lease a run, they would wait for each other.
        and (t.deadline is null or t.deadline > moment + interval '1 second')
        and (trial_run is null or t.run_id = trial_run)
      order by t.service, t.organisation, t.due, t.run_id limit greatest(0, p.allowed)) as t
  ), taken as (
    insert into turnup.lease as l (
      run_id, service, organisation, taken_at, expires, epoch, token, seq, hash, is_counted, is_fresh, worker)
    select k.run_id, name, k.organisation, moment, moment + lease, (k.task).epoch + 1, gen_random_uuid(),
      (k.task).seq, (k.task).hash,
      coalesce(s.concurrent_all, s.concurrent_each) is not null,
      coalesce(s.rate_all, s.rate_each) is not null, claim_line.worker
    from picked k where k.n <= allowed_all
    on conflict (run_id) do nothing
    returning l.run_id, l as lease
  ), sums as materialized (
    -- A trial that was chosen may have others before it: then the bound stays.
    select p.tid, count(k.run_id)::integer as got, max(k.due) filter (where trial_run is null) as due,
      (array_agg(k.run_id order by k.due desc, k.run_id desc) filter (where trial_run is null))[1] as id
    from places p left join picked k on k.organisation = p.organisation and k.n <= allowed_all
    group by p.tid
  ), after as materialized (
    -- Only an organisation that had less than it was allowed is asked for its next due time.
    select p.*, a.got, a.due as last_due, a.id as last_id,
      case when a.got < p.allowed and (select count(*) from picked) <= allowed_all then coalesce((
          select min(n.due) from (
            select case when t.due <= moment then greatest(t.due, t.deadline) else t.due end as due
            from turnup.task t
            where t.service = p.service and t.organisation = p.organisation
              and (t.due, t.run_id) > (coalesce(a.due, p.bound_due), coalesce(a.id, p.bound_id))
              and not exists (select from turnup.lease e where e.run_id = t.run_id)
            order by t.service, t.organisation, t.due, t.run_id limit 1) as n), 'infinity')
        else '-infinity' end as then_due,
      -- Whom a limit of its own keeps from more: until a bucket empties, a lease ends, or a note says so.
      case when p."left" <= a.got then p.rate_free_at_after
        when p.used + a.got >= s.concurrent_each then coalesce((
          select min(e.expires) from turnup.lease e
          where e.is_counted and e.service = p.service and e.organisation = p.organisation and e.expires > moment),
          moment + lease)
        else '-infinity' end as then_free
    from (
        select q.*, case when q."left" is not null then greatest(
            q.rate_free_at, to_timestamp((q.number + 1) * q.width / 1000.0)) end as rate_free_at_after
        from places q) as p
      join sums a on a.tid = p.tid
  ), moved as (
    update turnup.line l
    set bound_due = coalesce(a.last_due, l.bound_due), bound_id = coalesce(a.last_id, l.bound_id),
      next_due = a.then_due, free_at = a.then_free,
      bucket = coalesce(a.number, l.bucket), bucket_milliseconds = coalesce(a.width, l.bucket_milliseconds),
      buckets = case when a.number is null then l.buckets else
        a.shifted[1:a.number % 17] || (a.shifted[1 + a.number % 17] + a.got) || a.shifted[2 + a.number % 17:17] end,
      -- A served place goes back to the end, and moves on now and then even alone, or it collects dead versions.
      ready_at = greatest(a.then_due, a.then_free, l.not_before,
        case when cardinality(orgs) = 1 and allowed_all > 1 and l.ready_at >= moment - interval '100 milliseconds' and a.then_due < moment
          then l.ready_at else moment end)
    from after a where l.ctid = a.tid
    returning l.ready_at
  )
  select (select min(m.ready_at) from moved m), array_agg(k.task order by k.n), array_agg(t.lease order by k.n),
    count(*)
  into next_at, tasks, leases, granted
  from taken t join picked k on k.run_id = t.run_id;
  next_at := least(next_at, (
    select l.ready_at from turnup.line l
    where l.service = name and l.ready_at >= ready_bound and l.ctid <> all (tids)
    order by l.service, l.ready_at limit 1));

  if granted > 0 and is_trial then
    update turnup.service_state t set trial_token = leases[1].token, trial_expires = leases[1].expires
    where t.name = s.name;
    next_at := moment + lease; shut_until := next_at;
  end if;
  if granted > 0 and s.rate_all is not null then
    update turnup.service_state t
    set bucket = rate.number, bucket_milliseconds = rate.width,
      buckets = rate.shifted[1:rate.number % 17] || (rate.shifted[1 + rate.number % 17] + granted)
        || rate.shifted[2 + rate.number % 17:17]
    where t.name = s.name;
  end if;
end $$;
