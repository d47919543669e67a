-- Forgets every version of a secret, unless a run that is not settled sent one under an idempotency key that it may use
-- again: it must then send the same bytes. Returns how many versions were forgotten, or those runs.
create or replace function turnup.forget_secret(
  secret_scope text, secret_scope_id text, secret_name text, out forgotten bigint, out users uuid[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  select coalesce(array_agg(distinct r.id order by r.id), '{}') into users
  from turnup.run r join turnup.event e on e.run_id = r.id
  where r.status in ('live', 'held')
    and case secret_scope
      when 'organisation' then r.organisation = secret_scope_id
      when 'run' then r.id::text = secret_scope_id
      else true end
    and e.type = 'attempt.started' and strpos(e.body::text, '"frozen"') > 0
    and exists (
      select from json_array_elements(e.body -> 'frozen' -> 'secrets') as s
      where s ->> 'owner' = secret_scope and s ->> 'name' = secret_name)
    -- The key is used until the run goes on, or never was when the request did not leave.
    and not exists (
      select from turnup.event n
      where n.run_id = e.run_id and n.seq > e.seq and (
        n.type in ('state.entered', 'run.reopened') or n.body ->> 'entered' is not null
        or n.body ->> 'new_key' = 'true'
        or n.type = 'attempt.not_done' and n.attempt_id = e.attempt_id
          and n.body -> 'evidence' ->> 'request_head_sent' = 'false'));
  forgotten := 0;
  if cardinality(users) > 0 then return; end if;
  update turnup.secret set nonce = null, ciphertext = null, forgotten_at = turnup.now()
  where scope = secret_scope and scope_id = secret_scope_id and name = secret_name and ciphertext is not null;
  get diagnostics forgotten = row_count;
end $$;
