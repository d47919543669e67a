-- The session's own table for many runs at once, empty: fill it, by COPY or INSERT, and call turnup.enqueue_staged in
-- the same transaction, at whose end it is empty again.
create or replace function turnup.stage() returns void
language plpgsql
-- Otherwise every later call says that the table exists already.
set client_min_messages = warning
as $$
begin
  create temporary table if not exists turnup_staged (
    line bigint not null,
    organisation text,
    input jsonb,
    version integer,
    due timestamptz,
    id uuid
  ) on commit delete rows;
  if exists (select from pg_temp.turnup_staged) then
    truncate pg_temp.turnup_staged;
  end if;
end $$;
