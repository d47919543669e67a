-- Writes the results of many runs in one transaction: events, run rows, task rows and sealed secrets.
-- Answers, per run: accepted; already (this very commit had landed, its answer was lost); behind (right
-- epoch, but newer events: fold them and decide again); fenced (a newer epoch: nothing was written).
--
-- Arrays run in parallel: one element per run, per event (event_runs gives the run's position) or per
-- secret. A run stands in a batch once. due_milliseconds and deadline_milliseconds count from now; a lease is kept
-- where keeps_lease is true.
create or replace function turnup.commit(
  worker text, lease_milliseconds bigint,
  run_ids uuid[], epochs bigint[], base_seqs bigint[], states text[], statuses text[], reasons text[],
  key_helds boolean[], snapshots text[], run_times text[], due_milliseconds bigint[], keeps_lease boolean[],
  services text[], waitings text[], deadline_milliseconds bigint[],
  event_runs bigint[], event_types text[], event_bodies text[], event_attempts uuid[],
  secret_runs bigint[], secret_names text[], secret_versions bigint[], secret_key_ids text[],
  secret_nonces bytea[], secret_ciphertexts bytea[], secret_fingerprints bytea[], secret_lengths bigint[]
) returns table (place bigint, answer text, seq bigint, recorded_microseconds bigint)
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
  count integer := coalesce(cardinality(run_ids), 0);
  answers text[] := array_fill(null::text, array[count]);
  seqs bigint[] := array_fill(null::bigint, array[count]);
  event_seqs bigint[] := array_fill(null::bigint, array[coalesce(cardinality(event_runs), 0)]);
  event_hashes bytea[] := array_fill(null::bytea, array[coalesce(cardinality(event_runs), 0)]);
  found_seqs bigint[];
  found_epochs bigint[];
  hashes bytea[];
  moment timestamptz;
  moment_microseconds bigint;
  times bigint[] := array_fill(null::bigint, array[count]);
  place integer;
  live_count integer := 0;
  moved_count integer;
  refused_count integer := 0;
  landed record;
begin
  -- Always in the order of the id, and run rows before task rows.
  with locked as materialized (
    select r.id, r.seq, r.epoch, r.hash from turnup.run r where r.id = any(run_ids) order by r.id for update
  )
  select array_agg(l.seq order by given.place), array_agg(l.epoch order by given.place),
    array_agg(l.hash order by given.place)
  into found_seqs, found_epochs, hashes
  from unnest(run_ids) with ordinality as given(id, place) left join locked l on l.id = given.id;
  moment := turnup.now();
  moment_microseconds := turnup.microseconds(moment);

  for place in 1..count loop
    times[place] := moment_microseconds;
    seqs[place] := found_seqs[place];
    if found_epochs[place] = epochs[place] and found_seqs[place] = base_seqs[place] then
      answers[place] := 'accepted';
      if statuses[place] = 'live' then live_count := live_count + 1; end if;
    else
      answers[place] := case when found_epochs[place] = epochs[place] then 'behind' else 'fenced' end;
      refused_count := refused_count + 1;
    end if;
  end loop;

  -- All of a commit's events at their places are proof that it had landed: an epoch belongs to one claim of one worker.
  if refused_count > 0 then
    for landed in
      select given.run, turnup.microseconds(max(e.recorded_at)) as microseconds
      from (
          select g.run, g.type, g.body, g.attempt, row_number() over (partition by g.run order by g.i) as number
          from unnest(event_runs, event_types, event_bodies, event_attempts) with ordinality
            as g(run, type, body, attempt, i)
        ) as given
        left join turnup.event e on e.run_id = run_ids[given.run] and e.seq = base_seqs[given.run] + given.number
          and e.epoch = epochs[given.run] and e.actor = worker and e.type = given.type
          and e.attempt_id is not distinct from given.attempt and e.body::text = given.body
      where answers[given.run] <> 'accepted'
      group by given.run
      having count(*) = count(e.seq)
    loop
      answers[landed.run] := 'already';
      times[landed.run] := landed.microseconds;
    end loop;
  end if;

  for i in 1..coalesce(cardinality(event_runs), 0) loop
    place := event_runs[i];
    if answers[place] = 'accepted' then
      seqs[place] := seqs[place] + 1;
      hashes[place] := turnup.event_hash(
        hashes[place], run_ids[place], seqs[place], moment_microseconds, epochs[place], event_types[i], worker,
        event_attempts[i], event_bodies[i]);
      event_seqs[i] := seqs[place];
      event_hashes[i] := hashes[place];
    end if;
  end loop;

  insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
  select run_ids[e.run], e.seq, e.type, e.body::json, epochs[e.run], e.attempt, worker, moment, e.hash
  from unnest(event_runs, event_seqs, event_types, event_bodies, event_attempts, event_hashes)
    as e(run, seq, type, body, attempt, hash)
  where e.seq is not null;

  update turnup.run r
  set state = g.state, status = g.status, reason = g.reason, key_held = g.key_held, seq = g.seq, hash = g.hash,
    snapshot = g.snapshot::json, snapshot_seq = g.seq,
    times = array_replace(g.times::bigint[], -1, moment_microseconds), updated_at = moment,
    ended_at = case when g.status in ('live', 'held') then null else coalesce(r.ended_at, moment) end
  from unnest(run_ids, answers, states, statuses, reasons, key_helds, seqs, hashes, snapshots, run_times)
    as g(id, answer, state, status, reason, key_held, seq, hash, snapshot, times)
  where r.id = g.id and g.answer = 'accepted';

  insert into turnup.secret (
    scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
  select 'run', run_ids[s.run]::text, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint, s.length,
    moment, worker
  from unnest(secret_runs, secret_names, secret_versions, secret_key_ids, secret_nonces, secret_ciphertexts,
      secret_fingerprints, secret_lengths)
    as s(run, name, version, key_id, nonce, ciphertext, fingerprint, length)
  where answers[s.run] = 'accepted';

  delete from turnup.task t
  using unnest(run_ids, answers, statuses) as g(id, answer, status)
  where t.run_id = g.id and g.answer = 'accepted' and g.status <> 'live';

  -- A run whose next call goes to a service that is shut for longer waits for it, with a little jitter, but not
  -- beyond its deadline. The lock lets a resume that comes meanwhile see this task; an open service takes none.
  with shut as materialized (
    select s.name, greatest(s.paused_until, s.canary_expires) as ends from turnup.service s
    where s.name = any(services) and greatest(s.paused_until, s.canary_expires) > moment
    for share
  )
  update turnup.task t
  set due = least(
      coalesce(shut.ends + random() * interval '1 second', moment + g.due * interval '1 millisecond'),
      case when not g.keeps then moment + g.deadline * interval '1 millisecond' end),
    service = g.service,
    waiting = coalesce(g.waiting, case when shut.ends is not null then 'service_paused' end),
    deadline = moment + g.deadline * interval '1 millisecond',
    lease_owner = case when g.keeps then worker end,
    lease_expires = case when g.keeps then moment + lease_milliseconds * interval '1 millisecond' end
  from unnest(run_ids, answers, statuses, due_milliseconds, keeps_lease, services, waitings, deadline_milliseconds)
    as g(id, answer, status, due, keeps, service, waiting, deadline)
    left join shut on shut.name = g.service and not g.keeps
      and shut.ends > moment + g.due * interval '1 millisecond'
  where t.run_id = g.id and g.answer = 'accepted' and g.status = 'live';

  -- Live means exactly one task row, also after a status that no worker should have changed.
  get diagnostics moved_count = row_count;
  if moved_count < live_count then
    insert into turnup.task (run_id, due, organisation, service, waiting, deadline)
    select r.id, moment + least(g.due, g.deadline) * interval '1 millisecond', r.organisation, g.service, g.waiting,
      moment + g.deadline * interval '1 millisecond'
    from unnest(run_ids, answers, statuses, due_milliseconds, services, waitings, deadline_milliseconds)
      as g(id, answer, status, due, service, waiting, deadline)
      join turnup.run r on r.id = g.id
    where g.answer = 'accepted' and g.status = 'live'
    on conflict (run_id) do nothing;
  end if;

  return query select p::bigint, answers[p], seqs[p], times[p] from generate_series(1, count) as p;
end $$;
