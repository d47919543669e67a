-- Checks that every reference to a sealed secret in an event of these runs has its row, and that some event mentions
-- every sealed secret of these runs. Messages name the secret and its version, never a value.
create or replace function turnup.verify_secrets(run_ids uuid[])
returns table (run_id uuid, code text, seq bigint, expected text, actual text)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  with mentioned as materialized (
    select e.run_id, e.seq, reference ->> 'name' as name, reference ->> 'version' as version,
      reference ->> 'fingerprint' as fingerprint, reference ->> 'length' as length
    from unnest(run_ids) as w(id) join turnup.event e on e.run_id = w.id
      cross join lateral json_array_elements(
        case
          -- What was written past the table's own check may be no JSON that can be read; the streams' check says so.
          when strpos(e.body::text, '\u0000') > 0 or strpos(lower(e.body::text), '\ud') > 0 then '[]'
          when json_typeof(e.body -> 'sealed') = 'array' then e.body -> 'sealed'
          else '[]'
        end) as reference
    where strpos(e.body::text, '"sealed"') > 0
  ), kept as materialized (
    select w.id as run_id, s.name, s.version::text as version, encode(substr(s.fingerprint, 1, 4), 'hex') as fingerprint,
      s.length::text as length
    from unnest(run_ids) as w(id) join turnup.secret s on s.scope = 'run' and s.scope_id = w.id::text
    where exists (select from turnup.run r where r.id = w.id)
  )
  select m.run_id, case when k.name is null then 'secret_missing' else 'secret_differs' end, m.seq,
    concat(m.name, ' version ', m.version, ', ', m.fingerprint, ', ', m.length, ' bytes'),
    coalesce(k.name || ' version ' || k.version || ', ' || k.fingerprint || ', ' || k.length || ' bytes', 'no row')
  from mentioned m left join kept k on k.run_id = m.run_id and k.name = m.name and k.version = m.version
  where k.name is null or (k.fingerprint, k.length) is distinct from (m.fingerprint, m.length)
  union all
  select k.run_id, 'secret_unmentioned', null, 'an event that mentions it', k.name || ' version ' || k.version
  from kept k
  where not exists (
    select from mentioned m where m.run_id = k.run_id and m.name = k.name and m.version = k.version)
$$;
