-- Moves a service's waiting runs behind its pause in one statement, so that they do not stand at the head of the
-- queue; none beyond its own deadline. After failures the first few come when the pause ends, one of them to be
-- the canary; the others stay behind until its answer wakes them, or come by themselves half a minute later.
-- Tasks in other hands are skipped: their own commit will see the pause.
create or replace function turnup.move_behind_pause(service_name text, ends timestamptz, has_failed boolean) returns void
language sql as $$
  with waiting as materialized (
    select t.run_id, t.due from turnup.task t
    where t.due < ends and t.service = service_name and (t.lease_expires is null or t.lease_expires <= turnup.now())
    order by t.due
    for update skip locked
  ), numbered as (
    select w.run_id, row_number() over (order by w.due) as number from waiting w
  )
  update turnup.task t
  set waiting = 'service_paused', due = least(t.deadline, ends + case
      when not has_failed then random() * interval '1 second'
      when n.number <= 5 then (n.number - 1) * interval '100 milliseconds'
      else interval '30 seconds' + random() * interval '10 seconds' end)
  from numbered n where t.run_id = n.run_id
$$;
