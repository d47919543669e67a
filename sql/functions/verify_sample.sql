-- Some runs worth a look: half of `recent` changed last among the newest, half stand at the head of the queue, and
-- `random` from anywhere. No index says what changed last, because the commits would pay for it.
create or replace function turnup.verify_sample(recent integer, random integer)
returns table (run_id uuid)
language sql volatile
set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  (select n.id
    from (select r.id, r.updated_at from turnup.run r order by r.requested_at desc, r.id desc limit recent * 10) as n
    order by n.updated_at desc limit (recent + 1) / 2)
  union
  (select t.run_id from turnup.task t order by t.due limit recent / 2)
  union
  -- As many blocks as runs are wanted; a block holds some.
  (select r.id
    from turnup.run r tablesample system (
      least(100, 100.0 * random
        / greatest(1, pg_relation_size('turnup.run') / current_setting('block_size')::integer)))
    order by random() limit random)
$$;
