-- Checks what does not belong to one run: definitions that no longer match their digest; the guards without which the
-- database could be damaged (triggers that refuse rewriting, on each partition too, and unique indexes); and the
-- partitions for the runs of these days and the coming month.
create or replace function turnup.verify_installation() returns table (code text, expected text, actual text)
language sql stable
set search_path = pg_catalog, pg_temp as $$
  with partition as materialized (
    select i.inhrelid as id, c.relname as name
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = to_regclass('turnup.event')
  )
  select 'definition_digest', d.workflow || ' version ' || d.version || ': ' || encode(d.digest, 'hex'),
    encode(sha256(convert_to(d.canonical::text, 'UTF8')), 'hex')
  from turnup.definition d
  where d.digest <> sha256(convert_to(d.canonical::text, 'UTF8'))
  union all
  select 'guard_missing', 'trigger ' || g.name || ' on turnup.' || g.relation || ', always enabled',
    case when t.tgenabled = 'D' then 'disabled' else coalesce('enabled as ' || t.tgenabled::text, 'none') end
  from (
      values
        ('event', 'refuse_change'), ('event', 'refuse_truncate'), ('definition', 'refuse_change'),
        ('definition', 'refuse_truncate'), ('secret', 'only_forgetting'), ('secret', 'refuse_truncate')
      union all
      select p.name, t.name from partition p cross join (values ('refuse_change'), ('refuse_truncate')) as t(name)
    ) as g(relation, name)
    left join pg_trigger t on t.tgrelid = to_regclass(format('turnup.%I', g.relation)) and t.tgname = g.name
  where t.tgenabled is distinct from 'A'
  union all
  select 'guard_missing', 'unique index turnup.' || g.name, case when i.indexrelid is null then 'none' else 'not valid' end
  from (values
      ('event_pkey'), ('event_attempt'), ('run_pkey'), ('run_key'), ('task_pkey'), ('lease_pkey'), ('line_pkey'),
      ('secret_pkey'), ('definition_pkey')
    ) as g(name)
    left join pg_index i on i.indexrelid = to_regclass('turnup.' || g.name)
  where not coalesce(i.indisunique and i.indisvalid and i.indisready, false)
  union all
  select 'guard_missing', 'a unique index like turnup.' || g.name || ' on turnup.' || p.name, 'none that is valid'
  from partition p cross join (values ('event_pkey'), ('event_attempt')) as g(name)
  where to_regclass('turnup.' || g.name) is not null and not exists (
    select from pg_inherits h join pg_index i on i.indexrelid = h.inhrelid
    where h.inhparent = to_regclass('turnup.' || g.name) and i.indrelid = p.id
      and i.indisunique and i.indisvalid and i.indisready)
  union all
  -- Ids may be 31 days old; a month ahead there is time to find out why nobody made it.
  select distinct 'partition_missing', 'a partition of turnup.event named ' || m.name, 'none'
  from (
    select 'event_' || to_char((turnup.now() + days * interval '1 day') at time zone 'UTC', 'YYYY_MM') as name
    from unnest('{-31,0,31}'::integer[]) as days) as m
  where not exists (select from partition p where p.name = m.name)
$$;
