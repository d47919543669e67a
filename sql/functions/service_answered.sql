-- The service answered. The canary's answer closes the breaker, and the runs that waited come forward within a
-- second; a late canary's, or that of a request from before the pause, does not. While the breaker is closed an answer
-- ends a series of unanswered requests. False: the canary had no say any more.
create or replace function turnup.service_answered(name text, canary bigint) returns boolean
language plpgsql as $$
#variable_conflict use_column
begin
  if service_answered.canary is null then
    update turnup.service s set unanswered = 0
    where s.name = service_answered.name and s.unanswered > 0 and s.consecutive_failures = 0;
    return true;
  end if;
  update turnup.service s
  set paused_until = null, pause_reason = null, paused_by = null, consecutive_failures = 0, unanswered = 0,
    canary_owner = null, canary_expires = null, updated_at = turnup.now()
  where s.name = service_answered.name and s.canary = service_answered.canary and s.canary_expires is not null;
  if not found then return false; end if;
  perform turnup.wake_waiting('service_paused', service_answered.name);
  return true;
end $$;
