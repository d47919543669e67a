-- Starts the runs that stand in turnup_staged (see turnup.stage), with the promises of turnup.enqueue for each, and
-- returns a row for each line: created, existing, or error with the code, message, hint and detail that turnup.enqueue
-- gives. One bad line fails alone. A line's own organisation and version go before the general ones.
--
-- Three inserts write the lines that are surely good, and one look-up finds those that surely exist already. The few
-- lines that are left go through turnup.enqueue one by one, so that there is one set of rules and messages.
create or replace function turnup.enqueue_staged(
  workflow text, organisation text default null, version integer default null, on_conflict text default 'return',
  actor text default null, wake boolean default true
) returns table (line bigint, outcome text, run_id uuid, code text, message text, hint text, detail text)
language plpgsql
-- A batch's events are kept for a moment; on disk they would cost more than the inserts. The statistics of a table that
-- was filled a moment ago say nothing, so each statement says how it wants to join; the settings end with the function.
set work_mem = '64MB' set jit = off set enable_nestloop = off set enable_hashjoin = on set enable_mergejoin = off
set enable_seqscan = on
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz := turnup.now();
  who text := coalesce(enqueue_staged.actor, 'sql:' || session_user);
  newest integer;
  definition turnup.definition;
  held record;
  settled bigint[] := '{}';
  rest record;
  is_any_new boolean := false;
begin
  if octet_length(who) not between 1 and 255 then
    raise exception 'the actor has % bytes; it may have 1 to 255', octet_length(who) using errcode = 'TU002';
  end if;
  select max(d.version) into newest from turnup.definition d where d.workflow = enqueue_staged.workflow;
  for definition in
    select d.* from turnup.definition d
    where d.workflow = enqueue_staged.workflow and enqueue_staged.on_conflict in ('return', 'error')
      and d.version in (
        select coalesce(s.version, enqueue_staged.version, newest) from pg_temp.turnup_staged s)
    order by d.version
  loop
    perform set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true),
      set_config('enable_seqscan', 'on', true);
    execute turnup.staged_insert(definition) into held
      using enqueue_staged.organisation, enqueue_staged.version, newest, moment, who;
    if held.new_lines is not null then
      is_any_new := true;
      settled := settled || held.new_lines;
      return query select n.line, 'created', n.id, null::text, null::text, null::text, null::text
        from unnest(held.new_lines, held.new_ids) as n(line, id);
    end if;
    continue when held.lines is null;
    perform turnup.await_standby();
    -- A statement of its own, because it must see what others committed meanwhile; all of it is look-ups by key.
    perform set_config('enable_nestloop', 'on', true), set_config('enable_hashjoin', 'off', true),
      set_config('enable_seqscan', 'off', true);
    for line, outcome, run_id in
      select h.line, 'existing', coalesce(by_id.id, by_key.id)
      from unnest(held.lines, held.ids, held.organisations, held.keys, held.inputs)
          as h(line, id, organisation, key, input)
        left join turnup.run by_id on by_id.id = h.id
        left join turnup.run by_key on by_id.id is null and by_key.organisation = h.organisation
          and by_key.workflow = enqueue_staged.workflow and by_key.key = h.key and by_key.owns_key
          and by_key.status not in ('failed', 'cancelled') and enqueue_staged.on_conflict = 'return'
        -- Lateral, for otherwise each line may be compared with the first event of every run.
        cross join lateral (
          select x.body from turnup.event x where x.run_id = coalesce(by_id.id, by_key.id) and x.seq = 1 offset 0) as e
      where (e.body -> 'input')::jsonb = h.input
        and (by_id.id is null
          or (by_id.workflow, by_id.organisation, by_id.key) = (enqueue_staged.workflow, h.organisation, h.key))
    loop
      settled := settled || line;
      return next;
    end loop;
  end loop;

  perform set_config('enable_nestloop', 'off', true), set_config('enable_hashjoin', 'on', true),
    set_config('enable_seqscan', 'on', true);
  for rest in
    select s.line, coalesce(s.organisation, enqueue_staged.organisation) as organisation, s.input,
      coalesce(s.version, enqueue_staged.version) as version, s.due, s.id
    from pg_temp.turnup_staged s
    where not exists (select from unnest(settled) as done(line) where done.line = s.line)
    order by s.line
  loop
    line := rest.line;
    begin
      select case when e.created then 'created' else 'existing' end, e.run_id, null, null, null, null
        into outcome, run_id, code, message, hint, detail
      from turnup.enqueue(
        enqueue_staged.workflow, rest.organisation, rest.input::json, rest.version, rest.due, rest.id,
        enqueue_staged.on_conflict, false, who) as e;
      is_any_new := is_any_new or outcome = 'created';
    exception
      when sqlstate 'TU001' or sqlstate 'TU002' or sqlstate 'TU003' or data_exception
        or integrity_constraint_violation or program_limit_exceeded
      then
        outcome := 'error';
        get stacked diagnostics code = returned_sqlstate, message = message_text, hint = pg_exception_hint,
          detail = pg_exception_detail;
        run_id := case when code = 'TU003' then (detail::json ->> 'run')::uuid end;
        hint := nullif(hint, ''); detail := nullif(detail, '');
    end;
    return next;
  end loop;
  if enqueue_staged.wake and is_any_new then perform turnup.wake(); end if;
end $$;
