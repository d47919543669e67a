-- A person opens a service again, whatever had shut it. Its waiting runs come forward within a second. False: it was
-- open.
create or replace function turnup.resume_service(name text) returns boolean
language plpgsql as $$
#variable_conflict use_column
begin
  update turnup.service s
  set paused_until = null, pause_reason = null, paused_by = null, consecutive_failures = 0, unanswered = 0,
    canary_owner = null, canary_expires = null, updated_at = turnup.now()
  where s.name = resume_service.name and (s.consecutive_failures > 0 or s.paused_until is not null);
  if not found then return false; end if;
  perform turnup.wake_waiting('service_paused', resume_service.name);
  return true;
end $$;
