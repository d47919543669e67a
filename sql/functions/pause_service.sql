-- A person shuts a service for a given time, or until it is resumed (null). No answer of a request under way opens it
-- again. The pause never becomes shorter than the one that stands. Only one row is written, however many runs wait.
create or replace function turnup.pause_service(name text, milliseconds bigint, reason text, by text)
returns table (paused_until_microseconds bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
  ends timestamptz :=
    coalesce(moment + pause_service.milliseconds * interval '1 millisecond', '9999-12-31 00:00:00+00');
begin
  insert into turnup.service_state as s (name, paused_until, pause_reason, paused_by)
  values (pause_service.name, ends, pause_service.reason, pause_service.by)
  on conflict (name) do update
  set paused_until = greatest(s.paused_until, excluded.paused_until), pause_reason = excluded.pause_reason,
    paused_by = excluded.paused_by, trial_token = null, trial_expires = null
  returning s.paused_until into ends;
  return query select turnup.microseconds(ends);
end $$;
