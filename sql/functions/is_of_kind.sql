-- Whether a value has one of the JSON Schema types; a whole number counts as an integer.
create or replace function turnup.is_of_kind(value jsonb, kinds jsonb) returns boolean
language sql immutable parallel safe
return kinds ? jsonb_typeof(value)
  or (kinds ? 'integer' and jsonb_typeof(value) = 'number' and (value #>> '{}')::numeric % 1 = 0);
