-- Checks that every thing which an event of these runs takes is written down as theirs, as long as they have it or may have
-- left it (turnup.has_thing). What was let go once may have gone to another run meanwhile: what was taken back, and all that
-- stood before a run was reopened, or before a late answer to a run that had ended.
create or replace function turnup.verify_things(run_ids uuid[])
returns table (run_id uuid, code text, seq bigint, expected text, actual text)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  -- The bodies that can be read, before anything reads them.
  with readable as materialized (
    select e.run_id, e.seq, e.body, r.status in ('live', 'held', 'succeeded') as has_all
    from unnest(run_ids) as w(id) join turnup.run r
        on r.id = w.id and (r.status in ('live', 'held', 'succeeded') or r.may_be_left)
      join turnup.event e on e.run_id = w.id
    where strpos(e.body::text, '"thing"') > 0 and strpos(e.body::text, '\u0000') = 0
      and strpos(lower(e.body::text), '\ud') = 0
  ), taken as materialized (
    select e.run_id, e.seq, e.body -> 'thing' ->> 'service' as service, e.body -> 'thing' ->> 'identity' as identity
    from readable e
    where e.body ->> 'held_by' is null and e.body ->> 'known' is null
      and (e.has_all or e.body ->> 'made' is distinct from 'false' or e.body ->> 'takes_back' = 'true')
      and not exists (
        select from turnup.event later
        where later.run_id = e.run_id and later.seq > e.seq and (
          later.type = 'run.reopened'
          or case when strpos(later.body::text, '"taken_back"') > 0 and strpos(later.body::text, '\u0000') = 0
              and strpos(lower(later.body::text), '\ud') = 0
            then later.body -> 'taken_back' ->> 'identity' = e.body -> 'thing' ->> 'identity' else false end
          or later.type = 'attempt.late' and exists (
            select from turnup.event ended
            where ended.run_id = e.run_id and ended.seq between e.seq and later.seq
              and ended.type in ('run.failed', 'run.cancelled', 'run.released', 'run.taken_over'))))
  )
  select k.run_id, 'thing_missing', k.seq, concat('run ', k.run_id, ' has it'), coalesce('run ' || t.run_id, 'no row')
  from taken k left join lateral (
    select t.run_id from turnup.thing t
    where t.service = any (turnup.platform_names(k.service)) and t.identity = sha256(convert_to(k.identity, 'UTF8'))
    order by t.run_id = k.run_id desc limit 1) as t on true
  where k.identity is not null and t.run_id is distinct from k.run_id;
$$;
