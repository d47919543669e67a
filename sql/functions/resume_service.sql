-- The platform answered again. Runs that were moved behind the pause come forward within a second.
create or replace function turnup.resume_service(name text) returns void
language plpgsql as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
begin
  update turnup.service s
  set paused_until = null, pause_reason = null, consecutive_failures = 0, updated_at = moment
  where s.name = resume_service.name and (s.consecutive_failures > 0 or s.paused_until is not null);
  if found then
    perform turnup.wake_waiting('service_paused', resume_service.name);
  end if;
end $$;
