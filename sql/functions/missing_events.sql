-- Which of these events the database does not hold, by their place. A worker asks for that after it was cut off,
-- because a fail-over or a restore may have lost events that were acknowledged.
create or replace function turnup.missing_events(run_ids uuid[], seqs bigint[], hashes bytea[]) returns setof bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select given.place
  from unnest(run_ids, seqs, hashes) with ordinality as given(run_id, seq, hash, place)
  where not exists (
    select from turnup.event e where e.run_id = given.run_id and e.seq = given.seq and e.hash = given.hash)
$$;
