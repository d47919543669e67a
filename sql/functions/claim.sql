-- Leases to a worker what it can send. Each service gives up to the worker's room for it (`rooms` for the named
-- services, `room_each` for all others), and all together give up to `room`. The permits of all limits are taken.
-- Before that, the claim takes over the runs of expired leases, and looks at runs whose deadline has passed, even
-- behind a paused service; those runs come without a permit. A claim may commit without waiting for the disk: an
-- intent's flush includes it.
--
-- Returns a row for each leased run, then one with run_id null for each service: when to ask again, until when the
-- service is shut and why, and the bounds to give to the next claim.
create or replace function turnup.claim(
  worker text, lease_milliseconds bigint, room integer, room_each integer,
  services text[] default '{}', rooms bigint[] default '{}',
  bound_services text[] default '{}', ready_bounds bigint[] default '{}', note_bounds text[] default '{}',
  lease_bound bigint default null
) returns table (
  run_id uuid, service text, epoch bigint, token uuid, seq bigint, hash bytea, snapshot_seq bigint, snapshot text,
  times text, tail text, secrets text, is_trial boolean, pause_reason text, due_microseconds bigint,
  now_microseconds bigint, next_microseconds bigint, shut_microseconds bigint, ready_bound bigint, note_bound text,
  next_lease_bound bigint
)
language plpgsql
-- The statistics of a queue are always out of date; without these a batch may read whole tables.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_bitmapscan = off set jit = off
-- The statements are not planned anew for each call: planning took longer than a call that finds nothing to do.
set plan_cache_mode = force_generic_plan
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
  lease interval := lease_milliseconds * interval '1 millisecond';
  left_room integer := claim.room;
  one record;
  line record;
  place integer;
  tasks turnup.task[];
  leases turnup.lease[];
  trial_token uuid;
  earliest timestamptz;
  first_expiry timestamptz;
  forever constant timestamptz := '9999-12-31 00:00:00+00';
begin
  perform set_config('synchronous_commit', 'off', true);

  -- What others left. Their permits were free from the leases' end on, so that these come without one.
  if left_room > 0 then
    earliest := coalesce(timestamptz 'epoch' + claim.lease_bound * interval '1 microsecond', '-infinity');
    -- As with the lines: the bound rises up to what a plain read finds first.
    select l.expires into first_expiry from turnup.lease l where l.expires >= earliest order by l.expires limit 1;
  end if;
  if first_expiry <= moment then
    with gone as materialized (
      select l.run_id from turnup.lease l where l.expires >= earliest and l.expires <= moment
      order by l.expires limit left_room for update skip locked
    ), strays as (
      -- Of runs that somebody ended while a claim was reading them.
      delete from turnup.lease l using gone
      where l.run_id = gone.run_id and not exists (select from turnup.task t where t.run_id = gone.run_id)
    ), over as (
      update turnup.lease l
      set epoch = greatest(l.epoch, t.epoch) + 1, token = gen_random_uuid(), worker = claim.worker, taken_at = moment,
        expires = moment + lease, service = '', is_counted = false, is_fresh = false
      from gone join turnup.task t on t.run_id = gone.run_id
      where l.run_id = gone.run_id
      returning l as lease, t as task
    )
    select array_agg(o.task), array_agg(o.lease) into tasks, leases from over o;
    left_room := left_room - coalesce(cardinality(tasks), 0);
    select l.expires into first_expiry from turnup.lease l where l.expires >= earliest order by l.expires limit 1;
  end if;
  if claim.room > 0 then earliest := least(first_expiry, moment - interval '1 second'); end if;
  if left_room > 0 and exists (select from turnup.task t where t.deadline <= moment) then
    with overdue as materialized (
      select t.run_id, t.organisation, t.epoch, t.seq, t.hash, t as task from turnup.task t
      where t.deadline <= moment and not exists (select from turnup.lease l where l.run_id = t.run_id)
      order by t.deadline, t.run_id limit left_room
      -- So that two claims never wait for each other's leases.
      for no key update of t skip locked
    ), taken as (
      insert into turnup.lease as l (
        run_id, service, organisation, taken_at, expires, epoch, token, seq, hash, worker)
      select o.run_id, '', o.organisation, moment, moment + lease, o.epoch + 1, gen_random_uuid(), o.seq, o.hash,
        claim.worker
      from overdue o
      on conflict (run_id) do nothing
      returning l.run_id, l as lease
    )
    select tasks || array_agg(o.task), leases || array_agg(t.lease), left_room - count(*)
    into tasks, leases, left_room
    from taken t join overdue o on o.run_id = t.run_id;
  end if;

  -- In the order of the names, so that two claims never wait for each other both ways.
  for one in
    select s.name, s as state, b.ready_bound, b.note_bound,
      least(coalesce(r.room, claim.room_each), left_room)::integer as room
    from turnup.service_state s
      left join unnest(bound_services, ready_bounds, note_bounds) as b(name, ready_bound, note_bound)
        on b.name = s.name
      left join unnest(claim.services, claim.rooms) as r(name, room) on r.name = s.name
    where s.name not like '@%' or s.has_limited_version
    order by s.name collate "C"
  loop
    run_id := null; service := one.name; shut_microseconds := null; pause_reason := null;
    if one.name like '@%' then
      select a.next_at, a.new_note_bound into line from turnup.admit(
        one.name, coalesce(one.note_bound, '0')::xid8) as a;
      ready_bound := null; note_bound := line.new_note_bound::text;
    else
      continue when least(one.room, left_room) <= 0;
      select c.* into line from turnup.claim_line(
        claim.worker, one.state, least(one.room, left_room), lease_milliseconds,
        coalesce(timestamptz 'epoch' + one.ready_bound * interval '1 microsecond', '-infinity'),
        coalesce(one.note_bound, '0')::xid8) as c;
      tasks := tasks || line.tasks;
      leases := leases || line.leases;
      left_room := left_room - coalesce(cardinality(line.tasks), 0);
      if line.is_trial then trial_token := line.leases[1].token; end if;
      ready_bound := case when line.ready_bound > '-infinity' then turnup.microseconds(line.ready_bound) end;
      note_bound := line.note_bound::text;
      if line.shut_until is not null then
        shut_microseconds := turnup.microseconds(least(line.shut_until, forever)); pause_reason := line.shut_reason;
      end if;
    end if;
    now_microseconds := turnup.microseconds(turnup.now());
    next_lease_bound := turnup.microseconds(earliest);
    next_microseconds := case when line.next_at < forever then
      turnup.microseconds(greatest(line.next_at, '1970-01-01 00:00:00+00')) end;
    return next;
  end loop;
  if tasks is null then return; end if;
  return query
  select l.run_id, l.service, l.epoch, l.token, h.seq, h.hash, t.snapshot_seq, t.snapshot, t.times::text,
    -- Events that the snapshot does not know: what people appended, and what the worker before wrote of its last step.
    case when h.seq > t.snapshot_seq then (
      select json_agg(json_build_object(
        'seq', e.seq, 'type', e.type, 'body', e.body, 'epoch', e.epoch, 'attempt_id', e.attempt_id,
        'actor', e.actor, 'recorded_at', turnup.microseconds(e.recorded_at)) order by e.seq)::text
      from turnup.event e
      -- What came after the rows were read would not fit to their hash.
      where e.run_id = l.run_id and e.seq > t.snapshot_seq and e.seq <= h.seq) end,
    case when t.has_secrets then (
      select json_agg(json_build_object(
        'name', n.name, 'version', n.version, 'key_id', n.key_id, 'nonce', encode(n.nonce, 'hex'),
        'ciphertext', encode(n.ciphertext, 'hex'), 'fingerprint', encode(n.fingerprint, 'hex'), 'length', n.length))::text
      from (
        select distinct on (s.name) s.* from turnup.secret s
        where s.scope = 'run' and s.scope_id = l.run_id::text and s.name not like 'late/%'
        order by s.name, s.version desc) as n
      where n.ciphertext is not null) end,
    coalesce(l.token = trial_token, false),
    null::text, turnup.microseconds(t.due), turnup.microseconds(moment), null::bigint, null::bigint,
    null::bigint, null::text, null::bigint
  from generate_series(1, cardinality(tasks)) as g(i)
    cross join lateral (select (leases[g.i]).*) as l
    cross join lateral (select (tasks[g.i]).*) as t
    cross join lateral (
      select greatest(l.seq, t.seq) as seq, case when t.seq > l.seq then t.hash else l.hash end as hash) as h;
end $$;
