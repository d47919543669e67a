-- A run's key: the definition's literals and input values, put together.
create or replace function turnup.key_of(key_parts json, input json) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  part json;
  key text := '';
begin
  for part in select * from json_array_elements(key_parts) loop
    if part ->> 'text' is not null then
      key := key || (part ->> 'text');
    elsif coalesce(json_typeof(input -> (part ->> 'input')), 'null') in ('object', 'array', 'null') then
      raise exception 'input "%" is part of the key and must be text, a number or true/false', part ->> 'input'
        using errcode = 'TU002';
    else
      key := key || (input ->> (part ->> 'input'));
    end if;
  end loop;
  if key = '' then
    raise exception 'the key of the run would be empty' using errcode = 'TU002';
  end if;
  if octet_length(key) > 1024 then
    raise exception 'the key of the run has % bytes; it may have 1024', octet_length(key) using errcode = 'TU002';
  end if;
  return key;
end $$;
