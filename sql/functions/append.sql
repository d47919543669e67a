-- Appends one event, a person's verb or a signal, without the lease. With expected_seq the event is refused (behind)
-- when the run has moved on since the person looked at it. Only verbs that change the status or the state give a new
-- one.
-- A worker looks soon at a run that has or gets a task, whatever line the run stood in: the run goes into the line
-- of those that need no service.
-- The secrets are the run's own, sealed. They are written in the same transaction or not at all.
create or replace function turnup.append(
  run_id uuid, expected_seq bigint, type text, body text, actor text,
  status text default null, state text default null, owns_key boolean default null, reason text default null,
  due_milliseconds bigint default 0, wake boolean default true,
  secret_names text[] default null, secret_versions bigint[] default null, secret_key_ids text[] default null,
  secret_nonces bytea[] default null, secret_ciphertexts bytea[] default null,
  secret_fingerprints bytea[] default null, secret_lengths bigint[] default null, may_be_left boolean default null
) returns table (answer text, seq bigint, recorded_microseconds bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  current turnup.run;
  task turnup.task;
  lease turnup.lease;
  moment timestamptz;
  new_status text;
  is_to_do boolean;
  new_hash bytea;
  new_due timestamptz;
  line text := '';
  holder uuid;
begin
  -- Task rows before leases before run rows, as everybody does.
  select * into task from turnup.task t where t.run_id = append.run_id for no key update;
  select * into current from turnup.run r where r.id = append.run_id for update;
  if not found then
    raise exception 'there is no run %', append.run_id using errcode = 'TU004';
  end if;
  if task.run_id is null and current.has_task then
    -- It came to have one between the two locks.
    select * into task from turnup.task t where t.run_id = append.run_id for no key update;
  end if;
  if task.run_id is not null then
    select * into lease from turnup.lease l where l.run_id = append.run_id;
    if lease.seq >= task.seq then task.seq := lease.seq; task.hash := lease.hash; end if;
    current.seq := task.seq; current.hash := task.hash; current.epoch := greatest(task.epoch, lease.epoch);
  end if;
  moment := turnup.now();
  if append.expected_seq is not null and append.expected_seq <> current.seq then
    return query select 'behind', current.seq, turnup.microseconds(moment);
    return;
  end if;
  if append.owns_key and not current.owns_key then
    -- A race with an enqueue is left to the unique index.
    select r.id into holder from turnup.run r
      where r.organisation = current.organisation and r.workflow = current.workflow and r.key = current.key
        and r.owns_key;
    if found then
      raise exception '"%" of organisation "%" belongs to run % meanwhile', current.key, current.organisation, holder
        using errcode = 'TU003', detail = json_build_object('run', holder, 'why', 'key_taken')::text;
    end if;
  end if;
  if append.type = 'run.resolved' then
    select turnup.take_thing(current.id, current.organisation, thing ->> 'service', thing ->> 'identity') into holder
      from (select append.body::json -> 'thing' as thing) as said where thing is not null;
    if holder is not null then
      raise exception 'what these values name belongs to run %', holder
        using errcode = 'TU003', detail = json_build_object('run', holder, 'why', 'thing_taken')::text;
    end if;
  end if;
  -- A cancel makes a held run live again, so that a worker ends it.
  new_status := coalesce(
    append.status, case when append.type = 'cancel.requested' and current.status = 'held' then 'live' end,
    current.status);
  -- What is to be inspected or probed stays so.
  is_to_do := new_status = 'live' or current.has_task and current.status <> 'live'
    or append.type in ('inspection.requested', 'probe.asked');
  new_hash := turnup.event_hash(
    current.hash, current.id, current.seq + 1, turnup.microseconds(moment), current.epoch, append.type,
    append.actor, null, append.body);
  insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
  values (current.id, current.seq + 1, append.type, append.body::json, current.epoch, append.actor, moment, new_hash);
  if task.run_id is null or not is_to_do or new_status <> current.status
    or append.state <> current.state or append.owns_key <> current.owns_key
  then
    update turnup.run r
    set seq = current.seq + 1, hash = new_hash, epoch = current.epoch, status = new_status,
      state = coalesce(append.state, current.state), owns_key = coalesce(append.owns_key, current.owns_key),
      may_be_left = new_status <> 'live' and coalesce(append.may_be_left, current.may_be_left),
      has_task = is_to_do, inspection = case when new_status = 'succeeded' then r.inspection end,
      changed_at = moment,
      reason = case
        when append.status is null and new_status = current.status then current.reason else append.reason end,
      ended_at = case when new_status in ('live', 'held') then null else coalesce(current.ended_at, moment) end,
      live_slot = current.live_slot and new_status in ('live', 'held'),
      snapshot = coalesce(task.snapshot, current.snapshot), times = coalesce(task.times, current.times),
      snapshot_seq = coalesce(task.snapshot_seq, current.snapshot_seq)
    where r.id = current.id;
    if current.live_slot and new_status not in ('live', 'held') then
      insert into turnup.note (service, organisation, is_freed)
      values ('@' || current.workflow, current.organisation, true);
    end if;
  end if;
  insert into turnup.secret (
    scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
  select 'run', current.id::text, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint, s.length,
    moment, append.actor
  from unnest(secret_names, secret_versions, secret_key_ids, secret_nonces, secret_ciphertexts,
      secret_fingerprints, secret_lengths)
    as s(name, version, key_id, nonce, ciphertext, fingerprint, length);
  if not is_to_do then
    delete from turnup.task t where t.run_id = current.id;
    -- A claim may be leasing it at this moment: this waits for its end, so that the next statement sees its lease.
    insert into turnup.lease (run_id, service, organisation, taken_at, expires, epoch, token, seq, hash, worker)
    values (current.id, '', current.organisation, moment, moment, current.epoch + 1, gen_random_uuid(),
      current.seq, current.hash, '')
    on conflict do nothing;
    delete from turnup.lease l where l.run_id = current.id;
    insert into turnup.note (service, organisation, is_freed)
    select lease.service, lease.organisation, true where lease.service <> '';
  else
    new_due := least(task.due, moment + append.due_milliseconds * interval '1 millisecond');
    -- One that waits to start, or starts again, counts against its workflow's limit of live runs; to end it nothing does.
    if append.type not in ('cancel.requested', 'release.requested') and new_status = 'live' and not current.live_slot
      and exists (
      select from turnup.service_state s
      where s.name = '@' || current.workflow and coalesce(s.concurrent_all, s.concurrent_each) is not null)
    then
      line := '@' || current.workflow;
    end if;
    if append.wake then perform turnup.wake_line(line, moment); end if;
    if task.run_id is not null then
      update turnup.task t
      set seq = current.seq + 1, hash = new_hash, due = new_due, service = line, wait_reason = null,
        has_secrets = t.has_secrets or coalesce(cardinality(append.secret_names), 0) > 0
      where t.run_id = current.id;
    else
      insert into turnup.task as t (
        run_id, due, service, epoch, seq, snapshot_seq, has_secrets, organisation, hash, times, snapshot)
      values (current.id, new_due, line, current.epoch, current.seq + 1, current.snapshot_seq,
        exists (select from turnup.secret s where s.scope = 'run' and s.scope_id = current.id::text),
        current.organisation, new_hash, current.times, current.snapshot);
    end if;
    insert into turnup.note (service, organisation, due, worker)
    values (line, current.organisation, new_due, case when append.wake then null else '' end);
  end if;
  return query select 'accepted', current.seq + 1, turnup.microseconds(moment);
end $$;
