-- An input with the defaults of the declared fields that it does not give.
create or replace function turnup.with_defaults(declared json, given jsonb) returns jsonb
-- Not in SQL, which would be read and planned with each call.
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(
    (select jsonb_object_agg(field.name, field.rules -> 'default')
      from jsonb_each(coalesce(declared::jsonb, '{}')) as field(name, rules)
      where field.rules ? 'default'), '{}') || given;
end $$;
