-- Starts a run, in the caller's transaction. The same key and input again returns the run that has the key; other input
-- is a conflict. With an id of the caller's own, repeating after a lost answer is safe.
-- With instead_of the new run takes the key of a held, failed or cancelled run, and the history of that run says so.
-- SQLSTATE TU001: no such workflow, TU002: bad input, TU003: conflict, with the run in the error's detail, TU007: the
-- run to be replaced does not take that, TU008: that run has moved on since it was looked at.
create or replace function turnup.enqueue(
  workflow text, organisation text, input json, version integer default null, due timestamptz default null,
  id uuid default null, on_conflict text default 'return', wake boolean default true, actor text default null,
  instead_of uuid default null, reason text default null, instead_of_seq bigint default null,
  redo_of uuid default null
) returns table (run_id uuid, created boolean)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  definition turnup.definition;
  checked json;
  new_key text;
  new_id uuid := coalesce(enqueue.id, turnup.new_id());
  existing turnup.run;
  moment timestamptz := turnup.now();
  who text := coalesce(enqueue.actor, 'sql:' || session_user);
  body text;
  event_hash bytea;
  is_same boolean;
  is_taken_over boolean := false;
  line text;
  ready_at timestamptz;
begin
  if coalesce(enqueue.on_conflict, '') not in ('return', 'error') then
    raise exception 'on_conflict is "%"; it must be return or error', enqueue.on_conflict using errcode = 'TU002';
  end if;
  if octet_length(who) not between 1 and 255 then
    raise exception 'the actor has % bytes; it may have 1 to 255', octet_length(who) using errcode = 'TU002';
  end if;
  if coalesce(enqueue.organisation, '') = '' then
    raise exception 'the organisation is missing' using errcode = 'TU002';
  end if;
  if octet_length(enqueue.organisation) > 255 then
    raise exception 'the organisation''s name has % bytes; it may have 255', octet_length(enqueue.organisation)
      using errcode = 'TU002';
  end if;
  -- Infinity is refused too: it would never come due.
  if enqueue.due > moment + interval '100 years' or enqueue.due < '1970-01-01 00:00:00+00' then
    raise exception 'due is %; it must lie between 1970 and a hundred years from now', enqueue.due
      using errcode = 'TU002';
  end if;
  select * into definition from turnup.definition d
    where d.workflow = enqueue.workflow and (enqueue.version is null or d.version = enqueue.version)
    order by d.version desc limit 1;
  if not found then
    raise exception 'workflow "%"% is not published', enqueue.workflow,
      case when enqueue.version is null then '' else ' version ' || enqueue.version end
      using errcode = 'TU001';
  end if;
  checked := turnup.check_input(definition.canonical -> 'input', enqueue.input);
  new_key := turnup.key_of(definition.key_parts, checked);
  body := json_build_object(
    'workflow', definition.workflow, 'version', definition.version,
    'definition', encode(definition.digest, 'hex'), 'organisation', enqueue.organisation,
    'key', new_key, 'state', definition.canonical ->> 'start', 'input', checked)::text;
  if enqueue.instead_of is not null then
    body := left(body, -1) || ', "instead_of" : "' || enqueue.instead_of || '"}';
  end if;
  if enqueue.redo_of is not null then
    body := left(body, -1) || ', "redo_of" : "' || enqueue.redo_of || '"}';
  end if;
  event_hash := turnup.event_hash(
    turnup.first_hash(), new_id, 1, turnup.microseconds(moment), 0, 'run.requested', who, null, body);

  if enqueue.instead_of is not null then
    -- First, so that the same request made twice at once finds below what the other one has made.
    perform from turnup.run r where r.id = enqueue.instead_of for update;
  end if;
  loop
    if enqueue.id is not null then
      select * into existing from turnup.run r where r.id = enqueue.id;
      exit when found;
    end if;
    if enqueue.id is not null then perform turnup.check_id(enqueue.id, moment); end if;
    if enqueue.instead_of is not null and not is_taken_over then
      perform turnup.take_over(
        enqueue.instead_of, new_id, enqueue.organisation, new_key, enqueue.reason, who, enqueue.instead_of_seq);
      is_taken_over := true;
    end if;
    insert into turnup.run as r (
      id, workflow, version, definition, organisation, key, owns_key, state, status, seq, hash,
      requested_at, changed_at)
    values (
      new_id, definition.workflow, definition.version, definition.digest, enqueue.organisation, new_key, true,
      definition.canonical ->> 'start', 'live', 1, event_hash, moment, moment)
    -- Any conflict: the key is taken, or the id was used a moment ago.
    on conflict do nothing;
    if found then
      insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
      values (new_id, 1, 'run.requested', body::json, 0, who, moment, event_hash);
      line := case when definition.live_runs is null then definition.first_service else '@' || definition.workflow end;
      ready_at := coalesce(enqueue.due, moment);
      insert into turnup.task (run_id, due, deadline, seq, snapshot_seq, service, organisation, hash, times, snapshot)
      values (new_id, ready_at,
        case when definition.deadline_milliseconds is not null then
          greatest(ready_at, moment + definition.deadline_milliseconds * interval '1 millisecond') end,
        1, 1, line, enqueue.organisation, event_hash, array[turnup.microseconds(moment)], body);
      if enqueue.wake and ready_at <= moment then perform turnup.wake_line(line, moment); end if;
      insert into turnup.note (service, organisation, due, worker)
      values (line, enqueue.organisation, ready_at, case when enqueue.wake and ready_at <= moment then null else '' end);
      return query select new_id, true;
      return;
    end if;
    select * into existing from turnup.run r
      where r.organisation = enqueue.organisation and r.workflow = definition.workflow and r.key = new_key
        and r.owns_key;
    exit when found;
    -- The holder let go of the key between the two statements: try again.
  end loop;

  perform turnup.await_standby();
  is_same := existing.workflow = definition.workflow and existing.organisation = enqueue.organisation
    and existing.key = new_key and exists (
      select from turnup.event e
      where e.run_id = existing.id and e.seq = 1 and (
        (e.body -> 'input')::jsonb = checked::jsonb
        -- The run may be of another version with other defaults.
        or (e.body -> 'input')::jsonb = (
          select turnup.with_defaults(d.canonical -> 'input', coalesce(enqueue.input, '{}')::jsonb)
          from turnup.definition d where d.workflow = existing.workflow and d.version = existing.version)));
  if existing.id = enqueue.id then
    -- The same id again is an enqueue whose answer was lost: it gets that answer, whatever became of the run.
    if is_same and enqueue.instead_of is not distinct from (
      select (e.body ->> 'instead_of')::uuid from turnup.event e where e.run_id = existing.id and e.seq = 1)
    then
      return query select existing.id, false;
      return;
    end if;
    raise exception 'the id % was used before, for "%" of organisation "%" in workflow "%" or with other input',
      existing.id, existing.key, existing.organisation, existing.workflow
      using errcode = 'TU003',
        detail = json_build_object(
          'run', existing.id, 'status', existing.status, 'state', existing.state, 'why', 'id_used')::text;
  end if;
  if is_same and enqueue.on_conflict = 'return' and existing.status not in ('failed', 'cancelled')
    and not is_taken_over
  then
    return query select existing.id, false;
    return;
  end if;
  raise exception '"%" of organisation "%" belongs to run % (%, state %)',
    new_key, enqueue.organisation, existing.id, existing.status, existing.state
    using errcode = 'TU003',
      detail = json_build_object(
        'run', existing.id, 'status', existing.status, 'state', existing.state, 'instead_of', enqueue.instead_of,
        'why', case
          when existing.status in ('failed', 'cancelled') then 'may_be_left'
          when is_taken_over then 'key_taken'
          when is_same then 'same_input'
          else 'other_input' end)::text;
end $$;
