-- A request failed in a way that speaks of the service: it could not be reached, asked us to wait, or the `needed`
-- last ones of all workers went unanswered. The breaker opens, for first, 2 × first, 4 × first … milliseconds up to
-- 30 seconds (or `first`, when that is longer), and for what the service asked for if that is more. Requests that
-- were under way together are one failure: while the breaker is not closed, only the canary's failure counts.
create or replace function turnup.service_failed(
  name text, worker text, reason text, asked_milliseconds bigint, first_milliseconds bigint, needed integer,
  canary bigint
) returns table (paused_until_microseconds bigint, left_milliseconds bigint, consecutive_failures integer, unanswered integer)
language plpgsql as $$
#variable_conflict use_column
declare
  current turnup.service;
  moment timestamptz;
  opens boolean;
  ends timestamptz;
begin
  insert into turnup.service (name) values (service_failed.name) on conflict (name) do nothing;
  select * into current from turnup.service s where s.name = service_failed.name for update;
  moment := turnup.now();
  if service_failed.canary is not null then
    opens := current.canary = service_failed.canary and current.canary_expires is not null;
  else
    opens := current.consecutive_failures = 0 and current.unanswered + 1 >= service_failed.needed;
  end if;
  if opens then
    ends := moment + interval '1 millisecond' * greatest(asked_milliseconds, least(
      greatest(30000, first_milliseconds), first_milliseconds * (1 << least(current.consecutive_failures, 16))::bigint));
  elsif service_failed.needed <= 1 and asked_milliseconds > 0 then
    ends := moment + interval '1 millisecond' * asked_milliseconds;
  end if;
  if opens or ends > current.paused_until then
    update turnup.service s
    set paused_until = greatest(s.paused_until, ends),
      pause_reason = case when s.paused_until >= ends then s.pause_reason else service_failed.reason end,
      paused_by = case when s.paused_until >= ends then s.paused_by else service_failed.worker end,
      consecutive_failures = s.consecutive_failures + opens::integer, unanswered = 0,
      canary_owner = case when not opens then s.canary_owner end,
      canary_expires = case when not opens then s.canary_expires end, updated_at = moment
    where s.name = service_failed.name
    returning * into current;
    perform turnup.move_behind_pause(service_failed.name, current.paused_until, true);
  elsif service_failed.canary is null and current.consecutive_failures = 0 then
    update turnup.service s set unanswered = s.unanswered + 1 where s.name = service_failed.name returning * into current;
  end if;
  return query select turnup.microseconds(current.paused_until),
    greatest(0, ceil(extract(epoch from current.paused_until - moment) * 1000))::bigint,
    current.consecutive_failures, current.unanswered;
end $$;
