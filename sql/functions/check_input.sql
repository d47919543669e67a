-- Names, types and defaults of an input; answers it with the defaults filled in. What SQL cannot check
-- (patterns, lengths) is checked when the run is first claimed.
create or replace function turnup.check_input(declared json, input json) returns json
language plpgsql stable as $$
declare
  given jsonb;
  complete jsonb;
  fields jsonb := coalesce(declared::jsonb, '{}');
  field record;
  kinds jsonb;
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
  complete := turnup.with_defaults(declared, given);
  for field in
    select name, rules from jsonb_each(fields) as declared_field(name, rules)
  loop
    if coalesce((field.rules ->> 'secret')::boolean, false) then
      raise exception 'input "%" is secret and cannot come through SQL', field.name
        using errcode = 'TU002', hint = 'Enqueue with the turnup command, which seals it first.';
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
