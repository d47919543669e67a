-- A person shuts a service for so long, or until it is resumed (null). No answer of a request under way lifts that.
-- Never shorter than the pause that stands.
create or replace function turnup.pause_service(name text, milliseconds bigint, reason text, by text)
returns table (paused_until_microseconds bigint)
language plpgsql as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
  ends timestamptz :=
    coalesce(moment + pause_service.milliseconds * interval '1 millisecond', '9999-12-31 00:00:00+00');
begin
  insert into turnup.service as s (name, paused_until, pause_reason, paused_by, updated_at)
  values (pause_service.name, ends, pause_service.reason, pause_service.by, moment)
  on conflict (name) do update
  set paused_until = greatest(s.paused_until, excluded.paused_until), pause_reason = excluded.pause_reason,
    paused_by = excluded.paused_by, canary_owner = null, canary_expires = null, updated_at = moment
  returning s.paused_until into ends;
  perform turnup.move_behind_pause(pause_service.name, ends, false);
  return query select turnup.microseconds(ends);
end $$;
