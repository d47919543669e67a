-- Whether two answers' event bodies say the same of the thing that their calls made: by its name; without two names by the
-- values, and without values by the secrets. What says nothing is never the same.
create or replace function turnup.same_thing(one json, other json) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(case
    when one -> 'thing' is not null and other -> 'thing' is not null then
      (one -> 'thing' ->> 'service', one -> 'thing' ->> 'identity')
        = (other -> 'thing' ->> 'service', other -> 'thing' ->> 'identity')
    when coalesce(one ->> 'saved', '{}') <> '{}' or coalesce(other ->> 'saved', '{}') <> '{}' then
      (one ->> 'saved')::jsonb = (other ->> 'saved')::jsonb
    else (select array_agg(s ->> 'fingerprint' order by s ->> 'fingerprint') from json_array_elements(one -> 'sealed') as s)
      = (select array_agg(s ->> 'fingerprint' order by s ->> 'fingerprint') from json_array_elements(other -> 'sealed') as s)
    end, false);
$$;
