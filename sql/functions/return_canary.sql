-- The canary's request was not sent after all: the next run may take its place.
create or replace function turnup.return_canary(name text, canary bigint) returns void
language plpgsql as $$
#variable_conflict use_column
begin
  update turnup.service s set canary_owner = null, canary_expires = null
  where s.name = return_canary.name and s.canary = return_canary.canary and s.canary_expires is not null;
  if found then perform turnup.wake_waiting('service_paused', return_canary.name, 5); end if;
end $$;
