-- Checks size, names and types of an input, and returns the input with the defaults filled in. What SQL cannot check
-- (patterns, lengths) is checked when the run is first claimed. The input as stored may have 256 KiB, because it stands
-- in the history for good and is read with every step; turnup.staged_insert has the same limit.
create or replace function turnup.check_input(declared json, input json) returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  given jsonb;
  complete jsonb;
  fields jsonb := coalesce(declared::jsonb, '{}');
  field record;
  kinds jsonb;
  size bigint;
  size_limit constant bigint := 262144;
begin
  begin
    given := coalesce(input, '{}')::jsonb;
  exception when others then
    raise exception 'the input is not JSON that can be kept: %', sqlerrm
      using errcode = 'TU002', hint = 'NUL characters and lone surrogates cannot be stored.';
  end;
  if jsonb_typeof(given) <> 'object' then
    raise exception 'the input must be a JSON object, not %', jsonb_typeof(given) using errcode = 'TU002';
  end if;
  size := octet_length(given::text);
  if size > size_limit then
    raise exception 'the input has % bytes; it may have % (% KiB)', size, size_limit, size_limit / 1024
      using errcode = 'TU002', hint = 'Keep large things elsewhere, and give the run their address.';
  end if;
  complete := turnup.with_defaults(declared, given);
  for field in
    select name, rules from jsonb_each(fields) as declared_field(name, rules)
  loop
    if coalesce((field.rules ->> 'secret')::boolean, false) then
      raise exception 'input "%" is secret and cannot come through SQL', field.name
        using errcode = 'TU002', detail = json_build_object('why', 'secret_input', 'input', field.name)::text;
    end if;
    if not complete ? field.name then
      raise exception 'input "%" is missing', field.name
        using errcode = 'TU002',
          hint = format('Give it in the input, as in {"%s": …}.', field.name);
    end if;
    kinds := case jsonb_typeof(field.rules -> 'type')
      when 'array' then field.rules -> 'type' else jsonb_build_array(field.rules -> 'type') end;
    if not turnup.is_of_kind(complete -> field.name, kinds) then
      raise exception 'input "%" must be %, not %', field.name,
        (select string_agg(kind, ' or ') from jsonb_array_elements_text(kinds) as kind),
        jsonb_typeof(complete -> field.name)
        using errcode = 'TU002';
    end if;
  end loop;
  for field in
    select name from jsonb_object_keys(given) as name where not fields ? name
  loop
    raise exception 'input "%" is not declared by the workflow', field.name
      using errcode = 'TU002',
        hint = coalesce(
          'Declared: ' || (select string_agg(name, ', ') from jsonb_object_keys(fields) as name) || '.',
          'The workflow takes no input.');
  end loop;
  return complete::json;
end $$;
