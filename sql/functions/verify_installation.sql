-- What is not about one run: definitions that no longer match their digest, and the guards without which the database
-- would let the rest be damaged: triggers that refuse rewriting, and unique indexes.
create or replace function turnup.verify_installation() returns table (code text, expected text, actual text)
language sql stable as $$
  select 'definition_digest', d.workflow || ' version ' || d.version || ': ' || encode(d.digest, 'hex'),
    encode(sha256(convert_to(d.canonical::text, 'UTF8')), 'hex')
  from turnup.definition d
  where d.digest <> sha256(convert_to(d.canonical::text, 'UTF8'))
  union all
  select 'guard_missing', 'trigger ' || g.name || ' on turnup.' || g.relation || ', always enabled',
    case when t.tgenabled = 'D' then 'disabled' else coalesce('enabled as ' || t.tgenabled::text, 'none') end
  from (values
      ('event', 'refuse_change'), ('event', 'refuse_truncate'), ('definition', 'refuse_change'),
      ('definition', 'refuse_truncate'), ('secret', 'only_forgetting'), ('secret', 'refuse_truncate')
    ) as g(relation, name)
    left join pg_trigger t on t.tgrelid = to_regclass('turnup.' || g.relation) and t.tgname = g.name
  where t.tgenabled is distinct from 'A'
  union all
  select 'guard_missing', 'unique index turnup.' || g.name, case when i.indexrelid is null then 'none' else 'not valid' end
  from (values
      ('event_pkey'), ('event_attempt'), ('run_pkey'), ('run_key'), ('task_pkey'), ('secret_pkey'),
      ('definition_pkey')
    ) as g(name)
    left join pg_index i on i.indexrelid = to_regclass('turnup.' || g.name)
  where not coalesce(i.indisunique and i.indisvalid and i.indisready, false)
$$;
