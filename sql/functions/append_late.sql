-- Writes what a worker learned after it had lost its lease: evidence, and the secrets that it was given, because a
-- platform may show them only once. The function changes nothing else. It writes once for an attempt and epoch.
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
  if task.run_id is null and current.status = 'live' then
    -- It became live between the two locks.
    select * into task from turnup.task t where t.run_id = append_late.run_id for no key update;
  end if;
  if task.run_id is not null then
    select * into lease from turnup.lease l where l.run_id = append_late.run_id;
    if lease.seq >= task.seq then task.seq := lease.seq; task.hash := lease.hash; end if;
    current.seq := task.seq; current.hash := task.hash;
  end if;
  moment := turnup.now();
  new_hash := turnup.event_hash(
    current.hash, current.id, current.seq + 1, turnup.microseconds(moment), append_late.epoch, 'attempt.late',
    worker, append_late.attempt_id, append_late.body);
  insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
  values (current.id, current.seq + 1, 'attempt.late', append_late.body::json, append_late.epoch,
    append_late.attempt_id, worker, moment, new_hash);
  if task.run_id is null then
    update turnup.run r set seq = current.seq + 1, hash = new_hash, changed_at = moment where r.id = current.id;
  else
    update turnup.task t set seq = current.seq + 1, hash = new_hash where t.run_id = current.id;
  end if;
  insert into turnup.secret (
    scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
  select 'run', current.id::text, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint, s.length,
    moment, worker
  from unnest(secret_names, secret_versions, secret_key_ids, secret_nonces, secret_ciphertexts,
      secret_fingerprints, secret_lengths)
    as s(name, version, key_id, nonce, ciphertext, fingerprint, length);
  return 'accepted';
end $$;
