-- Writes what a worker learned after it had lost its lease: evidence, and the secrets that it was given, because a
-- platform may show them only once. It writes once for an attempt and epoch.
--
-- A complete answer to a call may settle what is not known: when nothing that may change the platform was sent after
-- that call, a live run is due now, and a run that is held because of it is live again; the next worker decides.
--
-- What a success names becomes the run's, so that no other run takes it. When another run has it, the event names that one
-- (held_by). When an event of this run has named it before, the event says so (known). Else the success of a run that is
-- not on its way says that something may be left; one that failed or was cancelled has its key again, unless another run has
-- it by now, which the event then names (key_with).
create or replace function turnup.append_late(
  worker text, run_id uuid, epoch bigint, attempt_id uuid, body text,
  secret_names text[], secret_versions bigint[], secret_key_ids text[], secret_nonces bytea[],
  secret_ciphertexts bytea[], secret_fingerprints bytea[], secret_lengths bigint[]
) returns text
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
  told json := append_late.body::json;
  is_answer boolean := coalesce(told ->> 'outcome', '') in ('done', 'not_done') and told ->> 'purpose' is null
    and told ->> 'repeatable' is distinct from 'true';
  is_made boolean := is_answer and told ->> 'outcome' = 'done' and told ->> 'made' is distinct from 'false';
  is_known boolean := false;
  wakes boolean := false;
  is_left boolean := false;
  owns boolean;
  holder uuid;
  line text := '';
begin
  select * into task from turnup.task t where t.run_id = append_late.run_id for no key update;
  select * into current from turnup.run r where r.id = append_late.run_id for update;
  if not found then
    raise exception 'there is no run %', append_late.run_id using errcode = 'TU004';
  end if;
  if exists (select from turnup.event e
    where e.run_id = append_late.run_id and e.type = 'attempt.late' and e.attempt_id = append_late.attempt_id
      and e.epoch = append_late.epoch)
  then
    return 'already';
  end if;
  if task.run_id is null and current.has_task then
    -- It came to have one between the two locks.
    select * into task from turnup.task t where t.run_id = append_late.run_id for no key update;
  end if;
  if task.run_id is not null then
    select * into lease from turnup.lease l where l.run_id = append_late.run_id;
    if lease.seq >= task.seq then task.seq := lease.seq; task.hash := lease.hash; end if;
    current.seq := task.seq; current.hash := task.hash;
  end if;
  if is_made then
    is_known := exists (
      select from turnup.event e
      where e.run_id = current.id and e.type in ('attempt.done', 'attempt.settled', 'run.resolved', 'attempt.late')
        and e.body ->> 'state' is not distinct from told ->> 'state' and e.body ->> 'held_by' is null
        and turnup.same_thing(e.body, told));
    if is_known then body := left(rtrim(append_late.body), -1) || ',"known":true}'; end if;
  end if;
  if told -> 'thing' is not null and told ->> 'made' is distinct from 'false' and not is_known then
    holder := turnup.take_thing(
      current.id, current.organisation, told -> 'thing' ->> 'service', told -> 'thing' ->> 'identity');
    if holder is not null then
      body := left(rtrim(append_late.body), -1) || ',"held_by":"' || holder || '"}';
      holder := null;
    end if;
  end if;
  is_left := is_made and not is_known and current.status <> 'live';
  if is_answer and told ->> 'incomplete' is null and current.status in ('live', 'held') then
    wakes := append_late.attempt_id = (
        select e.attempt_id from turnup.event e
        where e.run_id = current.id and e.type = 'attempt.started'
          and coalesce(e.body ->> 'purpose', '') not in ('lookup', 'probe')
        order by e.seq desc limit 1)
      and (current.status = 'live' or append_late.attempt_id::text = (
        select h.body ->> 'attempt' from (
          select e.body from turnup.event e
          where e.run_id = current.id and e.type = 'run.held' order by e.seq desc limit 1) as h
        where h.body ->> 'code' = 'unknown_outcome' and h.body ->> 'error' is distinct from 'deadline'));
  elsif is_left and current.status in ('failed', 'cancelled') then
    owns := current.owns_key;
    if not owns and not exists (
      select from turnup.event e where e.run_id = current.id and e.type = 'run.taken_over')
    then
      -- Who has the key may be changing just now; the index says.
      while owns is false and holder is null loop
        begin
          update turnup.run r set owns_key = true where r.id = current.id;
          owns := true;
        exception when unique_violation then
          select r.id into holder from turnup.run r
            where r.organisation = current.organisation and r.workflow = current.workflow and r.key = current.key
              and r.owns_key;
        end;
      end loop;
    elsif not owns then
      select r.id into holder from turnup.run r
        where r.organisation = current.organisation and r.workflow = current.workflow and r.key = current.key
          and r.owns_key;
    end if;
    if holder is not null then
      body := left(rtrim(append_late.body), -1) || ',"key_with":"' || holder || '"}';
    end if;
  end if;
  moment := turnup.now();
  new_hash := turnup.event_hash(
    current.hash, current.id, current.seq + 1, turnup.microseconds(moment), append_late.epoch, 'attempt.late',
    worker, append_late.attempt_id, append_late.body);
  insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
  values (current.id, current.seq + 1, 'attempt.late', append_late.body::json, append_late.epoch,
    append_late.attempt_id, worker, moment, new_hash);
  insert into turnup.secret (
    scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
  select 'run', current.id::text, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint, s.length,
    moment, worker
  from unnest(secret_names, secret_versions, secret_key_ids, secret_nonces, secret_ciphertexts,
      secret_fingerprints, secret_lengths)
    as s(name, version, key_id, nonce, ciphertext, fingerprint, length);
  if wakes and (case when task.run_id is null then not current.live_slot else task.service like '@%' end) and exists (
    select from turnup.service_state s
    where s.name = '@' || current.workflow and coalesce(s.concurrent_all, s.concurrent_each) is not null)
  then
    line := '@' || current.workflow;
  end if;
  if task.run_id is not null then
    update turnup.task t
    set seq = current.seq + 1, hash = new_hash, due = case when wakes then least(t.due, moment) else t.due end,
      service = case when wakes then line else t.service end,
      wait_reason = case when wakes then null else t.wait_reason end
    where t.run_id = current.id;
    -- One that is being inspected or probed.
    update turnup.run r
    set may_be_left = not (wakes and r.status = 'held') and (r.may_be_left or is_left),
      status = case when wakes and r.status = 'held' then 'live' else r.status end,
      reason = case when wakes and r.status = 'held' then null else r.reason end, changed_at = moment
    where r.id = current.id and r.status <> 'live' and (is_left and not r.may_be_left or wakes);
  else
    update turnup.run r
    set seq = current.seq + 1, hash = new_hash, changed_at = moment,
      status = case when wakes then 'live' else r.status end, has_task = wakes or r.has_task,
      reason = case when wakes then null else r.reason end,
      may_be_left = not wakes and (r.may_be_left or is_left)
    where r.id = current.id;
    if wakes then
      insert into turnup.task as t (
        run_id, due, service, epoch, seq, snapshot_seq, has_secrets, organisation, hash, times, snapshot)
      values (current.id, moment, line, current.epoch, current.seq + 1, current.snapshot_seq,
        exists (select from turnup.secret s where s.scope = 'run' and s.scope_id = current.id::text),
        current.organisation, new_hash, current.times, current.snapshot);
    end if;
  end if;
  if wakes then
    perform turnup.wake_line(line, moment);
    -- With the task's own due time, which may lie before what the line has given out already.
    insert into turnup.note (service, organisation, due)
    values (line, current.organisation, least(task.due, moment));
  end if;
  return 'accepted';
end $$;
