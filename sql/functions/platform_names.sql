-- The names of the services that are one platform, because the installation gives them one base URL; the first one stands
-- for all. A service with a base URL in its definition alone is told by its name.
create or replace function turnup.platform_names(service text) returns text[]
language sql stable parallel safe
set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (select array_agg(o.name order by o.name)
      from turnup.service s join turnup.service o on rtrim(lower(o.base_url), '/') = rtrim(lower(s.base_url), '/')
      where s.name = platform_names.service),
    array[platform_names.service])
$$;
