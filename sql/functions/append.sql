-- A person's verb or a signal: one event, without the lease. With expected_seq it is refused (behind)
-- when the run has moved on since it was looked at. A new status or state is for verbs that change them.
-- The secrets are the run's own, sealed; they are written in the same transaction or not at all.
create or replace function turnup.append(
  run_id uuid, expected_seq bigint, type text, body text, actor text,
  status text default null, state text default null, key_held boolean default null, reason text default null,
  due_milliseconds bigint default 0, wake boolean default true,
  secret_names text[] default null, secret_versions bigint[] default null, secret_key_ids text[] default null,
  secret_nonces bytea[] default null, secret_ciphertexts bytea[] default null,
  secret_fingerprints bytea[] default null, secret_lengths bigint[] default null
) returns table (answer text, seq bigint, recorded_microseconds bigint)
language plpgsql as $$
#variable_conflict use_column
declare
  current turnup.run;
  moment timestamptz;
  new_status text;
  new_hash bytea;
  holder uuid;
begin
  select * into current from turnup.run r where r.id = append.run_id for update;
  if not found then
    raise exception 'there is no run %', append.run_id using errcode = 'TU004';
  end if;
  moment := turnup.now();
  if append.expected_seq is not null and append.expected_seq <> current.seq then
    return query select 'behind', current.seq, turnup.microseconds(moment);
    return;
  end if;
  if append.key_held and not current.key_held then
    -- A race with an enqueue is left to the unique index.
    select r.id into holder from turnup.run r
      where r.organisation = current.organisation and r.workflow = current.workflow and r.key = current.key
        and r.key_held;
    if found then
      raise exception '"%" of organisation "%" belongs to run % meanwhile', current.key, current.organisation, holder
        using errcode = 'TU003', detail = json_build_object('run', holder)::text,
          hint = 'See "turnup show ' || holder || '".';
    end if;
  end if;
  -- A cancel makes a held run live again, so that a worker ends it.
  new_status := coalesce(
    append.status, case when append.type = 'cancel.requested' and current.status = 'held' then 'live' end,
    current.status);
  new_hash := turnup.event_hash(
    current.hash, current.id, current.seq + 1, turnup.microseconds(moment), current.epoch, append.type,
    append.actor, null, append.body);
  insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
  values (current.id, current.seq + 1, append.type, append.body::json, current.epoch, append.actor, moment, new_hash);
  update turnup.run r
  set seq = current.seq + 1, hash = new_hash, status = new_status, state = coalesce(append.state, current.state),
    key_held = coalesce(append.key_held, current.key_held), updated_at = moment,
    reason = case
      when append.status is null and new_status = current.status then current.reason else append.reason end,
    ended_at = case when new_status in ('live', 'held') then null else coalesce(current.ended_at, moment) end
  where r.id = current.id;
  insert into turnup.secret (
    scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
  select 'run', current.id::text, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint, s.length,
    moment, append.actor
  from unnest(secret_names, secret_versions, secret_key_ids, secret_nonces, secret_ciphertexts,
      secret_fingerprints, secret_lengths)
    as s(name, version, key_id, nonce, ciphertext, fingerprint, length);
  if new_status <> 'live' then
    delete from turnup.task t where t.run_id = current.id;
  else
    insert into turnup.task as t (run_id, due, organisation)
    values (current.id, moment + append.due_milliseconds * interval '1 millisecond', current.organisation)
    on conflict (run_id) do update set due = least(t.due, excluded.due);
    if append.wake then perform turnup.wake(); end if;
  end if;
  return query select 'accepted', current.seq + 1, turnup.microseconds(moment);
end $$;
