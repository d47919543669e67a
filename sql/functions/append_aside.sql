-- Appends one event that changes nothing of the run, whoever works on it: its task keeps due time and line. A worker that
-- has the run in hand reads the event before its next commit.
create or replace function turnup.append_aside(run_id uuid, type text, body text, actor text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  current turnup.run;
  task turnup.task;
  lease turnup.lease;
  moment timestamptz;
  new_hash bytea;
begin
  -- Task rows before leases before run rows, as everybody does.
  select * into task from turnup.task t where t.run_id = append_aside.run_id for no key update;
  select * into current from turnup.run r where r.id = append_aside.run_id for update;
  if not found then
    raise exception 'there is no run %', append_aside.run_id using errcode = 'TU004';
  end if;
  if task.run_id is null and current.has_task then
    -- It came to have one between the two locks.
    select * into task from turnup.task t where t.run_id = append_aside.run_id for no key update;
  end if;
  if task.run_id is not null then
    select * into lease from turnup.lease l where l.run_id = append_aside.run_id;
    if lease.seq >= task.seq then task.seq := lease.seq; task.hash := lease.hash; end if;
    current.seq := task.seq; current.hash := task.hash; current.epoch := greatest(task.epoch, lease.epoch);
  end if;
  moment := turnup.now();
  new_hash := turnup.event_hash(
    current.hash, current.id, current.seq + 1, turnup.microseconds(moment), current.epoch, append_aside.type,
    append_aside.actor, null, append_aside.body);
  insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
  values (current.id, current.seq + 1, append_aside.type, append_aside.body::json, current.epoch, append_aside.actor,
    moment, new_hash);
  if task.run_id is not null then
    update turnup.task t set seq = current.seq + 1, hash = new_hash where t.run_id = current.id;
  else
    update turnup.run r set seq = current.seq + 1, hash = new_hash where r.id = current.id;
  end if;
  return current.seq + 1;
end $$;
