-- A person opens a service again, whatever had shut it. Returns false when it was open.
create or replace function turnup.resume_service(name text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  update turnup.service_state s
  set paused_until = null, pause_reason = null, paused_by = null, consecutive_failures = 0,
    answers = '{}', opened_by = '{}', trial_token = null, trial_expires = null, not_before = null, reopened_at = turnup.now()
  where s.name = resume_service.name
    and (s.consecutive_failures > 0 or s.paused_until is not null or s.not_before > turnup.now());
  if not found then return false; end if;
  -- Let through slowly at first: for that all that is under way counts. But for what somebody is writing just now: who
  -- holds a lease may be waiting for this service.
  update turnup.lease l set is_counted = true
  where l.run_id = any (array(
    select o.run_id from turnup.lease o
    where o.service = resume_service.name and not o.is_counted for update skip locked));
  perform turnup.wake();
  return true;
end $$;
