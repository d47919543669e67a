-- Makes the missing partitions of turnup.event, from last month's (ids may be 31 days old) to the given number of
-- months ahead. Migrate and workers call this function, so that each partition exists long before it is needed. Returns
-- the names of the new ones.
create or replace function turnup.make_partitions(months_ahead integer default 6) returns setof text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  first timestamptz;
  name text;
begin
  for first in
    select month at time zone 'UTC' from generate_series(
      date_trunc('month', (turnup.now() - interval '32 days') at time zone 'UTC'),
      date_trunc('month', turnup.now() at time zone 'UTC') + make_interval(months => months_ahead),
      interval '1 month') as month
  loop
    name := 'event_' || to_char(first at time zone 'UTC', 'YYYY_MM');
    continue when to_regclass('turnup.' || name) is not null;
    -- One at a time, and everybody else finds it made.
    perform pg_advisory_xact_lock(hashtext('turnup.make_partitions'));
    continue when to_regclass('turnup.' || name) is not null;
    execute format('create table turnup.%I (like turnup.event including defaults including constraints)', name);
    -- Insert-only and huge: frozen in small steps, so that the passes against wrap-around never come as a surprise.
    execute format('alter table turnup.%I set (autovacuum_vacuum_insert_scale_factor = 0.05)', name);
    execute format('alter table turnup.event attach partition turnup.%I for values from (%L) to (%L)', name,
      turnup.id_at(first), turnup.id_at(((first at time zone 'UTC') + interval '1 month') at time zone 'UTC'));
    execute format('alter table turnup.%I enable always trigger refuse_change', name);
    execute format('create trigger refuse_truncate before truncate on turnup.%I for each statement
      execute function turnup.refuse_rewriting()', name);
    execute format('alter table turnup.%I enable always trigger refuse_truncate', name);
    return next name;
  end loop;
end $$;
