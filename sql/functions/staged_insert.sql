-- The statement that writes the good lines of turnup_staged for one definition. The definition's names, kinds and key
-- stand in the text of the statement, because looking them up for every line would take longer than the inserts.
-- Parameters: the general organisation and version, the newest version, the time, the actor. The statement returns the
-- new lines with their runs, and the good lines whose key or id was taken. It leaves out lines that are not surely
-- good.
create or replace function turnup.staged_insert(definition turnup.definition) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  declared jsonb := coalesce((definition.canonical -> 'input')::jsonb, '{}');
  start text := definition.canonical ->> 'start';
  head text := '{"workflow" : ' || to_json(definition.workflow) || ', "version" : ' || definition.version
    || ', "definition" : "' || encode(definition.digest, 'hex') || '", "organisation" : ';
  tail text := ', "state" : ' || to_json(start) || ', "input" : ';
  checks text;
  key text;
begin
  -- A secret field takes no kind at all, so that its lines are left out.
  select string_agg(format('turnup.is_of_kind(c.input -> %L, %L) is true', f.name,
      case when coalesce((f.rules ->> 'secret')::boolean, false) then '[]'
        when jsonb_typeof(f.rules -> 'type') = 'array' then f.rules -> 'type'
        else jsonb_build_array(f.rules -> 'type') end), ' and ')
    into checks from jsonb_each(declared) as f(name, rules);
  select string_agg(
      case when part ->> 'text' is not null then quote_literal(part ->> 'text')
        else format(
          $f$case when jsonb_typeof(c.input -> %1$L) in ('string', 'number', 'boolean') then c.input ->> %1$L end$f$,
          part ->> 'input') end, ' || ' order by place)
    into key from json_array_elements(definition.key_parts) with ordinality as p(part, place);
  return format($f$
    with complete as (
      select s.line, coalesce(s.id, turnup.new_id()) as id, s.id as given_id, s.due, coalesce(s.organisation, $1) as organisation,
        %1$L::jsonb || s.input as input
      from pg_temp.turnup_staged s
      where coalesce(s.version, $2, $3) = %2$s and jsonb_typeof(s.input) = 'object' and s.input - %3$L::text[] = '{}'
    ), keyed as (
      select c.*, %5$s as key from complete c
      where %4$s and octet_length(c.organisation) between 1 and 255
        and (c.given_id is null or (
          substr(c.given_id::text, 15, 1) = '7' and substr(c.given_id::text, 20, 1) in ('8', '9', 'a', 'b')
          and c.given_id >= turnup.id_at($4 - interval '31 days')
          and c.given_id < turnup.id_at($4 + interval '1 hour')))
        and (c.due is null or c.due between '1970-01-01 00:00:00+00' and $4 + interval '100 years')
    ), good as materialized (
      select k.*, row_number() over (partition by k.organisation, k.key order by k.line) as place,
        %6$L || to_json(k.organisation) || ', "key" : ' || to_json(k.key) || %7$L || k.input || '}' as body
      from keyed k
      -- The limit of turnup.check_input, which says so about a line that is left out for it.
      where octet_length(k.key) between 1 and 1024 and octet_length(k.input::text) <= 262144
    ), inserted as (
      insert into turnup.run as r (
        id, workflow, version, definition, organisation, key, owns_key, state, status, seq, hash,
        requested_at, changed_at)
      select g.id, %8$L, %2$s, %9$L::bytea, g.organisation, g.key, true, %10$L, 'live', 1,
        turnup.event_hash(
          %11$L::bytea, g.id, 1, turnup.microseconds($4), 0, 'run.requested', $5, null, g.body), $4, $4
      from good g
      where g.place = 1
      -- Always in the same order, so that two batches with the same keys wait for each other and not both ways.
      order by g.organisation, g.key
      on conflict do nothing
      -- Not the id alone: two lines may have brought the same one.
      returning r.id, r.organisation, r.key, r.hash
    ), made as materialized (
      select g.line, g.due, g.body, i.id, i.organisation, i.hash
      from inserted i join good g
        on g.id = i.id and g.organisation = i.organisation and g.key = i.key and g.place = 1
      order by g.line
    ), started as (
      insert into turnup.event (run_id, seq, type, body, epoch, actor, recorded_at, hash)
      select m.id, 1, 'run.requested', m.body::json, 0, $5, $4, m.hash from made m
    ), queued as (
      insert into turnup.task (run_id, due, deadline, seq, snapshot_seq, service, organisation, hash, times, snapshot)
      select m.id, coalesce(m.due, $4), case when %13$L is not null then greatest(m.due, $4 + %13$L::interval) end, 1, 1,
        %12$L, m.organisation, m.hash, array[turnup.microseconds($4)], m.body
      from made m
    ), noted as (
      insert into turnup.note (service, organisation, due, worker)
      select %12$L, m.organisation, min(coalesce(m.due, $4)), '' from made m group by m.organisation
    ), taken as (
      select g.* from good g where not exists (select from made m where m.line = g.line)
    )
    select (select array_agg(m.line) from made m) as new_lines, (select array_agg(m.id) from made m) as new_ids,
      array_agg(t.line) as lines, array_agg(t.id) as ids, array_agg(t.organisation) as organisations,
      array_agg(t.key) as keys, array_agg(t.input) as inputs
    from taken t$f$,
    turnup.with_defaults(definition.canonical -> 'input', '{}'), definition.version,
    (select coalesce(array_agg(name), '{}') from jsonb_object_keys(declared) as name), coalesce(checks, 'true'),
    coalesce(key, 'null::text'), head, tail, definition.workflow, definition.digest, start, turnup.first_hash(),
    case when definition.live_runs is null then definition.first_service else '@' || definition.workflow end,
    definition.deadline_milliseconds * interval '1 millisecond');
end $$;
