-- Which key of its organisation this one is: 1 for the first. Looked for among the organisation's 50 oldest runs; a run
-- that is none of them gets 51, rather than wrongly 1.
create or replace function turnup.ordinal_of_key(run_id uuid, organisation text, name text, at timestamptz)
returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select case when bool_or(f.id = ordinal_of_key.run_id)
      then 1 + (count(s.created_at) filter (where f.id <> ordinal_of_key.run_id and s.created_at < ordinal_of_key.at))::integer
      else 51 end
  from (
      select r.id from turnup.run r where r.organisation = ordinal_of_key.organisation order by r.id limit 50 offset 0
    ) as f
    left join lateral (
      select x.created_at from turnup.secret x
      where x.scope = 'run' and x.scope_id = f.id::text and x.name = ordinal_of_key.name order by x.version limit 1
    ) as s on true
$$;
