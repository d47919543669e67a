-- Writes the results of many runs in one transaction: events, run rows, task rows, leases, sealed secrets, and what the
-- answers say of their services. Returns for each run: accepted; already (this very commit had landed, but its answer
-- was lost); behind (the lease and the stream are ours, but there are newer events: fold them and decide again);
-- no_permit (nothing was written, because the intent's service is shut or the lease has no permit for it: commit
-- without the intent); contradicted (nothing was written: another run, `other`, has the thing that this one would take,
-- or something of which a list shows nothing: decide again); fenced (nothing was written).
--
-- The fence is the lease's random token and the hash on which the decision was made. A database that has lost commits
-- may give the same epoch and seq again, but not the same token and hash.
--
-- Arrays run in parallel: one element per run, per event (event_runs gives the run's position), per secret or per thing. A
-- thing without an identity stands for an empty list. A run
-- stands in a batch once. due_milliseconds and deadline_milliseconds count from now. Where keeps_lease is true, the
-- worker goes on at once. A renewed lease counts from now; a lease that is not renewed keeps its row in place (HOT). An
-- attempt.started at the end of the events is the intent of a request to `services`.
-- A commit without events moves a run to another line, or to a later time. Where has_tasks is false, nothing is left to
-- do for the run.
create or replace function turnup.commit(
  worker text, lease_milliseconds bigint,
  run_ids uuid[], tokens uuid[], epochs bigint[], base_seqs bigint[], base_hashes bytea[],
  states text[], statuses text[], reasons text[], last_errors text[], owns_keys boolean[], may_be_left boolean[],
  has_tasks boolean[], inspections text[],
  snapshots text[], run_times text[], secret_flags boolean[],
  due_milliseconds bigint[], keeps_lease boolean[], renews_lease boolean[], services text[], wait_reasons text[],
  deadline_milliseconds bigint[],
  findings text[], finding_services text[], finding_reasons text[], asked_milliseconds bigint[],
  pause_milliseconds bigint[],
  event_runs bigint[], event_types text[], event_bodies text[], event_attempts uuid[],
  secret_runs bigint[], secret_names text[], secret_versions bigint[], secret_key_ids text[],
  secret_nonces bytea[], secret_ciphertexts bytea[], secret_fingerprints bytea[], secret_lengths bigint[],
  thing_runs bigint[], thing_services text[], thing_identities text[]
) returns table (place bigint, answer text, seq bigint, recorded_microseconds bigint, hash bytea, other uuid)
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off set jit = off
-- The statements are not planned anew for each call: planning took longer than a call that finds nothing to do.
set plan_cache_mode = force_generic_plan
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  count integer := coalesce(cardinality(run_ids), 0);
  event_count integer := coalesce(cardinality(event_runs), 0);
  answers text[] := array_fill(null::text, array[count]);
  seqs bigint[] := array_fill(null::bigint, array[count]);
  hashes bytea[] := array_fill(null::bytea, array[count]);
  times bigint[] := array_fill(null::bigint, array[count]);
  others uuid[] := array_fill(null::uuid, array[count]);
  -- The run's last event is an intent; it has no other.
  intents boolean[] := array_fill(false, array[count]);
  events integer[] := array_fill(0, array[count]);
  event_seqs bigint[] := array_fill(null::bigint, array[event_count]);
  event_hashes bytea[] := array_fill(null::bytea, array[event_count]);
  -- Where the locked rows lie: nobody moves them but this function, and a join by them never reads a whole table.
  task_tids tid[];
  task_epochs bigint[];
  task_seqs bigint[];
  task_hashes bytea[];
  organisations text[];
  lease_tids tid[];
  lease_tokens uuid[];
  lease_seqs bigint[];
  lease_hashes bytea[];
  lease_services text[];
  permits boolean[];
  moment timestamptz;
  moment_microseconds bigint;
  place integer;
  refused_count integer := 0;
  has_news boolean := false;
  intent_count integer := 0;
  -- Which of the statements below have anything to do: to start one costs about as much as a row.
  has_outcomes boolean := false;
  has_ends boolean := false;
  has_kept boolean := false;
  has_given boolean := false;
  has_findings boolean := false;
  landed record;
begin
  -- Always task rows before leases before run rows, and in the order of the id.
  select array_agg(t.tid order by given.place), array_agg(t.epoch order by given.place),
    array_agg(t.seq order by given.place), array_agg(t.hash order by given.place),
    array_agg(t.organisation order by given.place)
  into task_tids, task_epochs, task_seqs, task_hashes, organisations
  from (select u.id, u.place from unnest(run_ids) with ordinality as u(id, place) order by u.id) as given
    left join lateral (
      select x.ctid as tid, x.epoch, x.seq, x.hash, x.organisation
      from turnup.task x where x.run_id = given.id for no key update) as t on true;
  select array_agg(l.tid order by given.place), array_agg(l.token order by given.place),
    array_agg(l.seq order by given.place), array_agg(l.hash order by given.place),
    array_agg(l.service order by given.place)
  into lease_tids, lease_tokens, lease_seqs, lease_hashes, lease_services
  from (select u.id, u.place from unnest(run_ids) with ordinality as u(id, place) order by u.id) as given
    left join lateral (
      select x.ctid as tid, x.token, x.seq, x.hash, x.service
      from turnup.lease x where x.run_id = given.id for update) as l on true;
  moment := turnup.now();
  moment_microseconds := turnup.microseconds(moment);

  for i in 1..event_count loop
    place := event_runs[i];
    events[place] := events[place] + 1;
    intents[place] := event_types[i] = 'attempt.started' and keeps_lease[place];
  end loop;
  for place in 1..count loop
    times[place] := moment_microseconds;
    seqs[place] := greatest(lease_seqs[place], task_seqs[place]);
    hashes[place] := case when task_seqs[place] > lease_seqs[place] then task_hashes[place] else lease_hashes[place] end;
    if lease_tokens[place] = tokens[place] and task_epochs[place] < epochs[place] then
      if seqs[place] = base_seqs[place] and hashes[place] = base_hashes[place] then
        answers[place] := 'accepted';
        if intents[place] then intent_count := intent_count + 1; end if;
      else
        answers[place] := case when seqs[place] > base_seqs[place] then 'behind' else 'fenced' end;
        refused_count := refused_count + 1;
      end if;
    else
      answers[place] := 'fenced';
      refused_count := refused_count + 1;
    end if;
  end loop;

  if refused_count > 0 then
    -- Behind is only what goes on from our own stream.
    for landed in
      select given.run from generate_series(1, count) as given(run)
      where answers[given.run] = 'behind' and not exists (
        select from turnup.event e
        where e.run_id = run_ids[given.run] and e.seq = base_seqs[given.run] and e.hash = base_hashes[given.run])
    loop
      answers[landed.run] := 'fenced';
    end loop;
    -- All of a commit's events at their places are proof that it had landed: an epoch belongs to one claim of one worker.
    for landed in
      select given.run, turnup.microseconds(max(e.recorded_at)) as microseconds, max(e.seq) as seq,
        (array_agg(e.hash order by e.seq desc))[1] as hash
      from (
          select g.run, g.type, g.body, g.attempt, row_number() over (partition by g.run order by g.i) as number
          from unnest(event_runs, event_types, event_bodies, event_attempts) with ordinality
            as g(run, type, body, attempt, i)
        ) as given
        left join turnup.event e on e.run_id = run_ids[given.run] and e.seq = base_seqs[given.run] + given.number
          and e.epoch = epochs[given.run] and e.actor = worker and e.type = given.type
          and e.attempt_id is not distinct from given.attempt and e.body::text = given.body
      where answers[given.run] in ('behind', 'fenced')
      group by given.run
      having count(*) = count(e.seq)
    loop
      answers[landed.run] := 'already'; times[landed.run] := landed.microseconds;
      seqs[landed.run] := landed.seq; hashes[landed.run] := landed.hash;
    end loop;
    if found then perform turnup.await_standby(); end if;
  end if;

  -- A lease of ours on a run that somebody else has taken further, or ended, while the claim was reading it.
  if refused_count > 0 then
    delete from turnup.lease l
    using unnest(lease_tids, answers, tokens, epochs, task_epochs) as g(tid, answer, token, epoch, task_epoch)
    where g.answer in ('fenced', 'already') and l.ctid = g.tid and l.token = g.token
      and (g.task_epoch < g.epoch) is not true;
  end if;

  -- The lease's permit is for its own service, and only while that is open. Where leases are counted it must not end just
  -- now; of a limited rate it is good once, and for a second, or for a bucket of the rate if that is shorter. Another
  -- service's is given here only where nothing has to be counted.
  if intent_count > 0 then
    select array_agg(
      not coalesce(greatest(s.paused_until, s.not_before) > moment, false)
      and (s.consecutive_failures = 0
        or s.trial_token = l.token and s.trial_expires > moment + interval '1 second')
      and case when l.service = s.name then
          (coalesce(s.concurrent_all, s.concurrent_each) is null or l.expires > moment + interval '1 second')
          and (coalesce(s.rate_each, s.rate_all) is null or l.is_fresh and l.taken_at > moment - least(
            1000, s.rate_each_milliseconds / 15, s.rate_all_milliseconds / 15) * interval '1 millisecond')
        else coalesce(s.concurrent_all, s.concurrent_each, s.rate_all, s.rate_each) is null end
      order by given.place)
    into permits
    from unnest(lease_tids, services) with ordinality as given(tid, service, place)
      left join turnup.lease l on l.ctid = given.tid
      left join turnup.service_state s on s.name = given.service;
    for place in 1..count loop
      if answers[place] = 'accepted' and intents[place] and permits[place] is not true then
        answers[place] := 'no_permit';
      end if;
    end loop;
  end if;

  if cardinality(thing_runs) > 0 then
    -- In one order for all, so that two batches never wait for each other.
    for landed in
      select g.run, g.service, g.identity
      from unnest(thing_runs, thing_services, thing_identities) as g(run, service, identity)
      where answers[g.run] = 'accepted'
      order by g.service collate "C", g.identity collate "C"
    loop
      others[landed.run] := turnup.take_thing(
        run_ids[landed.run], organisations[landed.run], landed.service, landed.identity);
      if others[landed.run] is not null then answers[landed.run] := 'contradicted'; end if;
    end loop;
  end if;

  for i in 1..event_count loop
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
  for place in 1..count loop
    if answers[place] = 'accepted' then
      has_outcomes := has_outcomes or not (intents[place] and events[place] = 1);
      has_ends := has_ends or not has_tasks[place];
      has_kept := has_kept or (has_tasks[place] and keeps_lease[place]);
      has_given := has_given or not has_tasks[place] or not keeps_lease[place]
        or (intents[place] and lease_services[place] <> services[place]);
      has_findings := has_findings or findings[place] is not null;
    end if;
  end loop;

  insert into turnup.event (run_id, seq, type, body, epoch, attempt_id, actor, recorded_at, hash)
  select run_ids[e.run], e.seq, e.type, e.body::json, epochs[e.run], e.attempt, worker, moment, e.hash
  from unnest(event_runs, event_seqs, event_types, event_bodies, event_attempts, event_hashes)
    as e(run, seq, type, body, attempt, hash)
  where e.seq is not null;

  if cardinality(secret_runs) > 0 then
    insert into turnup.secret (
      scope, scope_id, name, version, key_id, nonce, ciphertext, fingerprint, length, created_at, created_by)
    select 'run', run_ids[s.run]::text, s.name, s.version, s.key_id, s.nonce, s.ciphertext, s.fingerprint, s.length,
      moment, worker
    from unnest(secret_runs, secret_names, secret_versions, secret_key_ids, secret_nonces, secret_ciphertexts,
        secret_fingerprints, secret_lengths)
      as s(run, name, version, key_id, nonce, ciphertext, fingerprint, length)
    where answers[s.run] = 'accepted';
  end if;

  -- Whoever sets a credential or a base URL wakes the runs that wait for it; one that is being put to wait just then would
  -- miss that.
  if wait_reasons && array['no_secret', 'no_base_url'] then
    has_news := exists (
        select from turnup.secret s
        where s.scope in ('organisation', 'installation') and s.created_at > moment - interval '10 seconds')
      or exists (select from turnup.service v where v.updated_at > moment - interval '10 seconds');
  end if;

  if has_outcomes then
    -- The run row only when something that people ask for has changed, or with all that the task had when that goes.
    update turnup.run r
    set state = g.state, status = g.status, reason = g.reason, owns_key = g.owns_key,
      may_be_left = g.may_be_left, has_task = g.has_task, inspection = g.inspection, last_error = g.last_error,
      changed_at = moment, live_slot = r.live_slot and g.status in ('live', 'held'),
      ended_at = case when g.status in ('live', 'held') then null else coalesce(r.ended_at, moment) end,
      epoch = case when g.has_task then r.epoch else g.epoch end,
      seq = case when g.has_task then r.seq else g.seq end,
      hash = case when g.has_task then r.hash else g.hash end,
      snapshot_seq = case when g.has_task then r.snapshot_seq else g.seq end,
      times = case when g.has_task then r.times
        else array_replace(g.times::bigint[], -1, moment_microseconds) end,
      snapshot = case when g.has_task then r.snapshot else g.snapshot end
    from unnest(run_ids, answers, states, statuses, reasons, owns_keys, commit.may_be_left, has_tasks, inspections,
        last_errors, epochs, seqs, hashes, snapshots, run_times)
      as g(id, answer, state, status, reason, owns_key, may_be_left, has_task, inspection, last_error, epoch, seq, hash,
        snapshot, times)
    where r.id = g.id and g.answer = 'accepted' and (
      not g.has_task or (r.state, r.status, r.reason, r.owns_key, r.inspection, r.last_error)
        is distinct from (g.state, g.status, g.reason, g.owns_key, g.inspection, g.last_error));
  end if;

  if has_ends then
    delete from turnup.task t
    using unnest(task_tids, answers, has_tasks) as g(tid, answer, has_task)
    where t.ctid = g.tid and g.answer = 'accepted' and not g.has_task;
  end if;

  if has_outcomes then
    -- Once a request: an intent alone stands in the lease, and whoever takes that over folds it from the stream.
    update turnup.task t
    set due = case when g.keeps then t.due else
        moment + least(g.due, g.deadline, case when has_news and g.wait_reason is not null then 1000 end)
          * interval '1 millisecond' end,
      deadline = moment + g.deadline * interval '1 millisecond',
      epoch = case when g.keeps then t.epoch else g.epoch end, seq = g.seq, hash = g.hash, snapshot_seq = g.seq,
      has_secrets = g.has_secrets, service = coalesce(g.service, ''), wait_reason = g.wait_reason,
      times = array_replace(g.times::bigint[], -1, moment_microseconds), snapshot = g.snapshot
    from unnest(task_tids, answers, has_tasks, due_milliseconds, keeps_lease, services, wait_reasons, deadline_milliseconds,
        epochs, seqs, hashes, snapshots, run_times, secret_flags, intents, events)
      as g(tid, answer, has_task, due, keeps, service, wait_reason, deadline, epoch, seq, hash, snapshot, times, has_secrets,
        is_intent, events)
    where t.ctid = g.tid and g.answer = 'accepted' and g.has_task and not (g.is_intent and g.events = 1);
  end if;

  if has_kept then
    update turnup.lease l
    set seq = g.seq, hash = g.hash,
      expires = case when g.renews then moment + lease_milliseconds * interval '1 millisecond' else l.expires end,
      is_fresh = l.is_fresh and not g.is_intent,
      service = case when g.is_intent then g.service else l.service end,
      is_counted = l.is_counted and not (g.is_intent and g.service <> l.service)
    from unnest(lease_tids, answers, has_tasks, keeps_lease, renews_lease, services, seqs, hashes, intents)
      as g(tid, answer, has_task, keeps, renews, service, seq, hash, is_intent)
    where l.ctid = g.tid and g.answer = 'accepted' and g.has_task and g.keeps;
  end if;

  if has_given then
    with gone as (
      delete from turnup.lease l
      using unnest(lease_tids, answers, has_tasks, keeps_lease) with ordinality
        as g(tid, answer, has_task, keeps, place)
      where l.ctid = g.tid and g.answer = 'accepted' and not (g.has_task and g.keeps)
      returning l.service, l.organisation, l.token, g.place
    ), waiting as (
      -- Tasks that came into a line.
      select coalesce(services[g.place], '') as service, organisations[g.place] as organisation,
        min(least(due_milliseconds[g.place], deadline_milliseconds[g.place],
          case when has_news and wait_reasons[g.place] is not null then 1000 end)) as milliseconds
      from gone g where has_tasks[g.place] group by 1, 2
    ), noted as (
      insert into turnup.note (service, organisation, due, worker)
      select w.service, w.organisation, moment + w.milliseconds * interval '1 millisecond', commit.worker from waiting w
    ), permits_back as (
      -- Also of leases that go on with another service.
      select g.service, g.organisation, g.token, g.place from gone g
      union all
      select lease_services[p], organisations[p], tokens[p], p from generate_series(1, count) as p
      where answers[p] = 'accepted' and intents[p] and lease_services[p] <> services[p]
    ), freed as (
      -- Permits that somebody may wait for.
      insert into turnup.note (service, organisation, is_freed, worker)
      select distinct g.service, g.organisation, true, commit.worker
      from permits_back g join turnup.service_state s on s.name = g.service
      where coalesce(s.concurrent_all, s.concurrent_each) is not null
    ), unsent as (
      insert into turnup.note (service, organisation, finding, token, worker)
      select g.service, g.organisation, 'unsent', g.token, commit.worker
      from permits_back g join turnup.service_state s on s.name = g.service
      where s.trial_token = g.token and findings[g.place] is null
    ), slots as (
      insert into turnup.note (service, organisation, is_freed, worker)
      select '@' || r.workflow, r.organisation, true, commit.worker
      from gone g join turnup.run r on r.id = run_ids[g.place]
        join turnup.service_state s on s.name = '@' || r.workflow
          and coalesce(s.concurrent_all, s.concurrent_each) is not null
      where statuses[g.place] not in ('live', 'held')
    )
    select count(*) into refused_count from gone;
  end if;

  if has_findings then
    -- Of an answer only what changes something: while nothing fails, successes leave no note. A 429 moves the
    -- organisation's place where a limit is per organisation, else the service.
    with said as materialized (
      select s.name, run_ids[g.place] as run_id, organisations[g.place] as organisation, g.finding, g.reason, g.token,
        g.pause,
        moment + least(g.asked, s.retry_after_cap_milliseconds) * interval '1 millisecond' as not_before,
        g.finding = 'limited' and coalesce(s.concurrent_each, s.rate_each) is not null as is_place,
        cardinality(s.answers) > 0 or s.consecutive_failures > 0
          or bool_or(g.finding = 'failed') over (partition by s.name) as is_watched
      from unnest(answers, findings, finding_services, finding_reasons, asked_milliseconds, pause_milliseconds, tokens)
          with ordinality as g(answer, finding, service, reason, asked, pause, token, place)
        join turnup.service_state s on s.name = g.service
      where g.answer = 'accepted' and g.finding is not null
    )
    insert into turnup.note (
      service, organisation, finding, reason, run_id, worker, token, not_before, pause_milliseconds)
    select s.name, s.organisation, s.finding, s.reason, s.run_id, commit.worker, s.token,
      case when not s.is_place then s.not_before end, s.pause
    from said s where s.is_watched or (s.finding = 'limited' and not s.is_place)
    union all
    select s.name, s.organisation, null, null, null, null, null, s.not_before, null from said s where s.is_place;
  end if;

  if 'run.released' = any(event_types) then
    for place in 1..count loop
      if answers[place] = 'accepted' and exists (
        select from unnest(event_runs, event_types) as e(run, type) where e.run = place and e.type = 'run.released')
      then
        perform turnup.redo(run_ids[place], worker);
      end if;
    end loop;
  end if;

  return query select p::bigint, answers[p], seqs[p], times[p], hashes[p], others[p] from generate_series(1, count) as p;
end $$;
