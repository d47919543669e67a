-- The next `count` runs that have sealed secrets, after the given one, and which of those runs do not exist. Null when
-- there are no more.
create or replace function turnup.verify_stray_secrets(after text, count integer, out last text, out strays text[])
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_hashagg = off set jit = off
as $$
  select (array_agg(s.scope_id order by s.scope_id desc))[1],
    coalesce(array_agg(s.scope_id order by s.scope_id) filter (where r.id is null), '{}')
  from (
      select distinct s.scope_id from turnup.secret s
      where s.scope = 'run' and s.scope_id >= coalesce(after, '') and s.scope_id is distinct from after
      order by s.scope_id limit count) as s
    left join turnup.run r on r.id = case
      when s.scope_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then s.scope_id::uuid end
$$;
