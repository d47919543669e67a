-- Why nobody works on a run now: a reason, what the reason is about, since when it waits, until when at least, how many runs
-- stand before it in its organisation's place of the line (counted to 1,001, so that a list may ask for each of its runs),
-- and about when its turn comes if a rate tells that.
-- The function only reads: the service, the place and the lease give the reason, and nothing is stored for it. Null:
-- nothing keeps the run.
create or replace function turnup.wait_of(run_id uuid)
returns table (
  reason text, subject text, since_microseconds bigint, until_microseconds bigint, before bigint, about_microseconds bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  moment timestamptz := turnup.now();
  t turnup.task;
  s turnup.service_state;
  l turnup.line;
  held turnup.lease;
  rate record;
  until timestamptz;
  allowed integer;
  window_milliseconds bigint;
  sharing bigint := 1;
begin
  select * into t from turnup.task x where x.run_id = wait_of.run_id;
  if not found then return; end if;
  select * into held from turnup.lease e where e.run_id = t.run_id;
  if held.expires > moment then return; end if;
  if t.due > moment then
    return query
      select coalesce(t.wait_reason, 'time'), t.service, turnup.microseconds(e.recorded_at), turnup.microseconds(t.due),
        0::bigint, null::bigint
      from turnup.event e where e.run_id = t.run_id and e.seq = t.seq;
    return;
  end if;
  since_microseconds := turnup.microseconds(t.due);
  if held.run_id is not null then
    reason := 'worker_lost'; subject := held.worker; before := 0;
    since_microseconds := turnup.microseconds(held.expires);
    return next;
    return;
  end if;
  select * into s from turnup.service_state x where x.name = t.service;
  select * into l from turnup.line x where x.service = t.service and x.organisation = t.organisation;
  select count(*) into before from (
    select from turnup.task x
    where x.service = t.service and x.organisation = t.organisation and (x.due, x.run_id) < (t.due, t.run_id)
      and not exists (select from turnup.lease e where e.run_id = x.run_id and e.expires > moment)
    limit 1001) as c;
  subject := t.service;
  reason := 'line';
  if t.service like '@%' then
    reason := 'live_runs'; subject := coalesce(s.concurrent_each, s.concurrent_all)::text;
  elsif s.paused_until > moment then
    reason := 'service_paused'; until := s.paused_until;
  elsif s.consecutive_failures > 0 then
    reason := 'service_trial'; until := s.trial_expires;
  elsif greatest(s.not_before, l.not_before) > moment then
    reason := 'asked_to_wait'; until := greatest(s.not_before, l.not_before);
  elsif s.concurrent_each <= (
    select count(*) from turnup.lease e
    where e.is_counted and e.service = t.service and e.organisation = t.organisation and e.expires > moment)
  then
    reason := 'concurrency_each'; subject := s.concurrent_each::text;
  elsif s.concurrent_all <= (
    select count(*) from turnup.lease e where e.is_counted and e.service = t.service and e.expires > moment)
  then
    reason := 'concurrency_all'; subject := s.concurrent_all::text;
  end if;
  if reason = 'line' and s.rate_each is not null and l.service is not null then
    rate := turnup.rate_left(
      l.buckets, l.bucket, l.bucket_milliseconds, moment, s.rate_each, s.rate_each_milliseconds);
    if rate."left" <= 0 then
      reason := 'rate_each'; subject := s.rate_each || ' in ' || s.rate_each_milliseconds || ' ms'; until := rate.free_at;
    end if;
  end if;
  if reason = 'line' and s.rate_all is not null then
    rate := turnup.rate_left(
      s.buckets, s.bucket, s.bucket_milliseconds, moment, s.rate_all, s.rate_all_milliseconds);
    if rate."left" <= 0 then
      reason := 'rate_all'; subject := s.rate_all || ' in ' || s.rate_all_milliseconds || ' ms'; until := rate.free_at;
    end if;
  end if;
  -- Whoever watches a run that has just come need not be told that nobody has it yet.
  if reason = 'line' and t.due <= moment - interval '5 seconds' and not exists (
      select from turnup.lease e where e.expires > moment)
    and not exists (
      select from pg_stat_activity a
      where a.datname = current_database() and a.application_name = 'turnup worker')
  then
    reason := 'no_worker'; subject := current_database();
  end if;
  -- At the rate's speed, those before it first; of other organisations as many, where they share the rate in turns.
  allowed := coalesce(s.rate_each, s.rate_all);
  window_milliseconds := coalesce(s.rate_each_milliseconds, s.rate_all_milliseconds);
  if allowed is not null and s.rate_each is null then
    select greatest(1, count(*)) into sharing from (
      select from turnup.line x where x.service = t.service and x.next_due <= moment limit 1000) as c;
  end if;
  if allowed is not null and before <= 1000 then
    about_microseconds := turnup.microseconds(
      greatest(until, moment) + before * sharing * window_milliseconds / allowed * interval '1 millisecond');
  end if;
  until_microseconds := case when until is not null then turnup.microseconds(least(until, '9999-12-31 00:00:00+00')) end;
  return next;
end $$;
