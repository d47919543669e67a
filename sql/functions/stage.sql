-- Makes an empty table for many runs at once, which belongs to the transaction. Fill it by COPY or INSERT, and call
-- turnup.enqueue_staged in the same transaction. The table is gone when the transaction ends, because behind a
-- connection pooler the session then belongs to somebody else.
create or replace function turnup.stage() returns void
language plpgsql
-- Otherwise every later call says that the table exists already.
set client_min_messages = warning
set search_path = pg_catalog, pg_temp
as $$
begin
  create temporary table if not exists turnup_staged (
    line bigint not null,
    organisation text,
    input jsonb,
    version integer,
    due timestamptz,
    id uuid
  ) on commit drop;
  if exists (select from pg_temp.turnup_staged) then
    truncate pg_temp.turnup_staged;
  end if;
end $$;
