-- Some runs worth a look: half of `recent` are those of the newest runs that changed last, the other half are in
-- workers' hands, and `random` come from anywhere. There is no index of the time of the last change, because every
-- commit would pay for it.
create or replace function turnup.verify_sample(recent integer, random integer)
returns table (run_id uuid)
language sql volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  (select n.id
    from (select r.id, r.changed_at from turnup.run r order by r.id desc limit recent * 10) as n
    order by n.changed_at desc limit (recent + 1) / 2)
  union
  (select l.run_id from turnup.lease l order by l.expires desc limit recent / 2)
  union
  -- As many blocks as runs are wanted; a block holds some.
  (select r.id
    from turnup.run r tablesample system (
      least(100, 100.0 * random
        / greatest(1, pg_relation_size('turnup.run') / current_setting('block_size')::integer)))
    order by random() limit random)
$$;
