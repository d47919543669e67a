-- The platform cannot be reached, or asked us to wait: no run calls it before then. Its waiting runs
-- move behind the pause in one statement, so that they do not stand at the head of the queue.
-- Tasks in other hands are skipped: their own commit will see the pause.
create or replace function turnup.pause_service(name text, milliseconds bigint, reason text)
returns table (paused_until_microseconds bigint, moved bigint)
language plpgsql as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
  ends timestamptz;
  moved_count bigint;
begin
  insert into turnup.service as s (name, paused_until, pause_reason, consecutive_failures, updated_at)
  values (pause_service.name, moment + pause_service.milliseconds * interval '1 millisecond', pause_service.reason, 1,
    moment)
  on conflict (name) do update
  set paused_until = greatest(s.paused_until, excluded.paused_until), pause_reason = excluded.pause_reason,
    consecutive_failures = s.consecutive_failures + 1, updated_at = moment
  returning s.paused_until into ends;
  with waiting as materialized (
    select t.run_id from turnup.task t
    where t.due < ends and t.service = pause_service.name
      and (t.lease_expires is null or t.lease_expires <= moment)
    for update skip locked
  )
  update turnup.task t
  set due = ends + random() * interval '1 second', waiting = 'service_paused'
  from waiting where t.run_id = waiting.run_id;
  get diagnostics moved_count = row_count;
  return query select turnup.microseconds(ends), moved_count;
end $$;
