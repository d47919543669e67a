-- Whether a run counts as the one that has a thing, which turnup.thing says it took: while it has not ended, or has succeeded;
-- after that as long as it may have left it, which is what it made and has not taken back. What it has only adopted is not
-- the run's to leave.
create or replace function turnup.has_thing(run_id uuid, identity bytea) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from turnup.run r
    where r.id = has_thing.run_id and (r.status in ('live', 'held', 'succeeded') or r.may_be_left and exists (
      select from turnup.event e
      where e.run_id = r.id and strpos(e.body::text, '"thing"') > 0
        and sha256(convert_to(e.body -> 'thing' ->> 'identity', 'UTF8')) = has_thing.identity
        and e.body ->> 'held_by' is null and e.body ->> 'known' is null
        and (e.body ->> 'made' is distinct from 'false' or e.body ->> 'takes_back' = 'true')
        and not exists (
          select from turnup.event back
          where back.run_id = r.id and back.seq > e.seq and strpos(back.body::text, '"taken_back"') > 0
            and sha256(convert_to(back.body -> 'taken_back' ->> 'identity', 'UTF8')) = has_thing.identity))));
$$;
